using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary><c>etl run --from A --to B</c> reads a range again, and the increments go on from where they were.</summary>
public sealed class BackfillTests
{
    [TestCase("duckdb")]
    [TestCase("sqlite")]
    public async Task A_range_is_upserted_again_and_positions_stay(string warehouse)
    {
        using var project = Declared(warehouse);
        await project.ReportAsync("run", "orders.yaml");

        // Changes that no cursor tells, within the range and outside.
        project.Sqlite("shop.db", "update orders set amount = 99 where id in (1, 2)");
        Assert.That((await project.ReportAsync("run", "orders.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));

        // Days are 2026-03-01 and five more, by the remainder of the id.
        var report = await project.ReportAsync("run", "orders.yaml", "--from", "2026-03-02", "--to", "2026-03-03");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report["stages"]![0]!["rows_out"]!.GetValue<int>(), Is.EqualTo(10));
            Assert.That(report["loads"]!.AsArray().Select(l => (l!["epoch"]!.GetValue<int>(), l["updated"]!.GetValue<int>())), Is.All.EqualTo((2, 1)));
            Assert.That(SmallShop.Warehouse(project, warehouse).Count(r => r.Contains("|99.00|", StringComparison.Ordinal)), Is.EqualTo(1), "1 is of the range, 2 is not");
        }

        project.Sqlite("shop.db", "update orders set amount = 2.5 where id = 2; insert into orders values (700, 'next', 1, '2026-03-01', '2026-05-01T00:00:00Z', null)");
        Assert.That((await project.ReportAsync("run", "orders.yaml"))["stages"]![0]!["rows_out"]!.GetValue<int>(), Is.EqualTo(1), "the position is where it was");
        SmallShop.BothEqualTheSource(project, warehouse);
    }

    [Test]
    public async Task A_range_of_times_holds_its_start_and_not_its_end()
    {
        using var project = Declared("duckdb", "updated_at");
        await project.ReportAsync("run", "orders.yaml");
        // 1772323200 + id seconds is 2026-03-01T00:00:00Z + id; one row keeps its time in another form.
        project.Sqlite("shop.db", "update orders set updated_at = '2026-03-01 00:00:11' where id = 11");
        var report = await project.ReportAsync("run", "orders.yaml", "--from", "2026-03-01T00:00:11Z", "--to", "2026-03-01T01:00:14+01:00");
        Assert.That(report["stages"]![0]!["rows_out"]!.GetValue<int>(), Is.EqualTo(3), "11, 12 and 13");
    }

    [Test]
    public async Task What_cannot_be_loaded_by_a_range_is_refused_before_anything_is_read()
    {
        using var project = SmallShop.Project("duckdb");
        await RefusedAsync(project, 2, "ETL4606");
        project.Replace("orders.yaml", "table: orders\n", "table: orders\n      backfill: { column: dayy }\n");
        var invalid = await project.RunAsync("validate", "orders.yaml");
        Assert.That((invalid.ExitCode, invalid.Out), Is.EqualTo((2, invalid.Out)));
        Assert.That(invalid.Out, Does.Contain("ETL3010").And.Contain("dayy"));

        project.Replace("orders.yaml", "dayy", "day");
        await RefusedAsync(project, 1, "ETL4232");
        await project.ReportAsync("run", "orders.yaml");
        await RefusedAsync(project, 1, "ETL4615", "yesterday");
        project.Replace("orders.yaml", "with: { table: orders, mode: upsert, key: [id], on_excluded: delete }", "with: { table: copies, mode: replace }");
        var replaced = await project.RunAsync("run", "orders.yaml", "--from", "2026-03-02", "--to", "2026-03-03");
        Assert.That(replaced.ExitCode, Is.EqualTo(2), "a replace of what changed does not compile");
        Assert.That(SmallShop.Epochs(project, "duckdb"), Has.Count.EqualTo(1));
    }

    private static ProjectFolder Declared(string warehouse, string column = "day")
    {
        var project = SmallShop.Project(warehouse);
        project.Replace("orders.yaml", "table: orders\n", $"table: orders\n      backfill: {{ column: {column} }}\n");
        return project;
    }

    private static async Task RefusedAsync(ProjectFolder project, int exitCode, string code, string from = "2026-03-02")
    {
        var result = await project.RunAsync("run", "orders.yaml", "--from", from, "--to", "2026-03-03");
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), result.ToString());
        Assert.That(result.Out, Does.Contain(code));
    }
}
