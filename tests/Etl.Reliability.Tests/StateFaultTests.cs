using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>A state, a table or a pipeline that changed between two runs: the run refuses, says what to do, and publishes nothing.</summary>
public sealed class StateFaultTests
{
    [TestCase("replace(checkpoint, '\"rows\":', '\"rows\":1')", "ETL6001", Description = "edited")]
    [TestCase("'no json'", "ETL6001", Description = "damaged")]
    [Property("Fault", 67)]
    public Task A_checkpoint_that_someone_changed_is_refused(string value, string code) => RefusedAsync(rig =>
        rig.Project.Sqlite("out/sqlite.db", $"update _etl_checkpoint set checkpoint = {value}"), code);

    [Test]
    [Property("Fault", 69)]
    public Task A_checkpoint_of_a_newer_version_is_refused() => RefusedAsync(rig =>
        rig.Project.Sqlite("out/sqlite.db", "update _etl_checkpoint set checkpoint = replace(checkpoint, '\"version\":1', '\"version\":99')"), "ETL6002");

    [TestCase("key: [id], on_excluded: delete }\n  - id: lake", "key: [id, day], on_excluded: delete }\n  - id: lake", Description = "the key")]
    [TestCase("table: orders\n      incremental: { cursor: updated_at", "table: orders\n      incremental: { cursor: day", Description = "the cursor")]
    [Property("Fault", 68)]
    public Task A_pipeline_whose_key_or_cursor_changed_is_refused(string before, string after) => RefusedAsync(rig =>
        rig.Project.Replace(Rig.Pipeline, before, after), "ETL6003", restore: rig => rig.Project.Replace(Rig.Pipeline, after, before));

    [TestCase("duckdb")]
    [TestCase("sqlite")]
    [TestCase("postgres", Category = "Integration")]
    [Property("Fault", 53)]
    public async Task A_target_table_that_someone_dropped_is_not_made_again_with_what_is_new_only(string target)
    {
        await using var rig = await Rig.CreateAsync(target);
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        await DropAsync(rig);
        var refused = await rig.RunAsync();
        Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString());
        Assert.That(refused.Out, Does.Contain("ETL4308"), refused.ToString());

        var refreshed = await rig.RunAsync(null, "--full-refresh");
        Assert.That(refreshed.ExitCode, Is.Zero, refreshed.ToString());
        Rows.AreEqual(await rig.ExpectedAsync(), await rig.WarehouseAsync($"select {(target == "sqlite" ? SmallShop.SqliteLine : SmallShop.Line)} from {(target == "postgres" ? "dwh.orders" : "orders")}"), "refreshed");
    }

    [TestCase("alter table orders rename column name to title")]
    [TestCase("alter table orders drop column name")]
    [Property("Fault", 52)]
    public Task A_source_column_that_is_gone_is_told_and_no_value_moves_to_another(string change) => RefusedAsync(rig => rig.Project.Sqlite("shop.db", change), "ETL45");

    // Refused while it is so, and again once it is taken back: then the run goes on where it was.
    private static async Task RefusedAsync(Action<Rig> change, string code, Action<Rig>? restore = null)
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        var before = await rig.WarehouseAsync($"select {SmallShop.SqliteLine} from orders");
        change(rig);
        var refused = await rig.RunAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString());
            Assert.That(JsonNode.Parse(refused.Out)!["error"]!["code"]!.GetValue<string>(), Does.StartWith(code), refused.ToString());
            Assert.That(JsonNode.Parse(refused.Out)!["error"]!["hint"]?.GetValue<string>(), Is.Not.Null.And.Not.Empty, refused.ToString());
            Rows.AreEqual(before, await rig.WarehouseAsync($"select {SmallShop.SqliteLine} from orders"), "nothing is published");
        }

        if (restore is not null)
        {
            restore(rig);
            await Oracle.HoldsAsync(rig, await rig.SucceedAsync("restored"), "restored");
        }
    }

    private static async Task DropAsync(Rig rig)
    {
        switch (rig.Target)
        {
            case "postgres":
                await rig.Server.ExecuteAsync(rig.Database!, "drop table dwh.orders");
                break;
            case "sqlite":
                rig.Project.Sqlite("out/sqlite.db", "drop table orders");
                break;
            default:
                rig.Project.Duck("out/duckdb.db", "DROP TABLE orders");
                break;
        }
    }
}
