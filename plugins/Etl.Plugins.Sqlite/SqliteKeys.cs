using Apache.Arrow;
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

    /// <summary>True for rows in which a column is at least <paramref name="from"/> and less than <paramref name="to"/>, in whichever form they keep dates and times.</summary>
    public static string Range(Field column, string from, string to)
    {
        var name = SqlText.Quote(column.Name);
        var (left, value) = column.DataType switch
        {
            IntegerType => (name, (Func<string, string>)(v => v)),
            Date32Type => ($"case typeof({name}) when 'text' then {name} else date({name}, 'unixepoch') end", SqlText.Literal),
            TimestampType => ($"case typeof({name}) when 'text' then unixepoch({name}, 'subsec') else {name} end", v => $"unixepoch({SqlText.Literal(v.EndsWith("+00", StringComparison.Ordinal) ? v[..^3] : v)}, 'subsec')"),
            _ => (name, SqlText.Literal),
        };
        return $"{left} >= {value(from)} and {left} < {value(to)}";
    }

    private static string Value(string text, IArrowType type, string column, string source) => type switch
    {
        IntegerType => text,
        BooleanType => text == "true" ? "1" : "0",
        StringType => SqlText.Literal(text),
        _ => throw new EtlException("ETL4229", $"rows of {source} cannot be looked up by '{column}': SQLite has several ways to write a {type.Name}", "Correct the rows in the source so that the next run reads them, or run with --full-refresh."),
    };
}
