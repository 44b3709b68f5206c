using System.IO.Compression;
using System.Net;
using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Gcs;
using Etl.Plugins.S3;
using Etl.Plugins.Tests.Lake;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Stores;

/// <summary>The laws, on a stand-in that checks Google's signatures, digests and conditions, and what is told of refusals.</summary>
[Category("Integration")]
public sealed class GcsLawsTests : RemoteStoreLaws
{
    private GcsStandIn _server = null!;
    private string _bucket = null!;

    protected override string WrongSecret => "wrong-s3cret-canary";

    private GcsConnectionOptions Options => new()
    {
        Bucket = _bucket, Prefix = "some folder/shop", Endpoint = _server.Endpoint, AccessKey = GcsStandIn.AccessKey, SecretKey = GcsStandIn.SecretKey, Retries = 3,
    };

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await GcsStandIn.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    protected override async Task<IConnection> OpenNewAsync()
    {
        _bucket = await S3Server.CreateBucketAsync();
        return new GcsStore(Options);
    }

    protected override IConnection OpenWrong(Wrong what) => new GcsStore(what switch
    {
        Wrong.Secret => Options with { SecretKey = WrongSecret },
        Wrong.Container => Options with { Bucket = "no-such-container" },
        _ => Options with { Endpoint = "http://127.0.0.1:1", Retries = 0 },
    });

    protected override async Task<int> OpenUploadsAsync() => (await S3Server.OpenUploadsAsync(_bucket)).Count;

    [Test]
    public void The_stand_in_takes_no_request_of_Amazons()
    {
        var store = new S3Store(new() { Bucket = _bucket, Endpoint = _server.Endpoint, AccessKey = GcsStandIn.AccessKey, SecretKey = GcsStandIn.SecretKey });
        Assert.That(Thrown<Amazon.S3.AmazonS3Exception>(async () => await store.GetAsync("a", default)).ErrorCode, Is.EqualTo("InvalidArgument"));
    }

    [TestCase(HttpStatusCode.Forbidden, "SignatureDoesNotMatch", "ETL4590: STORE does not accept the credentials (SignatureDoesNotMatch). Check access_key and secret_key, which are an HMAC key of a service account, and this machine's clock.")]
    [TestCase(HttpStatusCode.Forbidden, "AccessDenied", "ETL4590: STORE does not permit this (403 AccessDenied). The service account needs the role Storage Object User on the bucket, and storage.multipartUploads.list.")]
    [TestCase(HttpStatusCode.NotFound, "NoSuchBucket", "ETL4591: there is no bucket 'BUCKET' (STORE). Make it, or correct bucket or endpoint.")]
    [TestCase(HttpStatusCode.BadRequest, "InvalidArgument", "ETL4596: STORE refused a request (400 InvalidArgument). Check whether a policy, a hold or a quota of the bucket forbids it; otherwise run again.")]
    public async Task A_refused_commit_is_told_and_leaves_nothing(HttpStatusCode status, string code, string told)
    {
        await using var front = await ScriptedFront.StartAsync(_server.Endpoint);
        await using var store = Behind(front);
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = store };
        front.Refuse(IsConditional, status, code, times: 1);
        var error = await ErrorText.ThrownAsync(() => table.LoadAsync([new Order(1, 1, "x", 1)]));
        Assert.That((error.GetType(), WholeText.Of(error).Replace(store.Display, "STORE", StringComparison.Ordinal).Replace(_bucket, "BUCKET", StringComparison.Ordinal)), Is.EqualTo((typeof(StoreRefusedException), told)));
        Assert.That(await store.KeysAsync(""), Is.Empty);
    }

    [Test]
    public async Task After_a_proxys_page_the_outcome_of_a_commit_is_not_known()
    {
        await using var front = await ScriptedFront.StartAsync(_server.Endpoint);
        await using var store = Behind(front);
        front.AnswerByAPage(IsConditional, times: 1);
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = store };
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, [new Order(1, 1, "x", 1)]);
            var next = table.Next(session);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(await session.ResolveAsync(next, default), "it had arrived");
        }

        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty, "its files are there");
    }

    [Test]
    public async Task What_may_pass_is_waited_out_and_a_lost_answer_found()
    {
        await using var front = await ScriptedFront.StartAsync(_server.Endpoint);
        await using var store = Behind(front);
        front.Refuse(r => r.Method is "PUT" or "POST", HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", times: 3);
        await using (var content = new MadeStream(1, 20_000_003))
        {
            Assert.That(await store.PutVerifiedAsync("a", content, default), Is.EqualTo(MadeStream.DigestOf(1, 20_000_003).ToLowerInvariant()));
        }

        front.LoseAnswer(IsOfUpload, times: 1);
        front.Refuse(IsOfUpload, HttpStatusCode.NotFound, "NoSuchUpload", times: 1);
        await using (var content = new MadeStream(2, 20_000_003))
        {
            Assert.That(await store.PutVerifiedAsync("a", content, default), Is.EqualTo(MadeStream.DigestOf(2, 20_000_003).ToLowerInvariant()), "it has become the object");
        }

        var before = front.Gets;
        front.LoseAnswer(IsConditional, times: 1);
        Assert.That(await store.PutIfAbsentAsync("log/1", "mine"u8.ToArray(), default), Is.True);
        front.Refuse(IsConditional, HttpStatusCode.TooManyRequests, "SlowDown", times: 1);
        Assert.That(await store.PutIfAbsentAsync("log/1", "theirs"u8.ToArray(), default), Is.False);
        Assert.That(front.Gets - before, Is.EqualTo(2), "what is there is looked at, and the large object was not read back");
        front.Damage(r => r.Method == "PUT" && r.ContentLength > 500);
        Thrown<EtlException>(() => store.PutTextAsync("b", new string('b', 1_000)));
        Assert.That(await store.KeysAsync(""), Is.EqualTo(new[] { "a", "log/1" }));
    }

    [Test]
    public async Task What_is_stored_compressed_comes_as_it_is_stored()
    {
        await using var store = new GcsStore(Options);
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(new byte[10_000]);
        }

        using var client = S3Server.Client();
        var put = new Amazon.S3.Model.PutObjectRequest { BucketName = _bucket, Key = "some folder/shop/a.gz", InputStream = new MemoryStream(packed.ToArray()) };
        put.Headers.ContentEncoding = "gzip";
        await client.PutObjectAsync(put);
        Assert.That(await store.SizeAsync("a.gz", default), Is.EqualTo(packed.Length));
        await using var read = (await store.GetRangeAsync("a.gz", 2, 8, default))!;
        var bytes = new byte[9];
        Assert.That(await read.ReadAtLeastAsync(bytes, 9, throwOnEndOfStream: false), Is.EqualTo(8));
        Assert.That(bytes.Take(8), Is.EqualTo(packed.ToArray().Skip(2).Take(8)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_body_that_stops_coming_is_a_lost_connection(bool isAsync)
    {
        await using var front = await ScriptedFront.StartAsync(_server.Endpoint);
        using var client = new GcsClient(new Uri(front.Endpoint), new GoogSignature(GcsStandIn.AccessKey, GcsStandIn.SecretKey), 0, TimeProvider.System) { Patience = TimeSpan.FromSeconds(2) };
        await using (var store = Behind(front))
        {
            await store.PutTextAsync("a", new string('a', 1_000));
        }

        front.Stall(request => HttpMethods.IsGet(request.Method), times: 1);
        using var answer = await client.SendAsync(new(HttpMethod.Get, $"/{_bucket}/some%20folder/shop/a"), default);
        await using var body = await client.BodyAsync(answer, default);
        var bytes = new byte[1_000];
        var error = Thrown<IOException>(async () =>
        {
            for (var at = 0; at < bytes.Length;)
            {
                at += isAsync ? await body.ReadAsync(bytes.AsMemory(at)) : body.Read(bytes, at, bytes.Length - at);
            }
        });
        Assert.That((error.Message, GcsErrors.IsTransient(error)), Is.EqualTo(("nothing more of the answer came for 2 seconds", true)));
    }

    private static bool IsOfUpload(HttpRequest request) => request.Method == "POST" && request.QueryString.Value!.Contains("uploadId=", StringComparison.Ordinal);

    // The signature holds the host, so the front is what the client is told, and it passes on what was signed.
    private GcsStore Behind(ScriptedFront front) => new(Options with { Endpoint = front.Endpoint });

    private static bool IsConditional(HttpRequest request) => request.Headers["x-goog-if-generation-match"] == "0";
}
