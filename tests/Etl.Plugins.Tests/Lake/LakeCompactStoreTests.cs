using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Azure;
using Etl.Plugins.Gcs;
using Etl.Plugins.S3;
using Etl.Plugins.Tests.Stores;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>A compaction and a run at the same time, on servers: both orders, and the rows as DuckDB reads them before and after.</summary>
[Category("Integration")]
public sealed class LakeCompactStoreTests
{
    [Test]
    public async Task On_S3_runs_and_a_compaction_at_the_same_time_lose_nothing()
    {
        var bucket = await S3Server.CreateBucketAsync();
        await using var store = new S3Store(new S3ConnectionOptions { Bucket = bucket, Endpoint = S3Server.Endpoint, AccessKey = S3Server.AccessKey, SecretKey = S3Server.SecretKey });
        var table = await HoldsAsync(store);
        Assert.That(LakeTable.KernelRows(KernelReader.OnS3(bucket, "orders")), Is.EquivalentTo(table.Read()), "the other reader, from the bucket itself");
        Assert.That(await S3Server.OpenUploadsAsync(bucket), Is.Empty);
    }

    [Test]
    public async Task On_Google_runs_and_a_compaction_at_the_same_time_lose_nothing()
    {
        var bucket = await S3Server.CreateBucketAsync();
        await using var server = await GcsStandIn.StartAsync();
        await using var store = new GcsStore(new GcsConnectionOptions { Bucket = bucket, Endpoint = server.Endpoint, AccessKey = GcsStandIn.AccessKey, SecretKey = GcsStandIn.SecretKey });
        await HoldsAsync(store);
        Assert.That(await S3Server.OpenUploadsAsync(bucket), Is.Empty);
    }

    [Test]
    public async Task On_Azure_runs_and_a_compaction_at_the_same_time_lose_nothing()
    {
        await using var server = await AzuriteServer.StartAsync();
        await server.Service.CreateBlobContainerAsync("lake");
        await using var store = new AzureBlobStore(new AzureBlobOptions { Account = AzuriteServer.Account, AccountKey = AzuriteServer.Key, Container = "lake", Endpoint = server.Endpoint, Retries = 1 });
        await HoldsAsync(store);
    }

    private static async Task<LakeTable> HoldsAsync(IObjectStore store)
    {
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = store };
        Order[] orders = [.. Enumerable.Range(1, 9).Select(i => new Order(i, 19723 + (i % 2), $"n{i}", i))];
        foreach (var three in orders.Chunk(3))
        {
            await table.LoadAsync(three);
        }

        Assert.That(await ReadAsync(table, store), Is.EqualTo(LakeTable.Text(orders)));
        // The run is about to commit when the compaction does, and has to decide again.
        orders[0] = orders[0] with { Note = "run second" };
        await using (var session = await table.OpenAsync(failPoint: point =>
        {
            if (point == "lake.before_commit" && table.RunId == "run-1")
            {
                table.RunId = "run-2";
                Assert.That(Compact(_ => { }).Folders.Sum(f => f.Files), Is.EqualTo(6));
            }
        }))
        {
            await LakeTable.StageAsync(session, [orders[0]]);
            await session.PublishAsync(table.Next(session), default);
        }

        Assert.That(await ReadAsync(table, store), Is.EqualTo(LakeTable.Text(orders)));
        // And the other way round.
        await table.LoadAsync([orders[1] = orders[1] with { Day = 19725 }]);
        await table.LoadAsync([orders[2] = orders[2] with { Day = 19725 }]);
        orders[3] = orders[3] with { Note = "run first" };
        var left = Compact(point =>
        {
            if (point == "lake.compact.before_commit" && table.RunId == "run-2")
            {
                table.RunId = "run-3";
                table.LoadAsync([orders[3], new Order(10, 19725, "new", 1)]).GetAwaiter().GetResult();
            }
        });
        Assert.That(left.Folders.Select(f => (f.Folder, f.Files)), Does.Contain(("2024/01/03/", 2)));
        Assert.That(await ReadAsync(table, store), Is.EqualTo(LakeTable.Text([.. orders, new Order(10, 19725, "new", 1)])));
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty);
        return table;

        LakeCompaction Compact(Action<string> failPoint) => table.Loader().CompactAsync(new(false, false, failPoint), default).AsTask().GetAwaiter().GetResult();
    }

    // By the log's checker and DuckDB, from a copy on the disk.
    private static async Task<string[]> ReadAsync(LakeTable table, IObjectStore store)
    {
        await foreach (var stored in store.ListAsync("", default))
        {
            await using var content = (await store.GetAsync(stored.Key, default))!;
            await table.Store.PutAsync(stored.Key, content, default);
        }

        return table.Read();
    }
}
