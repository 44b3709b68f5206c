using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Commands around a run, on real projects; what machines read, and the plan, are pinned whole.</summary>
public sealed class CommandTests
{
    [Test]
    public async Task The_quickstart_validates_and_its_plan_is_pinned()
    {
        using var project = ProjectFolder.Quickstart();
        var validated = await project.RunAsync("validate", ".");
        Assert.That(validated.ExitCode, Is.Zero, validated.ToString());
        var plan = await project.RunAsync("plan", "orders.yaml");
        Assert.That(plan.ExitCode, Is.Zero, plan.ToString());
        Golden.Check("commands/quickstart_plan.txt", plan.Out, project);
        Assert.That(Directory.Exists(project.PathOf("data")), Is.False, "neither connects");
    }

    [Test]
    public async Task A_run_as_json_has_a_pinned_shape()
    {
        using var project = SmallShop.Project("duckdb");
        var run = await project.RunAsync("run", "orders.yaml", "--output", "json");
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
        var report = JsonNode.Parse(run.Out)!;
        Assert.That(report.AsObject().Remove("allocated_bytes"), Is.True);
        foreach (var stage in report["stages"]!.AsArray())
        {
            stage!.AsObject().Remove("bytes");
            stage.AsObject().Remove("splits");
        }

        foreach (var load in report["loads"]!.AsArray())
        {
            load!.AsObject().Remove("detail");
        }

        Golden.Check("commands/run.json", report.ToJsonString(new() { WriteIndented = true }) + "\n", project);
    }

    [Test]
    public async Task An_invalid_pipeline_is_exit_code_2_and_a_document()
    {
        using var project = SmallShop.Project("duckdb");
        project.Replace("orders.yaml", "amount > 0", "amuont > 0");
        var result = await project.RunAsync("validate", "orders.yaml", "--output", "json");
        Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
        var problem = JsonNode.Parse(result.Out)!["problems"]!.AsArray().Single()!;
        Assert.That((problem["code"]!.GetValue<string>(), problem["line"]!.GetValue<int>(), problem["column"]!.GetValue<int>()), Is.EqualTo(("ETL3015", 16, 45)));
    }

    [Test]
    public async Task What_ran_can_be_looked_at()
    {
        using var project = SmallShop.Project("sqlite");
        var report = await project.ReportAsync("run", "orders.yaml");
        var id = report["run_id"]!.GetValue<string>();
        var list = await project.RunAsync("runs", "list");
        var show = await project.RunAsync("runs", "show", id);
        var state = await project.RunAsync("state", "show", "orders.yaml", "--output", "json");
        var letters = await project.RunAsync("dead-letters", "list", "orders.yaml");
        var rows = await project.RunAsync("dead-letters", "show", "orders.yaml", "--output", "json");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(list.Out, Does.Contain(id).And.Contain("succeeded"), list.ToString());
            Assert.That(show.Out, Does.StartWith("orders: succeeded"), show.ToString());
            Assert.That(JsonNode.Parse(state.Out)!["targets"]!.AsArray().Select(t => t!["checkpoint"]!["n"]!.GetValue<int>()), Is.EqualTo(new[] { 1, 1 }), state.ToString());
            Assert.That(letters.Out, Does.Contain("checked").And.Contain("refused/"), letters.ToString());
            Assert.That(
                JsonNode.Parse(rows.Out)!["rows"]!.AsArray().Select(r => (r!["rule"]!.GetValue<string>(), r["row"]!["id"]!.ToString())),
                Is.EquivalentTo(new[] { 10, 20, 30, 40, 50, 60 }.Select(i => ("amount_positive", i.ToString(System.Globalization.CultureInfo.InvariantCulture)))), rows.ToString());
        }
    }

    [Test]
    public async Task What_new_writes_for_a_database_runs_as_it_is()
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", """
                connections:
                  shop: { type: sqlite, path: shop.db }
                  dwh: { type: duckdb, path: dwh.db }
                """));
        project.Sqlite("shop.db", SmallShop.Start + "create table customers (id integer primary key, name text); insert into customers values (1, 'Ada'), (2, null);");
        var written = await project.RunAsync("new", "--connection", "shop", "--tables", "*", "--to", "dwh");
        Assert.That(written.ExitCode, Is.Zero, written.ToString());
        var pipelines = Directory.GetFiles(project.PathOf("pipelines"), "*.yaml");
        Assert.That(pipelines, Has.Length.EqualTo(2), written.ToString());
        foreach (var pipeline in pipelines)
        {
            await project.ReportAsync("run", pipeline);
        }

        Rows.AreEqual(project.SqliteRows("shop.db", "select id || '|' || coalesce(name, '∅') from customers"), project.DuckRows("dwh.db", "SELECT id || '|' || coalesce(name, '∅') FROM customers"), "customers");
        Rows.AreEqual(project.SqliteRows("shop.db", "select id || '|' || printf('%.2f', amount) || '|' || day from orders"), project.DuckRows("dwh.db", "SELECT id || '|' || amount || '|' || day FROM orders"), "orders");
    }
}
