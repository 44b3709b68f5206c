using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>A plugin that throws, and plugins that take the process with them.</summary>
public sealed class PluginFaultTests
{
    [TestCase("throw")]
    [TestCase("exit")]
    [TestCase("fail_fast")]
    [TestCase("stack_overflow")]
    [Property("Fault", 60)]
    public async Task A_plugin_that_fails_in_the_middle_publishes_nothing_and_the_next_run_does_all(string fault)
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", "plugins: [plugins]\n"),
            ("connections.yaml", "connections:\n  dwh: { type: sqlite, path: out/sqlite.db }\n"),
            ("numbers.yaml", $$"""
                apiVersion: etl/v1
                pipeline: numbers
                stages:
                  - { id: numbers, extract: faulty, with: { fault: {{fault}} } }
                  - { id: dwh, load: table, from: numbers, connection: dwh, with: { table: numbers, mode: upsert, key: [number] } }
                """));
        var plugin = Path.Combine(
            ShippedCli.Repository, "tests", "Etl.SamplePlugin", "bin", AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0");
        Directory.CreateDirectory(project.PathOf("plugins/Etl.SamplePlugin"));
        foreach (var file in Directory.GetFiles(plugin))
        {
            File.Copy(file, project.PathOf($"plugins/Etl.SamplePlugin/{Path.GetFileName(file)}"));
        }

        var failed = await project.RunAsync("run", "numbers.yaml", "--output", "json");
        if (fault == "throw")
        {
            Assert.That((failed.ExitCode, failed.Out.Contains("the plugin threw", StringComparison.Ordinal), failed.Out.Contains("\"stage\": \"numbers\"", StringComparison.Ordinal)), Is.EqualTo((1, true, true)), failed.ToString());
        }

        Assert.That(project.SqliteRows("out/sqlite.db", "select n from _etl_checkpoint"), Is.EqualTo(new[] { "0" }), failed.ToString());
        project.Replace("numbers.yaml", $"fault: {fault}", "fault: none");
        await project.ReportAsync("run", "numbers.yaml");
        Assert.That(project.SqliteRows("out/sqlite.db", "select count(*) || ' ' || sum(number) from numbers"), Is.EqualTo(new[] { "100 4950" }));
        Assert.That(project.SqliteRows("out/sqlite.db", "select name from sqlite_schema where name like '\\_etl\\_stage%' escape '\\'"), Is.Empty);
    }
}
