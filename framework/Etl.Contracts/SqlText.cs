namespace Etl.Contracts;

/// <summary>The one place where a name or a value becomes SQL text (DuckDB, PostgreSQL, SQLite and Redshift agree on these two).</summary>
public static class SqlText
{
    /// <summary>A name in double quotes. NUL cannot be in a name.</summary>
    public static string Quote(string identifier) => identifier.Contains('\0')
        ? throw new EtlException("ETL3011", "a name holds the character U+0000", "Remove it: no database can keep it in a name.")
        : $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary><c>schema.table</c>, each part quoted.</summary>
    public static string Quote(string schema, string name) => $"{Quote(schema)}.{Quote(name)}";

    /// <summary>A string literal in single quotes (standard_conforming_strings).</summary>
    public static string Literal(string value) => value.Contains('\0')
        ? throw new EtlException("ETL3011", "a text literal holds the character U+0000", "Remove it: no SQL can hold it.")
        : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";
}
