using System.Globalization;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

public sealed class QuickstartTests
{
    [Test]
    public async Task Both_targets_hold_what_sql_says_after_each_of_three_rounds_of_changes()
    {
        using var project = ProjectFolder.Quickstart();
        var first = await project.ReportAsync("run", "orders.yaml");
        using var oracle = new QuickstartOracle(project.PathOf("data/shop.db"));
        Assert.That(oracle.Advance(), Is.EqualTo(100_000));
        Check(project, oracle, epoch: 1, first);

        for (var round = 2; round <= 4; round++)
        {
            project.Sqlite("data/shop.db", project.Read("change.sql"));
            var report = await project.ReportAsync("run", "orders.yaml");
            Assert.That(oracle.Advance(), Is.InRange(800, 1_300));
            Check(project, oracle, round, report);
        }
    }

    [Test]
    public async Task A_second_run_finds_nothing_new_and_leaves_the_epoch()
    {
        using var project = ProjectFolder.Quickstart();
        var first = await project.RunAsync("run", "orders.yaml");
        var second = await project.RunAsync("run", "orders.yaml");
        var third = await project.ReportAsync("run", "orders.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.ExitCode, Is.Zero, first.ToString());
            Assert.That(second.ExitCode, Is.Zero, second.ToString());
            Assert.That(second.Out, Does.StartWith("orders: nothing new since epoch 1 (orders: "));
            Assert.That(third["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
            Assert.That(third["loads"]!.AsArray().Select(l => (l!["status"]!.GetValue<string>(), l["epoch"]!.GetValue<long>())), Is.All.EqualTo(("nothing_new", 1L)));
            Assert.That(project.LakeVersions("data/lake/orders"), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task A_full_refresh_replaces_both_targets_by_the_source_as_it_is_now()
    {
        using var project = ProjectFolder.Quickstart();
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("data/shop.db", project.Read("change.sql"));
        await project.ReportAsync("run", "orders.yaml", "--full-refresh");
        using var oracle = new QuickstartOracle(project.PathOf("data/shop.db"));
        oracle.Advance();
        CheckTargets(project, oracle);
    }

    private static void Check(ProjectFolder project, QuickstartOracle oracle, int epoch, System.Text.Json.Nodes.JsonNode report)
    {
        CheckTargets(project, oracle);
        Assert.That(report["loads"]!.AsArray().Select(l => (l!["status"]!.GetValue<string>(), l["epoch"]!.GetValue<int>())), Is.All.EqualTo(("published", epoch)));
        Assert.That(project.DuckRows("data/warehouse.duckdb", "SELECT n FROM _etl.epoch ORDER BY n"), Is.EqualTo(Enumerable.Range(1, epoch).Select(n => n.ToString(CultureInfo.InvariantCulture))));

        var letters = report["dead_letters"]!.AsArray().Single()!["path"]!.GetValue<string>();
        Assert.That(letters, Does.StartWith("lake:dead-letters/orders/"));
        var kept = project.DuckRows(null, $"SELECT order_id || ' ' || _etl_rule FROM read_parquet('{project.PathOf($"data/lake/{letters["lake:".Length..]}")}')");
        Rows.AreEqual(oracle.Letters, kept, $"dead letters of epoch {epoch}");
    }

    private static void CheckTargets(ProjectFolder project, QuickstartOracle oracle)
    {
        var lake = project.LakeTable("data/lake/orders");
        Rows.AreEqual(oracle.Target, project.DuckRows("data/warehouse.duckdb", $"SELECT {QuickstartOracle.Line} FROM orders"), "warehouse");
        Rows.AreEqual(oracle.Target, project.DuckRows(null, $"SELECT {QuickstartOracle.Line} FROM {lake}"), "lake");
        Assert.That(project.DuckRows("data/warehouse.duckdb", "SELECT cast(sum(gross) * 100 AS BIGINT) FROM orders")[0], Is.EqualTo(oracle.Gross));
        Assert.That(project.DuckRows(null, $"SELECT cast(sum(gross) * 100 AS BIGINT) FROM {lake}")[0], Is.EqualTo(oracle.Gross));
    }
}
