using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>From PostgreSQL to Redshift, by its stand-in, and to a lake on S3, with one pipeline.</summary>
[Category("Integration")]
public sealed class RedshiftTests
{
    [Test]
    public async Task Both_targets_hold_what_sql_says_after_a_first_run_and_two_increments_with_deletions()
    {
        await using var shop = await RedshiftShop.OpenAsync("rounds");
        for (var round = 1; round <= 3; round++)
        {
            var report = await shop.Project.ReportAsync("run", "orders.yaml");
            Assert.That(report["loads"]!.AsArray().Select(l => (l!["status"]!.GetValue<string>(), l["epoch"]!.GetValue<int>())), Is.All.EqualTo(("published", round)));
            await shop.AssertLoadedAsync($"round {round}");
            await shop.ChangeAsync(round);
        }

        Assert.That(Regex.Replace(Told.By(await shop.Project.RunAsync("reconcile", "orders.yaml", "--stage", "warehouse"), shop.Project), @"redshift://\S+", "WAREHOUSE"), Is.EqualTo(
            "error ETL4234 in stage warehouse: WAREHOUSE analytics.orders cannot be compared with its source\n    Tables of PostgreSQL, DuckDB, SQLite and the lake can: name such a load with --stage. --full-refresh loads any target anew."));
        Assert.That(shop.Warehouse.Heard.Count(s => s.StartsWith("COPY", StringComparison.Ordinal)), Is.GreaterThanOrEqualTo(3));
        Assert.That(Directory.GetDirectories(shop.Project.PathOf("mirror/orders/2026/03")).Select(Path.GetFileName).Order(StringComparer.Ordinal), Is.EqualTo(new[] { "01", "02", "03", "04", "05" }));
    }

    [Test]
    public async Task A_run_that_is_killed_at_any_step_of_the_load_loses_nothing_and_doubles_nothing()
    {
        await using var shop = await RedshiftShop.OpenAsync("kills");
        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.ChangeAsync(1);
        foreach (var point in (string[])
            [
                "redshift.fence_taken", "redshift.file_sent", "redshift.manifest_sent", "redshift.copied", "redshift.staged", "redshift.publish.begun", "redshift.publish.applied",
                "redshift.publish.before_commit",
            ])
        {
            // Each finds what the one before left.
            await KilledAsync(shop, point);
        }

        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.AssertLoadedAsync("killed before the commit");
        await shop.ChangeAsync(2);
        await KilledAsync(shop, "redshift.publish.after_commit");
        await shop.ChangeAsync(3);
        await KilledAsync(shop, "redshift.dropped");
        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.AssertLoadedAsync("killed after the commit");
        Assert.That(await shop.WarehouseRowsAsync("select n::text from _etl.load_" + shop.WarehouseKey), Is.EqualTo(new[] { "4" }), "the two that were killed after their commit had committed");
    }

    [Test]
    public async Task Error_1023_while_it_publishes_is_tried_again_within_the_run()
    {
        await using var shop = await RedshiftShop.OpenAsync("conflict");
        await shop.Project.ReportAsync("run", "orders.yaml");
        await shop.ChangeAsync(1);
        var interfered = 0;
        shop.Warehouse.Before = async sql =>
        {
            // Between what the publish reads and what it writes.
            if (sql.StartsWith("DELETE FROM \"analytics\".\"orders\"", StringComparison.Ordinal) && Interlocked.Exchange(ref interfered, 1) == 0)
            {
                await shop.ExecuteInWarehouseAsync("UPDATE analytics.orders SET note = note WHERE id = 2");
            }
        };
        var heard = shop.Warehouse.Heard.Count;
        await shop.Project.ReportAsync("run", "orders.yaml");
        Assert.That(interfered, Is.EqualTo(1));
        Assert.That(shop.Warehouse.Heard.Skip(heard).Count(s => s.StartsWith("SELECT count(*) FROM (SELECT 1 AS one", StringComparison.Ordinal)), Is.EqualTo(4), "both checks of the keys were made twice");
        Assert.That(shop.Warehouse.Heard.Skip(heard).Count(s => s.StartsWith("COPY", StringComparison.Ordinal)), Is.EqualTo(1), "what was staged was kept");
        await shop.AssertLoadedAsync("after the conflict");
    }

    private static async Task KilledAsync(RedshiftShop shop, string point)
    {
        var killed = await shop.Project.RunAtAsync($"{point}:kill", "run", "orders.yaml");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), $"{point}: {killed}");
    }
}
