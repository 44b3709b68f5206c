using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A person sets a target's position back; no run is disturbed, and the audit keeps it.</summary>
public sealed class StateTests
{
    [Test]
    public async Task After_a_reset_the_next_run_of_that_load_reads_everything_again()
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        var without = await project.RunAsync("state", "reset", "orders.yaml", "warehouse");
        Assert.That((without.ExitCode, SmallShop.Epochs(project, "sqlite").Count), Is.EqualTo((2, 1)), "nothing is done without --yes");

        var reset = await project.RunAsync("state", "reset", "orders.yaml", "warehouse", "--yes");
        Assert.That((reset.ExitCode, reset.Out), Is.EqualTo((0, "warehouse: reset in epoch 2\n")), reset.ToString());
        Assert.That((await project.RunAsync("state", "show", "orders.yaml")).Out, Does.Contain("the next run reads everything"));
        Assert.That(project.SqliteRows("out/sqlite.db", "select json_extract(checkpoint, '$.note') from _etl_epoch where n = 2"), Is.EqualTo(new[] { "reset: the next run reads everything" }));

        // A change that no cursor tells is found now, by the warehouse alone.
        project.Sqlite("shop.db", "update orders set amount = 99 where id = 1");
        var report = await project.ReportAsync("run", "orders.yaml");
        Assert.That(report["loads"]!.AsArray().Select(l => (l!["status"]!.GetValue<string>(), l["updated"]!.GetValue<int>())), Is.EqualTo(new[] { ("published", 1), ("nothing_new", 0) }));
        Rows.AreEqual(SmallShop.Expected(project), SmallShop.Warehouse(project, "sqlite"), "warehouse");
    }

    [Test]
    public async Task A_position_is_set_back_to_that_of_an_epoch()
    {
        using var project = SmallShop.Project("duckdb");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", SmallShop.Change(1));
        var second = await project.ReportAsync("run", "orders.yaml");
        var unknown = await project.RunAsync("state", "reset", "orders.yaml", "lake", "--to-epoch", "7", "--yes");
        Assert.That((unknown.ExitCode, unknown.Error), Is.EqualTo((1, unknown.Error)));
        Assert.That(unknown.Error, Does.Contain("ETL6006"));

        foreach (var stage in (string[])["warehouse", "lake"])
        {
            var reset = await project.RunAsync("state", "reset", "orders.yaml", stage, "--to-epoch", "1", "--yes");
            Assert.That(reset.ExitCode, Is.Zero, reset.ToString());
        }

        var again = await project.ReportAsync("run", "orders.yaml");
        Assert.That(Read(again), Is.EqualTo(Read(second)), "the same increment is read again");
        Assert.That(again["loads"]!.AsArray().Select(l => l!["epoch"]!.GetValue<int>()), Is.All.EqualTo(4));
        SmallShop.BothEqualTheSource(project, "duckdb");
    }

    [Test]
    public async Task A_target_that_a_run_holds_is_not_reset()
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", SmallShop.Change(1));
        using var run = project.StartAt("snapshot.taken:sleep:10", "run", "orders.yaml");
        for (var attempt = 0; project.SqliteRows("out/sqlite.db", "select 1 from _etl_checkpoint where lease_until > 0").Count == 0; attempt++)
        {
            Assert.That(attempt, Is.LessThan(600), "the run did not take the lease");
            await Task.Delay(100);
        }

        var reset = await project.RunAsync("state", "reset", "orders.yaml", "warehouse", "--yes");
        var discard = await project.RunAsync("dead-letters", "discard", "orders.yaml", "--reason", "tests");
        Assert.That((reset.ExitCode, discard.ExitCode), Is.EqualTo((4, 4)), reset + discard.ToString());
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.Zero, ended.ToString());
        Assert.That(SmallShop.Epochs(project, "sqlite"), Is.EqualTo(new[] { "1", "2" }));
    }

    private static int Read(JsonNode report) => report["stages"]![0]!["rows_out"]!.GetValue<int>();
}
