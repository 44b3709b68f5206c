using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What cannot be replayed, read again by a range or compared with its source is told before anything is changed, pinned whole.</summary>
public sealed class RepairTextTests
{
    private const string Replay = "dead-letters replay orders.yaml";
    private const string Backfill = "run orders.yaml --from 2026-03-02 --to 2026-03-03";
    private const string Reconcile = "reconcile orders.yaml --stage warehouse";

    private static readonly (string, string) Undeleted = (", deleted_when: \"deleted_at is not null\"", "");
    private static readonly (string, string) OfQuery = ("table: orders\n      incremental:", "query: select * from orders\n      incremental:");
    private static readonly (string, string) Declared = ("table: orders\n      incremental:", "table: orders\n      backfill: { column: day }\n      incremental:");
    private static readonly (string, string) NoLake = ("  - id: lake\n    load: parquet\n    from: checked\n    connection: lake\n    with: { path: \"orders/{year}/{month}/{day}/\", partition_by: day, mode: upsert, key: [id], on_excluded: keep }\n", "");

    private static readonly (string, string) Fewer = (
        "  - id: checked\n    transform: check\n    from: orders\n",
        "  - { id: fewer, transform: select, from: orders, with: { columns: [id, amount, day, updated_at] } }\n  - id: checked\n    transform: check\n    from: fewer\n");

    // How the pipeline first runs (it never does where that is null), what is changed then, and what the command tells.
    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case(Replay, [], p => Directory.Delete(p.PathOf("lake/refused"), recursive: true), "error ETL4220 in stage orders: the dead letters in 'refused/RUN-1-warehouse-checked.parquet' are not there\n    Someone has removed the file. Restore it; or correct the rows in the source so that the next run reads them, and close these with `etl dead-letters discard`.");
        yield return Case(Replay, [], p => File.AppendAllText(Directory.GetFiles(p.PathOf("lake/refused")).Single(), " "), "error ETL4227 in stage orders: the dead letters in 'refused/RUN-1-warehouse-checked.parquet' are not those that were committed: their hash differs\n    The file was changed or damaged. Restore it, or close its rows with `etl dead-letters discard`.");
        yield return Case(Replay, [("dead_letters: { connection: lake", "dead_letters: { connection: letters")], p => p.Replace("orders.yaml", "connection: letters, path: \"refused/\", ", ""), "error ETL4228 in stage orders: dead letters are kept in the connection 'letters', which the pipeline does not use any more\n    Name it in policies.dead_letters while they are read.");
        yield return Case(Replay, [("extract: table", "extract: query"), OfQuery], Nothing, "error ETL4223 in stage warehouse: rows of 'orders' cannot be read again one by one: 'query' does not look rows up by a key\n    Correct the rows in the source so that the next run reads them, or run with --full-refresh.");
        yield return Case(Replay, [("extract: table", "extract: query"), OfQuery, Undeleted, Fewer, Load("mode: append"), NoLake], Nothing, "error ETL4223 in stage warehouse: rows of 'orders' cannot be read again one by one, and those that 'checked' refused do not hold the column 'name' as it was read\n    Keep all columns of the source up to the stage that refuses, declare the primary key in the contract, or run with --full-refresh.");
        yield return Case(Replay, [("\n      incremental: { cursor: updated_at, deleted_when: \"deleted_at is not null\" }", ""), Load("mode: replace")], Nothing, "error ETL4224 in stage warehouse: 'warehouse' is loaded from everything in each run: the next run reads the refused rows again\n    Run the pipeline.");
        yield return Case(Replay, [], p => p.Write("orders.yaml", p.Read("orders.yaml").Replace("checked", "verified", StringComparison.Ordinal)), "error ETL4225 in stage warehouse: dead letters are of the stage 'checked', which the pipeline does not have any more\n    Select others with --stage; run with --full-refresh for these, or close them with `etl dead-letters discard`.");
        yield return Case(Replay, [Undeleted, Load("mode: append"), Above("{ id: single, transform: sql, from: checked, with: { query: \"select * from checked\", key: [id] } }"), NoLake], Nothing, "error ETL4225 in stage warehouse: a stage above 'warehouse' looks at several rows at once: rows that are replayed alone would come out otherwise\n    Correct the rows in the source so that the next run reads them, or run with --full-refresh.");
        yield return Case(Replay, [Undeleted, Load("mode: upsert, key: [code], on_excluded: keep"), Above("{ id: coded, transform: derive, from: checked, with: { columns: { code: \"id + 1\" } } }", "{ id: sound, transform: check, from: coded, with: { rules: [{ name: coded, not_null: [code], on_fail: dead_letter }] } }", "{ id: single, transform: deduplicate, from: sound, with: { key: [code], order_by: [id] } }"), NoLake], Nothing, "error ETL4226 in stage warehouse: the key column 'code' of 'warehouse' is made on the way, so rows of 'orders' cannot be found by it\n    Correct the rows in the source so that the next run reads them, or run with --full-refresh.");
        yield return Case(Backfill, [Undeleted, Declared, Load("mode: append")], Nothing, "error ETL4230 in stage warehouse: 'warehouse' does not upsert: rows that are read again would be there twice, or all others be gone\n    Use mode: upsert, or run with --full-refresh.");
        yield return Case(Backfill, [Declared, Load("mode: upsert, key: [day], on_excluded: keep"), Above("{ id: single, transform: deduplicate, from: checked, with: { key: [day], order_by: [id] } }")], Nothing, "error ETL4231 in stage warehouse: several rows of 'orders' can be of one key of 'warehouse': those within the range could replace newer ones outside it\n    Run with --full-refresh.");
        yield return Case(Backfill, null, p => p.Replace("orders.yaml", Declared.Item1, Declared.Item2), "error ETL4232 in stage warehouse: 'warehouse' was never loaded, and a first run reads everything\n    Run without --from and --to.");
        yield return Case(Reconcile, [], p => p.Sqlite("shop.db", "delete from orders where id = 3; update orders set amount = 99 where id in (1, 2)"), "error ETL4236: not what the source has: orders in sqlite out/sqlite.db: 0 missing, 2 different, 1 extra\n    `etl reconcile PIPELINE --repair` makes it so.");
        yield return Case(Reconcile, [Undeleted, Load("mode: append")], Nothing, "error ETL4233 in stage warehouse: 'warehouse' does not upsert: which of its rows is which of the source's, only a key tells\n    Use mode: upsert, name another load with --stage, or run with --full-refresh.");
        yield return Case(Reconcile, null, Nothing, "error ETL4235 in stage warehouse: 'warehouse' was never loaded, and a first run reads everything\n    Run the pipeline.");
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_its_code_and_what_to_do(string command, (string Old, string New)[]? first, Action<ProjectFolder> then, string told)
    {
        using var project = SmallShop.Project("sqlite", "keep");
        project.Replace("connections.yaml", "  lake:", "  letters: { type: file, root: letters }\n  lake:");
        foreach (var (old, text) in first ?? [])
        {
            project.Replace("orders.yaml", old, text);
        }

        if (first is not null)
        {
            await project.ReportAsync("run", "orders.yaml");
        }

        then(project);
        Assert.That(Told.By(await project.RunAsync(command.Split(' ')), project), Is.EqualTo(told));
    }

    [Test]
    public async Task Totals_are_not_compared_with_rows()
    {
        using var project = SmallShop.Project("sqlite");
        project.Write("totals.yaml", """
            apiVersion: etl/v1
            pipeline: totals
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: totals, transform: aggregate, from: orders, with: { group_by: [day], columns: { orders: "count(*)" } } }
              - { id: warehouse, load: table, from: totals, connection: dwh, with: { table: totals, mode: upsert, key: [day] } }
            """);
        await project.ReportAsync("run", "totals.yaml");
        Assert.That(Told.By(await project.RunAsync("reconcile", "totals.yaml"), project), Is.EqualTo("error ETL4237 in stage warehouse: a stage above 'warehouse' looks at several rows at once: a key that 'orders' lacks may be there all the same\n    Name another load with --stage, or run with --full-refresh."));
    }

    [Test]
    public async Task Rows_whose_key_SQLite_writes_in_several_ways_are_not_looked_up()
    {
        using var project = SmallShop.Project("sqlite", "keep");
        project.Replace("orders.contract.yaml", ", primaryKey: true, primaryKeyPosition: 1", "");
        project.Replace("orders.contract.yaml", "{ name: day, logicalType: date, required: true }", "{ name: day, logicalType: date, required: true, primaryKey: true }");
        project.Write("orders.yaml", project.Read("orders.yaml").Replace("key: [id]", "key: [day]", StringComparison.Ordinal));
        project.Sqlite("shop.db", "delete from orders where id not in (10, 11)");
        await project.ReportAsync("run", "orders.yaml");
        Assert.That(Told.By(await project.RunAsync("dead-letters", "replay", "orders.yaml"), project), Is.EqualTo("error ETL4229 in stage orders: rows of table 'orders' cannot be looked up by 'day': SQLite has several ways to write a date32\n    Correct the rows in the source so that the next run reads them, or run with --full-refresh."));
    }

    [Test]
    public async Task A_target_of_a_plugin_that_keeps_no_epochs_has_no_letters_to_close()
    {
        using var project = SmallShop.Project("sqlite", "keep");
        PluginTests.CopySample(project);
        project.Write("orders.yaml", """
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: checked, transform: check, from: orders, with: { rules: [{ name: amount_positive, expect: "amount > 0", on_fail: dead_letter }] } }
              - { id: warehouse, load: tally, from: checked, with: { file: tally.json } }
            policies:
              dead_letters: { max_ratio: 1 }
            """);
        await project.ReportAsync("run", "orders.yaml", "--plugins", "plugins");
        Assert.That(Told.By(await project.RunAsync("dead-letters", "replay", "orders.yaml", "--plugins", "plugins"), project), Is.EqualTo("error ETL4222 in stage warehouse: tally.json does not keep its epochs, so nothing can say which dead letters of 'warehouse' are closed\n    Correct the rows in the source so that the next run reads them, or run with --full-refresh."));
    }

    private static (string, string) Load(string how) => ("with: { table: orders, mode: upsert, key: [id], on_excluded: keep }", $"with: {{ table: orders, {how} }}");

    // Stages between the check and the warehouse; the last is called single.
    private static (string, string) Above(params string[] stages) => (
        "  - id: warehouse\n    load: table\n    from: checked\n",
        string.Concat(stages.Select(s => $"  - {s}\n")) + "  - id: warehouse\n    load: table\n    from: single\n");

    private static void Nothing(ProjectFolder project)
    {
    }

    private static TestCaseData Case(string command, (string Old, string New)[]? first, Action<ProjectFolder> then, string told) =>
        new TestCaseData(command, first, then, told).SetArgDisplayNames(told.Split(':')[0]);
}
