using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>Rows that are hard on an increment: equal cursors, changes while they are read, deletions, keys that come twice.</summary>
public sealed class DataFaultTests
{
    [TestCase("sqlite")]
    [TestCase("postgres", Category = "Integration")]
    [Property("Fault", 48)]
    public async Task Ten_thousand_rows_of_one_moment_come_once_each(string target)
    {
        await using var rig = await Rig.CreateAsync(target);
        await rig.SucceedAsync("first");
        await rig.SourceAsync(target == "postgres"
            ? "insert into orders select i, 'tie', 1, '2026-03-01', '2026-05-01T00:00:00Z', null from generate_series(10001, 20000) i"
            : "with recursive n(i) as (select 10001 union all select i + 1 from n where i < 20000) insert into orders select i, 'tie', 1, '2026-03-01', '2026-05-01T00:00:00Z', null from n");
        await rig.KillAtAsync("extract.batch@4", batchRows: 1000);
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("ties"), "ties");

        // And one more of the same moment, later.
        await rig.SourceAsync("insert into orders values (20001, 'tie', 1, '2026-03-01', '2026-05-01T00:00:00Z', null)");
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("one more"), "one more");
    }

    [TestCase("sqlite")]
    [TestCase("postgres", Category = "Integration")]
    [Property("Fault", 49)]
    public async Task A_row_that_changes_while_it_is_read_arrives_with_this_run_or_the_next(string target)
    {
        await using var rig = await Rig.CreateAsync(target);
        if (target == "sqlite")
        {
            // Otherwise a writer waits for readers.
            rig.Project.Sqlite("shop.db", "pragma journal_mode = wal");
        }

        using (var run = rig.StartAt("extract.batch:pause,batch_rows=5"))
        {
            await run.SaysAsync("fail point extract.batch");
            await rig.ChangeAsync();
            await rig.ChangeAsync();
            await run.GoOnAsync();
            var ended = await run.EndAsync();
            Assert.That(ended.ExitCode, Is.Zero, ended.ToString());
        }

        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("the next"), "the next");
    }

    [Test]
    [Property("Fault", 50)]
    public async Task A_row_that_is_deleted_at_the_source_goes_if_it_was_marked_and_otherwise_with_a_full_refresh()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.SucceedAsync("first");
        await rig.SourceAsync("update orders set deleted_at = '2026-05-01T00:00:00Z', updated_at = '2026-05-01T00:00:00Z' where id = 1; delete from orders where id = 2");
        await rig.SucceedAsync("second");
        Assert.That(await rig.WarehouseAsync("select id from orders where id < 4 order by id"), Is.EqualTo(new[] { "2", "3" }), "what leaves no trace at the source is not seen, as the documentation says");
        var refreshed = await rig.RunAsync(null, "--full-refresh");
        Assert.That(refreshed.ExitCode, Is.Zero, refreshed.ToString());
        Rows.AreEqual(await rig.ExpectedAsync(), await rig.WarehouseAsync($"select {SmallShop.SqliteLine} from orders"), "refreshed");
    }

    [TestCase("duckdb")]
    [TestCase("sqlite")]
    [TestCase("postgres", Category = "Integration")]
    [Property("Fault", 56)]
    [Property("Fault", 57)]
    public async Task Of_a_key_that_comes_twice_the_same_row_wins_each_time(string target)
    {
        await using var rig = await Rig.CreateAsync(target);
        await rig.SourceAsync("update orders set updated_at = '2026-04-01T00:00:00Z', name = 'same' where id > 20");
        rig.Project.Replace(Rig.Pipeline, "  - id: checked\n", "  - { id: one, transform: deduplicate, from: orders, with: { key: [day], order_by: [updated_at desc, name] } }\n  - id: checked\n");
        rig.Project.Replace(Rig.Pipeline, "transform: check\n    from: orders", "transform: check\n    from: one");
        rig.Project.Replace(Rig.Pipeline, "key: [id]", "key: [day]");
        var first = await WinnersAsync();
        Assert.That(first, Is.Not.Empty.And.EqualTo(await WinnersAsync()));

        async Task<List<string>> WinnersAsync()
        {
            var run = await rig.RunAsync(null, "--full-refresh");
            Assert.That(run.ExitCode, Is.Zero, run.ToString());
            Assert.That(run.Out, Does.Match("\"deduplicated\": [1-9]"));
            return await rig.WarehouseAsync($"select cast(id as varchar) from {(target == "postgres" ? "dwh.orders" : "orders")} order by id");
        }
    }
}
