using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>The statements that make a table fit the rows, as far as the policy allows.</summary>
internal static class DuckDbTableShape
{
    /// <summary>In order; none when the table fits. ETL4417: the policy forbids one; ETL4418: a column's type would lose values.</summary>
    public static IReadOnlyList<string> Statements(DuckDbTarget target, IReadOnlyList<DuckDbColumn> live, SchemaPolicy policy)
    {
        if (live.Count == 0)
        {
            return [Allowed(policy.Create, $"the table {target.Table} is not there, and schema.create is off", target.CreateTable)];
        }

        var statements = new List<string>();
        foreach (var field in target.Fields)
        {
            var (name, wanted) = (SqlText.Quote(field.Name), DuckType.Of(field.DataType));
            var column = live.FirstOrDefault(c => string.Equals(c.Name, field.Name, StringComparison.OrdinalIgnoreCase));
            if (column is null)
            {
                // DuckDB adds no NOT NULL column to a table that has rows.
                statements.Add(Allowed(policy.AddColumns, $"the table {target.Table} has no column '{field.Name}', and schema.add_columns is off", $"ALTER TABLE {target.Table.Quoted} ADD COLUMN {name} {wanted}"));
            }
            else if (!DuckDbTypeMap.Widens(wanted, column.Type) && !(wanted.Id == DuckTypeId.Varchar && DuckDbTypeMap.TakesText(column.Type)))
            {
                statements.Add(DuckDbTypeMap.Widens(column.Type, wanted)
                    ? Allowed(policy.Widen, $"column '{field.Name}' of {target.Table} is {column.Type} and must hold {wanted}, and schema.widen is off", $"ALTER TABLE {target.Table.Quoted} ALTER COLUMN {name} SET DATA TYPE {wanted}")
                    : throw new EtlException("ETL4418", $"column '{field.Name}' of {target.Table} is {column.Type}; {wanted} does not fit it without loss", $"Cast the column on the way, or run: ALTER TABLE {target.Table.Quoted} ALTER COLUMN {name} SET DATA TYPE {wanted}"));
            }
        }

        return statements;
    }

    private static string Allowed(bool allowed, string problem, string statement) =>
        allowed ? statement : throw new EtlException("ETL4417", problem, $"Allow it, or run: {statement}");
}
