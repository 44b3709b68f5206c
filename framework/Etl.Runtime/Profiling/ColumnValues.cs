using System.Globalization;
using Apache.Arrow.Types;
using Etl.DuckDb;

namespace Etl.Runtime.Profiling;

/// <summary>The values of one column, as SQL can ask for them.</summary>
/// <param name="connection">Holds them.</param>
/// <param name="table">The table.</param>
/// <param name="sql">The column there.</param>
/// <param name="type">Its type there.</param>
/// <param name="rows">Rows of the table.</param>
/// <param name="cancel">Ends the asking.</param>
internal sealed record ColumnValues(DuckConnection connection, string table, string sql, IArrowType type, long rows, CancellationToken cancel)
{
    /// <summary>One row of aggregates.</summary>
    public string?[] Aggregate(params string[] terms) => connection.QueryRows($"SELECT {string.Join(", ", terms)} FROM {table}", cancel: cancel)[0];

    /// <summary>The most frequent values of an expression over the column that is not NULL, the most frequent first, and how many different ones there are.</summary>
    public (IReadOnlyList<Frequency> Values, long Distinct) Frequencies(string expression, int most)
    {
        // Grouped once, in a table: both questions are about all groups, and they may be many.
        connection.Execute($"CREATE OR REPLACE TABLE etl_groups AS SELECT v, count(*) AS n FROM (SELECT {expression} AS v FROM {table}) WHERE v IS NOT NULL GROUP BY v", cancel: cancel);
        var distinct = Numbers.Parse(connection.QueryText("SELECT count(*) FROM etl_groups", cancel: cancel)!);
        var values = connection.QueryRows($"SELECT CAST(v AS VARCHAR), n FROM etl_groups ORDER BY n DESC, v LIMIT {most.ToString(CultureInfo.InvariantCulture)}", cancel: cancel)
            .Select(r => new Frequency(r[0]!, Numbers.Parse(r[1]!))).ToList();
        connection.Execute("DROP TABLE etl_groups", cancel: cancel);
        return (values, distinct);
    }

    /// <summary>The same column read in another way.</summary>
    public ColumnValues As(string expression, IArrowType of) => this with { sql = expression, type = of };
}

/// <summary>Numbers as DuckDB writes them.</summary>
internal static class Numbers
{
    public static long Parse(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    public static long? ParseOrNull(string? text) => text is null ? null : Parse(text);
}
