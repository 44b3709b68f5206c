using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using Etl.Runtime.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Plugins;

/// <summary>A pipeline of a stranger's components alone, in this process.</summary>
public sealed class SampleRunTests
{
    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: p
        stages:
          - { id: numbers, extract: numbers, with: { count: 100000 } }
          - { id: noted, transform: stranger, from: numbers, with: { file: notes.duckdb } }
          - { id: counted, load: tally, from: noted, with: { file: tally.json } }
        """;

    private DirectoryInfo project = null!;

    [SetUp]
    public void Create() => project = Directory.CreateTempSubdirectory("etl-sample-run-");

    [TearDown]
    public void Delete() => project.Delete(recursive: true);

    [Test]
    public async Task A_strangers_extractor_transformer_and_loader_make_a_pipeline_and_bring_no_second_engine()
    {
        using var plugins = new PluginFolder().WithSample();
        var file = Path.Combine(project.FullName, "p.yaml");
        await File.WriteAllTextAsync(Path.Combine(project.FullName, "etl.yaml"), "");
        await File.WriteAllTextAsync(file, Pipeline);

        // The file is open here too, through the host's own reference to the same library, while the plugin writes into it.
        await using var open = new DuckDBConnection($"Data Source={Path.Combine(project.FullName, "notes.duckdb")}");
        await open.OpenAsync();
        using var runner = new PipelineRunner([plugins.Root], TimeProvider.System);
        var report = await runner.RunAsync(new PipelineRunRequest(file), CancellationToken.None);
        await using var command = open.CreateCommand();
        command.CommandText = "select sum(rows)::bigint from notes";
        var tally = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(project.FullName, "tally.json")))!;

        Assert.Multiple(() =>
        {
            Assert.That(report.Status, Is.EqualTo(RunStatus.Succeeded), report.Error?.ToString());
            Assert.That(tally["rows"]!.GetValue<long>(), Is.EqualTo(100_000));
            Assert.That(command.ExecuteScalar(), Is.EqualTo(100_000));
        });
        if (OperatingSystem.IsLinux())
        {
            Assert.That(File.ReadLines("/proc/self/maps").Where(l => l.EndsWith("libduckdb.so", StringComparison.Ordinal)).Select(l => l[l.IndexOf('/', StringComparison.Ordinal)..]).Distinct().Count(), Is.EqualTo(1));
        }
    }
}
