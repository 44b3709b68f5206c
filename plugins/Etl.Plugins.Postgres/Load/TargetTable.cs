using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Load;

/// <summary>A staged column and the target's column that it goes to.</summary>
/// <param name="Staged">Its name in the schema and in staging.</param>
/// <param name="Target">Its name in the target.</param>
/// <param name="Value">SQL with <c>{0}</c> for the staged column.</param>
/// <param name="AsText">Compared as text, because the type's own equality ignores something or does not exist.</param>
/// <param name="IdentityAlways">May be inserted, never updated.</param>
internal sealed record TargetColumn(string Staged, string Target, string Value, bool AsText = false, bool IdentityAlways = false)
{
    /// <summary>The value, for <paramref name="alias"/> of the staged rows; null for none.</summary>
    public string ValueOf(string? alias) => string.Format(CultureInfo.InvariantCulture, Value, alias is null ? SqlText.Quote(Staged) : $"{alias}.{SqlText.Quote(Staged)}");
}

/// <summary>What must be done to a target before rows fit, and how they go in.</summary>
/// <param name="Statements">DDL, in order.</param>
/// <param name="Columns">All that are written.</param>
internal sealed record TargetTable(IReadOnlyList<string> Statements, IReadOnlyList<TargetColumn> Columns)
{
    /// <summary>DDL that comes after the rows: an index over rows that are there is made in less than half the time that it takes to keep one while they come.</summary>
    public IReadOnlyList<string> StatementsAfterRows { get; init; } = [];

    /// <summary>The table as it would be made for a schema.</summary>
    public static TargetTable New(TableName name, RowSchema schema, IReadOnlyList<string> key)
    {
        var columns = Written(schema).ToList();
        var definitions = columns.Select(f => $"{SqlText.Quote(f.Name)} {PostgresTypes.SqlType(f.DataType)}");
        return new TargetTable([$"CREATE TABLE {name.Sql} ({string.Join(", ", definitions)})"], [.. columns.Select(f => new TargetColumn(f.Name, f.Name, "{0}"))])
        {
            StatementsAfterRows = key.Count == 0 ? [] : [$"ALTER TABLE {name.Sql} ADD PRIMARY KEY ({string.Join(", ", key.Select(k => SqlText.Quote(schema.Require(k).Name)))})"],
        };
    }

    /// <summary>
    /// Fits the schema to the live table, within the policy. ETL4472: it is not there and may not be made. ETL4473 names every column that does not fit at once. ETL4479: it is no table.
    /// </summary>
    public static TargetTable Fit(TableName name, LiveTable? live, RowSchema schema, IReadOnlyList<string> key, SchemaPolicy policy)
    {
        if (live is null)
        {
            return policy.Create
                ? New(name, schema, key)
                : throw new EtlException("ETL4472", $"there is no table {name}, and schema.create is false", "Create it, or allow it.") { OptionPath = "schema.create" };
        }

        if (live.Kind is not ('r' or 'p'))
        {
            throw new EtlException("ETL4479", $"{name} is a view or a foreign table; rows are loaded into tables only", "Name a table, such as the one that the view reads.") { OptionPath = "table" };
        }

        var statements = new List<string>();
        var columns = new List<TargetColumn>();
        var problems = new List<string>();
        foreach (var field in Written(schema))
        {
            var type = PostgresTypes.SqlType(field.DataType)!;
            if (live.Find(field.Name) is not { } column)
            {
                if (!policy.AddColumns)
                {
                    problems.Add($"column '{field.Name}' is not there, and schema.add_columns is false");
                    continue;
                }

                statements.Add($"ALTER TABLE {name.Sql} ADD COLUMN {SqlText.Quote(field.Name)} {type}");
                columns.Add(new TargetColumn(field.Name, field.Name, "{0}"));
                continue;
            }

            if (column.Generated)
            {
                // The server computes it.
                continue;
            }

            var conversion = TargetConversion.Of(field.DataType, column);
            if (conversion.WidenTo is { } wider && policy.Widen)
            {
                statements.Add($"ALTER TABLE {name.Sql} ALTER COLUMN {SqlText.Quote(column.Name)} TYPE {wider}");
                columns.Add(new TargetColumn(field.Name, column.Name, "{0}", IdentityAlways: column.IdentityAlways));
            }
            else if (conversion.Value is { } value)
            {
                columns.Add(new TargetColumn(field.Name, column.Name, value, !TargetConversion.ComparesExactly(column), column.IdentityAlways));
            }
            else
            {
                problems.Add($"column '{column.Name}' is {column.Declared} and cannot take {type} without loss");
            }
        }

        return problems.Count == 0
            ? new TargetTable(statements, columns)
            : throw new EtlException("ETL4473", $"rows do not fit {name}: {string.Join("; ", problems)}", "Change the column, convert the value on the way (transform: derive), or allow the change in schema.");
    }

    /// <summary>The columns that reach a target: the change mark does not.</summary>
    public static IEnumerable<Field> Written(RowSchema schema) => schema.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn);
}
