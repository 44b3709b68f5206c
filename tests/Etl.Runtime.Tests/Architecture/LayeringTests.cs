using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Architecture;

/// <summary>The house's order, read from the sources.</summary>
public sealed partial class LayeringTests
{
    // In the order in which a pipeline travels: a folder uses only those before it.
    private static readonly string[] Folders =
    [
        "Diagnostics", "Yaml", "Telemetry", "Options", "Definition", "Reports", "Plugins", "Sql", "Parquet", "Compilation", "Ledger", "Execution", "Scaffolding",
    ];

    private static readonly string Repository = FindRepository();

    [Test]
    public void Every_folder_of_the_runtime_has_its_place_in_the_order() =>
        Assert.That(
            Directory.GetDirectories(Path.Combine(Repository, "framework", "Etl.Runtime")).Select(f => Path.GetFileName(f)!).Except(["bin", "obj"]),
            Is.EquivalentTo(Folders));

    [TestCaseSource(nameof(Folders))]
    public void A_folder_uses_only_those_before_it(string folder)
    {
        var allowed = Folders.TakeWhile(f => f != folder).Append(folder).ToHashSet();
        var wrong = Sources(Path.Combine("framework", "Etl.Runtime", folder))
            .SelectMany(file => RuntimeNamespace().Matches(file.Text).Select(m => (file.Path, Used: m.Groups[1].Value)))
            .Where(u => Folders.Contains(u.Used) && !allowed.Contains(u.Used))
            .Select(u => $"{u.Path} uses {u.Used}");
        Assert.That(wrong.Distinct(), Is.Empty);
    }

    [Test]
    public void The_framework_names_no_plugin() =>
        Assert.That(Sources("framework").Where(f => f.Text.Contains("Etl.Plugins", StringComparison.Ordinal) && !f.Path.EndsWith(".csproj", StringComparison.Ordinal)).Select(f => f.Path), Is.Empty);

    [Test]
    public void A_plugin_sees_the_contract_and_nothing_else_of_ours() =>
        Assert.That(Sources("plugins").Where(f => RuntimeNamespace().IsMatch(f.Text)).Select(f => f.Path), Is.Empty);

    [Test]
    public void No_file_is_two() => Assert.That(
        Sources("framework").Concat(Sources("plugins")).Concat(Sources("tools")).Where(f => f.Text.Count(c => c == '\n') > 450).Select(f => f.Path), Is.Empty);

    private static IEnumerable<(string Path, string Text)> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Repository, folder), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(f => (Path.GetRelativePath(Repository, f), File.ReadAllText(f)));

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "global.json")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no folder above the tests holds global.json");
        }

        return folder.FullName;
    }

    [GeneratedRegex(@"\bEtl\.Runtime\.(\w+)")]
    private static partial Regex RuntimeNamespace();
}
