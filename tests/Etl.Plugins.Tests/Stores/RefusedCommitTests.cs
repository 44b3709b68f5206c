using System.Net;
using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Azure;
using Etl.Plugins.Files;
using Etl.Plugins.Lake;
using Etl.Plugins.Tests.Lake;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>A commit that the store plainly refuses did not happen: it is told as what it is, nothing is left of it, and the next run goes on. One that may have arrived is not known.</summary>
[Category("Integration")]
public sealed class RefusedCommitTests : S3FrontFixture
{
    private const string NotPermitted = "ETL4590: STORE does not permit this (AccessDenied). The credentials need s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListBucket and ListBucketMultipartUploads here.";
    private static readonly Order[] Two = [new(1, 19723, "a", 150), new(2, 19724, null, -5)];

    [TestCase(PublishAs.Log, "orders/_delta_log/*")]
    [TestCase(PublishAs.Files, "orders/_etl/*")]
    public async Task By_a_policy_of_the_bucket(PublishAs publish, string denied)
    {
        using var client = S3Server.Client();
        await client.PutBucketPolicyAsync(Bucket, $$"""{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::{{Bucket}}/{{denied}}"}]}""");
        await AssertRefusedAsync(publish, NotPermitted, () => client.DeleteBucketPolicyAsync(Bucket));
    }

    [TestCase(HttpStatusCode.NotFound, "NoSuchBucket", "ETL4591: there is no bucket 'BUCKET' (STORE). Make it, or correct bucket or endpoint.")]
    [TestCase(HttpStatusCode.BadRequest, "InvalidRequest", "ETL4596: STORE refused a request (400 InvalidRequest). Check whether a policy, a lock or a quota of the bucket forbids it; otherwise run again.")]
    public async Task By_its_answer(HttpStatusCode status, string code, string told)
    {
        Front.Refuse(IsConditional, status, code, times: 1);
        await AssertRefusedAsync(PublishAs.Log, told, () => Task.CompletedTask);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_file_that_was_to_be_committed_is_gone_at_once_or_with_the_next_publish(bool isDeletionRefused)
    {
        Front.Refuse(IsConditional, HttpStatusCode.Forbidden, "AccessDenied", times: 1);
        Front.Refuse(request => isDeletionRefused && HttpMethods.IsDelete(request.Method), HttpStatusCode.BadRequest, "InvalidRequest", times: 1);
        var state = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N"));
        var loader = new CsvLoader(new() { Path = "out", Mode = FileLoadMode.Append }, Store, new PluginContext(state, state, 1 << 30, TimeProvider.System));
        loader.Describe(LakeTable.Orders);
        var table = Table(PublishAs.Log);
        await using (var session = await loader.OpenAsync(new LoadRequest(table.Key, LakeTable.Orders, "run-1", false, "host:1", TimeSpan.FromMinutes(1), _ => { }), default))
        {
            await LakeTable.StageAsync(session, Two);
            Assert.That(Told(await ErrorText.ThrownAsync(async () => await session.PublishAsync(table.Next(session), default))), Is.EqualTo(NotPermitted));
        }

        Assert.That(await Store.KeysAsync(""), Has.Exactly(isDeletionRefused ? 1 : 0).EndsWith(".csv").And.Exactly(isDeletionRefused ? 1 : 0).Items);
        await using var again = await loader.OpenAsync(new LoadRequest(table.Key, LakeTable.Orders, "run-2", false, "host:1", TimeSpan.FromMinutes(1), _ => { }), default);
        await LakeTable.StageAsync(again, Two);
        await again.PublishAsync(table.Next(again), default);
        Assert.That(await Store.KeysAsync(""), Has.Exactly(1).EndsWith(".csv"));
    }

    [Test]
    public async Task Of_a_compaction()
    {
        var table = Table(PublishAs.Log);
        await table.LoadAsync(Two);
        await table.LoadAsync(Two);
        var there = await Store.KeysAsync("");
        Front.Refuse(IsConditional, HttpStatusCode.Forbidden, "AccessDenied", times: 1);
        var error = await ErrorText.ThrownAsync(async () => await table.Loader().CompactAsync(new(false, false, _ => { }), default));
        Assert.That((error.GetType(), Told(error)), Is.EqualTo((typeof(StoreRefusedException), NotPermitted)));
        Assert.That(await Store.KeysAsync(""), Is.EqualTo(there), "what it had written is gone");
    }

    [Test]
    public async Task After_a_request_without_an_answer_it_is_not_known()
    {
        Front.LoseAnswer(IsConditional, times: 1);
        Front.Refuse(IsConditional, HttpStatusCode.Forbidden, "AccessDenied", times: 1);
        var table = Table(PublishAs.Log);
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Two);
            var next = table.Next(session);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(await session.ResolveAsync(next, default), "the first one had arrived");
        }

        Assert.That(LakeTable.KernelRows(KernelReader.OnS3(Bucket, "orders")), Is.EquivalentTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task After_a_proxys_page_it_is_not_known()
    {
        Front.AnswerByAPage(IsConditional, times: 1);
        await AssertUnknownAsync(Store);
    }

    [Test]
    public async Task After_a_proxys_page_before_Azure_it_is_not_known()
    {
        await using var server = await AzuriteServer.StartAsync();
        await server.Service.CreateBlobContainerAsync("lake");
        await using var front = await ScriptedFront.StartAsync(server.Endpoint[..server.Endpoint.LastIndexOf('/')]);
        await using var store = new AzureBlobStore(new AzureBlobOptions { Account = AzuriteServer.Account, AccountKey = AzuriteServer.Key, Container = "lake", Endpoint = $"{front.Endpoint}/{AzuriteServer.Account}" });
        front.AnswerByAPage(IsConditional, times: 1);
        await AssertUnknownAsync(store);
    }

    [Test]
    public async Task A_clock_that_is_wrong_is_set_and_the_commit_sent_again()
    {
        Front.Refuse(IsConditional, HttpStatusCode.Forbidden, "RequestTimeTooSkewed", times: 1);
        Assert.That(await Store.PutIfAbsentAsync("a", "x"u8.ToArray(), default), Is.True);
    }

    [Test]
    public async Task By_Azure()
    {
        await using var server = await AzuriteServer.StartAsync();
        await server.Service.CreateBlobContainerAsync("lake");
        await using var front = await ScriptedFront.StartAsync(server.Endpoint[..server.Endpoint.LastIndexOf('/')]);
        await using var store = new AzureBlobStore(new AzureBlobOptions { Account = AzuriteServer.Account, AccountKey = AzuriteServer.Key, Container = "lake", Endpoint = $"{front.Endpoint}/{AzuriteServer.Account}" });
        front.Refuse(IsConditional, HttpStatusCode.Forbidden, "AuthorizationPermissionMismatch", times: 1);
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = store };
        var error = await ErrorText.ThrownAsync(() => table.LoadAsync(Two));
        Assert.That((error.GetType(), WholeText.Of(error).Replace(store.Display, "STORE", StringComparison.Ordinal)), Is.EqualTo((typeof(StoreRefusedException), "ETL4590: STORE refused the credentials (403 AuthorizationPermissionMismatch). Check account and account_key, and this machine's clock.")));
        Assert.That(await store.KeysAsync(""), Is.Empty);
        front.LoseAnswer(IsConditional, times: 1);
        Assert.That((await table.LoadAsync(Two)).Inserted, Is.EqualTo(2), "it is sent again, and finds itself");
    }

    private static async Task AssertUnknownAsync(IObjectStore store)
    {
        var table = new LakeTable(LakeTable.Upsert()) { Elsewhere = store };
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Two);
            var next = table.Next(session);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(await session.ResolveAsync(next, default), "it had arrived");
        }

        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty, "its files are there");
    }

    private async Task AssertRefusedAsync(PublishAs publish, string told, Func<Task> mendAsync)
    {
        var table = Table(publish);
        var error = await ErrorText.ThrownAsync(() => table.LoadAsync(Two));
        Assert.That((error.GetType(), Told(error), Store.IsTransient(error)), Is.EqualTo((typeof(StoreRefusedException), told, false)));
        Assert.That(await Store.KeysAsync(""), Is.Empty, "nothing is left of it");
        await mendAsync();
        Assert.That((await table.LoadAsync(Two)).Inserted, Is.EqualTo(2));
    }

    private LakeTable Table(PublishAs publish) => new(new() { Path = "orders", PartitionBy = "day", Mode = LoadMode.Append, Publish = publish }) { Elsewhere = Store };

    private string Told(EtlException error) => WholeText.Of(error).Replace(Store.Display, "STORE", StringComparison.Ordinal).Replace(Bucket, "BUCKET", StringComparison.Ordinal);

    private static bool IsConditional(HttpRequest request) => request.Headers["If-None-Match"] == "*";
}
