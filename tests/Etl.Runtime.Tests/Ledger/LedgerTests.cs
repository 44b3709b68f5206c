using System.Diagnostics;
using Etl.Contracts;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;
using Etl.Runtime.Tests.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Ledger;

/// <summary>What every ledger keeps to; each kind of ledger derives its fixture from this.</summary>
public abstract class LedgerTests
{
    private static readonly DateTimeOffset Eight = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    /// <summary>The one under test, empty before each test.</summary>
    protected abstract ILedger Ledger { get; }

    [Test]
    public async Task A_run_that_ended_is_listed_and_shown_with_its_whole_report()
    {
        var report = SampleReports.Succeeded;
        await Ledger.StartAsync(Start(report.RunId, report.StartedAt), default);
        await Ledger.FinishAsync(report, default);

        var listed = (await Ledger.ListAsync(new RunFilter(), default)).Single();
        var shown = await Ledger.ShowAsync(report.RunId, default);

        Assert.That(listed, Is.EqualTo(new RunSummary(report.RunId, "orders", "prod", RunStatus.Succeeded, report.StartedAt, 12.437, 1_204_310, 2_407_862, 42, null)));
        Assert.That(shown!.Summary, Is.EqualTo(listed));
        Assert.That(shown.Process, Is.EqualTo(ProcessIdentity.Current));
        Assert.That(JsonReport.Write(shown.Report!), Is.EqualTo(JsonReport.Write(report)));
    }

    [Test]
    public async Task A_run_that_failed_is_listed_with_its_error()
    {
        await Ledger.FinishAsync(SampleReports.HalfFailed, default);

        Assert.That((await Ledger.ListAsync(new RunFilter(), default)).Single().Error, Is.EqualTo("ETL4310: 1 of 2 targets failed: lake"));
    }

    [Test]
    public async Task A_second_report_of_a_run_replaces_the_first()
    {
        await Ledger.FinishAsync(SampleReports.HalfFailed, default);
        await Ledger.FinishAsync(SampleReports.Succeeded, default);

        Assert.That((await Ledger.ListAsync(new RunFilter(), default)).Single().Status, Is.EqualTo(RunStatus.Succeeded));
    }

    [Test]
    public async Task A_run_of_a_living_process_runs_and_one_of_a_dead_process_was_interrupted()
    {
        await Ledger.StartAsync(Start("alive", Eight), default);
        await Ledger.StartAsync(Start("dead", Eight.AddMinutes(1)) with { Process = await EndedProcessAsync() }, default);
        await Ledger.StartAsync(Start("elsewhere", Eight.AddMinutes(2)) with { Process = new ProcessIdentity("another-host", 1, 0) }, default);
        // The number was given again to a process that began later: this one.
        await Ledger.StartAsync(Start("reused", Eight.AddMinutes(3)) with { Process = ProcessIdentity.Current with { StartedAtSeconds = 1000 } }, default);

        var all = await Ledger.ListAsync(new RunFilter(), default);
        var interrupted = await Ledger.ListAsync(new RunFilter(Status: RunStatus.Interrupted, Limit: 1), default);
        var running = await Ledger.ListAsync(new RunFilter(Status: RunStatus.Running), default);

        Assert.That(all.Select(r => $"{r.RunId} {r.Status}"), Is.EqualTo(new[] { "reused Interrupted", "elsewhere Running", "dead Interrupted", "alive Running" }));
        Assert.That(interrupted.Select(r => r.RunId), Is.EqualTo(new[] { "reused" }));
        Assert.That(running.Select(r => r.RunId), Is.EqualTo(new[] { "elsewhere", "alive" }));
        Assert.That((await Ledger.ShowAsync("dead", default))!.Report, Is.Null);
    }

    [Test]
    public async Task Runs_are_filtered_and_the_newest_come_first()
    {
        foreach (var (i, pipeline, environment) in new[] { (1, "orders", "prod"), (2, "orders", "default"), (3, "items", "prod"), (4, "orders", "prod"), (5, "orders", "prod") })
        {
            await Ledger.StartAsync(new RunStart($"r{i}", pipeline, environment, Eight.AddMinutes(i), ProcessIdentity.Current), default);
        }

        var found = await Ledger.ListAsync(new RunFilter("orders", "prod", Limit: 2), default);

        Assert.That(found.Select(r => r.RunId), Is.EqualTo(new[] { "r5", "r4" }));
    }

    [Test]
    public async Task A_run_is_found_by_a_beginning_that_only_it_has()
    {
        await Ledger.StartAsync(Start("20261124-aa_1", Eight), default);
        await Ledger.StartAsync(Start("20261124-aab2", Eight), default);
        await Ledger.StartAsync(Start("20261124-aab2-again", Eight), default);

        Assert.That((await Ledger.ShowAsync("20261124-aa_", default))!.Summary.RunId, Is.EqualTo("20261124-aa_1"));
        Assert.That((await Ledger.ShowAsync("20261124-aab2", default))!.Summary.RunId, Is.EqualTo("20261124-aab2"));
        Assert.That(await Ledger.ShowAsync("20261125", default), Is.Null);
        Assert.That(await Ledger.ShowAsync("", default), Is.Null);
        Assert.That(
            () => Ledger.ShowAsync("20261124-aa", default),
            Throws.TypeOf<EtlException>().With.Message.EqualTo("several runs begin with '20261124-aa', among them 20261124-aa_1 and 20261124-aab2"));
    }

    [Test]
    public async Task Two_runs_with_one_id_are_refused()
    {
        await Ledger.StartAsync(Start("r1", Eight), default);

        Assert.That(() => Ledger.StartAsync(Start("r1", Eight), default), Throws.InstanceOf<System.Data.Common.DbException>());
    }

    [Test]
    public async Task Many_runs_at_once_are_all_noted()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            await Ledger.StartAsync(Start($"r{i}", Eight.AddSeconds(i)), default);
            await Ledger.FinishAsync(SampleReports.Succeeded with { RunId = $"r{i}" }, default);
        }));

        Assert.That((await Ledger.ListAsync(new RunFilter(Limit: 100), default)).Count(r => r.Status == RunStatus.Succeeded), Is.EqualTo(20));
    }

    /// <summary>A run of this process.</summary>
    protected static RunStart Start(string id, DateTimeOffset at) => new(id, "orders", "prod", at, ProcessIdentity.Current);

    private static async Task<ProcessIdentity> EndedProcessAsync()
    {
        using var process = Process.Start("dotnet", "--version");
        await process.WaitForExitAsync();
        return new ProcessIdentity(Environment.MachineName, process.Id, ProcessIdentity.Current.StartedAtSeconds);
    }
}
