using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Etl.Runtime.Sql;

/// <summary>Finds in SQL what a retry would answer otherwise: the clock, random numbers, samples. Told by the syntax tree, so that a text or a column may have such a name.</summary>
internal static partial class VolatileSql
{
    // An expression, with or without a direction.
    private const string Before = "SELECT 1 ORDER BY ";

    /// <summary>Functions that give another value each time. Those of the session, such as the schema's name, are the same in all of ours.</summary>
    public static readonly IReadOnlySet<string> Functions = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "ago", "clock_timestamp", "current_connection_id", "current_date", "current_localtime", "current_localtimestamp", "current_query", "current_query_id", "current_transaction_id", "currval",
        "gen_random_uuid", "get_current_time", "get_current_timestamp", "nextval", "now", "pg_conf_load_time", "pg_postmaster_start_time", "random", "today", "transaction_timestamp", "txid_current", "uuid",
        "uuidv4", "uuidv7",
    };

    // Without brackets, and where no column has the name.
    private static readonly HashSet<string> Values = new(StringComparer.OrdinalIgnoreCase) { "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp" };

    /// <summary>What gives another value each time, and where, in UTF-16 code units.</summary>
    public static IEnumerable<(string Name, int Position)> In(string sql)
    {
        if (!Words().IsMatch(sql))
        {
            return [];
        }

        return SqlSyntax.Parse(Before + sql) is { } expression ? Within(expression, Before + sql).Select(f => (f.Name, f.Position - Before.Length))
            : SqlSyntax.Parse(sql) is { } query ? Within(query, sql)
            : [];
    }

    private static IEnumerable<(string Name, int Position)> Within(JsonNode? node, string sql) => node switch
    {
        JsonObject o => (NameOf(o, sql) is { } name ? [(name, PositionOf(o, sql) ?? Sampled().Match(sql).Index)] : Array.Empty<(string, int)>()).Concat(o.SelectMany(p => Within(p.Value, sql))),
        JsonArray a => a.SelectMany(i => Within(i, sql)),
        _ => [],
    };

    private static string? NameOf(JsonObject node, string sql)
    {
        if (node["sample"] is JsonObject)
        {
            return "sample";
        }

        switch (node["class"]?.ToString())
        {
            case "FUNCTION":
                var function = (string)node["function_name"]!;
                return Functions.Contains(function) || (function.Equals("age", StringComparison.OrdinalIgnoreCase) && node["children"] is JsonArray { Count: 1 }) ? function : null;
            case "COLUMN_REF" when node["column_names"] is JsonArray { Count: 1 } names && Values.Contains((string)names[0]!):
                return PositionOf(node, sql) is { } at && sql[at] == '"' ? null : (string)names[0]!;
            default:
                return null;
        }
    }

    // DuckDB counts bytes; what has no place of its own is at the largest number.
    private static int? PositionOf(JsonObject node, string sql)
    {
        var bytes = Encoding.UTF8.GetBytes(sql);
        return node["query_location"] is JsonValue location && location.TryGetValue<int>(out var at) && at < bytes.Length ? Encoding.UTF8.GetCharCount(bytes, 0, at) : null;
    }

    // What has none of these words, wherever they stand, need not be read.
    [GeneratedRegex(@"\b(age|ago|\w*sample|\w*random\w*|\w*uuid\w*|now|today|nextval|currval|txid_current|pg_\w+|\w*current_\w+|localtime|localtimestamp|transaction_timestamp|clock_timestamp)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();

    [GeneratedRegex(@"\b(table)?sample\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Sampled();
}
