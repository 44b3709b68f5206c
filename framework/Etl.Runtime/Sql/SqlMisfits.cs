using System.Text;
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
    private readonly DuckConnection _connection;
    private readonly string _sql;
    private readonly byte[] _bytes;

    // Whether a text is a value of a type: a query has the same few many times.
    private readonly Dictionary<(string Text, string Type), bool> _fits = [];

    private SqlMisfits(DuckConnection connection, string sql) => (_connection, _sql, _bytes) = (connection, sql, Encoding.UTF8.GetBytes(sql));

    /// <summary>Those of a query that binds, in the order of the plan.</summary>
    public static IReadOnlyList<SqlMisfit> Find(DuckConnection connection, string sql)
    {
        var misfits = new SqlMisfits(connection, sql);
        return [.. Casts(SqlSyntax.Plan(connection, sql)).Select(misfits.Of).OfType<SqlMisfit>()];
    }

    private static IEnumerable<JsonObject> Casts(JsonNode? node) => node switch
    {
        JsonArray list => list.SelectMany(Casts),
        JsonObject map => map.SelectMany(p => Casts(p.Value)).Concat((string?)map["expression_class"] == "BOUND_CAST" && (bool?)map["try_cast"] != true ? [map] : []),
        _ => [],
    };

    private SqlMisfit? Of(JsonObject cast)
    {
        var child = cast["child"]!.AsObject();
        if (TypeOf(cast["return_type"]) is not { } type)
        {
            return null;
        }

        if ((string?)child["expression_class"] == "BOUND_CONSTANT")
        {
            return (string?)child["value"]?["type"]?["id"] == "VARCHAR" && (string?)child["value"]?["value"] is { } value && Position(child) is { } at && !Fits(value, type)
                ? new(at, $"'{value}' is no {type}, and is compared or combined with one here", "Write a value of that type, or cast the other side to VARCHAR.")
                : null;
        }

        return type == "BOOLEAN" && (string?)child["return_type"]?["id"] == "VARCHAR" && (Position(cast) ?? Position(child)) is { } place && !IsWritten(place)
            ? new(place, "a text stands where a condition belongs", "Compare it with something: column = 'value'.")
            : null;
    }

    // A cast that the author wrote is the author's word.
    private bool IsWritten(int at) => _sql.AsSpan(at).StartsWith("cast", StringComparison.OrdinalIgnoreCase) || _sql.AsSpan(at).StartsWith("::");

    // DuckDB counts bytes; what it made up itself is nowhere.
    private int? Position(JsonObject expression) =>
        (ulong?)expression["query_location"] is { } at && at < (ulong)_bytes.Length ? Encoding.UTF8.GetCharCount(_bytes, 0, (int)at) : null;

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
    private static string? TypeOf(JsonNode? type) => (string?)type?["id"] switch
    {
        "DECIMAL" => FormattableString.Invariant($"DECIMAL({(int?)type!["type_info"]?["width"]},{(int?)type["type_info"]?["scale"]})"),
        "TIMESTAMP WITH TIME ZONE" or "TIMESTAMP" or "DATE" or "TIME" or "BOOLEAN" or "DOUBLE" or "FLOAT" or "UUID" => (string)type!["id"]!,
        "TINYINT" or "SMALLINT" or "INTEGER" or "BIGINT" or "HUGEINT" or "UTINYINT" or "USMALLINT" or "UINTEGER" or "UBIGINT" => (string)type!["id"]!,
        _ => null,
    };
}
