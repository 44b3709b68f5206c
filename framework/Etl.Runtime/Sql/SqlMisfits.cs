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
internal sealed class SqlMisfits
{
    // Functions that cast no text to a condition, whatever they are given.
    private static readonly HashSet<string> Uncast =
    [
        "+", "-", "*", "/", "//", "%", "||", "abs", "round", "floor", "ceil", "upper", "lower", "trim", "length", "concat", "md5", "year", "month", "day",
        "count", "count_star", "sum", "avg", "min", "max", "first", "last", "any_value",
    ];

    // Without a call, these are functions that give a text.
    private static readonly HashSet<string> Texts = ["user", "current_user", "session_user", "current_role", "current_catalog", "current_schema"];

    private readonly DuckConnection _connection;
    private readonly string _sql;
    private readonly byte[] _bytes;

    // Whether a text is a value of a type: a query has the same few many times.
    private readonly Dictionary<(string Text, string Type), bool> _fits = [];

    private SqlMisfits(DuckConnection connection, string sql) => (_connection, _sql, _bytes) = (connection, sql, Encoding.UTF8.GetBytes(sql));

    /// <summary>
    /// Whether a query can have any, by its syntax alone: it has a text that may be cast, or a condition that is no comparison with a number. A plan costs twice what a syntax tree does, and few
    /// queries need one.
    /// </summary>
    /// <param name="tree">Of <see cref="SqlSyntax.Parse"/>; null, where there is none, can.</param>
    public static bool MayBeIn(JsonObject? tree) => tree is null || IsSuspect(tree) || tree.Any(p => p.Value switch
    {
        JsonObject inner => MayBeIn(inner),
        JsonArray list => list.Any(i => i is JsonObject inner && MayBeIn(inner)),
        _ => false,
    });

    /// <summary>Those of a query that binds, in the order of the plan.</summary>
    public static IReadOnlyList<SqlMisfit> Find(DuckConnection connection, string sql)
    {
        var misfits = new SqlMisfits(connection, sql);
        using var plan = SqlSyntax.Plan(connection, sql);
        return [.. Casts(plan.RootElement).Select(misfits.Of).OfType<SqlMisfit>()];
    }

    private static bool IsSuspect(JsonObject node) => Text(node, "class") switch
    {
        null => IsUnknownTable(node) || Text(node, "type") == "RECURSIVE_CTE_NODE" || node.ContainsKey("using_columns")
            || MayBeText(node["where_clause"]) || MayBeText(node["having"]) || MayBeText(node["qualify"]) || MayBeText(node["condition"]),
        "CONSTANT" => (string?)node["value"]?["type"]?["id"] == "VARCHAR",
        // What a text is compared with is what it is cast to.
        "COMPARISON" => !IsNumber(node["left"]) && !IsNumber(node["right"]),
        "BETWEEN" => !IsNumber(node["lower"]) || !IsNumber(node["upper"]),
        "OPERATOR" when Text(node, "type") is "COMPARE_IN" or "COMPARE_NOT_IN" => !node["children"]!.AsArray().Skip(1).All(IsNumber),
        "SUBQUERY" => node.ContainsKey("comparison_type"),
        "FUNCTION" when Text(node, "function_name") == "nullif" => !IsNumber(node["children"]![1]),
        "FUNCTION" => !Uncast.Contains(Text(node, "function_name")!) || MayBeText(node["filter"]),
        "WINDOW" => node.ContainsKey("default_expr") || MayBeText(node["filter_expr"]),
        "CONJUNCTION" => node["children"]!.AsArray().Any(MayBeText),
        "OPERATOR" => Text(node, "type") == "OPERATOR_NOT" && node["children"]!.AsArray().Any(MayBeText),
        "CASE" => node["case_checks"]!.AsArray().Any(c => MayBeText(c!["when_expr"])),
        "COLUMN_REF" => node["column_names"] is JsonArray { Count: 1 } name && Texts.Contains(((string)name[0]!).ToLowerInvariant()),
        "STAR" or "CAST" => false,
        _ => true,
    };

    private static bool IsUnknownTable(JsonObject node) => node.ContainsKey("query_location") && Text(node, "type") is not (null or "BASE_TABLE" or "SUBQUERY" or "JOIN" or "EMPTY");

    // Of a condition: whether it may give a text.
    private static bool MayBeText(JsonNode? condition) => condition is JsonObject node && Text(node, "class") is not ("COMPARISON" or "BETWEEN" or "CONJUNCTION")
        && Text(node, "type") is not ("OPERATOR_NOT" or "OPERATOR_IS_NULL" or "OPERATOR_IS_NOT_NULL" or "COMPARE_IN" or "COMPARE_NOT_IN");

    private static bool IsNumber(JsonNode? operand) => operand is JsonObject node && Text(node, "class") == "CONSTANT" && (string?)node["value"]?["type"]?["id"] is not ("VARCHAR" or "BOOLEAN");

    private static string? Text(JsonObject node, string name) => node[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static IEnumerable<JsonElement> Casts(JsonElement node) => node.ValueKind switch
    {
        JsonValueKind.Array => node.EnumerateArray().SelectMany(Casts),
        JsonValueKind.Object => node.EnumerateObject().SelectMany(p => Casts(p.Value)).Concat(Text(node, "expression_class") == "BOUND_CAST" && !IsTrue(node, "try_cast") ? [node] : []),
        _ => [],
    };

    private SqlMisfit? Of(JsonElement cast)
    {
        var child = cast.GetProperty("child");
        if (TypeOf(cast.GetProperty("return_type")) is not { } type)
        {
            return null;
        }

        if (Text(child, "expression_class") == "BOUND_CONSTANT")
        {
            var constant = child.GetProperty("value");
            // What is empty is left out, and so is the empty text.
            var value = Text(constant, "value") ?? "";
            return Text(constant.GetProperty("type"), "id") == "VARCHAR" && !IsTrue(constant, "is_null") && Position(child) is { } at && !Fits(value, type)
                ? new(at, $"'{value}' is no {type}, and is compared or combined with one here", "Write a value of that type, or cast the other side to VARCHAR.")
                : null;
        }

        return type == "BOOLEAN" && child.TryGetProperty("return_type", out var from) && Text(from, "id") == "VARCHAR" && (Position(cast) ?? Position(child)) is { } place && !IsWritten(place)
            ? new(place, "a text stands where a condition belongs", "Compare it with something: column = 'value'.")
            : null;
    }

    private static string? Text(JsonElement node, string name) => node.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool IsTrue(JsonElement node, string name) => node.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    // A cast that the author wrote is the author's word.
    private bool IsWritten(int at) => _sql.AsSpan(at).StartsWith("cast", StringComparison.OrdinalIgnoreCase) || _sql.AsSpan(at).StartsWith("::");

    // DuckDB counts bytes; what it made up itself is nowhere.
    private int? Position(JsonElement expression) =>
        expression.TryGetProperty("query_location", out var location) && location.TryGetInt32(out var at) && at < _bytes.Length ? Encoding.UTF8.GetCharCount(_bytes, 0, at) : null;

    private bool Fits(string text, string type)
    {
        if (!_fits.TryGetValue((text, type), out var fits))
        {
            fits = _connection.QueryText($"SELECT TRY_CAST({SqlText.Literal(text)} AS {type})::VARCHAR") is not null;
            _fits.Add((text, type), fits);
        }

        return fits;
    }

    // Of types whose values are written as one text.
    private static string? TypeOf(JsonElement type) => Text(type, "id") switch
    {
        "DECIMAL" when type.TryGetProperty("type_info", out var info) => FormattableString.Invariant($"DECIMAL({info.GetProperty("width")},{(info.TryGetProperty("scale", out var scale) ? scale.GetInt32() : 0)})"),
        "TIMESTAMP WITH TIME ZONE" or "TIMESTAMP" or "DATE" or "TIME" or "BOOLEAN" or "DOUBLE" or "FLOAT" or "UUID" => Text(type, "id"),
        "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "HUGEINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" or "UBIGINT" => Text(type, "id"),
        _ => null,
    };
}
