using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>Keys as a condition in SQL. SQLite gives equal times many texts, so only numbers, texts and booleans can be told to be equal.</summary>
internal static class SqliteKeys
{
    /// <summary>True for rows that have one of these keys. ETL4229: a key column of another type.</summary>
    public static string Condition(RowSchema schema, IReadOnlyList<IReadOnlyList<string>> keys, string source)
    {
        var types = schema.Key.Select(k => schema.Require(k).DataType).ToList();
        var values = keys.Select(key => string.Join(", ", key.Select((text, i) => Value(text, types[i], schema.Key[i], source))));
        return $"({string.Join(", ", schema.Key.Select(SqlText.Quote))}) in (values {string.Join(", ", values.Select(v => $"({v})"))})";
    }

    private static string Value(string text, IArrowType type, string column, string source) => type switch
    {
        IntegerType => text,
        BooleanType => text == "true" ? "1" : "0",
        StringType => SqlText.Literal(text),
        _ => throw new EtlException("ETL4229", $"rows of {source} cannot be looked up by '{column}': SQLite has several ways to write a {type.Name}", "Correct the rows in the source so that the next run reads them, or run with --full-refresh."),
    };
}
