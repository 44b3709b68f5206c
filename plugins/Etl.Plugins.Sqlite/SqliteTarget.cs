using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>A column of the target.</summary>
/// <param name="Field">What is loaded into it.</param>
/// <param name="Declared">The type as it is, or will be, declared.</param>
/// <param name="IsNew">The table is there without it.</param>
/// <param name="NotNull">The table refuses NULL in it.</param>
internal sealed record TargetColumn(Field Field, string Declared, bool IsNew, bool NotNull = false)
{
    public string Name { get; } = SqlText.Quote(Field.Name);
}

/// <summary>The target table and the SQL that makes it fit the rows.</summary>
internal sealed class SqliteTarget
{
    private SqliteTarget(string name, IReadOnlyList<TargetColumn> columns, IReadOnlyList<string> key, bool exists, IReadOnlyList<string>? checks = null)
    {
        Name = SqlText.Quote(name);
        Checks = checks ?? [];
        Columns = columns;
        Key = [.. key.Select(SqlText.Quote)];
        Exists = exists;
    }

    /// <summary>Quoted.</summary>
    public string Name { get; }

    /// <summary>Without <c>_op</c>.</summary>
    public IReadOnlyList<TargetColumn> Columns { get; }

    /// <summary>Quoted; empty unless rows are kept by key.</summary>
    public IReadOnlyList<string> Key { get; }

    public bool Exists { get; }

    /// <summary>Conditions of the table that rows can be tested by before they are in it.</summary>
    public IReadOnlyList<string> Checks { get; }

    /// <summary>CREATE TABLE, or an ALTER TABLE for each missing column.</summary>
    public IReadOnlyList<string> Ddl
    {
        get
        {
            if (Exists)
            {
                return [.. Columns.Where(c => c.IsNew).Select(c => $"alter table {Name} add column {c.Name} {c.Declared}")];
            }

            var lines = Columns.Select(c => $"{c.Name} {c.Declared}{(Key.Contains(c.Name, StringComparer.OrdinalIgnoreCase) ? " not null" : "")}");
            return [$"create table {Name} ({string.Join(", ", Key.Count == 0 ? lines : lines.Append($"primary key ({string.Join(", ", Key)})"))})"];
        }
    }

    /// <summary>As if the table were not there.</summary>
    public static SqliteTarget ForPlan(TableLoadOptions options, RowSchema rows) =>
        new(SqliteDatabase.Unqualified(options.Table), [.. Fields(rows).Select(f => new TargetColumn(f, SqliteTypeMap.Declare(f), IsNew: true))], options.Key, exists: false);

    /// <summary>Against the table as it is. ETL4521 to ETL4523: it does not fit and may not be changed.</summary>
    public static SqliteTarget Resolve(SqliteSession session, TableLoadOptions options, RowSchema rows)
    {
        var name = SqliteDatabase.Unqualified(options.Table);
        if (SqliteDatabase.Describe(session, name) is not { } live)
        {
            return options.Schema.Create
                ? ForPlan(options, rows)
                : throw new EtlException("ETL4521", $"there is no table '{name}'", "Make it, or allow schema: { create: true }.");
        }

        var columns = new List<TargetColumn>();
        foreach (var field in Fields(rows))
        {
            var column = live.Columns.FirstOrDefault(c => c.Name.Equals(field.Name, StringComparison.OrdinalIgnoreCase));
            if (column is null && !options.Schema.AddColumns)
            {
                throw new EtlException("ETL4522", $"table '{name}' has no column '{field.Name}'", "Add it, drop it from the pipeline, or allow schema: { add_columns: true }.");
            }

            if (column is not null && !SqliteTypeMap.Keeps(SqliteTypeMap.AffinityOf(column.PhysicalType), field))
            {
                throw new EtlException("ETL4523", $"column '{field.Name}' of table '{name}' is declared '{column.PhysicalType}', which would change values of type {field.DataType.Name}",
                    $"Declare it {SqliteTypeMap.Declare(field)}, or cast the column in the pipeline.");
            }

            columns.Add(new(field, column?.PhysicalType ?? SqliteTypeMap.Declare(field), column is null, column is { Field.IsNullable: false }));
        }

        return new(name, columns, options.Key, exists: true, SqliteChecks.Of(session, name, columns));
    }

    private static IEnumerable<Field> Fields(RowSchema rows) => rows.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn);
}
