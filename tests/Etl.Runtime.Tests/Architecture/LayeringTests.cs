using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Architecture;

/// <summary>The house's order, read from the sources.</summary>
public sealed partial class LayeringTests
{
    // In the order in which a pipeline travels: a folder uses only those before it.
    private static readonly string[] Folders =
    [
        "Diagnostics", "Yaml", "Telemetry", "Options", "Definition", "Reports", "Plugins", "Sql", "Parquet", "Compilation", "Ledger", "Execution", "Testing", "Scaffolding", "Profiling", "Documentation",
    ];

    [Test]
    public void Every_folder_of_the_runtime_has_its_place_in_the_order() =>
        Assert.That(
            Directory.GetDirectories(Path.Combine(Repository.Root, "framework", "Etl.Runtime")).Select(f => Path.GetFileName(f)!).Except(["bin", "obj"]),
            Is.EquivalentTo(Folders));

    [TestCaseSource(nameof(Folders))]
    public void A_folder_uses_only_those_before_it(string folder)
    {
        var allowed = Folders.TakeWhile(f => f != folder).Append(folder).ToHashSet();
        var wrong = Repository.Sources(Path.Combine("framework", "Etl.Runtime", folder))
            .SelectMany(file => RuntimeNamespace().Matches(file.Text).Select(m => (file.Path, Used: m.Groups[1].Value)))
            .Where(u => Folders.Contains(u.Used) && !allowed.Contains(u.Used))
            .Select(u => $"{u.Path} uses {u.Used}");
        Assert.That(wrong.Distinct(), Is.Empty);
    }

    // A type of the root is in sight of every folder, as its namespace is the parent's.
    [Test]
    public void No_folder_uses_what_stands_above_all_of_them()
    {
        var root = Repository.Sources("framework/Etl.Runtime").Where(f => Path.GetDirectoryName(f.Path) == Path.Combine("framework", "Etl.Runtime")).ToList();
        var types = root.SelectMany(f => DeclaredType().Matches(f.Text).Select(m => m.Groups[1].Value)).ToHashSet();
        Assert.That(types, Does.Contain("PipelineRunner"));
        var wrong = Folders.SelectMany(f => Repository.Sources(Path.Combine("framework", "Etl.Runtime", f)))
            .SelectMany(f => Word().Matches(f.Text).Select(m => m.Value).Where(types.Contains).Distinct().Select(t => $"{f.Path} uses {t}"));
        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void The_framework_names_no_plugin() =>
        Assert.That(Repository.Sources("framework").Where(f => f.Text.Contains("Etl.Plugins", StringComparison.Ordinal)).Select(f => f.Path), Is.Empty);

    [Test]
    public void A_plugin_sees_the_contract_and_nothing_else_of_ours() =>
        Assert.That(Repository.Sources("plugins").Where(f => RuntimeNamespace().IsMatch(f.Text)).Select(f => f.Path), Is.Empty);

    [Test]
    public void No_file_is_two() => Assert.That(
        Repository.Sources("framework").Concat(Repository.Sources("plugins")).Concat(Repository.Sources("tools")).Where(f => f.Text.Count(c => c == '\n') > 450).Select(f => f.Path), Is.Empty);

    [TestCase("framework")]
    [TestCase("plugins")]
    [TestCase("tools")]
    [TestCase("tests")]
    [TestCase("pipelines")]
    [TestCase("schemas")]
    public void No_file_names_a_folder_of_somebodys_machine(string folder) => Assert.That(
        Repository.Files(folder, ".cs", ".csproj", ".md", ".yaml", ".sql", ".json", ".sh", ".txt").Where(f => MachinePath().IsMatch(f.Text)).Select(f => f.Path), Is.Empty);

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum) (\w+)")]
    private static partial Regex DeclaredType();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?<![\w.~})\]-])/(?:home|root|work|Users)/\w|[A-Z]:\\Users\\")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\bEtl\.Runtime\.(\w+)")]
    private static partial Regex RuntimeNamespace();
}
