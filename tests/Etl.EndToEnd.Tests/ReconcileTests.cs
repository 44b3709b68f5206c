using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary><c>etl reconcile</c> finds and repairs what increments cannot see: rows deleted without a trace, changed or added behind the cursor.</summary>
public sealed class ReconcileTests
{
    private const string Unseen = """
        delete from orders where id = 3;
        update orders set amount = 99 where id = 1;
        insert into orders values (900, 'late', 5, '2026-03-01', '2026-01-01T00:00:00Z', null);
        """;

    [TestCase("duckdb", "keep")]
    [TestCase("sqlite", "keep")]
    [TestCase("sqlite", "delete")]
    public async Task Differences_are_counted_then_repaired_and_a_row_that_is_refused_now_is_not_one(string warehouse, string onExcluded)
    {
        using var project = SmallShop.Project(warehouse, onExcluded);
        await project.ReportAsync("run", "orders.yaml");
        var good = SmallShop.Warehouse(project, warehouse).Where(r => r.Contains("order 2|", StringComparison.Ordinal)).ToList();
        Assert.That(good, Has.Count.EqualTo(1));
        project.Sqlite("shop.db", "update orders set amount = -1, updated_at = '2026-04-01T00:00:00Z' where id = 2");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", Unseen);
        Assert.That((await project.ReportAsync("run", "orders.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"), "increments do not see it");

        var before = SmallShop.Warehouse(project, warehouse);
        var compared = await project.RunAsync("reconcile", "orders.yaml", "--stage", "warehouse");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(compared.ExitCode, Is.EqualTo(3), compared.ToString());
            Assert.That(compared.Out, Does.Contain("ETL4236").And.Contain("1 missing, 1 different, 1 extra"));
            Rows.AreEqual(before, SmallShop.Warehouse(project, warehouse), "nothing is changed");
            Assert.That((SmallShop.Epochs(project, warehouse).Count, SmallShop.Leftovers(project, warehouse)), Is.EqualTo((2, Array.Empty<string>())));
        }

        var repaired = (await project.ReportAsync("reconcile", "orders.yaml", "--stage", "warehouse", "--repair"))["loads"]!.AsArray().Single()!;
        Assert.That((repaired["inserted"]!.GetValue<int>(), repaired["updated"]!.GetValue<int>(), repaired["deleted"]!.GetValue<int>(), repaired["epoch"]!.GetValue<int>()), Is.EqualTo((1, 1, 1, 3)));
        List<string> expected = [.. SmallShop.Expected(project), .. onExcluded == "keep" ? good : []];
        Rows.AreEqual(expected, SmallShop.Warehouse(project, warehouse), "warehouse");
        Assert.That((await project.ReportAsync("reconcile", "orders.yaml", "--stage", "warehouse"))["loads"]![0]!["status"]!.GetValue<string>(), Is.EqualTo("compared"));
        Assert.That((await project.ReportAsync("run", "orders.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"), "the position is where it was");
    }

    [TestCase("keep")]
    [TestCase("delete")]
    public async Task The_lake_is_compared_without_a_trace_and_repaired_in_one_version(string onExcluded)
    {
        using var project = SmallShop.Project("sqlite", onExcluded);
        await project.ReportAsync("run", "orders.yaml");
        var good = SmallShop.Lake(project).Where(r => r.Contains("order 2|", StringComparison.Ordinal)).ToList();
        Assert.That(good, Has.Count.EqualTo(1));
        project.Sqlite("shop.db", "update orders set amount = -1, updated_at = '2026-04-01T00:00:00Z' where id = 2");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", Unseen + "update orders set day = '2026-03-28' where id = 4");

        var (before, files) = (SmallShop.Lake(project), LakeFiles(project));
        var compared = await project.RunAsync("reconcile", "orders.yaml", "--stage", "lake");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(compared.ExitCode, Is.EqualTo(3), compared.ToString());
            Assert.That(compared.Out, Does.Contain("ETL4236").And.Contain("1 missing, 2 different, 1 extra"));
            Rows.AreEqual(before, SmallShop.Lake(project), "nothing is changed");
            Assert.That((LakeFiles(project), SmallShop.Leftovers(project, "sqlite")), Is.EqualTo((files, Array.Empty<string>())));
        }

        var version = project.LakeVersions("lake/orders");
        var repaired = (await project.ReportAsync("reconcile", "orders.yaml", "--stage", "lake", "--repair"))["loads"]!.AsArray().Single()!;
        Assert.That((repaired["inserted"]!.GetValue<int>(), repaired["updated"]!.GetValue<int>(), repaired["deleted"]!.GetValue<int>(), repaired["epoch"]!.GetValue<int>()), Is.EqualTo((1, 2, 1, 3)));
        Assert.That(project.LakeVersions("lake/orders"), Is.EqualTo(version + 1));
        List<string> expected = [.. SmallShop.Expected(project), .. onExcluded == "keep" ? good : []];
        Rows.AreEqual(expected, SmallShop.Lake(project), "lake");
        Assert.That((await project.ReportAsync("reconcile", "orders.yaml", "--stage", "lake"))["loads"]![0]!["status"]!.GetValue<string>(), Is.EqualTo("compared"));

        await project.ReportAsync("reconcile", "orders.yaml", "--repair");
        Rows.AreEqual(expected, SmallShop.Lake(project), "lake, of both");
        Rows.AreEqual(expected, SmallShop.Warehouse(project, "sqlite"), "warehouse, of both");
        Assert.That((await project.ReportAsync("run", "orders.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"), "the position is where it was");
    }

    [TestCase("lake.keys_staged", false)]
    [TestCase("lake.sent", false)]
    [TestCase("lake.before_commit", false)]
    [TestCase("lake.after_commit", true)]
    public async Task A_repair_of_the_lake_that_is_killed_has_repaired_all_or_nothing(string point, bool isRepaired)
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        var before = SmallShop.Lake(project);
        project.Sqlite("shop.db", Unseen);
        var killed = await project.RunAtAsync($"{point}:kill", "reconcile", "orders.yaml", "--stage", "lake", "--repair");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Rows.AreEqual(isRepaired ? SmallShop.Expected(project) : before, SmallShop.Lake(project), "after the kill");

        await project.ReportAsync("reconcile", "orders.yaml", "--stage", "lake", "--repair");
        Rows.AreEqual(SmallShop.Expected(project), SmallShop.Lake(project), "lake");
    }

    [Test]
    public async Task A_source_that_is_empty_does_not_empty_the_lake()
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", "delete from orders");
        foreach (var repair in (string[][])[[], ["--repair"]])
        {
            var refused = await project.RunAsync(["reconcile", "orders.yaml", "--stage", "lake", .. repair]);
            Assert.That((refused.ExitCode, refused.Out.Contains("ETL4562", StringComparison.Ordinal)), Is.EqualTo((1, true)), refused.ToString());
        }

        Assert.That(SmallShop.Lake(project), Has.Count.EqualTo(54));
        project.Replace("orders.yaml", "partition_by: day,", "partition_by: day, allow_empty: true,");
        var emptied = (await project.ReportAsync("reconcile", "orders.yaml", "--stage", "lake", "--repair"))["loads"]![0]!;
        Assert.That((emptied["inserted"]!.GetValue<int>(), emptied["updated"]!.GetValue<int>(), emptied["deleted"]!.GetValue<int>()), Is.EqualTo((0, 0, 54)));
    }

    [TestCase("duckdb", "keys_staged")]
    [TestCase("duckdb", "before_commit")]
    [TestCase("sqlite", "sqlite.keys_staged")]
    [TestCase("sqlite", "sqlite.after_commit")]
    public async Task A_repair_that_is_killed_has_repaired_all_or_nothing_and_the_next_one_ends_it(string warehouse, string point)
    {
        using var project = SmallShop.Project(warehouse);
        await project.ReportAsync("run", "orders.yaml");
        var before = SmallShop.Warehouse(project, warehouse);
        project.Sqlite("shop.db", Unseen);
        var killed = await project.RunAtAsync($"{point}:kill", "reconcile", "orders.yaml", "--stage", "warehouse", "--repair");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Rows.AreEqual(point.Contains("after", StringComparison.Ordinal) ? SmallShop.Expected(project) : before, SmallShop.Warehouse(project, warehouse), "after the kill");

        await project.ReportAsync("reconcile", "orders.yaml", "--stage", "warehouse", "--repair");
        Rows.AreEqual(SmallShop.Expected(project), SmallShop.Warehouse(project, warehouse), "warehouse");
        Assert.That(SmallShop.Leftovers(project, warehouse), Is.Empty);
    }

    [TestCase("duckdb", "ETL4419")]
    [TestCase("sqlite", "ETL4524")]
    public async Task A_source_that_is_empty_does_not_empty_the_target(string warehouse, string code)
    {
        using var project = SmallShop.Project(warehouse);
        await project.ReportAsync("run", "orders.yaml");
        var before = SmallShop.Warehouse(project, warehouse);
        project.Sqlite("shop.db", "delete from orders");
        var refused = await project.RunAsync("reconcile", "orders.yaml", "--stage", "warehouse", "--repair");
        Assert.That((refused.ExitCode, refused.Out.Contains(code, StringComparison.Ordinal)), Is.EqualTo((1, true)), refused.ToString());
        Rows.AreEqual(before, SmallShop.Warehouse(project, warehouse), "warehouse");

        project.Replace("orders.yaml", "with: { table: orders,", "with: { table: orders, allow_empty: true,");
        await project.ReportAsync("reconcile", "orders.yaml", "--stage", "warehouse", "--repair");
        Assert.That(SmallShop.Warehouse(project, warehouse), Is.Empty);
    }

    [Test]
    public async Task What_cannot_be_compared_is_told_before_anything_is_read()
    {
        using var project = SmallShop.Project("sqlite");
        await RefusedAsync(project, "ETL6004", "--stage", "wharehouse");
        await RefusedAsync(project, "ETL4235", "--stage", "warehouse");
        await project.ReportAsync("run", "orders.yaml");
        project.Replace("orders.yaml", "with: { table: orders, mode: upsert, key: [id], on_excluded: delete }", "with: { table: copies, mode: append }");
        project.Replace("orders.yaml", ", deleted_when: \"deleted_at is not null\"", "");
        project.Replace("orders.yaml", "on_excluded: delete", "on_excluded: keep");
        await project.ReportAsync("run", "orders.yaml", "--full-refresh");
        await RefusedAsync(project, "ETL4233", "--stage", "warehouse");

        project.Write("orders.yaml",
            """
            apiVersion: etl/v1
            pipeline: totals
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: totals, transform: aggregate, from: orders, with: { group_by: [day], columns: { orders: "count(*)" } } }
              - { id: warehouse, load: table, from: totals, connection: dwh, with: { table: totals, mode: upsert, key: [day] } }
            """);
        await project.ReportAsync("run", "orders.yaml");
        await RefusedAsync(project, "ETL4237");
    }

    private static string[] LakeFiles(ProjectFolder project) => [.. Directory.GetFiles(project.PathOf("lake/orders"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static async Task RefusedAsync(ProjectFolder project, string code, params string[] options)
    {
        var result = await project.RunAsync(["reconcile", "orders.yaml", "--repair", .. options]);
        Assert.That((result.ExitCode, result.Out.Contains(code, StringComparison.Ordinal)), Is.EqualTo((1, true)), result.ToString());
    }
}
