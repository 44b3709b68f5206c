using System.Text.RegularExpressions;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary>Small files become few, in one version that changes no row; runs that publish meanwhile lose nothing, and neither does the compaction.</summary>
public class LakeCompactTests
{
    // Days 19723 and 19724.
    private static readonly Order[] Six = [new(1, 19723, "a", 1), new(2, 19724, "b", 2), new(3, 19723, "c", 3), new(4, 19724, null, 4), new(5, 19723, "e", 5), new(6, null, "f", 6)];

    [Test]
    public async Task Files_of_a_partition_become_one_and_the_rows_stay()
    {
        var table = await LoadedAsync();
        var (rows, files) = (table.Read(), table.DataFiles());
        var looked = await CompactAsync(table, dryRun: true);
        Assert.That(table.DataFiles(), Is.EqualTo(files), "a dry run writes nothing");
        var done = await CompactAsync(table);
        Assert.That(done.Folders, Is.EqualTo(looked.Folders).And.EqualTo(new[] { new CompactedFolder("2024/01/01/", 3, BytesOf(table, files, "2024/01/01/"), 1), new CompactedFolder("2024/01/02/", 2, BytesOf(table, files, "2024/01/02/"), 1) }));
        Assert.That((looked.Version, looked.BytesAfter, done.Version, done.Left, done.Note), Is.EqualTo((5L, 0L, 6L, 0, (string?)null)));
        Assert.That(done.BytesAfter, Is.EqualTo(table.DataFiles().Except(files).Sum(f => new FileInfo(PathOf(table, f)).Length)));
        Assert.That(table.Read(), Is.EqualTo(rows).And.EqualTo(LakeTable.Text(Six)));
        Assert.That(table.DataFiles(), Is.SupersetOf(files), "who reads an older version finds its files");

        var again = await CompactAsync(table);
        Assert.That((again.Version, again.Folders.Count), Is.EqualTo((6L, 0)), "there is nothing left to do");
        var result = await table.LoadAsync([Six[2] with { Note = "new" }, Six[3]]);
        Assert.That(result, Is.EqualTo(new PublishResult(0, 1, 0, 1, result.Detail)), "the load goes on from its checkpoint");
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. Six.Where(o => o.Id != 3), Six[2] with { Note = "new" }])));
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty);
    }

    [Test]
    public async Task Files_that_were_replaced_go_with_a_vacuum_and_a_checkpoint_of_the_log_is_written_when_it_is_due()
    {
        var table = await LoadedAsync(checkpointEvery: 6);
        await CompactAsync(table);
        Assert.That(PathOf(table, $"orders/_delta_log/{6:D20}.checkpoint.parquet"), Does.Exist);
        foreach (var key in table.Store.Keys())
        {
            File.SetLastWriteTimeUtc(PathOf(table, key), TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-2));
        }

        Assert.That((await table.Loader().VacuumAsync(TimeSpan.FromDays(1), dryRun: true, default)).Files, Is.Empty);
        Assert.That((await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default)).Files, Has.Count.EqualTo(5));
        table.IsVacuumed = true;
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty);
    }

    [Test]
    public void Groups_are_of_small_files_of_one_place_and_no_larger_than_the_target()
    {
        var table = new DeltaSnapshot();
        string[] files = ["d=1/a 10 1", "d=1/b 49 2", "d=1/c 45 3", "d=1/d 50 4", "d=1/e 30 5", "d=2/f 5 1", "g 1 1", "h 1 2"];
        table.Apply(0, string.Join('\n', files.Select(f => f.Split(' ')).Select(f =>
            $$$"""{"add":{"path":"{{{f[0]}}}","partitionValues":{"d":{{{(f[0].StartsWith('d') ? $"\"{f[0][2]}\"" : f[0] == "g" ? "\"1\"" : "null")}}}},"size":{{{f[1]}}},"modificationTime":{{{f[2]}}},"dataChange":true}}""")));
        Assert.That(Groups(100), Is.EqualTo(new[] { "d=1/a d=1/b", "d=1/c d=1/e" }), "with c the first would have 104; d has half of it; f is alone, and g and h are of two partitions");
        Assert.That(Groups(200), Is.EqualTo(new[] { "d=1/a d=1/b d=1/c d=1/d d=1/e" }));
        Assert.That(Groups(20), Is.Empty);

        IEnumerable<string> Groups(long size) => CompactionGroup.Of(table, size).Select(g => string.Join(' ', g.Files.Select(f => f.LogPath)));
    }

    [Test]
    public async Task A_run_that_publishes_first_keeps_its_rows_and_only_what_it_replaced_is_left()
    {
        var table = await LoadedAsync();
        Once(table, () => table.LoadAsync([Six[0] with { Note = "theirs" }]).GetAwaiter().GetResult());
        var done = await CompactAsync(table);
        Assert.That((done.Version, done.Left, string.Join(' ', done.Folders.Select(f => f.Folder))), Is.EqualTo((7L, 3, "2024/01/02/")));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([Six[0] with { Note = "theirs" }, .. Six[1..]])));
        Assert.That(Unnamed(table), Is.Empty, "what was written for nothing is gone");
        Assert.That((await CompactAsync(table)).Folders.Single().Files, Is.EqualTo(3), "the next one does it");
    }

    [Test]
    public async Task A_run_that_only_adds_in_between_hinders_nothing()
    {
        var table = await LoadedAsync();
        table.Options = table.Options with { CheckpointEvery = 1 };
        Once(table, () => table.LoadAsync([new Order(7, 19723, "g", 7)]).GetAwaiter().GetResult());
        var done = await CompactAsync(table);
        Assert.That((done.Version, done.Left, done.Folders.Sum(f => f.Files)), Is.EqualTo((7L, 0, 5)));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. Six, new Order(7, 19723, "g", 7)])));
    }

    [Test]
    public async Task A_table_that_is_replaced_in_between_is_left_alone()
    {
        var table = await LoadedAsync();
        Once(table, () => table.LoadAsync([new Order(9, 1, "z", 9)], fullRefresh: true).GetAwaiter().GetResult());
        var done = await CompactAsync(table);
        Assert.That((done.Version, done.Left, done.Folders.Count), Is.EqualTo((6L, 5, 0)));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([new Order(9, 1, "z", 9)])));
        Assert.That(Unnamed(table), Is.Empty);
    }

    [TestCase("lake.staged")]
    [TestCase("lake.planned")]
    [TestCase("lake.before_commit")]
    public async Task A_run_that_publishes_second_decides_again_over_the_new_files(string point)
    {
        var table = await LoadedAsync();
        var hits = 0;
        await using (var session = await table.OpenAsync(schema: LakeTable.OrderChanges, failPoint: p => hits += p == point && hits == 0 ? (int)CompactAsync(table).GetAwaiter().GetResult().Version : 0))
        {
            await LakeTable.StageAsync(session, [Six[0] with { Note = "ours" }, Six[1] with { IsDeleted = true }, Six[2], new Order(7, 19724, "g", 7)], LakeTable.OrderChanges);
            var result = await session.PublishAsync(table.Next(session), default);
            Assert.That((result with { Detail = null }, hits), Is.EqualTo((new PublishResult(1, 1, 1, 1), 6)));
        }

        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([Six[0] with { Note = "ours" }, .. Six[2..], new Order(7, 19724, "g", 7)])));
        Assert.That(Unnamed(table), Is.Empty);
    }

    [Test]
    public async Task Two_compactions_at_a_time_do_it_once()
    {
        var table = await LoadedAsync();
        Once(table, () => CompactAsync(table).GetAwaiter().GetResult());
        Assert.That((await CompactAsync(table)).Left, Is.EqualTo(5));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
        Assert.That(Unnamed(table), Is.Empty);
    }

    [Test]
    public async Task After_twenty_times_it_gives_up()
    {
        var table = await LoadedAsync();
        table.Options = new ParquetLoaderOptions { Path = LakeTable.ByDay, PartitionBy = "day", Mode = LoadMode.Append };
        var (inIt, loads) = (false, 0);
        table.Store.BeforePutIfAbsent = _ =>
        {
            if (!inIt)
            {
                inIt = true;
                table.LoadAsync([new Order(100 + loads++, 19724, "x", 1)]).GetAwaiter().GetResult();
                inIt = false;
            }
        };
        Assert.That(Text(Thrown<EtlException>(() => CompactAsync(table))), Is.EqualTo($"ETL4700: {table.Store.Root}orders/ was written to by others each of the 20 times that its compaction was to be committed. Nothing was changed. Compact it when fewer runs publish to it."));
        Assert.That((loads, table.Read("count(*)", "1").Single()), Is.EqualTo((20, "26")));
        Assert.That(Unnamed(table), Is.Empty);
    }

    [Test]
    public async Task A_client_that_finds_its_own_first_try_has_committed()
    {
        var table = await LoadedAsync();
        table.Store.PutsTwice = true;
        var done = await CompactAsync(table);
        Assert.That((done.Version, done.Left, done.Folders.Sum(f => f.Files)), Is.EqualTo((6L, 0, 5)));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Where_no_answer_comes_to_the_commit_nothing_is_deleted_that_it_may_name(bool arrived)
    {
        var table = await LoadedAsync();
        var before = table.DataFiles();
        if (arrived)
        {
            table.Store.AfterPutIfAbsent = _ => throw new IOException("connection reset");
        }
        else
        {
            table.Store.BeforePutIfAbsent = _ => throw new IOException("connection reset");
        }

        Assert.That(Text(Thrown<EtlException>(() => CompactAsync(table))), Is.EqualTo(
            $"ETL4702: no answer came to the commit of version 6 of {table.Store.Root}orders/: connection reset. No row is lost either way: the table has its files as they were, or put together. Compact it again; what was sent and is not part of the table goes with `etl lake vacuum`."));
        Assert.That(table.DataFiles(), Has.Count.EqualTo(before.Count + 2));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
        (table.Store.AfterPutIfAbsent, table.Store.BeforePutIfAbsent) = (_ => { }, _ => { });
        Assert.That((await CompactAsync(table)).Folders.Sum(f => f.Files), Is.EqualTo(arrived ? 0 : 5));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
    }

    [TestCase("lake.file_sent", false)]
    [TestCase("lake.compact.written", false)]
    [TestCase("lake.compact.before_commit", false)]
    [TestCase("lake.compact.after_commit", true)]
    public async Task One_that_is_stopped_is_whole_or_not_there(string point, bool committed)
    {
        var table = await LoadedAsync();
        var before = table.DataFiles();
        var request = new LakeCompactionRequest(false, false, p => _ = p == point ? throw new OperationCanceledException(p) : p);
        await Assert.ThrowsAsync<OperationCanceledException>(() => table.Loader().CompactAsync(request, default).AsTask());
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
        Assert.That(table.DataFiles(), Has.Count.EqualTo(before.Count + (committed ? 2 : 0)), "what was sent for nothing is gone");
        Assert.That((await CompactAsync(table)).Folders.Sum(f => f.Files), Is.EqualTo(committed ? 0 : 5));
    }

    [Test]
    public async Task A_store_that_cannot_keep_runs_apart_needs_a_persons_word()
    {
        var table = await LoadedAsync();
        table.Store.PutIfAbsentIsAtomic = false;
        Assert.That(Text(Thrown<EtlException>(() => CompactAsync(table))), Is.EqualTo(
            $"ETL4701: the store of {table.Store.Root}orders/ has no put-if-absent in one step: of a compaction and a run that publish at the same moment, one would overwrite the other's commit. Let no run begin until it has ended, and say so with --alone."));
        Assert.That((await CompactAsync(table, dryRun: true)).Folders, Has.Count.EqualTo(2), "to look needs no word");
        Assert.That((await table.Loader().CompactAsync(new(false, Alone: true, _ => { }), default)).Folders, Has.Count.EqualTo(2));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six)));
    }

    [Test]
    public async Task A_file_that_is_not_as_the_log_says_is_not_put_together()
    {
        var table = await LoadedAsync();
        var path = PathOf(table, table.DataFiles()[0]);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[40] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.That(Thrown<EtlException>(() => CompactAsync(table)).Code, Is.EqualTo("ETL4557"));

        bytes[40] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        var first = "";
        EditLog(table, text => (first = Regex.Match(text, "2024/01/01/part-[^\"]+").Value, text.Replace("numRecords\\u0022:1", "numRecords\\u0022:5", StringComparison.Ordinal)).Item2, version: 0);
        Assert.That(Text(Thrown<EtlException>(() => CompactAsync(table))), Is.EqualTo(
            $"ETL4703: orders/{first} has 1 rows, and the table's log says 5. Nothing was changed. See what else is wrong by `etl lake verify --deep`, and restore the file from a copy."));
        Assert.That(table.DataFiles(), Has.Count.EqualTo(6));
        Assert.That(Thrown<EtlException>(() => CompactAsync(new LakeTable(LakeTable.Upsert()))).Code, Is.EqualTo("ETL4567"));
    }

    [Test]
    public async Task Of_files_of_another_program_no_more_is_said_than_it_said()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders/{year}-{month}", PartitionBy = "day", Mode = LoadMode.Append });
        await table.LoadAsync([Six[0]]);
        await table.LoadAsync([Six[2]]);
        await table.LoadAsync([Six[4]]);
        foreach (var version in new[] { 0, 1 })
        {
            EditLog(table, text => Regex.Replace(text, "\"tags\":\\{[^}]*\\}", "\"tags\":{}"), version);
        }

        var done = await CompactAsync(table);
        Assert.That(done.Folders.Sum(f => f.Files), Is.EqualTo(2), "theirs together, and ours is not mixed with them");
        table.Options = table.Options with { Mode = LoadMode.ReplacePartitions };
        Assert.That(Thrown<EtlException>(() => table.LoadAsync([Six[0]])).Code, Is.EqualTo("ETL4563"), "in which partition their rows belong is as unknown as before");
    }

    [Test]
    public async Task A_table_that_is_append_only_may_be_rearranged_and_appends_are_read_once()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        await table.LoadAsync([Six[0]]);
        EditLog(table, text => text.Replace("\"configuration\":{}", "\"configuration\":{\"delta.appendOnly\":\"true\"}", StringComparison.Ordinal), version: 0);
        await table.LoadAsync([Six[1]]);
        await CompactAsync(table);
        await table.LoadAsync([Six[2]]);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Six[..3])));
        var log = new DeltaLog(table.Store, "orders/", table.Store.Folder + ".tmp");
        var added = await new DeltaIncrementReader(log, "orders/").ReadAsync(DeltaIncrement.Appends, 0, await log.ReadAsync(default), default);
        Assert.That(added.Select(f => DeltaStatistics.Rows(f.Stats)), Is.EqualTo(new[] { 1L, 1L }), "the rows of the second and the third load");
    }

    private static string Text(EtlException e) => $"{e.Code}: {e.Message}. {e.Hint}";

    private static string PathOf(LakeTable table, string key) => Path.Combine(table.Store.Folder, key);

    private static long BytesOf(LakeTable table, IEnumerable<string> files, string folder) => files.Where(f => f.StartsWith($"orders/{folder}", StringComparison.Ordinal)).Sum(f => new FileInfo(PathOf(table, f)).Length);

    private static async Task<LakeCompaction> CompactAsync(LakeTable table, bool dryRun = false) => await table.Loader().CompactAsync(new(dryRun, Alone: false, _ => { }), default);

    // Six versions of a row each.
    private static async Task<LakeTable> LoadedAsync(int checkpointEvery = 100)
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = checkpointEvery });
        foreach (var order in Six)
        {
            await table.LoadAsync([order]);
        }

        return table;
    }

    // Between the last look at the table and the commit.
    private static void Once(LakeTable table, Action act)
    {
        var done = false;
        table.Store.BeforePutIfAbsent = _ =>
        {
            if (!done)
            {
                done = true;
                act();
            }
        };
    }

    private static void EditLog(LakeTable table, Func<string, string> edit, int version)
    {
        var path = PathOf(table, $"orders/_delta_log/{version:D20}.json");
        File.WriteAllText(path, edit(File.ReadAllText(path)));
    }

    // Data files that no version names.
    private static List<string> Unnamed(LakeTable table)
    {
        var log = string.Concat(table.Store.Keys().Where(k => k.EndsWith(".json", StringComparison.Ordinal)).Select(k => File.ReadAllText(PathOf(table, k))));
        return [.. table.DataFiles().Where(f => !f.Contains("_delta_log", StringComparison.Ordinal) && !log.Contains(f[(f.LastIndexOf('/') + 1)..], StringComparison.Ordinal))];
    }
}
