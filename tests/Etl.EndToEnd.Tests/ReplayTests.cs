using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Refused rows are replayed: each is closed once, whatever happens on the way, and never comes back over a newer version.</summary>
public sealed class ReplayTests
{
    [Test]
    public async Task A_replay_runs_refused_rows_through_the_mended_pipeline_and_keeps_what_fails_again()
    {
        using var project = await RefusedAsync("duckdb");
        var before = await PositionsAsync(project);
        Mend(project);
        var report = await project.ReportAsync("dead-letters", "replay", "orders.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Stage(report, "orders")["rows_out"]!.GetValue<int>(), Is.EqualTo(6), "only the refused rows are read");
            Assert.That(report["loads"]!.AsArray().Select(l => (l!["epoch"]!.GetValue<int>(), l["inserted"]!.GetValue<int>())), Is.All.EqualTo((2, 3)));
            Assert.That(await PositionsAsync(project), Is.EqualTo(before), "positions stay");
            Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "3 open 0 replayed 0 superseded", "0 open 6 replayed 0 superseded" }));
            Equal(project, "duckdb", "amount > -35");
        }

        Assert.That((await project.RunAsync("dead-letters", "show", "orders.yaml")).Out.Split('\n').Count(l => l.StartsWith("checked.amount_positive", StringComparison.Ordinal)), Is.EqualTo(3), "those that failed again");

        // The increments go on from where they were.
        project.Sqlite("shop.db", "insert into orders values (700, 'next', 1, '2026-03-01', '2026-05-01T00:00:00Z', null)");
        var next = await project.ReportAsync("run", "orders.yaml");
        Assert.That(Stage(next, "orders")["rows_out"]!.GetValue<int>(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_row_that_is_gone_or_was_changed_since_is_superseded_and_left_to_the_run_that_reads_it()
    {
        using var project = await RefusedAsync("sqlite");
        Mend(project);
        project.Sqlite("shop.db", """
            delete from orders where id = 10;
            update orders set amount = 2.50, updated_at = '2026-05-01T00:00:00Z' where id = 20;
            update orders set amount = 3.50 where id = 30;
            """);
        await project.ReportAsync("dead-letters", "replay", "orders.yaml");
        using (Assert.EnterMultipleScope())
        {
            // 10 is gone and 20 belongs to the next run; 30 was mended without a trace, so its current version is loaded; 40 to 60 fail again.
            Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "3 open 0 replayed 0 superseded", "0 open 4 replayed 2 superseded" }));
            Assert.That(project.SqliteRows("out/sqlite.db", "select amount from orders where id % 10 = 0 order by id"), Is.EqualTo(new[] { "3.5" }));
        }

        await project.ReportAsync("run", "orders.yaml");
        Equal(project, "sqlite", "amount > -35");
    }

    [Test]
    public async Task Letters_are_selected_by_rule_and_by_run()
    {
        using var project = SmallShop.Project("duckdb", "keep");
        project.Replace("orders.yaml", "on_fail: dead_letter }", "on_fail: dead_letter }\n        - { name: not_six, expect: \"id <> 6\", on_fail: dead_letter }");
        var first = (await project.ReportAsync("run", "orders.yaml"))["run_id"]!.GetValue<string>();
        project.Sqlite("shop.db", "insert into orders values (710, 'bad', -1, '2026-03-01', '2026-05-01T00:00:00Z', null)");
        await project.ReportAsync("run", "orders.yaml");
        project.Replace("orders.yaml", "id <> 6", "id <> 0");
        Mend(project);

        await project.ReportAsync("dead-letters", "replay", "orders.yaml", "--rule", "not_six");
        Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "1 open 0 replayed 0 superseded", "6 open 1 replayed 0 superseded" }));
        await project.ReportAsync("dead-letters", "replay", "orders.yaml", "--run", first);
        Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "3 open 0 replayed 0 superseded", "1 open 0 replayed 0 superseded", "0 open 7 replayed 0 superseded" }));
        Assert.That((await project.ReportAsync("dead-letters", "replay", "orders.yaml", "--rule", "not_six"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    [TestCase("duckdb", "replay.keys")]
    [TestCase("duckdb", "staged")]
    [TestCase("duckdb", "dead_letters.written")]
    [TestCase("duckdb", "publish.before")]
    [TestCase("duckdb", "publish.after")]
    [TestCase("duckdb", "committed")]
    [TestCase("duckdb", "lake.after_commit")]
    [TestCase("sqlite", "sqlite.before_commit")]
    [TestCase("sqlite", "sqlite.after_commit")]
    public async Task A_replay_after_one_that_was_killed_closes_each_letter_once(string warehouse, string point)
    {
        using var project = await RefusedAsync(warehouse);
        Mend(project);
        var killed = await project.RunAtAsync($"{point}:kill", "dead-letters", "replay", "orders.yaml");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        await project.ReportAsync("dead-letters", "replay", "orders.yaml");
        Equal(project, warehouse, "amount > -35");

        // What failed again in the killed replay, where that was published, was replayed once more: what is open is the same three rows in the end.
        var show = await project.RunAsync("dead-letters", "show", "orders.yaml", "--output", "json");
        var open = JsonNode.Parse(show.Out)!["rows"]!.AsArray().Select(r => r!["row"]!["id"]!.GetValue<int>()).Distinct().Order();
        Assert.That(open, Is.EqualTo(new[] { 40, 50, 60 }), show.ToString());
        Assert.That(SmallShop.Leftovers(project, warehouse), Is.Empty);
        Assert.That((await project.ReportAsync("run", "orders.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    [TestCase("staged", 1)]
    [TestCase("sqlite.before_commit", 1)]
    [TestCase("sqlite.after_commit", 2)]
    public async Task Where_rows_are_appended_a_replay_adds_each_once(string point, int epochs)
    {
        using var project = Appending();
        await project.ReportAsync("run", "orders.yaml");
        Mend(project);
        project.Sqlite("shop.db", "update orders set amount = 2.50, updated_at = '2026-05-01T00:00:00Z' where id = 20");
        await project.ReportAsync("run", "orders.yaml");
        await project.RunAtAsync($"{point}:kill", "dead-letters", "replay", "orders.yaml");
        Assert.That(SmallShop.Epochs(project, "sqlite"), Has.Count.EqualTo(epochs + 1));
        await project.RunAsync("dead-letters", "replay", "orders.yaml");

        // 20 was appended in its newer version, so its refused one is superseded.
        Assert.That(project.SqliteRows("out/sqlite.db", "select id || ' ' || amount from orders where id % 10 = 0 order by id"), Is.EqualTo(new[] { "10 -10", "20 2.5", "30 -30" }));
        Assert.That(project.SqliteRows("out/sqlite.db", "select count(*) from orders"), Is.EqualTo(new[] { "57" }));
    }

    [TestCase("replay.keys", 1)]
    [TestCase("sqlite.before_commit", 1)]
    [TestCase("sqlite.after_commit", 2)]
    public async Task Rows_that_no_key_finds_are_appended_as_they_were_read_each_once(string point, int epochs)
    {
        using var project = OfQuery();
        await project.ReportAsync("run", "orders.yaml");
        Mend(project);
        project.Sqlite("shop.db", "update orders set amount = 2.50, updated_at = '2026-05-01T00:00:00Z' where id = 20");
        var killed = await project.RunAtAsync($"{point}:kill", "dead-letters", "replay", "orders.yaml");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        Assert.That(SmallShop.Epochs(project, "sqlite"), Has.Count.EqualTo(epochs));
        await project.ReportAsync("dead-letters", "replay", "orders.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(project.SqliteRows("out/sqlite.db", "select id || ' ' || amount || ' ' || day from orders where id % 10 = 0 order by id"), Is.EqualTo(new[] { "10 -10 2026-03-05", "20 -20 2026-03-03", "30 -30 2026-03-01" }), "as they were read");
            Assert.That(project.SqliteRows("out/sqlite.db", "select count(*) from orders"), Is.EqualTo(new[] { "57" }));
            Assert.That((await StatesAsync(project))[0], Does.StartWith("3 open"), "what failed again is open again");
        }

        // The change of 20 is a row of its own, which the next run appends.
        var next = await project.ReportAsync("run", "orders.yaml");
        Assert.That(next["loads"]![0]!["inserted"]!.GetValue<int>(), Is.EqualTo(1));
    }

    [Test]
    public async Task Rows_that_no_key_finds_are_selected_by_rule()
    {
        using var project = OfQuery();
        project.Replace("orders.yaml", "on_fail: dead_letter }", "on_fail: dead_letter }\n        - { name: not_six, expect: \"id <> 6\", on_fail: dead_letter }");
        await project.ReportAsync("run", "orders.yaml");
        project.Replace("orders.yaml", "id <> 6", "id <> 0");
        Mend(project);
        await project.ReportAsync("dead-letters", "replay", "orders.yaml", "--rule", "not_six");
        Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "6 open 1 replayed 0 superseded" }));
        await project.ReportAsync("dead-letters", "replay", "orders.yaml");
        Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "3 open 0 replayed 0 superseded", "0 open 7 replayed 0 superseded" }));
        Assert.That(project.SqliteRows("out/sqlite.db", "select count(*) || ' ' || count(distinct id) from orders"), Is.EqualTo(new[] { "57 57" }));
    }

    [Test]
    public async Task Rows_that_no_key_finds_and_that_lost_a_column_on_the_way_are_not_replayed()
    {
        using var project = OfQuery();
        project.Replace("orders.yaml", "  - id: checked\n    transform: check\n    from: orders\n", "  - { id: fewer, transform: select, from: orders, with: { columns: [id, amount, day, updated_at] } }\n  - id: checked\n    transform: check\n    from: fewer\n");
        await project.ReportAsync("run", "orders.yaml");
        Mend(project);
        var refused = await project.RunAsync("dead-letters", "replay", "orders.yaml");
        Assert.That((refused.ExitCode, refused.Out.Contains("ETL4223", StringComparison.Ordinal), refused.Out.Contains("'name'", StringComparison.Ordinal)), Is.EqualTo((1, true, true)), refused.ToString());
        Assert.That(SmallShop.Epochs(project, "sqlite"), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_file_of_dead_letters_that_was_changed_is_not_replayed()
    {
        using var project = await RefusedAsync("duckdb");
        var file = Directory.GetFiles(project.PathOf("lake/refused")).Single();
        File.AppendAllText(file, " ");
        var result = await project.RunAsync("dead-letters", "replay", "orders.yaml");
        Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
        Assert.That(result.Out, Does.Contain("ETL4227"));
        Assert.That(SmallShop.Epochs(project, "duckdb"), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Discarded_letters_are_closed_with_a_reason_that_the_audit_keeps()
    {
        using var project = await RefusedAsync("sqlite");
        var noReason = await project.RunAsync("dead-letters", "discard", "orders.yaml");
        Assert.That(noReason.ExitCode, Is.EqualTo(2), noReason.ToString());

        var result = await project.RunAsync("dead-letters", "discard", "orders.yaml", "--rule", "amount_positive", "--reason", "test orders");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.ExitCode, result.Out), Is.EqualTo((0, "warehouse: 6 dead letters discarded in epoch 2\nlake: 6 dead letters discarded in epoch 2\n")), result.ToString());
            Assert.That(project.SqliteRows("out/sqlite.db", "select json_extract(checkpoint, '$.note') from _etl_epoch where n = 2"), Is.EqualTo(new[] { "discarded: test orders" }));
            Assert.That(project.SqliteRows("out/sqlite.db", "select json_extract(checkpoint, '$.version') from _etl_epoch order by n"), Is.EqualTo(new[] { "1", "2" }), "an older program stops at what it does not know");
            Assert.That((await project.RunAsync("dead-letters", "list", "orders.yaml")).Out, Does.Contain(" discarded "));
            Assert.That((await project.RunAsync("dead-letters", "discard", "orders.yaml", "--reason", "again")).Out, Is.EqualTo("no dead letters are open\n"));
        }

        await project.ReportAsync("run", "orders.yaml", "--full-refresh");
        Assert.That((await StatesAsync(project))[0], Is.EqualTo("6 open 0 replayed 0 superseded"), "what is read again is refused again");
    }

    [Test]
    public async Task A_full_refresh_supersedes_the_letters_before_it()
    {
        using var project = await RefusedAsync("duckdb");
        await project.ReportAsync("run", "orders.yaml", "--full-refresh");
        Assert.That(await StatesAsync(project), Is.EqualTo(new[] { "6 open 0 replayed 0 superseded", "0 open 0 replayed 6 superseded" }));
    }

    [Test]
    public async Task Files_are_deleted_after_the_time_to_keep_them_unless_a_row_is_open()
    {
        using var project = await RefusedAsync("duckdb");
        project.Replace("orders.yaml", "max_ratio: 1", "max_ratio: 1, keep: 1s");
        var old = Directory.GetFiles(project.PathOf("lake/refused")).Single();
        await Task.Delay(1100);
        project.Sqlite("shop.db", "update orders set amount = 1, updated_at = '2026-05-01T00:00:00Z' where id = 1");
        await project.ReportAsync("run", "orders.yaml");
        Assert.That(File.Exists(old), Is.True, "its rows are open");

        Mend(project);
        await project.ReportAsync("dead-letters", "replay", "orders.yaml");
        var left = Directory.GetFiles(project.PathOf("lake/refused"));
        Assert.That(left, Has.Length.EqualTo(1).And.No.Member(old), "what was refused again is open");
    }

    private static async Task<ProjectFolder> RefusedAsync(string warehouse)
    {
        var project = SmallShop.Project(warehouse, "keep");
        await project.ReportAsync("run", "orders.yaml");
        return project;
    }

    // Of the bad amounts -10, -20, ... -60 the first three are good from now on.
    private static void Mend(ProjectFolder project) => project.Replace("orders.yaml", "amount > 0", "amount > -35");

    private static ProjectFolder Appending()
    {
        var project = SmallShop.Project("sqlite", "keep");
        var text = project.Read("orders.yaml");
        var lake = text.IndexOf("  - id: lake", StringComparison.Ordinal);
        project.Write("orders.yaml", text[..lake] + text[text.IndexOf("policies:", StringComparison.Ordinal)..]);
        project.Replace("orders.yaml", "mode: upsert, key: [id], on_excluded: keep", "mode: append");
        project.Replace("orders.yaml", ", deleted_when: \"deleted_at is not null\"", "");
        return project;
    }

    private static ProjectFolder OfQuery()
    {
        var project = Appending();
        project.Replace("orders.yaml", "extract: table", "extract: query");
        project.Replace("orders.yaml", "table: orders\n      incremental", "query: select * from orders\n      incremental");
        return project;
    }

    private static void Equal(ProjectFolder project, string warehouse, string good)
    {
        var expected = SmallShop.Expected(project, good);
        Rows.AreEqual(expected, SmallShop.Warehouse(project, warehouse), warehouse);
        Rows.AreEqual(expected, SmallShop.Lake(project), "lake");
    }

    private static async Task<List<string>> StatesAsync(ProjectFolder project)
    {
        var list = await project.RunAsync("dead-letters", "list", "orders.yaml", "--output", "json");
        Assert.That(list.ExitCode, Is.Zero, list.ToString());
        return [.. JsonNode.Parse(list.Out)!["files"]!.AsArray().Select(f => $"{f!["open"]} open {f["replayed"]} replayed {f["superseded"]} superseded")];
    }

    private static async Task<List<string>> PositionsAsync(ProjectFolder project)
    {
        var state = await project.RunAsync("state", "show", "orders.yaml", "--output", "json");
        return [.. JsonNode.Parse(state.Out)!["targets"]!.AsArray().Select(t => t!["checkpoint"]!["sources"]!.ToJsonString())];
    }

    private static JsonNode Stage(JsonNode report, string id) => report["stages"]!.AsArray().Single(s => s!["stage"]!.GetValue<string>() == id)!;
}
