using System.Text.RegularExpressions;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

public partial class LakeFaultTests
{
    private static readonly Order[] Two = [new(1, 19723, "a", 150), new(2, 19724, null, -5)];
    private static readonly CheckpointKey Other = new("test", "others", "lake");

    [Test]
    [Property("Fault", 15)]
    public async Task A_lost_answer_is_resolved_by_reading_the_log()
    {
        var table = new LakeTable(LakeTable.Upsert());
        table.Store.AfterPutIfAbsent = _ => throw new IOException("connection reset");
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Two);
            var next = table.Next(session);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(await session.ResolveAsync(next, default));
        }

        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task A_client_that_finds_its_own_first_try_has_committed()
    {
        var table = new LakeTable(LakeTable.Upsert());
        table.Store.PutsTwice = true;
        Assert.That((await table.LoadAsync(Two)).Inserted, Is.EqualTo(2));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task And_also_where_another_program_wrote_behind_it_what_is_not_understood()
    {
        var table = new LakeTable(LakeTable.Upsert());
        table.Store.PutsTwice = true;
        table.Store.AfterPutIfAbsent = key =>
        {
            if (key.EndsWith("00000000000000000000.json", StringComparison.Ordinal))
            {
                File.WriteAllText(Path.Combine(table.Store.Folder, key.Replace("0.json", "1.json", StringComparison.Ordinal)), """{"protocol":{"minReaderVersion":2,"minWriterVersion":5}}""" + "\n");
            }
        };
        Assert.That((await table.LoadAsync(Two)).Inserted, Is.EqualTo(2));
        Assert.That(table.DataFiles(), Has.Count.EqualTo(2), "those of the version that is committed");
    }

    [Test]
    public async Task Of_two_runs_of_a_pipeline_the_later_to_publish_is_fenced()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await using (var slow = await table.OpenAsync())
        {
            await LakeTable.StageAsync(slow, [new Order(1, 0, "slow", 0)]);
            await table.LoadAsync(Two);
            await Assert.ThrowsAsync<FencedException>(() => slow.PublishAsync(table.Next(slow), default).AsTask());
        }

        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
        Assert.That(table.DataFiles(), Has.Count.EqualTo(2), "the staged files of the later one are gone");
    }

    [Test]
    public async Task Appends_of_two_pipelines_at_a_time_both_arrive()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        await using var session = await table.OpenAsync();
        var next = table.Next(session);
        await LakeTable.StageAsync(session, [Two[0]]);
        table.Key = Other;
        await table.LoadAsync([Two[1]]);
        await session.PublishAsync(next, default);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task An_upsert_decides_again_over_what_another_pipeline_committed_in_between()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([new Order(1, 19723, "old", 1), new Order(3, 19723, "c", 3)]);
        await using var session = await table.OpenAsync();
        var next = table.Next(session);
        await LakeTable.StageAsync(session, [.. Two, new Order(4, 19725, "d", 4)]);
        var interfered = false;
        table.Store.BeforePutIfAbsent = _ =>
        {
            // Between this run's last look at the table and its commit.
            if (!interfered)
            {
                interfered = true;
                table.Key = Other;
                table.LoadAsync([new Order(2, 19730, "theirs", 0), new Order(4, 19725, "d", 4), new Order(5, 19723, "e", 5)]).GetAwaiter().GetResult();
            }
        };
        var result = await session.PublishAsync(next, default);
        Assert.That(result, Is.EqualTo(new PublishResult(0, 2, 0, 1, result.Detail)));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. Two, new Order(3, 19723, "c", 3), new Order(4, 19725, "d", 4), new Order(5, 19723, "e", 5)])));
        await session.DisposeAsync();
        Assert.That(table.Read(), Has.Length.EqualTo(5), "clean-up after a second try takes nothing that the log names");
    }

    [Test]
    public async Task A_full_refresh_of_a_table_that_another_pipeline_feeds_is_refused()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        table.Key = Other;
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([], fullRefresh: true)))!.Code, Is.EqualTo("ETL4564"));
        Assert.That(table.Read(), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task A_reconciliation_of_a_table_that_another_pipeline_feeds_from_then_on_is_refused()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([Two[0]]);
        await using var session = await table.OpenAsync();
        var next = table.Next(session);
        await LakeTable.StageAsync(session, [Two[0]]);
        await LakeTable.StageKeysAsync(session, [Two[0]]);
        var interfered = false;
        table.Store.BeforePutIfAbsent = _ =>
        {
            if (!interfered)
            {
                interfered = true;
                table.Key = Other;
                table.LoadAsync([Two[1]]).GetAwaiter().GetResult();
            }
        };
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => session.PublishAsync(next, default).AsTask()))!.Code, Is.EqualTo("ETL4564"));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)), "the other one's row stays");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_comparison_during_which_a_run_publishes_ends_and_tells_no_differences(bool isOther)
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([Two[0]]);
        await using var session = (LakeSession)await table.OpenAsync();
        var next = table.Next(session);
        table.Key = isOther ? Other : table.Key;
        await table.LoadAsync([Two[1]]);
        await LakeTable.StageAsync(session, Two);
        await LakeTable.StageKeysAsync(session, Two);
        Assert.That(async () => await session.RehearseAsync(next, default), isOther ? Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4564") : Throws.TypeOf<FencedException>());
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [TestCase("lake.staged", false)]
    [TestCase("lake.before_commit", false)]
    [TestCase("lake.after_commit", true)]
    public async Task A_run_that_is_stopped_is_either_whole_or_not_there(string point, bool committed)
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([new Order(1, 19723, "old", 1)]);
        var stopped = await table.OpenAsync(failPoint: p => _ = p == point ? throw new OperationCanceledException(p) : p);
        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            await LakeTable.StageAsync(stopped, Two);
            await stopped.PublishAsync(table.Next(stopped), default);
        });
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(committed ? Two : [new Order(1, 19723, "old", 1)])));
        await using (var again = await table.OpenAsync())
        {
            Assert.That(again.Checkpoint!.N, Is.EqualTo(committed ? 2 : 1));
            await LakeTable.StageAsync(again, Two);
            await again.PublishAsync(table.Next(again), default);
        }

        await stopped.DisposeAsync();
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task What_a_killed_run_sent_and_did_not_commit_goes_with_the_next_publish_and_nothing_else_does()
    {
        var table = new LakeTable(LakeTable.Upsert()) { RunId = "committed" };
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Two);
            await session.PublishAsync(table.Next(session, "committed-1-lake"), default);
        }

        string Left(string run) => $"orders/2024/01/01/part-00001-{run}-{new string('0', 32)}.parquet";
        string[] left = [Left("gone"), Left("committed"), Left("alive"), $"orders/other-gone-{new string('0', 32)}.parquet"];
        foreach (var key in left)
        {
            await table.Store.PutAsync(key, new MemoryStream([1]), default);
        }

        (table.RunId, table.GoneRuns) = ("run-2", ["gone", "committed"]);
        await using (await table.OpenAsync())
        {
            // Without a publish nothing is known of what the gone run may still have under way.
        }

        Assert.That(await ThereAsync(), Is.EqualTo(left));
        await table.LoadAsync([new Order(9, 19723, "new", 1)]);
        Assert.That(await ThereAsync(), Is.EqualTo(left[1..]));

        async Task<List<string>> ThereAsync()
        {
            var there = new List<string>();
            foreach (var key in left)
            {
                if (await table.Store.SizeAsync(key, default) is not null)
                {
                    there.Add(key);
                }
            }

            return there;
        }
    }

    [Test]
    public async Task An_entry_of_the_log_that_a_killed_run_had_half_written_goes_with_the_run_that_takes_its_version()
    {
        await using var folder = new FilesFolder();
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = folder.Store };
        await table.LoadAsync([Two[0]]);
        var half = folder.PathOf($"orders/_delta_log/.etl-tmp-{Guid.NewGuid():N}-00000000000000000001.json");
        await File.WriteAllTextAsync(half, "{");
        (table.RunId, table.GoneRuns) = ("run-2", ["gone"]);
        await table.LoadAsync([Two[1]]);
        Assert.That(File.Exists(half), Is.False);
    }

    [Test]
    [Property("Fault", 36)]
    public async Task Bytes_that_the_store_lost_are_found_before_the_commit()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([Two[0]]);
        table.Store.LostBytes = 1;
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([Two[1]]));
        Assert.That(error!.Code, Is.EqualTo("ETL4556"));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([Two[0]])));
    }

    [TestCase(LoadMode.Append)]
    [TestCase(LoadMode.Upsert)]
    [Property("Fault", 36)]
    public async Task A_bit_that_was_turned_over_is_found_before_the_commit(LoadMode mode)
    {
        var table = new LakeTable(LakeTable.Upsert() with { Mode = mode, Key = mode == LoadMode.Upsert ? ["id"] : [] });
        await table.LoadAsync([Two[0]]);
        var before = table.Store.Keys();
        table.Store.Damages = true;
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([Two[1]]));
        Assert.That(FileAndHash().Replace(WholeText.Of(error!), "*"), Is.EqualTo(
            "ETL4556: the store has other content of orders/2024/01/02/*.parquet than was written: SHA-256 * instead of *. Nothing was published. Run again; if it comes back, the disk, the network or the store damages data."));
        Assert.That(table.Store.Keys(), Is.EqualTo(before));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([Two[0]])));
    }

    [Test]
    public async Task A_file_that_the_local_disk_damaged_is_found_before_the_commit()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await using var session = await table.OpenAsync(failPoint: point =>
        {
            // Encoded, and not sent yet.
            foreach (var file in point == "lake.planned" ? Directory.GetFiles(Path.Combine(Path.GetDirectoryName(table.Store.Folder)!, "state", "tmp"), "*", SearchOption.AllDirectories) : [])
            {
                var bytes = File.ReadAllBytes(file);
                bytes[bytes.Length / 2] ^= 1;
                File.WriteAllBytes(file, bytes);
            }
        });
        await LakeTable.StageAsync(session, Two);
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => session.PublishAsync(table.Next(session), default).AsTask()))!.Code, Is.EqualTo("ETL4556"));
    }

    [Test]
    public async Task A_data_file_that_changed_is_not_copied_on()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        var path = Path.Combine(table.Store.Folder, table.DataFiles()[0]);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[40] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([Two[0] with { Note = "b" }]));
        Assert.That(error!.Code, Is.EqualTo("ETL4557"));
        Assert.That(error.Message, Does.Contain(table.DataFiles()[0]));
    }

    [Test]
    public async Task A_log_with_a_missing_version_is_refused()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        await table.LoadAsync([]);
        await table.LoadAsync([]);
        await table.Store.DeleteAsync("orders/_delta_log/00000000000000000001.json", default);
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync()))!.Code, Is.EqualTo("ETL4555"));
    }

    [TestCase("""{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}""")]
    [TestCase("""{"protocol":{"minReaderVersion":2,"minWriterVersion":5}}""")]
    public async Task A_table_with_features_that_are_not_understood_is_left_alone(string action)
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        await table.Store.PutIfAbsentAsync("orders/_delta_log/00000000000000000001.json", System.Text.Encoding.UTF8.GetBytes(action + "\n"), default);
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync()))!.Code, Is.EqualTo("ETL4553"));
    }

    [GeneratedRegex("[^/]+(?=\\.parquet)|[0-9a-f]{64}")]
    private static partial Regex FileAndHash();
}
