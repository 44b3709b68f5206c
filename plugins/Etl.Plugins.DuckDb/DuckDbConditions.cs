using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>What a table asks of a single row (NOT NULL, checks, text that must be of a type), so that rows can be tested before they are in it.</summary>
internal static class DuckDbConditions
{
    /// <summary>As SQL over the staged columns. What the schema of the rows promises is left out, and checks over columns that are not loaded.</summary>
    public static IReadOnlyList<string> Of(DuckDbTarget target, IReadOnlyList<DuckDbColumn> live, DuckConnection duck)
    {
        var conditions = new List<string>();
        foreach (var field in target.Fields)
        {
            if (live.FirstOrDefault(c => string.Equals(c.Name, field.Name, StringComparison.OrdinalIgnoreCase)) is not { } column)
            {
                continue;
            }

            var name = SqlText.Quote(field.Name);
            if (!column.Nullable && field.IsNullable)
            {
                conditions.Add($"{name} IS NOT NULL");
            }

            if (DuckType.Of(field.DataType).Id == DuckTypeId.Varchar && DuckDbTypeMap.TakesText(column.Type))
            {
                conditions.Add($"{name} IS NULL OR TRY_CAST({name} AS {column.Physical}) IS NOT NULL");
            }
        }

        var loaded = target.Fields.Select(f => f.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        conditions.AddRange(target.Table.Checks(duck).Where(c => c.Columns.All(loaded.Contains)).Select(c => c.Condition));
        return conditions;
    }
}
