using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>What people see of a run that was killed, and what a rehearsal says of itself.</summary>
public sealed class RestartTests
{
    [Test]
    public async Task After_a_crash_between_two_publishes_each_target_reads_from_its_own_position()
    {
        await using var rig = await Rig.CreateAsync("duckdb");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        await rig.KillAtAsync("publish.after");
        var ahead = await rig.WarehouseAsync("select max(n) from _etl.epoch");
        Assert.That((ahead[0], rig.Project.LakeVersions("lake/orders")), Is.EqualTo(("2", 1)), "the warehouse is ahead");

        // Nothing is new for the warehouse; the lake catches up.
        var report = await rig.SucceedAsync("second");
        Assert.That(report["loads"]!.AsArray().Select(l => l!["status"]!.GetValue<string>()), Is.EqualTo(new[] { "nothing_new", "published", "published" }));
        await Oracle.HoldsAsync(rig, report, "after a crash between two publishes");
    }

    [Test]
    public async Task A_killed_run_is_told_as_interrupted()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.KillAtAsync("staged");
        var list = await rig.Project.RunAsync("runs", "list", "--status", "interrupted");
        Assert.That(list.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(2), list.ToString());
        Assert.That(list.Out, Does.Contain("interrupted"));
    }

    [Test]
    public async Task A_plan_and_a_run_say_that_a_fail_point_is_on()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        var plan = await rig.Project.RunAtAsync("nowhere:kill", "plan", Rig.Pipeline);
        var run = await rig.RunAsync("nowhere:kill");
        var off = await rig.Project.RunAsync("plan", Rig.Pipeline);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan.Error, Does.Contain("ETL4390").And.Contain("nowhere:kill"), plan.ToString());
            Assert.That(run.Error, Does.Contain("ETL4390"), run.ToString());
            Assert.That(System.Text.Json.Nodes.JsonNode.Parse(run.Out)!["warnings"]!.ToJsonString(), Does.Contain("nowhere:kill"), run.ToString());
            Assert.That(off.Error, Does.Not.Contain("ETL4390"));
        }
    }
}
