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

    /// <summary>The same of the first rows.</summary>
    public string?[] AggregateOfFirst(int few, params string[] terms) =>
        connection.QueryRows($"SELECT {string.Join(", ", terms)} FROM (FROM {table} LIMIT {few.ToString(CultureInfo.InvariantCulture)})", cancel: cancel)[0];

    // How many rows have a value: of different values each has a number.
    private bool IsGrouped { get; init; }

    /// <summary>The different values of an expression over the column that is not NULL, each once: what is asked of them is not asked of every row. Until the same name is used again.</summary>
    public ColumnValues Grouped(string name, string expression)
    {
        var (weight, n) = IsGrouped ? ("CAST(sum(n) AS BIGINT)", ", n") : ("count(*)", "");
        connection.Execute($"CREATE OR REPLACE TABLE {name} AS SELECT v, {weight} AS n FROM (SELECT {expression} AS v{n} FROM {table}) WHERE v IS NOT NULL GROUP BY v", cancel: cancel);
        return this with { table = name, sql = "v", IsGrouped = true };
    }

    /// <summary>Of <see cref="Grouped"/> values the most frequent ones, the most frequent first, and how many there are.</summary>
    public (IReadOnlyList<Frequency> Values, long Distinct) MostFrequent(int most)
    {
        var distinct = Numbers.Parse(connection.QueryText($"SELECT count(*) FROM {table}", cancel: cancel)!);
        var values = connection.QueryRows($"SELECT CAST(v AS VARCHAR), n FROM {table} ORDER BY n DESC, v LIMIT {most.ToString(CultureInfo.InvariantCulture)}", cancel: cancel)
            .Select(r => new Frequency(r[0]!, Numbers.Parse(r[1]!))).ToList();
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
