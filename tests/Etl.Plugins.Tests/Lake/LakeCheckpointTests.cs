using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>Checkpoints of the log: what they hold (the checker compares), and what a table is without the entries before them.</summary>
public class LakeCheckpointTests
{
    private const string Log = "orders/_delta_log/";

    [Test]
    public async Task A_table_whose_old_log_was_cleaned_up_goes_on_where_it_was()
    {
        var table = await LoadedAsync(versions: 8);
        Assert.That(table.Store.Keys().Where(k => k.EndsWith(".checkpoint.parquet", StringComparison.Ordinal)), Is.EqualTo(new[] { 3, 6 }.Select(v => $"{Log}{v:D20}.checkpoint.parquet")));
        var before = table.Read();
        foreach (var version in Enumerable.Range(0, 7))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        Assert.That(table.Read(), Is.EqualTo(before));
        await using (var session = await table.OpenAsync())
        {
            Assert.That((session.Checkpoint!.N, session.Checkpoint.Sources["source"].Position["at"]!.GetValue<int>()), Is.EqualTo((8, 1)));
        }

        var result = await table.LoadAsync([new Order(1, 19723, "again", 1), new Order(99, 19723, "new", 1)]);
        Assert.That((result.Inserted, result.Updated), Is.EqualTo((1, 1)), "files before the checkpoint are looked into");
        Assert.That(table.Read("count(*), count(distinct id), count(*) filter (note = 'again')"), Is.EqualTo(new[] { "9|9|1" }));
    }

    [Test]
    public async Task The_checkpoint_of_a_load_is_found_when_not_one_entry_of_the_log_is_left()
    {
        var table = await LoadedAsync(versions: 7);
        foreach (var key in table.Store.Keys().Where(k => k.EndsWith(".json", StringComparison.Ordinal)))
        {
            await table.Store.DeleteAsync(key, default);
        }

        await using var session = await table.OpenAsync();
        Assert.That(session.Checkpoint!.N, Is.EqualTo(7));
        Assert.That(table.Read(), Has.Length.EqualTo(7));
    }

    [Test]
    public async Task Another_pipeline_keeps_its_checkpoint_through_the_clean_up()
    {
        var table = await LoadedAsync(versions: 2);
        table.Key = new CheckpointKey("test", "other", "lake");
        await table.LoadAsync([new Order(50, 19723, "theirs", 1)]);
        await table.LoadAsync([]);
        foreach (var version in Enumerable.Range(0, 4))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        Assert.That((await table.OpenAsync()).Checkpoint!.N, Is.EqualTo(2));
        table.Key = new CheckpointKey("test", "orders", "lake");
        Assert.That((await table.OpenAsync()).Checkpoint!.N, Is.EqualTo(2));
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([], fullRefresh: true)))!.Code, Is.EqualTo("ETL4564"), "and is known to feed the table");
    }

    [TestCase("", TestName = "A_last_checkpoint_that_is_empty_is_passed_over")]
    [TestCase("{\"version\":", TestName = "A_last_checkpoint_that_is_cut_off_is_passed_over")]
    [TestCase(null, TestName = "A_last_checkpoint_that_is_gone_is_passed_over")]
    public async Task A_broken_last_checkpoint(string? content)
    {
        var table = await LoadedAsync(versions: 8);
        await WriteOrDeleteAsync(table, Log + "_last_checkpoint", content is null ? null : System.Text.Encoding.UTF8.GetBytes(content));
        await using (var session = await table.OpenAsync())
        {
            Assert.That(session.Checkpoint!.N, Is.EqualTo(8));
        }

        foreach (var version in Enumerable.Range(0, 7))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        await using var cleaned = await table.OpenAsync();
        Assert.That(cleaned.Checkpoint!.N, Is.EqualTo(8), "the listing has the checkpoint");
    }

    [TestCase(0)]
    [TestCase(100)]
    [TestCase(null)]
    public async Task A_broken_checkpoint_is_passed_over_where_the_log_or_an_older_one_is_there(int? bytes)
    {
        var table = await LoadedAsync(versions: 8);
        var newest = $"{Log}{6:D20}.checkpoint.parquet";
        var content = await File.ReadAllBytesAsync(Path.Combine(table.Store.Folder, newest));
        await WriteOrDeleteAsync(table, newest, bytes is { } keep ? content[..keep] : null);
        await using (var session = await table.OpenAsync())
        {
            Assert.That(session.Checkpoint!.N, Is.EqualTo(8), "from the log's start");
        }

        foreach (var version in Enumerable.Range(0, 4))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        await using (var session = await table.OpenAsync())
        {
            Assert.That(session.Checkpoint!.N, Is.EqualTo(8), "from the checkpoint before");
        }

        await table.Store.DeleteAsync($"{Log}{3:D20}.checkpoint.parquet", default);
        var error = await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync());
        Assert.That((error!.Code, error.Message.Contains(newest, StringComparison.Ordinal)), Is.EqualTo(("ETL4555", true)), "and never as an empty table");
    }

    [Test]
    public async Task Every_bit_of_a_checkpoint_that_flips_is_found_or_changes_nothing_that_is_read()
    {
        var table = await LoadedAsync(versions: 7);
        var path = Path.Combine(table.Store.Folder, $"{Log}{6:D20}.checkpoint.parquet");
        var content = await File.ReadAllBytesAsync(path);
        for (var at = 3; at < content.Length; at += content.Length / 40)
        {
            var damaged = content.ToArray();
            damaged[at] ^= 0x10;
            await File.WriteAllBytesAsync(path, damaged);
            try
            {
                await using var session = await table.OpenAsync();
                Assert.That(session.Checkpoint!.N, Is.EqualTo(7), $"byte {at}");
            }
            catch (EtlException e)
            {
                Assert.That(e.Code, Is.AnyOf("ETL4315", "ETL4553", "ETL4555", "ETL6001"), $"byte {at}");
            }
        }
    }

    [Test]
    public async Task A_checkpoint_that_cannot_be_written_fails_no_run_and_is_told()
    {
        var table = await LoadedAsync(versions: 3);
        table.Store.RefusePuts = key => key.EndsWith(".checkpoint.parquet", StringComparison.Ordinal);
        var result = await table.LoadAsync([new Order(70, 19723, "n", 1)]);
        Assert.That(result.Detail, Does.Contain("warning: the log has no checkpoint at version 3").And.Contain("refused"));
        table.Store.RefusePuts = _ => false;
        Assert.That((await table.LoadAsync([new Order(71, 19723, "n", 1)])).Detail, Does.Not.Contain("warning"));
        Assert.That(table.Store.Keys(), Does.Contain($"{Log}{4:D20}.checkpoint.parquet"), "the next one makes up for it");
    }

    [Test]
    public async Task Epochs_are_read_back_beyond_the_checkpoint_as_far_as_the_log_goes()
    {
        var table = await LoadedAsync(versions: 8);
        Assert.That(await EpochsAsync(table), Is.EqualTo(new[] { 1, 2, 3, 4, 5, 6, 7, 8 }));
        foreach (var version in Enumerable.Range(0, 4))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        Assert.That(await EpochsAsync(table), Is.EqualTo(new[] { 5, 6, 7, 8 }));
    }

    [Test]
    public async Task A_table_that_another_program_checkpointed_in_parts_is_read()
    {
        var table = await LoadedAsync(versions: 5);
        var single = Path.Combine(table.Store.Folder, $"{Log}{3:D20}.checkpoint.parquet");
        foreach (var part in new[] { 1, 2 })
        {
            // As another writer has it: other order, columns of its own, members that are required.
            Duck.Rows($"copy (select 1 as extra, * replace (case when add is null then null else {{'path': add.path, 'stats_parsed': {{'numRecords': 1}}, 'partitionValues': add.partitionValues, 'size': add.size, 'dataChange': false, 'tags': add.tags, 'stats': add.stats}} end as add) from read_parquet('{single}') where (add is null) = ({part} = 1)) to '{Path.Combine(table.Store.Folder, $"{Log}{3:D20}.checkpoint.{part:D10}.{2:D10}.parquet")}' (format parquet)");
        }

        var actions = Duck.Rows($"select count(*) from read_parquet('{single}')").Single();
        await WriteOrDeleteAsync(table, Log + "_last_checkpoint", System.Text.Encoding.UTF8.GetBytes(new JsonObject { ["version"] = 3, ["size"] = long.Parse(actions, System.Globalization.CultureInfo.InvariantCulture), ["parts"] = 2 }.ToJsonString()));
        File.Delete(single);
        foreach (var version in Enumerable.Range(0, 4))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        await using var session = await table.OpenAsync();
        Assert.That(session.Checkpoint!.N, Is.EqualTo(5));
        await LakeTable.StageAsync(session, [new Order(1, 19723, "again", 1)]);
        Assert.That((await session.PublishAsync(table.Next(session), default)).Updated, Is.EqualTo(1), "its files are known");
    }

    [Test]
    public async Task What_a_killed_run_published_before_the_clean_up_is_not_taken_for_its_rubbish()
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = 1 }) { RunId = "killed" };
        await table.LoadAsync([new Order(1, 19723, "a", 1), new Order(2, 19724, "b", 1)]);
        table.RunId = "next";
        await table.LoadAsync([new Order(1, 19723, "c", 1)]);
        foreach (var key in table.Store.Keys().Where(k => k.EndsWith(".json", StringComparison.Ordinal)))
        {
            await table.Store.DeleteAsync(key, default);
        }

        var before = table.DataFiles();
        (table.RunId, table.GoneRuns) = ("run-3", ["killed"]);
        await table.LoadAsync([]);
        Assert.That(table.DataFiles(), Is.SupersetOf(before), "neither what is in the table nor what older readers may still read");
        Assert.That(table.Read(), Has.Length.EqualTo(2));
    }

    [Test]
    public void Without_an_atomic_put_if_absent_the_plan_says_what_is_left()
    {
        var table = new LakeTable(LakeTable.Upsert());
        string Guarantee() => new ParquetLoader(table.Options, table.Store, new PluginContext("/", "/", 1, TimeProvider.System)).Describe(LakeTable.Orders).Guarantee;
        Assert.That(Guarantee(), Does.Contain("the later one is refused"));
        table.Store.PutIfAbsentIsAtomic = false;
        Assert.That(Guarantee(), Does.StartWith("exactly-once effect for readers of the Delta log, as long as one program at a time writes to the table").And.Not.Contain("the later one is refused"));
    }

    // Each version adds a row; a checkpoint at versions 3, 6, ...
    private static async Task<LakeTable> LoadedAsync(int versions)
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = 3 });
        for (var version = 0; version < versions; version++)
        {
            await table.LoadAsync([new Order(version + 1, 19723 + (version % 2), $"v{version}", version)]);
        }

        return table;
    }

    private static async Task<List<long>> EpochsAsync(LakeTable table)
    {
        var loader = new ParquetLoader(table.Options, table.Store, new PluginContext(table.Store.Folder, Path.Combine(table.Store.Folder, "..", "state"), 1, TimeProvider.System));
        var epochs = new List<long>();
        await foreach (var epoch in loader.ReadEpochsAsync(table.Key, default))
        {
            epochs.Add(epoch.N);
        }

        return epochs;
    }

    private static async Task WriteOrDeleteAsync(LakeTable table, string key, byte[]? content)
    {
        await table.Store.DeleteAsync(key, default);
        if (content is not null)
        {
            await table.Store.PutAsync(key, new MemoryStream(content), default);
        }
    }
}
