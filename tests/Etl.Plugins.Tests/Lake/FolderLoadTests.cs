using System.Globalization;
using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Azure;
using Etl.Plugins.Files;
using Etl.Plugins.Lake;
using Etl.Plugins.S3;
using Etl.Plugins.Tests.Stores;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary><c>publish: files</c>: who lists the folder sees each row once, of committed epochs only, whenever a run is stopped.</summary>
public class FolderLoadTests
{
    private static readonly Order[] First = [new(1, 10, "a", 1), new(2, 11, "b", 2)];
    private static readonly Order[] Second = [new(3, 11, "c", 3), new(4, null, "d", 4)];

    [Test]
    public async Task Files_have_names_of_their_epoch_in_folders_that_readers_know()
    {
        var table = Table(LoadMode.Append, "orders", "day");
        var result = await table.LoadAsync(First);
        await table.LoadAsync(Second);
        var load = table.Key.ShortName;
        Assert.That(Visible(table), Is.EqualTo(new[]
        {
            $"orders/day=1970-01-11/part-0000000001-00001-{load}.parquet", $"orders/day=1970-01-12/part-0000000001-00002-{load}.parquet",
            $"orders/day=1970-01-12/part-0000000002-00001-{load}.parquet", $"orders/day=__HIVE_DEFAULT_PARTITION__/part-0000000002-00002-{load}.parquet",
        }));
        Assert.That((result with { Detail = null }, result.Detail), Is.EqualTo((new PublishResult(2, 0, 0, 0), "2 files, 0.0 MB")));
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([.. First, .. Second])));
        Assert.That(Hidden(table), Is.EqualTo(new[] { $"orders/_etl/checkpoint-{load}/{1:D20}.json", $"orders/_etl/checkpoint-{load}/{2:D20}.json" }), "nothing waits");
        var epochs = new List<long>();
        await foreach (var epoch in table.Loader().ReadEpochsAsync(table.Key, default))
        {
            epochs.Add(epoch.N);
        }

        Assert.That((epochs, (await table.Loader().ReadCheckpointAsync(table.Key, default))!.N), Is.EqualTo((new[] { 1L, 2L }, 2L)));
    }

    [TestCase(LoadMode.Append, "files.staged", false)]
    [TestCase(LoadMode.Append, "lake.file_sent", false)]
    [TestCase(LoadMode.Append, "files.before_commit", false)]
    [TestCase(LoadMode.Append, "files.after_commit", true)]
    [TestCase(LoadMode.Append, "files.file_placed", true)]
    [TestCase(LoadMode.Append, "files.placed", true)]
    [TestCase(LoadMode.Append, "files.replaced", true)]
    [TestCase(LoadMode.Replace, "files.before_commit", false)]
    [TestCase(LoadMode.Replace, "files.after_commit", true)]
    [TestCase(LoadMode.Replace, "files.file_placed", true)]
    [TestCase(LoadMode.Replace, "files.placed", true)]
    [TestCase(LoadMode.Replace, "files.replaced", true)]
    [TestCase(LoadMode.ReplacePartitions, "files.after_commit", true)]
    [TestCase(LoadMode.ReplacePartitions, "files.placed", true)]
    [TestCase(LoadMode.ReplacePartitions, "files.replaced", true)]
    public async Task A_run_that_is_killed_leaves_an_epoch_that_is_not_there_or_that_the_next_run_finishes(LoadMode mode, string point, bool committed)
    {
        var table = Table(mode, "orders", "day");
        await table.LoadAsync(First);
        var before = Visible(table);
        await KillAsync(table, Second, point);
        if (!committed)
        {
            Assert.That(Visible(table), Is.EqualTo(before), "nothing is seen of what was not committed");
        }

        // It is killed again while it finishes what the first left.
        Assert.That(async () => await table.OpenAsync(failPoint: p => _ = p is "files.file_placed" ? throw new IOException(p) : p), committed ? Throws.InstanceOf<IOException>() : Throws.Nothing);
        await using (var session = await table.OpenAsync())
        {
            Assert.That(session.Checkpoint!.N, Is.EqualTo(committed ? 2 : 1));
            if (!committed)
            {
                await LakeTable.StageAsync(session, Second);
                await session.PublishAsync(table.Next(session), default);
            }
        }

        Order[] expected = mode switch { LoadMode.Append => [.. First, .. Second], LoadMode.Replace => Second, _ => [First[0], .. Second] };
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text(expected)));
        Assert.That(Hidden(table), Has.Count.EqualTo(2), "the commits, and nothing that waits");
    }

    [Test]
    public async Task Before_the_commit_nothing_of_an_epoch_has_a_name_and_after_the_publish_all_of_it()
    {
        var table = Table(LoadMode.Append, LakeTable.ByDay, "day");
        var seen = new List<(string, int)>();
        await using (var session = await table.OpenAsync(failPoint: p => seen.Add((p, Visible(table).Count))))
        {
            await LakeTable.StageAsync(session, First);
            await session.PublishAsync(table.Next(session), default);
        }

        Assert.That(seen.Where(s => s.Item1 is "files.before_commit" or "files.after_commit" or "files.placed"), Is.EqualTo(new[] { ("files.before_commit", 0), ("files.after_commit", 0), ("files.placed", 2) }));
    }

    [Test]
    public async Task An_epoch_without_files_that_is_killed_after_its_commit_still_takes_those_of_before()
    {
        var table = Table(LoadMode.Append, "orders", null);
        table.Options = table.Options with { AllowEmpty = true };
        await table.LoadAsync(First);
        var killed = await table.OpenAsync(fullRefresh: true, failPoint: p => _ = p == "files.after_commit" ? throw new IOException("killed") : p);
        Assert.That(async () => await killed.PublishAsync(table.Next(killed), default), Throws.Exception);
        Assert.That(Visible(table), Has.Count.EqualTo(1));
        await table.LoadAsync(Second);
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text(Second)));
    }

    [Test]
    [Property("Fault", 15)]
    public async Task A_lost_answer_is_resolved_and_the_files_get_their_names()
    {
        var table = Table(LoadMode.Append, "orders", null);
        table.Store.AfterPutIfAbsent = _ => throw new IOException("connection reset");
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, First);
            var next = table.Next(session);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(Visible(table), Is.Empty);
            Assert.That(await session.ResolveAsync(next, default));
        }

        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text(First)));
        table.Store.AfterPutIfAbsent = _ => { };
        table.Store.PutsTwice = true;
        await table.LoadAsync(Second);
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([.. First, .. Second])));
    }

    [TestCase(true)]
    [TestCase(false)]
    [Property("Fault", 15)]
    public async Task A_commit_that_arrives_after_it_was_looked_for_finds_its_files_unless_its_number_is_taken(bool arrives)
    {
        var table = Table(LoadMode.Append, "orders/{year}/{month}/{day}/", "$run_date");
        await table.LoadAsync(First);
        table.Store.Delays = key => key.Contains("/checkpoint-", StringComparison.Ordinal);
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Second);
            var next = table.Next(session);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(await session.ResolveAsync(next, default), Is.False);
        }

        Assert.That(Hidden(table).Where(k => k.EndsWith(".run_date", StringComparison.Ordinal)), Is.Empty, "what comes next is another run, of another day");
        table.Store.Delays = _ => false;
        if (arrives)
        {
            await table.Store.ArriveAsync();
            await using var session = await table.OpenAsync();
            Assert.That(session.Checkpoint!.N, Is.EqualTo(2));
        }
        else
        {
            await table.LoadAsync(Second);
            await table.Store.ArriveAsync();
        }

        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([.. First, .. Second])));
        Assert.That(Hidden(table), Has.Count.EqualTo(2), "the commits, and nothing that waits");
    }

    [Test]
    public async Task A_file_of_the_newest_epoch_that_is_gone_is_told_and_a_full_refresh_goes_on()
    {
        var table = Table(LoadMode.Append, "orders", null);
        await table.LoadAsync(First);
        await table.Store.DeleteAsync(Visible(table).Single(), default);
        Assert.That(Thrown<EtlException>(async () => await table.OpenAsync()).Code, Is.EqualTo("ETL4557"));
        await table.LoadAsync(Second, fullRefresh: true);
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text(Second)));
    }

    [Test]
    public async Task Of_two_runs_at_a_time_the_later_is_shut_out_and_leaves_nothing()
    {
        var table = Table(LoadMode.Append, "orders", null);
        await using (var slow = await table.OpenAsync())
        {
            await LakeTable.StageAsync(slow, First);
            await table.LoadAsync(Second);
            await Assert.ThrowsAsync<FencedException>(() => slow.PublishAsync(table.Next(slow), default).AsTask());
        }

        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text(Second)));
        Assert.That(Hidden(table), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Two_loads_share_a_folder_and_each_replaces_its_own_files()
    {
        var table = Table(LoadMode.Replace, "orders", null);
        await table.LoadAsync(First);
        var mine = table.Key;
        table.Key = new CheckpointKey("test", "others", "lake");
        await table.LoadAsync(Second);
        table.Key = mine;
        var result = await table.LoadAsync(First[..1]);
        Assert.That((result.Deleted, result.Detail), Is.EqualTo((2L, "1 file, 0.0 MB; 1 file replaced")));
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([First[0], .. Second])));
        Assert.That(Thrown<EtlException>(() => table.LoadAsync([])).Code, Is.EqualTo("ETL4562"));
        table.Options = table.Options with { AllowEmpty = true };
        await table.LoadAsync([]);
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text(Second)));
    }

    [Test]
    public async Task Where_commits_are_gone_only_a_full_refresh_goes_on_and_replaces_what_they_left()
    {
        var table = Table(LoadMode.Append, "orders", "day");
        await table.LoadAsync(First);
        await table.LoadAsync(Second);
        foreach (var key in Hidden(table))
        {
            await table.Store.DeleteAsync(key, default);
        }

        Assert.That(Thrown<EtlException>(async () => await table.OpenAsync()).Code, Is.EqualTo("ETL4315"));
        await table.LoadAsync([First[0] with { Note = "A" }], fullRefresh: true);
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([First[0] with { Note = "A" }])), "also where an old file had the new one's name");
    }

    [Test]
    public async Task A_folder_that_is_kept_in_another_way_is_refused()
    {
        var table = Table(LoadMode.Append, "orders", null);
        await table.LoadAsync(First);
        Assert.That(Told(async () => await Csv(table).OpenAsync(Request(table), default)), Is.EqualTo(
            $"ETL4547: {table.Store.Root}orders/ is kept in another way: {table.Key} has loaded Parquet files into it. Nothing was written. Change the load's format back, or load into another path. (path)"));

        var other = Table(LoadMode.Append, "orders", null);
        await using (var session = await Csv(other).OpenAsync(Request(other), default))
        {
            await LakeTable.StageAsync(session, First);
            await session.PublishAsync(other.Next(session), default);
        }

        Assert.That(Told(() => other.LoadAsync(Second)), Is.EqualTo(
            $"ETL4547: {other.Store.Root}orders/ is kept in another way: {other.Key} has loaded csv or json files into it. Nothing was written. Change the load's format back, or load into another path. (path)"));

        var delta = Table(LoadMode.Append, "orders", null);
        delta.Options = delta.Options with { Publish = PublishAs.Log };
        await delta.LoadAsync(First);
        delta.Options = delta.Options with { Publish = PublishAs.Files };
        Assert.That(Told(() => delta.LoadAsync(Second)), Is.EqualTo(
            $"ETL4547: {delta.Store.Root}orders/ is kept in another way: it is a Delta table. Nothing was written. Change the load's format back, or load into another path. (path)"));

        static CsvLoader Csv(LakeTable table) => new(new CsvLoadOptions { Path = "orders", Mode = FileLoadMode.Append }, table.Store, new PluginContext(table.Store.Folder + ".state", table.Store.Folder + ".state", 1L << 30, TimeProvider.System));
        static LoadRequest Request(LakeTable table) => new(table.Key, LakeTable.Orders, "run-2", false, "host:1", TimeSpan.FromMinutes(1), _ => { });
        static string Told(Func<Task> load) => Thrown<EtlException>(load) is var e ? $"{e.Code}: {e.Message}. {e.Hint} ({e.OptionPath})" : "";
    }

    [Test]
    public async Task A_damaged_checkpoint_is_history_as_well()
    {
        var table = Table(LoadMode.Append, "orders", null);
        await table.LoadAsync(First);
        await table.LoadAsync(Second);
        var first = Path.Combine(table.Store.Folder, Hidden(table)[0]);
        await File.WriteAllTextAsync(first, (await File.ReadAllTextAsync(first)).Replace("run-1", "run-9", StringComparison.Ordinal));
        var epochs = new List<long>();
        await foreach (var epoch in table.Loader().ReadEpochsAsync(table.Key, default))
        {
            epochs.Add(epoch.N);
        }

        Assert.That(epochs, Is.EqualTo(new[] { 1L, 2L }));
    }

    [Test]
    public async Task An_epoch_that_lost_a_file_on_its_way_is_told()
    {
        var table = Table(LoadMode.Append, "orders", null);
        await KillAsync(table, First, "files.after_commit");
        var staged = Hidden(table).Single(k => k.EndsWith(".parquet", StringComparison.Ordinal));
        await table.Store.PutAsync(staged, new MemoryStream([1]), default);
        var error = Thrown<EtlException>(async () => await table.OpenAsync());
        Assert.That($"{error.Code}: {error.Message}. {error.Hint}", Is.EqualTo(
            $"ETL4557: {staged} is not there as its epoch's commit says, and neither is orders/part-0000000001-00001-{table.Key.ShortName}.parquet. Files of a committed epoch were deleted or changed. Restore one of them, or run with --full-refresh."));
    }

    [Test]
    public async Task Files_by_the_date_of_their_run_lie_under_that_of_the_epoch()
    {
        var table = Table(LoadMode.Append, "orders/{year}/{month}/{day}/", "$run_date");
        table.Time = new SettableClock("2026-02-28T23:59:59Z");
        await KillAsync(table, First, "files.before_commit");
        table.Time = new SettableClock("2026-03-01T00:00:01Z");
        await table.LoadAsync(First);
        await table.LoadAsync(Second);
        Assert.That(Visible(table).Select(f => f[..18]), Is.EqualTo(new[] { "orders/2026/02/28/", "orders/2026/03/01/" }));
        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([.. First, .. Second])));
    }

    [Test]
    public void The_plan_says_what_readers_may_see_and_what_does_not_fit_is_refused()
    {
        var plan = Table(LoadMode.ReplacePartitions, "orders", "day").Loader().Describe(LakeTable.Orders);
        Assert.That(plan.Guarantee, Is.EqualTo("exactly-once effect once an epoch's files have their names: nothing of an epoch is seen before its commit. A reader that lists the folder may see some of its files before the others, and for a moment new files beside those that they replace; of a run that is killed then, the next one moves the rest."));
        Assert.That(plan.Statements, Is.EqualTo(new[]
        {
            "put orders/_staging/<load>-<epoch>/...", "put if absent orders/_etl/checkpoint-<load>/<epoch>.json", "copy to orders/day={partition}/part-<epoch>-<number>-<load>.parquet", "delete the load's older files in the same folders",
        }));
        var changes = Table(LoadMode.Changes, "orders", "$run_date").Loader().Describe(LakeTable.OrderChanges);
        Assert.That(changes.Conversions.Select(c => c.Column), Is.EqualTo(new[] { "id", "day", "note", "amount", "_op" }), "columns that the load adds are none of the input");
        var upsert = new ParquetLoaderRules().Validate(LakeTable.Upsert() with { Publish = PublishAs.Files });
        Assert.That(upsert.Errors.Select(e => e.ErrorMessage), Is.EqualTo(new[] { "is not for mode: upsert: without a log, no reader could tell the files that hold a row's newest version." }));
        var table = Table(LoadMode.Append, "orders", null);
        Func<Task>[] tends = [async () => await table.Loader().VerifyAsync(false, default), async () => await table.Loader().VacuumAsync(TimeSpan.Zero, false, default), async () => await table.Loader().CompactAsync(new(false, false, _ => { }), default)];
        foreach (var tend in tends)
        {
            var error = Thrown<EtlException>(tend);
            Assert.That($"{error.Code}: {error.Message}. {error.Hint}", Is.EqualTo($"ETL4566: {table.Store.Root}orders/ is a plain folder (publish: files), which has no log to look after. Name a load with a log by --stage."));
        }
    }

    [Test]
    [Category("Integration")]
    public async Task On_S3_a_folder_is_filled_and_finished_after_a_kill()
    {
        var bucket = await S3Server.CreateBucketAsync();
        await using var store = new S3Store(new S3ConnectionOptions { Bucket = bucket, Endpoint = S3Server.Endpoint, AccessKey = S3Server.AccessKey, SecretKey = S3Server.SecretKey });
        await HoldsAsync(store);
        Assert.That(await S3Server.OpenUploadsAsync(bucket), Is.Empty);
    }

    [Test]
    [Category("Integration")]
    public async Task On_Azure_a_folder_is_filled_and_finished_after_a_kill()
    {
        await using var server = await AzuriteServer.StartAsync();
        await server.Service.CreateBlobContainerAsync("lake");
        await using var store = new AzureBlobStore(new AzureBlobOptions { Account = AzuriteServer.Account, AccountKey = AzuriteServer.Key, Container = "lake", Endpoint = server.Endpoint, Retries = 1 });
        await HoldsAsync(store);
    }

    private static async Task HoldsAsync(IObjectStore store)
    {
        var table = new LakeTable(Options(LoadMode.ReplacePartitions, "orders", "day")) { Elsewhere = store };
        await table.LoadAsync(First);
        await KillAsync(table, Second, "files.file_placed");
        await using (await table.OpenAsync())
        {
            // It finishes what the killed run left.
        }

        await foreach (var stored in store.ListAsync("", default))
        {
            await using var content = (await store.GetAsync(stored.Key, default))!;
            await table.Store.PutAsync(stored.Key, content, default);
        }

        Assert.That(Rows(table), Is.EqualTo(LakeTable.Text([First[0], .. Second])));
        Assert.That(Hidden(table), Has.Count.EqualTo(2));
    }

    private static ParquetLoaderOptions Options(LoadMode mode, string path, string? partitionBy) => new() { Path = path, PartitionBy = partitionBy, Mode = mode, Publish = PublishAs.Files };

    private static LakeTable Table(LoadMode mode, string path, string? partitionBy) => new(Options(mode, path, partitionBy));

    // Nobody disposes of the session, as of one whose process is gone.
    private static async Task KillAsync(LakeTable table, Order[] rows, string point)
    {
        var killed = await table.OpenAsync(failPoint: p => _ = p == point ? throw new IOException("killed") : p);
        Assert.That(async () =>
        {
            await LakeTable.StageAsync(killed, rows);
            await killed.PublishAsync(table.Next(killed), default);
        }, Throws.Exception);
    }

    // What a reader sees that lists the folder: not what lies in folders, or has a name, that begins with '_'.
    private static List<string> Visible(LakeTable table) => [.. table.Store.Keys().Where(k => !k.Contains("/_", StringComparison.Ordinal) || k.Contains("/__HIVE", StringComparison.Ordinal))];

    private static List<string> Hidden(LakeTable table) => [.. table.Store.Keys().Except(Visible(table))];

    private static string[] Rows(LakeTable table) => Visible(table) is { Count: > 0 } files
        ? Duck.Rows($"select id, day, note, amount from read_parquet([{string.Join(", ", files.Select(f => $"'{Path.Combine(table.Store.Folder, f)}'"))}], hive_partitioning = false) order by all") : [];

    private sealed class SettableClock(string now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.Parse(now, CultureInfo.InvariantCulture);
    }
}
