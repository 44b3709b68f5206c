using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Rows that change between runs, in each way that matters.</summary>
public sealed class ChangingRowsTests
{
    [Test]
    public async Task Rows_that_stop_passing_go_with_on_excluded_delete([Values("duckdb", "sqlite")] string warehouse)
    {
        using var project = SmallShop.Project(warehouse);
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, warehouse);
        for (var change = 1; change <= 3; change++)
        {
            project.Sqlite("shop.db", SmallShop.Change(change));
            await project.ReportAsync("run", "orders.yaml");
            SmallShop.BothEqualTheSource(project, warehouse);
        }

        Assert.That(SmallShop.Epochs(project, warehouse), Is.EqualTo(new[] { "1", "2", "3", "4" }));
    }

    [Test]
    public async Task Rows_that_stop_passing_stay_as_they_were_with_on_excluded_keep([Values("duckdb", "sqlite")] string warehouse)
    {
        using var project = SmallShop.Project(warehouse, "keep");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db",
            """
            update orders set amount = -1, name = 'bad now', updated_at = '2026-04-01T00:00:00Z' where id = 7;
            update orders set amount = -1, updated_at = '2026-04-01T00:00:00Z' where id = 8;
            """);
        await project.ReportAsync("run", "orders.yaml");
        Assert.That(Row(7), Is.EqualTo("7|order 7|8.75|2026-03-02|1772323207"), "it stays as it was");

        // Bad and then deleted: the deletion counts, although the row would not pass. Bad and then repaired: the repair counts.
        project.Sqlite("shop.db",
            """
            update orders set deleted_at = '2026-04-02T00:00:00Z', updated_at = '2026-04-02T00:00:00Z' where id = 7;
            update orders set amount = 8, updated_at = '2026-04-02T00:00:00Z' where id = 8;
            """);
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, warehouse);

        string Row(int id)
        {
            var rows = (string[])[.. SmallShop.Warehouse(project, warehouse).Concat(SmallShop.Lake(project)).Where(r => r.StartsWith($"{id}|", StringComparison.Ordinal)).Distinct()];
            return rows.Length == 1 ? rows[0] : string.Join(" and ", rows);
        }
    }

    [Test]
    public async Task A_row_updated_twice_between_two_runs_is_applied_once_and_one_that_came_and_went_never()
    {
        using var project = SmallShop.Project("duckdb");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db",
            """
            update orders set amount = 1, updated_at = '2026-04-01T00:00:00Z' where id = 5;
            update orders set amount = 2, day = '2027-01-01', updated_at = '2026-04-01T00:00:01Z' where id = 5;
            insert into orders values (300, 'short-lived', 1, '2026-03-01', '2026-04-01T00:00:02Z', null);
            update orders set deleted_at = '2026-04-01T00:00:03Z', updated_at = '2026-04-01T00:00:03Z' where id = 300;
            """);
        var report = await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "duckdb");
        foreach (var load in report["loads"]!.AsArray())
        {
            Assert.That(
                (load!["inserted"]!.GetValue<long>(), load["updated"]!.GetValue<long>(), load["deleted"]!.GetValue<long>()), Is.EqualTo((0L, 1L, 0L)), load.ToJsonString());
        }
    }

    [Test]
    public async Task Rows_that_are_touched_without_a_change_of_value_move_the_checkpoint_and_are_read_once()
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", "update orders set updated_at = '2026-04-01T00:00:00Z' where id between 1 and 9");
        var touched = await project.ReportAsync("run", "orders.yaml");
        var after = await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "sqlite");
        Assert.That(touched["stages"]![0]!["rows_out"]!.GetValue<long>(), Is.EqualTo(9));
        Assert.That(after["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }
}
