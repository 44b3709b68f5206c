namespace Etl.Runtime.Tests.Architecture;

/// <summary>The files that the tests were built from.</summary>
internal static class Repository
{
    private static readonly char Separator = Path.DirectorySeparatorChar;

    // Made by builds and by npm.
    private static readonly string[] Made = [$"{Separator}bin{Separator}", $"{Separator}obj{Separator}", $"{Separator}node_modules{Separator}"];

    /// <summary>The folder that holds <c>global.json</c>.</summary>
    public static string Root { get; } = Find();

    /// <summary>The C# files below a folder; paths are relative to <see cref="Root"/>.</summary>
    public static IEnumerable<(string Path, string Text)> Sources(string folder) => Files(folder, ".cs");

    /// <summary>The files below a folder with one of these endings; paths are relative to <see cref="Root"/>.</summary>
    public static IEnumerable<(string Path, string Text)> Files(string folder, params string[] endings) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)
            .Where(f => endings.Contains(Path.GetExtension(f)) && !Array.Exists(Made, m => f.Contains(m, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)
            .Select(f => (Path.GetRelativePath(Root, f), File.ReadAllText(f)));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the tests holds global.json");
        }

        return folder.FullName;
    }
}
