using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>Something in a query that binds and cannot run.</summary>
/// <param name="Position">In the query, in UTF-16 code units.</param>
/// <param name="What">What is wrong.</param>
/// <param name="Hint">What to do.</param>
internal sealed record SqlMisfit(int Position, string What, string Hint);

/// <summary>
/// What DuckDB's binder lets pass and the first row shows: a text that is compared with a number and is none, and a text where a condition belongs. It casts both, and the
/// plan that it makes has these casts.
/// </summary>
internal static class SqlMisfits
{
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 4096 };

    /// <summary>Those of a query that binds, in the order of the plan.</summary>
    public static IReadOnlyList<SqlMisfit> Find(DuckConnection connection, string sql)
    {
        var text = connection.QueryText($"SELECT json_serialize_plan({SqlText.Literal(sql)}, skip_null := true, skip_empty := true, optimize := false)::VARCHAR")!;
        return [.. Casts(JsonNode.Parse(text, documentOptions: Deep)).Select(c => Of(connection, sql, c)).OfType<SqlMisfit>()];
    }

    private static IEnumerable<JsonObject> Casts(JsonNode? node) => node switch
    {
        JsonArray list => list.SelectMany(Casts),
        JsonObject map => map.SelectMany(p => Casts(p.Value)).Concat((string?)map["expression_class"] == "BOUND_CAST" && (bool?)map["try_cast"] != true ? [map] : []),
        _ => [],
    };

    private static SqlMisfit? Of(DuckConnection connection, string sql, JsonObject cast)
    {
        var child = cast["child"]!.AsObject();
        if (TypeOf(cast["return_type"]) is not { } type)
        {
            return null;
        }

        if ((string?)child["expression_class"] == "BOUND_CONSTANT")
        {
            return (string?)child["value"]?["type"]?["id"] == "VARCHAR" && child["value"]?["value"] is JsonValue value && Position(sql, child) is { } at
                && connection.QueryText($"SELECT TRY_CAST({SqlText.Literal((string)value!)} AS {type})::VARCHAR") is null
                ? new(at, $"'{(string)value!}' is no {type}, and is compared or combined with one here", "Write a value of that type, or cast the other side to VARCHAR.")
                : null;
        }

        return type == "BOOLEAN" && (string?)child["return_type"]?["id"] == "VARCHAR" && (Position(sql, cast) ?? Position(sql, child)) is { } place && !IsWritten(sql, place)
            ? new(place, "a text stands where a condition belongs", "Compare it with something: column = 'value'.")
            : null;
    }

    // A cast that the author wrote is the author's word.
    private static bool IsWritten(string sql, int at) => sql.AsSpan(at).StartsWith("cast", StringComparison.OrdinalIgnoreCase) || sql.AsSpan(at).StartsWith("::");

    private static int? Position(string sql, JsonObject expression)
    {
        // DuckDB counts bytes; what it made up itself is nowhere.
        var bytes = Encoding.UTF8.GetBytes(sql);
        return (ulong?)expression["query_location"] is { } at && at < (ulong)bytes.Length ? Encoding.UTF8.GetCharCount(bytes, 0, (int)at) : null;
    }

    // Of types whose values are written as one text.
    private static string? TypeOf(JsonNode? type) => (string?)type?["id"] switch
    {
        "DECIMAL" => FormattableString.Invariant($"DECIMAL({(int?)type!["type_info"]?["width"]},{(int?)type["type_info"]?["scale"]})"),
        "TIMESTAMP WITH TIME ZONE" or "TIMESTAMP" or "DATE" or "TIME" or "BOOLEAN" or "DOUBLE" or "FLOAT" or "UUID" => (string)type!["id"]!,
        "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "HUGEINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" or "UBIGINT" => (string)type!["id"]!,
        _ => null,
    };
}
