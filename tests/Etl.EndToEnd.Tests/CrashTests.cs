using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// The process is killed at each step of the protocol, in the first run and in a later one; the source goes on changing; the next run must
/// bring both targets to one application of each row, whichever of them had published.
/// </summary>
public sealed class CrashTests
{
    private static readonly string[] OfTheEngine =
        ["lease.taken", "snapshot.taken", "staged", "dead_letters.written", "publish.before", "publish.after", "lake.staged", "lake.before_commit", "lake.after_commit"];

    private static IEnumerable<TestCaseData> Points() =>
        from point in OfTheEngine.Concat(["lease_taken", "publish_begun", "before_commit", "committed"]).Select(p => ("duckdb", p))
            .Concat(OfTheEngine.Concat(["sqlite.staged", "sqlite.before_commit", "sqlite.after_commit"]).Select(p => ("sqlite", p)))
        select new TestCaseData(point.Item1, point.p).SetArgDisplayNames(point.Item1, point.p);

    [TestCaseSource(nameof(Points))]
    public async Task A_run_after_one_that_was_killed_leaves_one_application_of_each_row(string warehouse, string point)
    {
        using var project = SmallShop.Project(warehouse);
        await KillAsync(project, point);
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, warehouse);

        project.Sqlite("shop.db", SmallShop.Change(1));
        await KillAsync(project, point);
        project.Sqlite("shop.db", SmallShop.Change(2));
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, warehouse);

        var epochs = SmallShop.Epochs(project, warehouse);
        var versions = project.LakeVersions("lake/orders");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(epochs, Is.EqualTo(Enumerable.Range(1, epochs.Count).Select(n => n.ToString(System.Globalization.CultureInfo.InvariantCulture))), "epochs have no gaps");
            Assert.That(epochs, Has.Count.EqualTo(Published(point, "publish.after", "committed", "sqlite.after_commit", "lake.before_commit", "lake.after_commit")));
            Assert.That(versions, Is.EqualTo(Published(point, "lake.after_commit")));
            Assert.That(SmallShop.Leftovers(project, warehouse), Is.Empty);
        }

        var last = await project.ReportAsync("run", "orders.yaml");
        Assert.That(last["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    [Test]
    public async Task After_a_crash_between_two_publishes_each_target_reads_from_its_own_position()
    {
        using var project = SmallShop.Project("duckdb");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", SmallShop.Change(1));
        await KillAsync(project, "publish.after");
        Assert.That((SmallShop.Epochs(project, "duckdb").Count, project.LakeVersions("lake/orders")), Is.EqualTo((2, 1)), "the warehouse is ahead");

        // Nothing is new for the warehouse; the lake catches up.
        var report = await project.ReportAsync("run", "orders.yaml");
        Assert.That(report["loads"]!.AsArray().Select(l => l!["status"]!.GetValue<string>()), Is.EqualTo(new[] { "nothing_new", "published" }));
        SmallShop.BothEqualTheSource(project, "duckdb");
    }

    [Test]
    public async Task A_killed_run_is_told_as_interrupted()
    {
        using var project = SmallShop.Project("sqlite");
        await KillAsync(project, "staged");
        var list = await project.RunAsync("runs", "list", "--status", "interrupted");
        Assert.That(list.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(2), list.ToString());
        Assert.That(list.Out, Does.Contain("interrupted"));
    }

    // Two runs that went well, and those of the two killed ones that had published before.
    private static int Published(string point, params string[] afterCommit) => afterCommit.Contains(point) ? 3 : 2;

    private static async Task KillAsync(ProjectFolder project, string point)
    {
        var killed = await project.RunAtAsync($"{point}:kill", "run", "orders.yaml");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
    }
}
