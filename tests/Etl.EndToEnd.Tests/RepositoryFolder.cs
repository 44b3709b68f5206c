namespace Etl.EndToEnd.Tests;

/// <summary>Where the repository is that the tests were built from.</summary>
public static class RepositoryFolder
{
    /// <summary>The folder that holds <c>global.json</c>.</summary>
    public static string Path { get; } = Find();

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the tests holds global.json");
        }

        return folder.FullName;
    }
}
