using NUnit.Framework;

namespace Etl.Runtime.Tests.Reports;

/// <summary>Text that is pinned whole, in <c>tests/golden/</c> or in the docs; rewritten by a run with <c>ETL_GOLDEN=write</c>.</summary>
internal static class Golden
{
    public static void Check(string name, string actual) => CheckFile($"tests/golden/{name}", actual);

    /// <summary>The same for a file anywhere in the repository.</summary>
    public static void CheckFile(string name, string actual)
    {
        var path = Path.Combine(Repository(), name);
        if (Environment.GetEnvironmentVariable("ETL_GOLDEN") == "write")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
        }

        Assert.That(File.Exists(path), Is.True, $"{path} is missing; write it with ETL_GOLDEN=write and read what it says");
        Assert.That(actual, Is.EqualTo(File.ReadAllText(path)), $"{name} differs; if the change is meant, rewrite it with ETL_GOLDEN=write");
    }

    private static string Repository()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the tests holds global.json");
        }

        return folder.FullName;
    }
}
