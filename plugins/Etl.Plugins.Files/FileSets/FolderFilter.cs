using Etl.Contracts;

namespace Etl.Plugins.FileSets;

/// <summary>The option <c>partitions</c>: which folders are read.</summary>
internal sealed class FolderFilter(IReadOnlyList<Condition> conditions)
{
    /// <summary>For columns of <paramref name="schema"/>. ETL4536: a condition that cannot be read.</summary>
    public FolderFilter(IReadOnlyDictionary<string, string> partitions, RowSchema schema) : this(Condition.Parse(partitions, "partitions", schema))
    {
    }

    /// <summary>Whether a file's folders meet all conditions. ETL4535: it lies in no folder of that column, or in one with another type.</summary>
    public bool Admits(string key) => conditions.Count == 0 || Admits(key, [.. Folders.Of(key)]);

    /// <summary>The same for values that something else than the key gives.</summary>
    public bool Admits(string key, IReadOnlyList<(string Column, string? Value)> values)
    {
        var folders = values.ToList();
        return conditions.All(c =>
        {
            var folder = folders.FindIndex(f => f.Column.Equals(c.Field.Name, StringComparison.OrdinalIgnoreCase));
            return folder < 0
                ? throw new EtlException("ETL4535", $"'{key}' lies in no folder '{c.Field.Name}=...', and partitions asks for one", "Correct path, or leave the condition out.") { OptionPath = "path" }
                : IsMet(key, c, folders[folder].Value);
        });
    }

    private static bool IsMet(string key, Condition condition, string? text) => text is not null && condition.IsMetBy(
        Condition.ValueOf(text, condition.Field.DataType)
            ?? throw new EtlException("ETL4535", $"'{key}' lies in a folder whose value of column '{condition.Field.Name}' is no {CellText.Describe(condition.Field.DataType)}", "Correct the folder's name, or the column's type in the contract."));
}
