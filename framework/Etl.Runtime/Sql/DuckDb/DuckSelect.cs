using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>Puts casts around a query so that its result can move as Arrow.</summary>
internal static class DuckSelect
{
    /// <summary>
    /// The query itself when all its types can move, else a query over it: HUGEINT and unsigned integers become the next exact type, seconds
    /// and milliseconds microseconds, UUID, ENUM, INTERVAL, BIT and TIMETZ text. ETL4405 for what has no such type (nanoseconds,
    /// structs), ETL4406 for two columns of one name. Order of rows is not kept.
    /// </summary>
    public static string Normalize(DuckConnection connection, string sql, IReadOnlyDictionary<string, object>? parameters = null)
    {
        var columns = connection.DescribeColumns(sql, parameters);
        var duplicate = columns.GroupBy(c => c.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1);
        if (duplicate is not null)
        {
            throw new EtlException("ETL4406", $"two columns of the query are called '{duplicate.Key}'", "Give one of them another name with AS.");
        }

        if (columns.All(c => c.Type.ToArrow() is not null))
        {
            return sql;
        }

        var terms = columns.Select(c => c.Type.ToArrow() is not null
            ? SqlText.Quote(c.Name)
            : c.Type.Normalized() is { } type
                ? $"CAST({SqlText.Quote(c.Name)} AS {type}) AS {SqlText.Quote(c.Name)}"
                : throw new EtlException("ETL4405", $"column '{c.Name}' has DuckDB's type {c.Type}, which rows do not move in", "Cast it to a type that keeps what you need, such as VARCHAR or TIMESTAMP, or take its parts as columns."));
        return $"SELECT {string.Join(", ", terms)} FROM (\n{Trim(sql)}\n)";
    }

    /// <summary>Without a final semicolon, so that it can stand in parentheses.</summary>
    public static string Trim(string sql) => sql.TrimEnd().TrimEnd(';');
}
