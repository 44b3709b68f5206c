using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Lake;
using Etl.Plugins.S3;
using Etl.Plugins.Tests.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What is S3's own, beyond the laws of all stores, on a real server that checks signatures, digests and conditions.</summary>
[Category("Integration")]
public sealed class S3StoreTests
{
    private string _bucket = null!;
    private S3Store _store = null!;

    [OneTimeSetUp]
    public async Task Make()
    {
        _bucket = await S3Server.CreateBucketAsync();
        _store = new S3Store(Options(_bucket, "below"));
    }

    [OneTimeTearDown]
    public ValueTask Drop() => _store.DisposeAsync();

    [Test]
    public async Task A_large_object_of_a_stream_without_a_length_arrives_in_parts_and_whole()
    {
        var bytes = new byte[20_000_001];
        await using (var same = new MadeStream(7, bytes.Length))
        {
            await same.ReadExactlyAsync(bytes);
        }

        await using (var content = new MadeStream(7, bytes.Length))
        {
            await _store.PutAsync("large.bin", content, default);
        }

        using var client = S3Server.Client();
        var stored = await client.GetObjectMetadataAsync(_bucket, "below/large.bin");
        Assert.That(stored.ETag, Does.EndWith("-3\""), "three parts of 8 MB");
        Assert.That(await BytesAsync(await _store.GetAsync("large.bin", default)), Is.EqualTo(bytes));
        Assert.That(await BytesAsync(await _store.GetRangeAsync("large.bin", 8_388_600, 20, default)), Is.EqualTo(bytes[8_388_600..8_388_620]), "across two parts");
        Assert.That(await BytesAsync(await _store.GetRangeAsync("large.bin", 20_000_000, 20, default)), Is.EqualTo(bytes[^1..]));
        Assert.That(await BytesAsync(await _store.GetRangeAsync("large.bin", 30_000_000, 20, default)), Is.Empty);
    }

    [Test]
    [Property("Fault", 13)]
    public async Task What_a_killed_process_left_of_an_upload_is_discarded_and_that_of_others_is_not()
    {
        using var client = S3Server.Client();
        foreach (var key in new[] { "below/d/mine-1", "below/d/theirs-1", "below/e/mine-2" })
        {
            var upload = await client.InitiateMultipartUploadAsync(_bucket, key);
            await client.UploadPartAsync(new() { BucketName = _bucket, Key = key, UploadId = upload.UploadId, PartNumber = 1, InputStream = new MemoryStream(new byte[100]) });
        }

        await _store.DiscardUnfinishedAsync("d/", o => o.Key.Contains("mine", StringComparison.Ordinal) && o.Modified > TimeProvider.System.GetUtcNow().AddMinutes(-10), default);
        Assert.That(await UploadsAsync(), Is.EquivalentTo(new[] { "below/d/theirs-1", "below/e/mine-2" }));
        await _store.DiscardUnfinishedAsync("", _ => true, default);
        Assert.That(await UploadsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_vacuum_ends_uploads_of_the_tables_data_and_log_that_are_old_and_no_others()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "vacuumed", Mode = LoadMode.Append }) { Elsewhere = _store };
        await table.LoadAsync([new Order(1, 1, "a", 1)]);
        using var client = S3Server.Client();
        string[] dead = ["vacuumed/_delta_log/00000000000000000009.checkpoint.parquet", "vacuumed/part-1-killed.parquet"], others = ["vacuumed/report.csv", "vacuumed2/part-1.parquet"];
        foreach (var key in dead.Concat(others))
        {
            await client.InitiateMultipartUploadAsync(_bucket, "below/" + key);
        }

        Assert.That((await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default)).Unfinished, Is.Empty, "they may go on yet");
        var vacuum = new LakeVacuum(_store, "vacuumed/", new DeltaLog(_store, "vacuumed/", TestContext.CurrentContext.WorkDirectory)) { Grace = TimeSpan.FromSeconds(-5) };
        var listed = await vacuum.RunAsync(TimeSpan.FromDays(1), dryRun: true, default);
        Assert.That(listed.Unfinished.Select(u => "vacuumed/" + u), Is.EqualTo(dead));
        Assert.That(await UploadsAsync(), Is.EquivalentTo(dead.Concat(others).Select(k => "below/" + k)), "a dry run ends none");
        Assert.That((await vacuum.RunAsync(TimeSpan.FromDays(1), dryRun: false, default)).Unfinished, Is.EqualTo(listed.Unfinished));
        Assert.That(await UploadsAsync(), Is.EquivalentTo(others.Select(k => "below/" + k)));
        foreach (var key in others)
        {
            await _store.DiscardUnfinishedAsync(key, _ => true, default);
        }
    }

    [Test]
    public async Task A_store_with_conditional_writes_passes_the_check_and_keeps_nothing_of_it()
    {
        await _store.CheckAsync(default);
        var listed = new List<string>();
        await foreach (var (key, _, _) in _store.ListAsync("_etl/", default))
        {
            listed.Add(key);
        }

        Assert.That(listed, Is.Empty);
    }

    [Test]
    public async Task Without_conditional_writes_an_object_that_is_there_is_seen_first()
    {
        await using var store = new S3Store(Options(_bucket, "plain") with { ConditionalPut = false });
        await store.CheckAsync(default);
        Assert.That(store.PutIfAbsentIsAtomic, Is.False);
        Assert.That(await store.PutIfAbsentAsync("k", "1"u8.ToArray(), default), Is.True);
        Assert.That(await store.PutIfAbsentAsync("k", "2"u8.ToArray(), default), Is.False);
    }

    [Test]
    public async Task Errors_say_what_to_do_and_no_secret()
    {
        const string Canary = "wrong-s3cret-canary";
        // Without the check's write: Ceph leaves the body of a write that it refused on the connection, where the next request would run into it.
        await using var wrong = new S3Store(Options(_bucket) with { SecretKey = Canary, ConditionalPut = false });
        await using var stranger = new S3Store(Options(_bucket) with { AccessKey = "nobody", SecretKey = Canary, ConditionalPut = false });
        await using var nowhere = new S3Store(Options("etl-there-is-no-such-bucket") with { ConditionalPut = false });
        await using var silent = new S3Store(Options(_bucket) with { Endpoint = "http://127.0.0.1:9" });
        using (Assert.EnterMultipleScope())
        {
            Told(wrong, "ETL4590", "SignatureDoesNotMatch");
            Told(stranger, "ETL4590", "InvalidAccessKeyId");
            Told(nowhere, "ETL4591", "there is no bucket 'etl-there-is-no-such-bucket'");
            Told(silent, "ETL4592", "cannot be reached");
            Assert.That(silent.IsTransient(Thrown<EtlException>(async () => await silent.CheckAsync(default))), Is.True);
            Assert.That(wrong.IsTransient(Thrown<EtlException>(async () => await wrong.CheckAsync(default))), Is.False);
        }

        static void Told(S3Store store, string code, string text)
        {
            var error = Thrown<EtlException>(async () => await store.CheckAsync(default));
            Assert.That(error.Code, Is.EqualTo(code), error.ToString());
            Assert.That(error.Message, Does.Contain(text));
            Assert.That(error.ToString(), Does.Not.Contain(Canary));
        }
    }

    private Task<List<string>> UploadsAsync() => S3Server.OpenUploadsAsync(_bucket);

    private static S3ConnectionOptions Options(string bucket, string prefix = "") => new()
    {
        Bucket = bucket, Prefix = prefix, Endpoint = S3Server.Endpoint, AccessKey = S3Server.AccessKey, SecretKey = S3Server.SecretKey,
    };

    private static async Task<byte[]> BytesAsync(Stream? stream)
    {
        using var all = new MemoryStream();
        await using (stream)
        {
            await stream!.CopyToAsync(all);
        }

        return all.ToArray();
    }
}
