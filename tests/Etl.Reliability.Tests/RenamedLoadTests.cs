using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>
/// A pipeline and its load stage get other names. Rows are appended, so whatever is read twice is there twice: only <c>state move</c> lets the load go on where it was.
/// </summary>
public sealed class RenamedLoadTests
{
    [TestCase("sqlite")]
    [TestCase("duckdb")]
    [TestCase("lake")]
    [TestCase("csv")]
    [TestCase("postgres", Category = "Integration")]
    public async Task A_renamed_load_goes_on_where_it_was_after_its_state_was_moved(string target)
    {
        await using var events = await LoadedAndRenamedAsync(target);
        await MovedAsync(events);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(20)), "there was nothing new");
        await events.GrowAsync(30);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)));

        if (target is "lake" or "csv")
        {
            return;
        }

        // The audit was moved with it: under the new name too it tells that a checkpoint is missing, and gives it back.
        await events.DeleteCheckpointAsync();
        await events.GrowAsync(40);
        await events.RefusedAsync(expected: 30);
        await events.SucceedAsync("state", "reset", Events.Pipeline, "record", "--to-epoch", "4", "--yes");
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(40)));
    }

    [TestCase("sqlite")]
    [TestCase("lake")]
    [TestCase("csv")]
    public async Task Without_a_move_a_renamed_load_reads_everything_again(string target)
    {
        await using var events = await LoadedAndRenamedAsync(target);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(40), "each is there twice");
        await RefusedAsync(events, "ETL6009");
    }

    [TestCase("sqlite", "sqlite.before_commit", false)]
    [TestCase("duckdb", "committed", true)]
    [TestCase("lake", "lake.after_commit", true)]
    [TestCase("csv", "csv.before_commit", false)]
    [TestCase("csv", "csv.after_commit", true)]
    [TestCase("postgres", "postgres.publish.after_commit", true, Category = "Integration")]
    public async Task A_move_that_is_killed_happened_or_did_not(string target, string point, bool happened)
    {
        await using var events = await LoadedAndRenamedAsync(target);
        var killed = await events.Project.RunAtAsync($"{point}:kill", Move);
        Assert.That(killed.ExitCode, Is.EqualTo(137), killed.ToString());
        if (happened)
        {
            await RefusedAsync(events, "ETL6009");
        }
        else
        {
            await MovedAsync(events);
        }

        await events.GrowAsync(30);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)));
    }

    [Test]
    public async Task A_load_is_not_moved_while_a_run_holds_it_under_the_old_name()
    {
        await using var events = await Events.CreateAsync("sqlite");
        await events.GrowAsync(10);
        await events.SucceedAsync();
        await events.GrowAsync(20);
        using var run = events.Project.StartAt("snapshot.taken:pause", "run", Events.Pipeline);
        for (var attempt = 0; events.Project.SqliteRows("out/sqlite.db", "select 1 from _etl_checkpoint where lease_until > 0").Count == 0; attempt++)
        {
            Assert.That(attempt, Is.LessThan(3000), "the run did not take the lease");
            await Task.Delay(100);
        }

        Rename(events);
        var move = await events.Project.RunAsync(Move);
        Assert.That(move.ExitCode, Is.EqualTo(4), move.ToString());
        await run.GoOnAsync();
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.Zero, ended.ToString());
        await MovedAsync(events);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(20)));
    }

    [Test]
    public async Task What_does_not_fit_is_not_moved()
    {
        await using var events = await LoadedAndRenamedAsync("duckdb");
        await RefusedAsync(events, "ETL6008", "state", "move", Events.Pipeline, "record", "--from-pipeline", "logg", "--from-stage", "log");
        events.Project.Replace(Events.Pipeline, "mode: append", "mode: upsert, key: [id]");
        await RefusedAsync(events, "ETL6003");
        events.Project.Replace(Events.Pipeline, "mode: upsert, key: [id]", "mode: append");
        await MovedAsync(events);
    }

    [Test]
    public async Task Files_that_were_moved_keep_their_history_and_are_replaced_with_the_others()
    {
        await using var events = await LoadedAndRenamedAsync("csv");
        await MovedAsync(events);
        await events.GrowAsync(30);
        await events.SucceedAsync();
        await events.SucceedAsync("state", "reset", Events.Pipeline, "record", "--to-epoch", "1", "--yes");
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(50), "what came after the first epoch, which had another name, is there twice");
        var anew = await events.Project.RunAsync("run", Events.Pipeline, "--full-refresh");
        Assert.That(anew.ExitCode, Is.Zero, anew.ToString());
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)), "files of the old name are gone too");
    }

    [Test]
    public async Task Under_the_old_name_files_that_were_moved_are_refused()
    {
        await using var events = await LoadedAndRenamedAsync("csv");
        await MovedAsync(events);
        RenameBack(events);
        var refused = await events.Project.RunAsync("run", Events.Pipeline, "--output", "json");
        Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString());
        var error = JsonNode.Parse(refused.Out)!["error"]!;
        Assert.That(
            $"{error["code"]}: {error["message"]}. {error["hint"]}",
            Is.EqualTo($"ETL4546: default/log/log was moved to default/journal/record, which goes on with the files in file://{events.Project.PathOf("out/log")}. Give the load another name, or another path."));
    }

    // The names are taken again by the same load; the lake's checkpoints of its log lie before, between and after the moves.
    [TestCase("sqlite", 10)]
    [TestCase("duckdb", 10)]
    [TestCase("lake", 3)]
    [TestCase("lake", 4)]
    [TestCase("lake", 10)]
    [TestCase("postgres", 10, Category = "Integration")]
    public async Task A_load_that_was_moved_can_be_moved_back(string target, int checkpointEvery)
    {
        await using var events = await LoadedAndRenamedAsync(target);
        if (target == "lake")
        {
            events.Project.Replace(Events.Pipeline, "mode: append", $"mode: append, checkpoint_every: {checkpointEvery}");
        }

        await MovedAsync(events);
        await events.GrowAsync(30);
        await events.SucceedAsync();
        RenameBack(events);
        await events.SucceedAsync(Back);
        await events.GrowAsync(40);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(40)));
        await events.SucceedAsync("state", "reset", Events.Pipeline, "log", "--to-epoch", "4", "--yes");
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(50), "epoch 4 ended at 30, under the other name");
        await events.SucceedAsync("state", "reset", Events.Pipeline, "log", "--to-epoch", "1", "--yes");
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(80), "epoch 1 ended at 10");
    }

    // The name's numbers are taken, and what it had is the other load's.
    [TestCase("journal", "record")]
    [TestCase("other", "other")]
    public async Task Files_are_not_moved_to_a_name_that_was_moved_away(string fromPipeline, string fromStage)
    {
        await using var events = await LoadedAndRenamedAsync("csv");
        await MovedAsync(events);
        await events.GrowAsync(30);
        events.Project.Replace(Events.Pipeline, "pipeline: journal", "pipeline: other");
        events.Project.Replace(Events.Pipeline, "id: record", "id: other");
        await events.SucceedAsync();
        events.Project.Replace(Events.Pipeline, "pipeline: other", "pipeline: log");
        events.Project.Replace(Events.Pipeline, "id: other", "id: log");
        var refused = await events.Project.RunAsync("state", "move", Events.Pipeline, "log", "--from-pipeline", fromPipeline, "--from-stage", fromStage);
        Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString());
        Assert.That(refused.Error, Does.Contain("ETL4546").And.Contain("default/log/log was moved to default/journal/record, which goes on with the files"));
        Rename(events);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(60), "each load goes on where it was");
    }

    [Test]
    public async Task Files_of_killed_runs_under_either_name_go_after_a_move()
    {
        await using var events = await LoadedAndRenamedAsync("csv");
        await events.GrowAsync(30);
        await KilledAsync();
        RenameBack(events);
        await KilledAsync();
        Rename(events);
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(60), "what was not committed is seen");
        await MovedAsync(events);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)));

        async Task KilledAsync()
        {
            var killed = await events.Project.RunAtAsync("csv.before_commit:kill", "run", Events.Pipeline);
            Assert.That(killed.ExitCode, Is.EqualTo(137), killed.ToString());
        }
    }

    // The log's checkpoint comes after the move, so the history is read back through it.
    [TestCase(3)]
    [TestCase(10)]
    public async Task A_lake_keeps_its_history_when_it_is_moved(int checkpointEvery)
    {
        await using var events = await LoadedAndRenamedAsync("lake");
        events.Project.Replace(Events.Pipeline, "mode: append", $"mode: append, checkpoint_every: {checkpointEvery}");
        await MovedAsync(events);
        await events.GrowAsync(30);
        await events.SucceedAsync();
        Assert.That(File.Exists(events.Project.PathOf("out/log/_delta_log/_last_checkpoint")), Is.EqualTo(checkpointEvery == 3));

        await events.SucceedAsync("state", "reset", Events.Pipeline, "record", "--to-epoch", "1", "--yes");
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Has.Count.EqualTo(50), "what came after the first epoch, which had another name, is there twice");
        var anew = await events.Project.RunAsync("run", Events.Pipeline, "--full-refresh");
        Assert.That(anew.ExitCode, Is.Zero, anew.ToString());
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)), "no other load is left in the table that a full refresh would have to spare");
    }

    private static string[] Move => ["state", "move", Events.Pipeline, "record", "--from-pipeline", "log", "--from-stage", "log"];

    private static string[] Back => ["state", "move", Events.Pipeline, "log", "--from-pipeline", "journal", "--from-stage", "record"];

    private static async Task<Events> LoadedAndRenamedAsync(string target)
    {
        var events = await Events.CreateAsync(target);
        await events.GrowAsync(10);
        await events.SucceedAsync();
        await events.GrowAsync(20);
        await events.SucceedAsync();
        Rename(events);
        return events;
    }

    private static void Rename(Events events)
    {
        events.Project.Replace(Events.Pipeline, "pipeline: log", "pipeline: journal");
        events.Project.Replace(Events.Pipeline, "id: log", "id: record");
    }

    private static void RenameBack(Events events)
    {
        events.Project.Replace(Events.Pipeline, "pipeline: journal", "pipeline: log");
        events.Project.Replace(Events.Pipeline, "id: record", "id: log");
    }

    private static async Task MovedAsync(Events events)
    {
        var moved = await events.Project.RunAsync(Move);
        Assert.That((moved.ExitCode, moved.Out), Is.EqualTo((0, "record: moved in epoch 3\n")), moved.ToString());
    }

    private static async Task RefusedAsync(Events events, string code, params string[] arguments)
    {
        var refused = await events.Project.RunAsync(arguments is [] ? Move : arguments);
        Assert.That((refused.ExitCode, refused.Error), Is.EqualTo((1, refused.Error)), refused.ToString());
        Assert.That(refused.Error, Does.Contain(code));
    }
}
