using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>
/// Somebody deletes the checkpoint under a target to which rows are appended, or puts an old one back. A run from there would load again what is there: it refuses, and a
/// person says how to go on.
/// </summary>
public sealed class LostCheckpointTests
{
    [TestCase("sqlite")]
    [TestCase("duckdb")]
    [TestCase("csv")]
    [TestCase("postgres", Category = "Integration")]
    [Property("Fault", 67)]
    public async Task A_target_whose_checkpoint_was_deleted_is_not_appended_to_from_the_beginning(string target)
    {
        await using var events = await Events.CreateAsync(target);
        await events.GrowAsync(10);
        await events.SucceedAsync();
        await events.GrowAsync(20);
        await events.SucceedAsync();
        await events.GrowAsync(30);

        await events.DeleteCheckpointAsync();
        await events.RefusedAsync(expected: 20);

        // The CSV files' checkpoints are all there is; elsewhere the audit knows where the target is.
        if (target != "csv")
        {
            await events.SucceedAsync("state", "reset", Events.Pipeline, "log", "--to-epoch", "2", "--yes");
            await events.SucceedAsync();
            Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)));
            await events.DeleteCheckpointAsync();
            await events.RefusedAsync(expected: 30);
        }

        await events.SucceedAsync("run", Events.Pipeline, "--full-refresh");
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(30)));
        await events.GrowAsync(40);
        await events.SucceedAsync();
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(40)));
    }

    [TestCase("sqlite")]
    [TestCase("duckdb")]
    [TestCase("postgres", Category = "Integration")]
    [Property("Fault", 67)]
    public async Task An_old_checkpoint_that_was_put_back_is_refused(string target)
    {
        await using var events = await Events.CreateAsync(target);
        await events.GrowAsync(10);
        await events.SucceedAsync();
        await events.StateAsync("create table {0}old_checkpoint as select * from {0}checkpoint");
        await events.GrowAsync(20);
        await events.SucceedAsync();
        await events.StateAsync("delete from {0}checkpoint");
        await events.StateAsync("insert into {0}checkpoint select * from {0}old_checkpoint");
        await events.GrowAsync(30);
        await events.RefusedAsync(expected: 20);
    }

    [Test]
    [Property("Fault", 67)]
    public async Task A_lake_whose_log_lost_its_checkpoint_is_not_appended_to_from_the_beginning()
    {
        await using var events = await Events.CreateAsync("lake");
        await events.GrowAsync(10);
        await events.SucceedAsync();
        var log = Directory.GetFiles(events.Project.PathOf("out/log/_delta_log"), "*.json").Single();
        var lines = await File.ReadAllLinesAsync(log);
        // The log holds it twice: as history, and as the table's state.
        var kept = lines.Where(l => !l.StartsWith("{\"commitInfo\"", StringComparison.Ordinal) && !l.StartsWith("{\"domainMetadata\"", StringComparison.Ordinal)).ToList();
        Assert.That(kept, Has.Count.EqualTo(lines.Length - 2));
        await File.WriteAllLinesAsync(log, kept);
        await events.GrowAsync(20);
        await events.RefusedAsync(expected: 10);
        await events.SucceedAsync("run", Events.Pipeline, "--full-refresh");
        Assert.That(await events.RowsAsync(), Is.EqualTo(Events.Numbers(20)));
    }
}
