using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>A plugin that throws, plugins that take the process with them, and plugins that hang.</summary>
public sealed class PluginFaultTests
{
    [TestCase("throw")]
    [TestCase("exit")]
    [TestCase("fail_fast")]
    [TestCase("stack_overflow")]
    [Property("Fault", 60)]
    public async Task A_plugin_that_fails_in_the_middle_publishes_nothing_and_the_next_run_does_all(string fault)
    {
        using var project = Project(fault);
        var failed = await project.RunAsync("run", "numbers.yaml", "--output", "json");
        if (fault == "throw")
        {
            Assert.That((failed.ExitCode, failed.Out.Contains("the plugin threw", StringComparison.Ordinal), failed.Out.Contains("\"stage\": \"numbers\"", StringComparison.Ordinal)), Is.EqualTo((1, true, true)), failed.ToString());
        }

        await RunsOnAsync(project, fault);
    }

    [TestCase("block")]
    [TestCase("never_end")]
    [Property("Fault", 61)]
    public async Task A_plugin_that_hangs_ends_with_the_deadline_of_the_run(string fault)
    {
        using var project = Project(fault, "policies: { timeout: 1s }");
        var ended = await project.RunAtAsync("grace=1", "run", "numbers.yaml", "--output", "json");
        Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
        await HungAsync(project, fault, ended, "failed", "policies.timeout (00:00:01)");
    }

    [TestCase("block", "TERM", 143)]
    [TestCase("never_end", "TERM", 143)]
    [Property("Fault", 61)]
    [Property("Fault", 63)]
    public async Task A_plugin_that_hangs_ends_in_time_after_a_signal(string fault, string signal, int code)
    {
        using var project = Project(fault);
        using var run = project.StartAt("grace=1", "run", "numbers.yaml", "--output", "json");
        await StagingAsync(project);
        await run.SignalAsync(signal);
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.EqualTo(code), ended.ToString());
        await HungAsync(project, fault, ended, "cancelled", "a signal");
    }

    [Test]
    [Property("Fault", 61)]
    [Property("Fault", 63)]
    public async Task A_second_signal_ends_a_plugin_that_hangs_at_once()
    {
        using var project = Project("block");
        using var run = project.StartAt("grace=300", "run", "numbers.yaml", "--output", "json");
        await StagingAsync(project);
        await run.SignalAsync("TERM");
        await Task.Delay(300);
        Assert.That(run.HasEnded, Is.False, "the first asks");
        await run.SignalAsync("TERM");
        Assert.That((await run.EndAsync()).ExitCode, Is.EqualTo(143));
        await RunsOnAsync(project, "block");
    }

    // The report says what hung, the list of runs how it ended, nothing is published, and the next run need not wait for a lease.
    private static async Task HungAsync(ProjectFolder project, string fault, CliResult ended, string status, string toldBy)
    {
        var report = JsonNode.Parse(ended.Out)!;
        var error = report["error"]!;
        Assert.That(report["status"]!.GetValue<string>(), Is.EqualTo(status), ended.ToString());
        Assert.That($"{error["code"]}: {error["message"]}. {error["hint"]}", Is.EqualTo(
            $"ETL4313: the run was told to stop by {toldBy} and did not within 1 s: stage 'numbers' (extract) does not end. "
            + "The process ends without it. No further target was published; one whose publish it hung in may be: its checkpoint says so to the next run, which goes on from there."));
        Assert.That(report["loads"]![0]!["status"]!.GetValue<string>(), Is.EqualTo("not_published"), ended.ToString());
        Assert.That((await project.RunAsync("runs", "show", report["run_id"]!.GetValue<string>())).Out, Does.Contain("ETL4313"));
        await RunsOnAsync(project, fault);
    }

    private static async Task RunsOnAsync(ProjectFolder project, string fault)
    {
        Assert.That(project.SqliteRows("out/sqlite.db", "select n from _etl_checkpoint"), Is.EqualTo(new[] { "0" }));
        project.Replace("numbers.yaml", $"fault: {fault}", "fault: none");
        await project.ReportAsync("run", "numbers.yaml");
        Assert.That(project.SqliteRows("out/sqlite.db", "select count(*) || ' ' || sum(number) from numbers"), Is.EqualTo(new[] { "100 4950" }));
        Assert.That(project.SqliteRows("out/sqlite.db", "select name from sqlite_schema where name like '\\_etl\\_stage%' escape '\\'"), Is.Empty);
    }

    private static async Task StagingAsync(ProjectFolder project)
    {
        for (var waited = 0; !File.Exists(project.PathOf("out/sqlite.db")); waited++)
        {
            Assert.That(waited, Is.LessThan(600), "the target was not opened");
            await Task.Delay(50);
        }

        await Task.Delay(500);
    }

    private static ProjectFolder Project(string fault, string policies = "")
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "plugins: [plugins]\n"),
            ("connections.yaml", "connections:\n  dwh: { type: sqlite, path: out/sqlite.db }\n"),
            ("numbers.yaml", $$"""
                apiVersion: etl/v1
                pipeline: numbers
                stages:
                  - { id: numbers, extract: unsound, with: { fault: {{fault}} } }
                  - { id: dwh, load: table, from: numbers, connection: dwh, with: { table: numbers, mode: upsert, key: [number] } }
                {{policies}}
                """));
        var plugin = Path.Combine(
            ShippedCli.Repository, "tests", "Etl.SamplePlugin", "bin", AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug", "net10.0");
        Directory.CreateDirectory(project.PathOf("plugins/Etl.SamplePlugin"));
        foreach (var file in Directory.GetFiles(plugin))
        {
            File.Copy(file, project.PathOf($"plugins/Etl.SamplePlugin/{Path.GetFileName(file)}"));
        }

        return project;
    }
}
