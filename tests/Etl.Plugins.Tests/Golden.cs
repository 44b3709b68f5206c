using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>Text that is pinned whole in <c>tests/golden/</c>; rewritten by a run with <c>ETL_GOLDEN=write</c>.</summary>
internal static class Golden
{
    public static void Check(string name, string actual)
    {
        var path = Path.Combine(RepositoryFolder.Path, "tests", "golden", name);
        if (Environment.GetEnvironmentVariable("ETL_GOLDEN") == "write")
        {
            File.WriteAllText(path, actual);
        }

        Assert.That(File.Exists(path), Is.True, $"{path} is missing; write it with ETL_GOLDEN=write and read what it says");
        Assert.That(actual, Is.EqualTo(File.ReadAllText(path)), $"{name} differs; if the change is meant, rewrite it with ETL_GOLDEN=write");
    }
}
