using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>A column of a table in the file.</summary>
internal sealed record DuckDbColumn(string Name, DuckType Type, string Physical, bool Nullable);

/// <summary>A table by its name, and what the catalog says of it.</summary>
internal sealed record DuckDbTable(string Schema, string Name)
{
    public string Quoted => SqlText.Quote(Schema, Name);

    public override string ToString() => $"{Schema}.{Name}";

    /// <summary>Columns in the table's order; none when there is no such table.</summary>
    public IReadOnlyList<DuckDbColumn> Columns(DuckConnection duck)
    {
        var catalog = duck.QueryRows(
            """
            SELECT column_name, data_type, is_nullable::VARCHAR FROM duckdb_columns()
            WHERE database_name = current_database() AND lower(schema_name) = lower($schema) AND lower(table_name) = lower($name) ORDER BY column_index
            """,
            Parameters());
        if (catalog.Count == 0)
        {
            return [];
        }

        var types = duck.DescribeColumns($"SELECT * FROM {Quoted}");
        return [.. catalog.Zip(types, (row, column) => new DuckDbColumn(row[0]!, column.Type, row[1]!, row[2] == "true"))];
    }

    /// <summary>Columns of the declared primary key, in order.</summary>
    public IReadOnlyList<string> PrimaryKey(DuckConnection duck) =>
    [
        .. duck.QueryRows(
            """
            SELECT unnest(constraint_column_names) FROM duckdb_constraints()
            WHERE database_name = current_database() AND lower(schema_name) = lower($schema) AND lower(table_name) = lower($name) AND constraint_type = 'PRIMARY KEY'
            """,
            Parameters()).Select(r => r[0]!),
    ];

    /// <summary>Conditions of CHECK, with the columns that they speak of.</summary>
    public IReadOnlyList<(string Condition, IReadOnlyList<string> Columns)> Checks(DuckConnection duck) =>
    [
        .. duck.QueryRows(
            """
            SELECT constraint_index::VARCHAR, any_value(expression), string_agg(column_name, chr(0)) FROM (
              SELECT constraint_index, expression, unnest(constraint_column_names) AS column_name FROM duckdb_constraints()
              WHERE database_name = current_database() AND lower(schema_name) = lower($schema) AND lower(table_name) = lower($name) AND constraint_type = 'CHECK')
            GROUP BY ALL ORDER BY ALL
            """,
            Parameters()).Select(r => (r[1]!, (IReadOnlyList<string>)r[2]!.Split('\0'))),
    ];

    private Dictionary<string, object> Parameters() => new() { ["schema"] = Schema, ["name"] = Name };
}
