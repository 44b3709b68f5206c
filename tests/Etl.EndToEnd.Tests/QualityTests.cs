using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What must not be published is not.</summary>
public sealed class QualityTests
{
    [Test]
    public async Task Books_that_do_not_balance_fail_the_run_before_anything_is_published()
    {
        using var project = SmallShop.Project("duckdb");
        var result = await project.RunAtAsync("router.miscount:throw", "run", "orders.yaml", "--output", "json");
        var report = JsonNode.Parse(result.Out)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
            Assert.That(report["error"]!["code"]!.GetValue<string>(), Is.EqualTo("ETL4201"));
            Assert.That(report["loads"]!.AsArray().Select(l => l!["status"]!.GetValue<string>()), Is.All.EqualTo("not_published"));
            Assert.That(project.LakeVersions("lake/orders"), Is.Zero);
            Assert.That(SmallShop.Epochs(project, "duckdb"), Is.Empty);
        }
    }

    [Test]
    public async Task A_rule_that_fails_the_run_can_be_accepted_once_with_a_reason_that_is_kept()
    {
        using var project = SmallShop.Project("sqlite");
        project.Replace("orders.yaml", "on_fail: dead_letter", "on_fail: fail");
        project.Replace("orders.yaml", "on_excluded: delete", "on_excluded: keep");
        var refused = await project.RunAsync("run", "orders.yaml");
        Assert.That(refused.ExitCode, Is.EqualTo(3), refused.ToString());
        Assert.That(refused.Out, Does.Contain("ETL4210").And.Contain("checked.amount_positive: 6 rows failed").And.Contain("--accept amount_positive --reason TEXT"));
        Assert.That((SmallShop.Epochs(project, "sqlite").Count, project.LakeVersions("lake/orders")), Is.EqualTo((0, 0)), "nothing is published");

        var withoutReason = await project.RunAsync("run", "orders.yaml", "--accept", "amount_positive");
        Assert.That(withoutReason.ExitCode, Is.EqualTo(2), withoutReason.ToString());

        var report = await project.ReportAsync("run", "orders.yaml", "--accept", "amount_positive", "--reason", "corrections of March");
        var shown = await project.RunAsync("runs", "show", report["run_id"]!.GetValue<string>(), "--quality");
        Assert.That(shown.Out, Does.Contain("amount_positive").And.Contain("accepted").And.Contain("corrections of March"), shown.ToString());
        Assert.That(SmallShop.Warehouse(project, "sqlite"), Has.Count.EqualTo(60));
    }

    [Test]
    [Property("Fault", 54)]
    public async Task More_dead_letters_than_allowed_refuse_the_run()
    {
        using var project = SmallShop.Project("duckdb");
        project.Replace("orders.yaml", "max_ratio: 1", "max_ratio: 0.05");
        var refused = await project.RunAsync("run", "orders.yaml");
        Assert.That(refused.ExitCode, Is.EqualTo(3), refused.ToString());
        Assert.That(refused.Out, Does.Contain("ETL4211: 6 of 60 rows would be dead letters"));
        Assert.That((SmallShop.Epochs(project, "duckdb").Count, project.LakeVersions("lake/orders")), Is.EqualTo((0, 0)), "nothing is published");
        Assert.That(Directory.Exists(project.PathOf("lake/refused")), Is.False, "letters of a run that published nothing are not kept");
    }
}
