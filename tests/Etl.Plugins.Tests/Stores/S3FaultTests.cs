using System.Net;
using Amazon.S3;
using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Lake;
using Etl.Plugins.Tests.Lake;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What stores do wrong, scripted before a real one: nothing half is seen, nothing stays open, and what may pass is tried again.</summary>
[Category("Integration")]
public sealed class S3FaultTests : S3FrontFixture
{
    private const int Large = 25_000_003;

    private IReadOnlyList<string> _known = [];

    [TestCase(HttpStatusCode.ServiceUnavailable, "SlowDown")]
    [TestCase(HttpStatusCode.InternalServerError, "InternalError")]
    [Property("Fault", 33)]
    public async Task A_burst_of_errors_is_waited_out_and_nothing_is_written_twice(HttpStatusCode status, string code)
    {
        Front.Refuse(r => r.Method == "PUT", status, code, times: 3);
        await PutLargeAsync("a");
        Front.Refuse(r => r.Method is "PUT" or "POST", status, code, times: 2);
        Assert.That(await Store.PutIfAbsentAsync("b", "one"u8.ToArray(), default), Is.True);
        Front.Refuse(r => r.Method == "GET", status, code, times: 2);
        Assert.That(await Store.KeysAsync(""), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(await Store.DigestAsync("a"), Is.EqualTo(MadeStream.DigestOf(1, Large)));
        Assert.That(await S3Server.OpenUploadsAsync(Bucket), Is.Empty);
    }

    [Test]
    [Property("Fault", 33)]
    public async Task Errors_that_do_not_end_are_given_up_as_such_that_may_pass()
    {
        Front.Refuse(r => r.Method == "PUT", HttpStatusCode.ServiceUnavailable, "SlowDown");
        var before = Front.Requests;
        var error = Thrown<Exception>(() => Store.PutTextAsync("a", "x"));
        Assert.That(Store.IsTransient(error), Is.True, error.ToString());
        Assert.That(Front.Requests - before, Is.InRange(3, 8), "some attempts, and an end to them");
        Assert.That(await Store.KeysAsync(""), Is.Empty);
    }

    [Test]
    [Property("Fault", 34)]
    public async Task An_error_in_the_body_of_a_200_is_a_failure_and_the_upload_is_given_up()
    {
        Front.Refuse(r => r.Method == "POST" && IsOfUpload(r), HttpStatusCode.OK, "InternalError");
        var error = Thrown<Exception>(() => PutLargeAsync("a"));
        Assert.That(Store.IsTransient(error), Is.True, error.ToString());
        Assert.That(await Store.GetAsync("a", default), Is.Null);
        Assert.That(await S3Server.OpenUploadsAsync(Bucket), Is.Empty);
    }

    [Test]
    [Property("Fault", 35)]
    public async Task A_conflict_with_a_write_that_is_under_way_is_asked_again()
    {
        Front.Refuse(IsConditional, HttpStatusCode.Conflict, "ConditionalRequestConflict", times: 2);
        Assert.That(await Store.PutIfAbsentAsync("a", "one"u8.ToArray(), default), Is.True);
        Front.Refuse(IsConditional, HttpStatusCode.Conflict, "ConditionalRequestConflict", times: 2);
        Assert.That(await Store.PutIfAbsentAsync("a", "two"u8.ToArray(), default), Is.False);
        Assert.That(await Store.TextAsync("a"), Is.EqualTo("one"));
    }

    [Test]
    [Property("Fault", 15)]
    public async Task A_conditional_write_whose_answer_is_lost_finds_itself()
    {
        Front.LoseAnswer(IsConditional, times: 1);
        Assert.That(await Store.PutIfAbsentAsync("log/1", "mine"u8.ToArray(), default), Is.True);
        Front.LoseAnswer(IsConditional, times: 1);
        Assert.That(await Store.PutIfAbsentAsync("log/1", "theirs"u8.ToArray(), default), Is.False);
        Assert.That(await Store.TextAsync("log/1"), Is.EqualTo("mine"));
    }

    [Test]
    [Property("Fault", 15)]
    public async Task An_upload_whose_answer_is_lost_when_it_is_complete_finds_the_object_that_it_has_become()
    {
        Front.LoseAnswer(r => r.Method == "POST" && IsOfUpload(r), times: 1);
        Front.Refuse(r => r.Method == "POST" && IsOfUpload(r), HttpStatusCode.NotFound, "NoSuchUpload", times: 1);
        await PutLargeAsync("a");
        Assert.That(await Store.DigestAsync("a"), Is.EqualTo(MadeStream.DigestOf(1, Large)));
        // Another program gave the upload up, and an older object is there.
        Front.Refuse(r => r.Method == "POST" && IsOfUpload(r), HttpStatusCode.NotFound, "NoSuchUpload", times: 1);
        await using var content = new MadeStream(2, Large);
        Assert.That(Thrown<AmazonS3Exception>(async () => await Store.PutAsync("a", content, default)).ErrorCode, Is.EqualTo("NoSuchUpload"));
        Assert.That(await Store.DigestAsync("a"), Is.EqualTo(MadeStream.DigestOf(1, Large)));
        Assert.That(await S3Server.OpenUploadsAsync(Bucket), Is.Empty);
    }

    [TestCase(1_000)]
    [TestCase(Large)]
    [Property("Fault", 36)]
    public async Task A_body_that_is_damaged_on_the_way_is_never_seen(int length)
    {
        Front.Damage(r => r.Method == "PUT" && r.ContentLength > 500);
        await using var content = new MadeStream(1, length);
        Thrown<Exception>(async () => await Store.PutAsync("a", content, default));
        Assert.That(await Store.KeysAsync(""), Is.Empty);
        Assert.That(await S3Server.OpenUploadsAsync(Bucket), Is.Empty);
    }

    [Test]
    [Property("Fault", 36)]
    public void An_object_that_the_store_cut_short_is_noticed()
    {
        using var client = S3Server.Client();
        Front.After(r => r.Method == "PUT", () => client.PutObjectAsync(new() { BucketName = Bucket, Key = "a", ContentBody = "cu" }));
        Assert.That(Thrown<EtlException>(() => Store.PutTextAsync("a", "cut short")).Code, Is.EqualTo("ETL4594"));
    }

    [TestCase(10)]
    [TestCase(Large)]
    [Property("Fault", 36)]
    public async Task An_object_that_the_store_changed_is_told_by_its_hash_and_one_that_it_kept_is_not_read_back(int length)
    {
        using var client = S3Server.Client();
        await using (var content = new MadeStream(1, length))
        {
            var before = Front.Gets;
            Assert.That(await Store.PutVerifiedAsync("a", content, default), Is.EqualTo(MadeStream.DigestOf(1, length).ToLowerInvariant()));
            Assert.That(Front.Gets - before, Is.Zero, "its tag tells");
        }

        using var other = new MadeStream(2, length);
        using var bytes = new MemoryStream();
        await other.CopyToAsync(bytes);
        Front.After(r => length < Large ? r.Method == "PUT" : r.Method == "POST" && IsOfUpload(r), () => client.PutObjectAsync(new() { BucketName = Bucket, Key = "b", InputStream = bytes }));
        await using (var content = new MadeStream(1, length))
        {
            Assert.That(await Store.PutVerifiedAsync("b", content, default), Is.EqualTo(MadeStream.DigestOf(2, length).ToLowerInvariant()), "of as many bytes, and others");
        }
    }

    [Test]
    [Property("Fault", 36)]
    public async Task A_lake_refuses_a_file_that_the_store_changed_before_it_commits()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append }) { Elsewhere = Store };
        await table.LoadAsync([new Order(1, 1, "x", 1)]);
        using var client = S3Server.Client();
        Front.After(r => r.Method == "PUT" && r.Path.Value!.EndsWith(".parquet", StringComparison.Ordinal), async () =>
        {
            // As many bytes as there were, so that only their digest tells.
            var key = (await Store.KeysAsync("orders/part-")).Except(_known).Single();
            var bytes = new byte[(int)(await Store.SizeAsync(key, default))!];
            await client.PutObjectAsync(new() { BucketName = Bucket, Key = key, InputStream = new MemoryStream(bytes) });
        });
        _known = await Store.KeysAsync("orders/part-");
        Assert.That(Thrown<EtlException>(() => table.LoadAsync([new Order(2, 2, "y", 2)])).Code, Is.EqualTo("ETL4556"));
        Assert.That(await Store.SizeAsync("orders/_delta_log/00000000000000000001.json", default), Is.Null);
        Assert.That(await Store.KeysAsync("orders/part-"), Is.EqualTo(_known), "and it is gone");
    }

    [Test]
    [Property("Fault", 37)]
    public async Task A_lake_whose_listings_are_stale_loses_and_doubles_nothing()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append }) { Elsewhere = Store };
        Front.Answer(r => r.Method == "GET" && r.QueryString.Value!.Contains("list-type=2", StringComparison.Ordinal), """
            <?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>
            """);
        Assert.That(await Store.KeysAsync(""), Is.Empty);
        for (var day = 1; day <= 3; day++)
        {
            await table.LoadAsync([new Order(day, day, "x", 1)]);
        }

        Assert.That(await Store.SizeAsync("orders/_delta_log/00000000000000000002.json", default), Is.GreaterThan(0));
        Assert.That(await Store.SizeAsync("orders/_delta_log/00000000000000000003.json", default), Is.Null);
        await using var session = await table.OpenAsync();
        Assert.That(session.Checkpoint?.N, Is.EqualTo(3));
    }

    [TestCase(false, 0)]
    [TestCase(true, 1)]
    [Property("Fault", 38)]
    public async Task Credentials_that_expire_during_an_upload_end_it_and_nothing_is_seen(bool thatMayNotEvenAbort, int left)
    {
        Front.Refuse(r => r.Method == "PUT" && r.QueryString.Value!.Contains("partNumber=3", StringComparison.Ordinal), HttpStatusCode.BadRequest, "ExpiredToken");
        Front.Refuse(r => r.Method == "DELETE", HttpStatusCode.BadRequest, "ExpiredToken", times: thatMayNotEvenAbort ? int.MaxValue : 0);
        var error = Thrown<EtlException>(() => PutLargeAsync("a"));
        Assert.That((error.Code, Store.IsTransient(error)), Is.EqualTo(("ETL4595", false)));
        Assert.That(await Store.GetAsync("a", default), Is.Null);
        Assert.That(await S3Server.OpenUploadsAsync(Bucket), Has.Count.EqualTo(left));
    }

    private static bool IsConditional(HttpRequest request) => request.Headers["If-None-Match"] == "*";

    private static bool IsOfUpload(HttpRequest request) => request.QueryString.Value!.Contains("uploadId=", StringComparison.Ordinal);

    private async Task PutLargeAsync(string key)
    {
        await using var content = new MadeStream(1, Large);
        await Store.PutAsync(key, content, default);
    }
}
