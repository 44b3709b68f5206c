using System.Globalization;
using Npgsql;

namespace Etl.Plugins.Redshift;

/// <summary>A column as the cluster has it now.</summary>
/// <param name="Name">As stored.</param>
/// <param name="Type">In the catalog's words, such as <c>character varying(20)</c>.</param>
/// <param name="NotNull">NULL is refused.</param>
internal sealed record LiveColumn(string Name, string Type, bool NotNull)
{
    /// <summary>The greatest length of a text, in bytes; null for other types.</summary>
    public int? Bytes => Type.StartsWith("character", StringComparison.Ordinal) && Numbers is [var bytes] ? bytes : null;

    /// <summary>Precision and scale of a decimal; null for other types.</summary>
    public (int Precision, int Scale)? Decimal => Type.StartsWith("numeric", StringComparison.Ordinal) && Numbers is [var precision, var scale] ? (precision, scale) : null;

    private int[] Numbers => Type.IndexOf('(', StringComparison.Ordinal) is >= 0 and var open
        ? [.. Type[(open + 1)..Type.IndexOf(')', StringComparison.Ordinal)].Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture))]
        : [];
}

/// <summary>A table or view as the cluster has it now.</summary>
/// <param name="Id">Its object id, which a table made anew under the same name does not share.</param>
/// <param name="IsTable">Rows can be loaded into it.</param>
/// <param name="Columns">In the table's order.</param>
internal sealed record LiveTable(long Id, bool IsTable, IReadOnlyList<LiveColumn> Columns)
{
    /// <summary>The column by name, ignoring case; null if there is none.</summary>
    public LiveColumn? Find(string name) => Columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The table as it is now; null when it is not there.</summary>
    public static async ValueTask<LiveTable?> FindAsync(NpgsqlConnection session, TableName name, CancellationToken cancel)
    {
        var found = await session.RowsAsync(
            "SELECT c.oid::bigint, c.relkind::varchar FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'v')",
            cancel, name.Schema, name.Name);
        if (found is not [[long id, string kind]])
        {
            return null;
        }

        var columns = await session.RowsAsync(
            "SELECT a.attname::varchar, format_type(a.atttypid, a.atttypmod)::varchar, a.attnotnull FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            cancel, id);
        return new LiveTable(id, kind == "r", [.. columns.Select(c => new LiveColumn((string)c[0]!, (string)c[1]!, (bool)c[2]!))]);
    }

    /// <summary>Names of tables that match a pattern with <c>*</c>.</summary>
    public static async ValueTask<IReadOnlyList<string>> ListAsync(NpgsqlConnection session, string pattern, string defaultSchema, CancellationToken cancel)
    {
        var dot = pattern.IndexOf('.', StringComparison.Ordinal);
        var (schema, table) = dot < 0 ? (defaultSchema, pattern) : (pattern[..dot], pattern[(dot + 1)..]);
        var rows = await session.RowsAsync(
            "SELECT n.nspname::varchar, c.relname::varchar FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_internal', '_etl') ORDER BY 1, 2", cancel);
        return [.. rows.Select(r => (Schema: (string)r[0]!, Table: (string)r[1]!)).Where(r => Matches(r.Schema, schema) && Matches(r.Table, table)).Select(r => dot < 0 ? r.Table : $"{r.Schema}.{r.Table}")];
    }

    private static bool Matches(string name, string pattern) => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("?", "\\?", StringComparison.Ordinal), name);
}
