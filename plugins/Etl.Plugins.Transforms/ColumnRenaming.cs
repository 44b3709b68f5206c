using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>A column under the name that it has after a renaming.</summary>
/// <param name="Name">The new name, or the old one.</param>
/// <param name="Source">The column as the input has it.</param>
internal sealed record RenamedColumn(string Name, Field Source);

/// <summary>Applies <c>rename: { new: old }</c>.</summary>
internal static class ColumnRenaming
{
    /// <summary>
    /// All columns in their order under their new names. All renamings happen at once, so two columns can trade names. ETL3010 for an
    /// unknown column, ETL3103 for a name that would be there twice, ETL3104 for a name of the engine's.
    /// </summary>
    public static IReadOnlyList<RenamedColumn> Apply(IReadOnlyList<Field> columns, IReadOnlyDictionary<string, string>? rename, string option)
    {
        var schema = new RowSchema(new Schema(columns, null));
        var newNames = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (to, from) in rename ?? new Dictionary<string, string>())
        {
            var path = $"{option}.{to}";
            InputShape.RequireOwnName(to, path);
            if (!newNames.TryAdd(schema.Require(from, path).Name, to))
            {
                throw InputShape.Twice(from, path, "Rename a column once; `derive` makes a copy.");
            }
        }

        List<RenamedColumn> renamed = [.. columns.Select(c => new RenamedColumn(newNames.GetValueOrDefault(c.Name, c.Name), c))];
        var twice = renamed.GroupBy(c => c.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1);
        return twice is null ? renamed : throw InputShape.Twice(twice.Key, $"{option}.{twice.Key}", "Choose a name that no other column has, or drop the other one first.");
    }
}
