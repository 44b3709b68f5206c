using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A plugin that is a real DLL, built against the contract alone, in the shipped command line; and what is said of broken ones.</summary>
public sealed class PluginTests
{
    private const string Sample = "Etl.SamplePlugin";

    private const string Connections = """
        connections:
          shop: { type: sqlite, path: shop.db, seed: seed.sql }
          dwh: { type: duckdb, path: warehouse.duckdb }
        """;

    private const string Seed = "create table t (id integer primary key, name text not null, extra text); insert into t values (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z');";

    private static string Built => Path.Combine(
        ShippedCli.Repository, "tests", Sample, "bin", AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0");

    [Test]
    public async Task A_strangers_plugin_runs_with_its_own_version_of_a_package_beside_the_hosts()
    {
        using var project = await ProjectAsync("""
              - { id: kept, transform: keep_columns, from: t, with: { columns: [name, id] } }
              - { id: noted, transform: stranger, from: kept, with: { file: warehouse.duckdb } }
              - { id: dwh, load: table, from: noted, connection: dwh, with: { table: t, mode: replace } }
            """);
        var run = await project.RunAsync("run", "p.yaml", "--plugins", "plugins");
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
        Assert.Multiple(() =>
        {
            // Its own YamlDotNet, while the host has read the pipeline with another.
            Assert.That(project.DuckRows("warehouse.duckdb", "select concat_ws('|', name, id, yaml_version) from main.t order by id"), Is.EqualTo((string[])["a|1|16.0", "b|2|16.0", "c|3|16.0"]));
            // The stranger wrote to the file while the loader had it open: one library, and no row is lost.
            Assert.That(project.DuckRows("warehouse.duckdb", "select sum(rows) from notes"), Is.EqualTo((string[])["3"]));
        });
    }

    [Test]
    public async Task One_duckdb_file_is_open_in_an_extractor_a_loader_and_a_stranger_at_once_and_no_row_is_lost()
    {
        using var project = await ProjectAsync("  - { id: dwh, load: table, from: t, connection: dwh, with: { table: t, mode: replace } }\n");
        foreach (var arguments in (string[][])[["run", "p.yaml", "--plugins", "plugins"], ["contract", "import", "--connection", "dwh", "--table", "t"]])
        {
            var result = await project.RunAsync(arguments);
            Assert.That(result.ExitCode, Is.Zero, result.ToString());
        }

        project.Write("again.yaml", """
            apiVersion: etl/v1
            pipeline: again
            stages:
              - { id: t, extract: table, connection: dwh, contract: schemas/contracts/dwh.t.yaml, with: { table: t } }
              - { id: noted, transform: stranger, from: t, with: { file: warehouse.duckdb } }
              - { id: dwh, load: table, from: noted, connection: dwh, with: { table: t2, mode: replace } }
            """);
        for (var run = 1; run <= 3; run++)
        {
            var again = await project.RunAsync("run", "again.yaml", "--plugins", "plugins");
            Assert.That(again.ExitCode, Is.Zero, again.ToString());
        }

        Assert.That(
            project.DuckRows("warehouse.duckdb", "select concat_ws(',', (select count(*) from main.t), (select count(*) from main.t2), (select sum(rows) from notes), (select max(n) from _etl.checkpoint where pipeline = 'again'))"),
            Is.EqualTo((string[])["3,3,9,3"]));
    }

    [Test]
    public async Task Rules_of_a_strangers_options_are_found_and_told_at_their_position()
    {
        using var project = await ProjectAsync("  - { id: kept, transform: keep_columns, from: t, with: { columns: [id, name, id] } }\n  - { id: dwh, load: table, from: kept, connection: dwh, with: { table: t, mode: replace } }\n");
        var validated = await project.RunAsync("validate", "p.yaml", "--plugins", "plugins");
        Assert.Multiple(() =>
        {
            Assert.That(validated.ExitCode, Is.EqualTo(2));
            Assert.That(validated.Out + validated.Error, Does.Match("p\\.yaml:5:\\d+: error ETL2010: .*column 'id' is listed more than once"));
        });
    }

    [Test]
    public async Task A_plan_marks_code_as_opaque()
    {
        using var project = await ProjectAsync("""
              - { id: kept, transform: keep_columns, from: t, with: { columns: [name, id] } }
              - { id: named, transform: filter, from: kept, with: { where: "name <> ''" } }
              - { id: dwh, load: table, from: named, connection: dwh, with: { table: t, mode: replace } }
            """);
        var planned = await project.RunAsync("plan", "p.yaml", "--plugins", "plugins", "--json", "plan.json");
        Assert.That(planned.Out, Does.Contain("transform kept  keep_columns (code), from t\n"), planned.ToString());
        var nodes = JsonNode.Parse(project.Read("plan.json"))!["nodes"]!.AsArray();
        Assert.That(nodes.Select(n => $"{n!["id"]} {n["kind"]} {n["opaque"]}"), Is.EqualTo(new[] { "t extract ", "kept transform true", "named query ", "dwh load " }));
    }

    [Test]
    public async Task A_locked_plugin_runs_as_it_was_reviewed_and_no_other_way()
    {
        using var project = await ProjectAsync("""
              - { id: kept, transform: keep_columns, from: t, with: { columns: [name, id] } }
              - { id: dwh, load: table, from: kept, connection: dwh, with: { table: t, mode: replace } }
            """);
        project.Write("etl.yaml", "plugins: [plugins]\n");
        var locked = await project.RunAsync("plugins", "lock");
        Assert.That((locked.ExitCode, locked.Out), Is.EqualTo((0, $"plugins.lock: {Sample}\n")), locked.ToString());
        var run = await project.RunAsync("run", "p.yaml");
        Assert.That(run.ExitCode, Is.Zero, run.ToString());

        File.AppendAllText(project.PathOf($"plugins/{Sample}/{Sample}.dll"), "!");
        foreach (var verb in (string[])["validate", "plan", "run"])
        {
            var refused = await project.RunAsync(verb, "p.yaml");
            Assert.That(refused.ExitCode, Is.EqualTo(2), refused.ToString());
            Assert.That(refused.Out + refused.Error, Does.Contain($"ETL5025: the plugin '{Sample}' is not what plugins.lock says: '{Sample}.dll' has other content"));
        }
    }

    [Test]
    public async Task A_folder_without_its_dll_is_told()
    {
        using var project = ProjectFolder.With(("plugins/Lost/readme.txt", ""));
        await AssertRefusedAsync(project, "error ETL5005: the plugin folder", "has no 'Lost.dll'");
    }

    [Test]
    public async Task A_dll_that_is_not_dotnet_is_told()
    {
        using var project = ProjectFolder.With(("plugins/Native/Native.dll", "MZ, but nothing more"));
        await AssertRefusedAsync(project, "error ETL5002:", "is not a .NET assembly");
    }

    [Test]
    public async Task A_plugin_built_against_another_contract_is_told()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        var folder = Directory.CreateDirectory(project.PathOf("plugins/Other")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "Other.dll"), AssemblyThatReferences("Etl.Contracts", new Version(9, 0, 0, 0)));
        await AssertRefusedAsync(project, "error ETL5003: plugin 'Other' is built against Etl.Contracts 9.0.0; this version has 0.1.0");
    }

    [Test]
    public async Task A_library_that_is_no_plugin_is_told()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        var folder = Directory.CreateDirectory(project.PathOf("plugins/Other")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "Other.dll"), AssemblyThatReferences("Something", new Version(1, 0, 0, 0)));
        await AssertRefusedAsync(project, "error ETL5003: plugin 'Other' is not built against Etl.Contracts");
    }

    [Test]
    public async Task A_plugin_that_needs_a_newer_shared_engine_is_told()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        var folder = Directory.CreateDirectory(project.PathOf("plugins/Other")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "Other.dll"), AssemblyThatReferences("Etl.Contracts", new Version(0, 1, 0, 0), "DuckDB.NET.Data", new Version(99, 0, 0, 0)));
        await AssertRefusedAsync(project, "error ETL5006: plugin 'Other' needs DuckDB.NET.Data 99.0.0.0");
    }

    [Test]
    public async Task The_same_component_from_two_plugins_is_told()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        Copy(Built, project.PathOf($"plugins/{Sample}"));
        Copy(Built, project.PathOf("plugins/Twin"));
        File.Move(project.PathOf($"plugins/Twin/{Sample}.dll"), project.PathOf("plugins/Twin/Twin.dll"));
        await AssertRefusedAsync(project, "error ETL5004: two plugins offer the transformer 'keep_columns': 'Etl.SamplePlugin' and 'Twin'");
    }

    [Test]
    public async Task A_plugin_folder_that_is_not_there_is_told()
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        await AssertRefusedAsync(project, "error ETL5001: the plugin folder", "is not there");
    }

    private static async Task AssertRefusedAsync(ProjectFolder project, params string[] parts)
    {
        var list = await project.RunAsync("plugins", "list", "--plugins", "plugins");
        Assert.Multiple(() =>
        {
            Assert.That(list.ExitCode, Is.EqualTo(2));
            foreach (var part in parts)
            {
                Assert.That(list.Error, Does.Contain(part));
            }

            Assert.That(list.Error, Does.Not.Contain("   at "));
        });
    }

    private static async Task<ProjectFolder> ProjectAsync(string stages)
    {
        var project = ProjectFolder.With(("etl.yaml", ""), ("connections.yaml", Connections), ("seed.sql", Seed), ("p.yaml", $"""
            apiVersion: etl/v1
            pipeline: p
            stages:
              - {"{"} id: t, extract: table, connection: shop, contract: schemas/contracts/shop.t.yaml, with: {"{"} table: t {"}"} {"}"}
            {stages}
            """));
        CopySample(project);
        var import = await project.RunAsync("contract", "import", "--connection", "shop", "--table", "t");
        Assert.That(import.ExitCode, Is.Zero, import.ToString());
        return project;
    }

    /// <summary>Puts the plugin into the project's <c>plugins</c>.</summary>
    internal static void CopySample(ProjectFolder project) => Copy(Built, project.PathOf($"plugins/{Sample}"));

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    // A library of one empty module that names these assemblies, as a compiler would write it.
    private static byte[] AssemblyThatReferences(string name, Version version, string? other = null, Version? otherVersion = null)
    {
        var metadata = new MetadataBuilder();
        metadata.AddModule(0, metadata.GetOrAddString("Other.dll"), metadata.GetOrAddGuid(Guid.NewGuid()), default, default);
        metadata.AddAssembly(metadata.GetOrAddString("Other"), new Version(1, 0, 0, 0), default, default, default, AssemblyHashAlgorithm.None);
        metadata.AddAssemblyReference(metadata.GetOrAddString(name), version, default, default, default, default);
        if (other is not null)
        {
            metadata.AddAssemblyReference(metadata.GetOrAddString(other), otherVersion!, default, default, default, default);
        }

        metadata.AddTypeDefinition(default, default, metadata.GetOrAddString("<Module>"), default, MetadataTokens.FieldDefinitionHandle(1), MetadataTokens.MethodDefinitionHandle(1));
        var image = new BlobBuilder();
        new System.Reflection.PortableExecutable.ManagedPEBuilder(
            System.Reflection.PortableExecutable.PEHeaderBuilder.CreateLibraryHeader(), new MetadataRootBuilder(metadata), new BlobBuilder()).Serialize(image);
        return image.ToArray();
    }
}
