namespace Etl.Plugins.FileSets;

/// <summary>Columns whose values are in the names of folders, as Hive lays them out: <c>dt=2026-01-01/country=NL/</c>.</summary>
internal static class Folders
{
    private const string NullName = "__HIVE_DEFAULT_PARTITION__";

    /// <summary>Column and value of each such folder of a key, decoded; a null value is NULL.</summary>
    public static IEnumerable<(string Column, string? Value)> Of(string key)
    {
        foreach (var name in key.Split('/')[..^1])
        {
            var equals = name.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                var value = name[(equals + 1)..];
                yield return (Uri.UnescapeDataString(name[..equals]), value == NullName ? null : Uri.UnescapeDataString(value));
            }
        }
    }
}
