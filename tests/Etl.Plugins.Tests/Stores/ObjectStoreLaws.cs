using System.Text;
using Etl.Contracts;
using Etl.Plugins.Lake;
using Etl.Plugins.Tests.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What each object store owes to the formats that are written on it. A class for each store says how to reach it.</summary>
public abstract class ObjectStoreLaws
{
    // More than two parts of any store, and no multiple of a part.
    private const int Large = 25_000_003;

    private IConnection _connection = null!;

    /// <summary>A connection to a place of this store that nothing is in yet.</summary>
    protected abstract Task<IConnection> OpenNewAsync();

    /// <summary>How many uploads that were begun and not ended the store still holds and could be asked to drop.</summary>
    protected abstract Task<int> OpenUploadsAsync();

    /// <summary>The store under test, empty.</summary>
    private protected IObjectStore Store => (IObjectStore)_connection;

    [SetUp]
    public async Task OpenAsync() => _connection = await OpenNewAsync();

    [TearDown]
    public async Task CloseAsync() => await _connection.DisposeAsync();

    [Test]
    public async Task The_place_passes_its_check() => await _connection.CheckAsync(default);

    [Test]
    public async Task An_object_is_put_replaced_read_and_deleted()
    {
        await Store.PutTextAsync("a/b.txt", "one");
        await Store.PutTextAsync("a/b.txt", "second");
        await Store.PutTextAsync("a/empty", "");
        Assert.That(await Store.TextAsync("a/b.txt"), Is.EqualTo("second"));
        Assert.That(await Store.SizeAsync("a/b.txt", default), Is.EqualTo(6));
        Assert.That(await Store.TextAsync("a/empty"), Is.Empty);
        Assert.That(await Store.SizeAsync("a/empty", default), Is.Zero);
        await Store.DeleteAsync("a/b.txt", default);
        await Store.DeleteAsync("a/b.txt", default);
        Assert.That(await Store.KeysAsync(""), Is.EqualTo(new[] { "a/empty" }));
    }

    [Test]
    public async Task What_is_not_there_is_null()
    {
        Assert.That(await Store.GetAsync("no/such", default), Is.Null);
        Assert.That(await Store.GetRangeAsync("no/such", 0, 4, default), Is.Null);
        Assert.That(await Store.GetRangeAsync("no/such", 0, 0, default), Is.Null);
        Assert.That(await Store.SizeAsync("no/such", default), Is.Null);
        Assert.That(await Store.KeysAsync("no/"), Is.Empty);
    }

    [TestCase(0, 3, "012")]
    [TestCase(4, 2, "45")]
    [TestCase(7, 3, "789")]
    [TestCase(7, 100, "789")]
    [TestCase(9, 1, "9")]
    [TestCase(10, 1, "")]
    [TestCase(11, 1, "")]
    [TestCase(3, 0, "")]
    public async Task A_range_is_what_lies_in_it(long offset, long length, string expected)
    {
        await Store.PutTextAsync("digits", "0123456789");
        Assert.That(await Store.RangeAsync("digits", offset, length), Is.EqualTo(expected));
    }

    [Test]
    public async Task A_range_of_an_empty_object_is_empty()
    {
        await Store.PutTextAsync("empty", "");
        Assert.That(await Store.RangeAsync("empty", 0, 5), Is.Empty);
    }

    [Test]
    public async Task A_listing_of_more_than_a_page_is_whole_and_in_ordinal_order()
    {
        var keys = Enumerable.Range(0, 1_100).Select(i => $"log/{i:D4}").Append("log-1").Append("log/B").Append("log/a/b").Append("log0").ToList();
        var before = TimeProvider.System.GetUtcNow();
        await Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (key, _) => await Store.PutTextAsync(key, key));

        var found = new List<StoredObject>();
        await foreach (var item in Store.ListAsync("log/", default))
        {
            found.Add(item);
        }

        Assert.That(found.Select(f => f.Key), Is.EqualTo(keys.Where(k => k.StartsWith("log/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)));
        Assert.That(found, Is.All.Matches<StoredObject>(f => f!.Size == f.Key.Length));
        Assert.That(found.Select(f => f.Modified), Is.All.InRange(before.AddSeconds(-2), TimeProvider.System.GetUtcNow().AddSeconds(2)));
        Assert.That(await Store.KeysAsync("log/00"), Has.Count.EqualTo(100), "a prefix need not end with a folder");
        Assert.That(await Store.KeysAsync(""), Has.Count.EqualTo(keys.Count));
    }

    [TestCase("with space + plus&and=equals%20percent#hash?what.txt")]
    [TestCase("Zeile ü/日本語/emoji \U0001F600/'quote\"")]
    [TestCase("a=1/day=2026-03-01/part-0.parquet")]
    [TestCase("~!@$^*()_,;.../...x")]
    [TestCase("<tag>|`[x]{y}")]
    public async Task A_key_may_hold_any_character(string key)
    {
        await Store.PutTextAsync(key, "one");
        Assert.That(await Store.PutIfAbsentAsync(key, "other"u8.ToArray(), default), Is.False);
        Assert.That(await Store.PutIfAbsentAsync(key + "2", "two"u8.ToArray(), default), Is.True);
        await Store.CopyAsync(key, key + "3", default);
        Assert.That(await Store.KeysAsync(key), Is.EqualTo(new[] { key, key + "2", key + "3" }));
        Assert.That(await Store.TextAsync(key + "3"), Is.EqualTo("one"));
        Assert.That(await Store.SizeAsync(key, default), Is.EqualTo(3));
        Assert.That(await Store.RangeAsync(key + "2", 1, 2), Is.EqualTo("wo"));
        await Store.DeleteAsync(key, default);
        Assert.That(await Store.GetAsync(key, default), Is.Null);
    }

    [TestCase("")]
    [TestCase("/a")]
    [TestCase("..")]
    [TestCase("../a")]
    [TestCase("a/../../b")]
    [TestCase("a/..")]
    [TestCase("./a")]
    [TestCase("a//b")]
    [TestCase("a/")]
    [TestCase("a\\..\\b")]
    [TestCase("C:a")]
    [TestCase("a\0b")]
    public async Task What_could_lead_out_of_the_place_is_no_key(string key)
    {
        await Store.PutTextAsync("there", "x");
        var asked = new Func<Task>[]
        {
            () => Store.PutTextAsync(key, "x"),
            async () => await Store.PutIfAbsentAsync(key, default, default),
            async () => await Store.GetAsync(key, default),
            async () => await Store.GetRangeAsync(key, 0, 1, default),
            async () => await Store.SizeAsync(key, default),
            async () => await Store.CopyAsync(key, "there", default),
            async () => await Store.CopyAsync("there", key, default),
            async () => await Store.DeleteAsync(key, default),
        };
        Assert.That(asked.Select(a => Thrown<EtlException>(a).Code), Is.All.EqualTo("ETL4530"));
        Assert.That(await Store.KeysAsync(""), Is.EqualTo(new[] { "there" }));
    }

    [Test]
    public async Task A_copy_replaces_and_what_is_copied_stays()
    {
        await Store.PutTextAsync("from", "new");
        await Store.PutTextAsync("to", "old and longer");
        await Store.CopyAsync("from", "to", default);
        Assert.That((await Store.TextAsync("from"), await Store.TextAsync("to")), Is.EqualTo(("new", "new")));
        Assert.That(Thrown<EtlException>(async () => await Store.CopyAsync("no/such", "to", default)).Code, Is.EqualTo("ETL4533"));
        Assert.That(await Store.TextAsync("to"), Is.EqualTo("new"));
    }

    [Test]
    public async Task Of_sixteen_that_put_if_absent_one_wins_and_its_content_is_whole()
    {
        Assert.That(Store.PutIfAbsentIsAtomic, Is.True);
        for (var round = 0; round < 8; round++)
        {
            var key = $"log/{round:D20}.json";
            var won = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () => await Store.PutIfAbsentAsync(key, ContentOf(i), default))));
            Assert.That(won.Count(w => w), Is.EqualTo(1));
            Assert.That(await Store.TextAsync(key), Is.EqualTo(Encoding.ASCII.GetString(ContentOf(System.Array.IndexOf(won, true)))));
        }

        static byte[] ContentOf(int writer) => Encoding.ASCII.GetBytes(new string((char)('a' + writer), 10_000));
    }

    [Test]
    public async Task Of_two_large_puts_of_one_key_at_once_one_remains_whole()
    {
        var puts = new[] { 1, 2 }.Select(seed => (Digest: MadeStream.DigestOf(seed, Large), Put: Task.Run(async () =>
        {
            await using var content = new MadeStream(seed, Large);
            await Store.PutAsync("large", content, default);
        }))).ToList();
        await Task.WhenAll(puts.Select(p => p.Put)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(puts.Where(p => p.Put.IsFaulted).Select(p => _connection.IsTransient(p.Put.Exception!.InnerException!)), Is.All.True, "one may be told to come again");
        Assert.That(puts.Where(p => p.Put.IsCompletedSuccessfully).Select(p => p.Digest), Has.Some.EqualTo(await Store.DigestAsync("large")));
    }

    [Test]
    public async Task A_large_object_is_put_from_a_stream_that_only_goes_forward()
    {
        await using (var content = new MadeStream(7, Large))
        {
            await Store.PutAsync("large", content, default);
        }

        Assert.That(await Store.SizeAsync("large", default), Is.EqualTo(Large));
        Assert.That(await Store.DigestAsync("large"), Is.EqualTo(MadeStream.DigestOf(7, Large)));
        Assert.That(await OpenUploadsAsync(), Is.Zero);
    }

    [TestCase(3_000)]
    [TestCase(20_000_000)]
    public async Task A_put_whose_stream_breaks_leaves_what_was_there_and_no_part(int after)
    {
        await Store.PutTextAsync("kept", "old");
        foreach (var key in new[] { "kept", "fresh" })
        {
            await using var content = new MadeStream(1, Large) { BreaksAfter = after };
            Assert.That(Thrown<IOException>(async () => await Store.PutAsync(key, content, default)).Message, Is.EqualTo(MadeStream.Broke), "the stream's own error");
        }

        Assert.That(await Store.TextAsync("kept"), Is.EqualTo("old"));
        Assert.That(await Store.KeysAsync(""), Is.EqualTo(new[] { "kept" }));
        Assert.That(await OpenUploadsAsync(), Is.Zero);
    }

    [Test]
    public async Task A_put_that_is_cancelled_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        await using var content = new MadeStream(1, Large) { At = CancelLate };
        Thrown<OperationCanceledException>(async () => await Store.PutAsync("fresh", content, stop.Token));
        Assert.That(await Store.KeysAsync(""), Is.Empty);
        Assert.That(await OpenUploadsAsync(), Is.Zero);

        void CancelLate(int read)
        {
            if (read > 18_000_000)
            {
                stop.Cancel();
            }
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(8 << 20)]
    [TestCase(16 << 20)]
    [TestCase(16 << 20)]
    [TestCase(20_000_003)]
    public async Task A_verified_write_gives_the_hash_of_what_is_there(int length)
    {
        await using var content = new MadeStream(3, length);
        var hash = await Store.PutVerifiedAsync("verified", content, default);
        Assert.That(hash, Is.EqualTo(MadeStream.DigestOf(3, length).ToLowerInvariant()));
        Assert.That(await Store.DigestAsync("verified"), Is.EqualTo(hash.ToUpperInvariant()));
    }

    [Test]
    public async Task A_lake_that_is_kept_on_it_follows_the_protocol_and_holds_what_was_loaded()
    {
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = Store };
        await table.LoadAsync([new Order(1, 1, "kept", 100), new Order(2, 1, "to move", 200), new Order(3, 2, "to go", 300)]);
        await table.LoadAsync([new Order(2, 2, "moved", 250), new Order(3, 2, null, 300, IsDeleted: true)], schema: LakeTable.OrderChanges);
        await foreach (var stored in Store.ListAsync("", default))
        {
            await using var content = (await Store.GetAsync(stored.Key, default))!;
            await table.Store.PutAsync(stored.Key, content, default);
        }

        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([new Order(1, 1, "kept", 100), new Order(2, 2, "moved", 250)])));
    }

    [Test]
    public async Task A_lake_that_is_kept_on_it_is_verified_and_what_no_version_needs_is_deleted()
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = 1 }) { Elsewhere = Store };
        await table.LoadAsync([new Order(1, 1, "old", 100), new Order(2, 2, "kept", 200)]);
        await table.LoadAsync([new Order(1, 1, "new", 150)]);
        await Store.PutAsync("orders/part-00001-killed.parquet", new MemoryStream([1, 2, 3]), default);
        var whole = await table.Loader().VerifyAsync(deep: true, default);
        Assert.That((whole.Version, whole.Files, string.Join('\n', whole.Problems)), Is.EqualTo((1, 2, "")));
        Assert.That((await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default)).Files, Is.Empty, "a run may be at what is young");

        var vacuum = new LakeVacuum(Store, "orders/", new DeltaLog(Store, "orders/", TestContext.CurrentContext.WorkDirectory)) { Grace = TimeSpan.Zero };
        Assert.That((await vacuum.RunAsync(TimeSpan.FromDays(1), dryRun: true, default)).Files, Is.EqualTo(new[] { "part-00001-killed.parquet" }), "older versions are still read");
        // Some stores tell times in whole seconds: the removal must lie in an earlier one.
        await Task.Delay(TimeSpan.FromSeconds(1.1));
        var cleared = await vacuum.RunAsync(TimeSpan.Zero, dryRun: false, default);
        Assert.That(cleared.Files, Has.Count.EqualTo(2));
        await using (var replaced = await Store.GetAsync("orders/" + cleared.Files[0], default))
        {
            Assert.That(replaced, Is.Null);
        }

        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty);
        await foreach (var stored in Store.ListAsync("", default))
        {
            Assert.That(stored.Key, Does.Not.Contain("_etl_clock"), "nothing is left of the look at its clock");
        }
    }
}
