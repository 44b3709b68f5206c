using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>Two runs at once, and a run that is told to stop.</summary>
public sealed class ConcurrencyTests
{
    [Test]
    [Property("Fault", 42)]
    public async Task A_second_run_of_a_pipeline_ends_with_4_or_waits([Values("sqlite")] string warehouse)
    {
        using var project = SmallShop.Project(warehouse);
        using var first = project.StartAt("snapshot.taken:sleep:12", "run", "orders.yaml");
        await LeasedAsync(project);
        var second = await project.RunAsync("run", "orders.yaml");
        Assert.That(second.ExitCode, Is.EqualTo(4), second.ToString());
        Assert.That(second.Out, Does.Contain("ETL4303"));

        var waiting = await project.RunAsync("run", "orders.yaml", "--wait");
        Assert.That(waiting.ExitCode, Is.Zero, waiting.ToString());
        var ended = await first.EndAsync();
        Assert.That(ended.ExitCode, Is.Zero, ended.ToString());
        SmallShop.BothEqualTheSource(project, warehouse);
        Assert.That(SmallShop.Epochs(project, warehouse), Is.EqualTo(new[] { "1" }));
    }

    [Test]
    [Property("Fault", 63)]
    public async Task A_run_that_is_terminated_ends_with_143_publishes_nothing_and_the_next_one_does_all()
    {
        using var project = SmallShop.Project("sqlite");
        using var run = project.StartAt("snapshot.taken:sleep:3", "run", "orders.yaml");
        await LeasedAsync(project);
        await run.TerminateAsync();
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.EqualTo(143), ended.ToString());
        Assert.That((SmallShop.Epochs(project, "sqlite").Count, project.LakeVersions("lake/orders")), Is.EqualTo((0, 0)), "nothing is published");

        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "sqlite");
        Assert.That(SmallShop.Leftovers(project, "sqlite"), Is.Empty);
    }

    private static async Task LeasedAsync(ProjectFolder project)
    {
        for (var attempt = 0; attempt < 600; attempt++)
        {
            if (File.Exists(project.PathOf("out/sqlite.db")) && project.SqliteRows("out/sqlite.db", "select name from sqlite_schema where name = '_etl_checkpoint'").Count > 0
                && project.SqliteRows("out/sqlite.db", "select owner from _etl_checkpoint where lease_until > 0").Count > 0)
            {
                return;
            }

            await Task.Delay(100);
        }

        Assert.Fail("the run did not take the lease");
    }
}
