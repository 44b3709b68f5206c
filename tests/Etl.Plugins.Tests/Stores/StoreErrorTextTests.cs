using System.Net;
using Etl.EndToEnd.Tests;
using Etl.Plugins.Azure;
using Etl.Plugins.S3;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What a person reads when an object store does not do as it was asked, whole.</summary>
public sealed class StoreErrorTextTests
{
    [Test]
    [Category("Integration")]
    public async Task A_store_of_S3_that_does_not_keep_its_promises()
    {
        var bucket = await S3Server.CreateBucketAsync();
        await using var front = await ScriptedFront.StartAsync(S3Server.Endpoint);
        await using var store = new S3Store(new S3ConnectionOptions { Bucket = bucket, Endpoint = front.Endpoint, AccessKey = S3Server.AccessKey, SecretKey = S3Server.SecretKey });
        using var client = S3Server.Client();

        front.After(r => r.Method == "PUT", () => client.PutObjectAsync(new() { BucketName = bucket, Key = "a.csv", ContentBody = "cu" }));
        Assert.That(await ToldAsync(() => store.PutTextAsync("a.csv", "cut short")), Is.EqualTo("""
            ETL4594: 'a.csv' was written to STORE with 9 bytes, and 2 are there
              Another program writes to this place, or the store lost a write. Nothing was published; run again.
            """));
        front.After(r => r.Method == "PUT", () => client.DeleteObjectAsync(bucket, "a.csv"));
        Assert.That(await ToldAsync(() => store.PutTextAsync("a.csv", "cut short")), Is.EqualTo("""
            ETL4594: 'a.csv' was written to STORE with 9 bytes, and nothing is there
              Another program writes to this place, or the store lost a write. Nothing was published; run again.
            """));
        Assert.That(await ToldAsync(async () => await store.CopyAsync("a.csv", "b.csv", default)), Is.EqualTo("""
            ETL4533: there is no 'a.csv' to copy in STORE
              Do not move files while they are read.
            """));

        front.Answer(IsConditional, "");
        Assert.That(await ToldAsync(async () => await store.CheckAsync(default)), Is.EqualTo("""
            ETL4593: STORE ignores `If-None-Match: *`: it wrote over an object that was to be written only if absent
              Take a store that keeps it. Or set conditional_put: false on the connection: then two runs at once can lose each other's commit, and nothing but you keeps them apart.
            """));

        front.Refuse(_ => true, HttpStatusCode.BadRequest, "ExpiredToken");
        Assert.That(await ToldAsync(() => store.PutTextAsync("a.csv", "x")), Is.EqualTo("""
            ETL4595: the credentials for STORE have expired
              Give the run new ones. With a role of the machine instead of access_key they are renewed by themselves.
            """));

        Task<string> ToldAsync(Func<Task> act) => ErrorText.OfAsync(act, (store.Display, "STORE"));
    }

    [Test]
    public async Task A_store_of_Azure_that_refuses_a_request()
    {
        await using var front = await ScriptedFront.StartAsync("http://127.0.0.1:1");
        front.Refuse(_ => true, HttpStatusCode.Conflict, "BlobImmutableDueToPolicy");
        await using var store = new AzureBlobStore(new() { Account = AzuriteServer.Account, AccountKey = AzuriteServer.Key, Container = "lake", Endpoint = $"{front.Endpoint}/{AzuriteServer.Account}", Retries = 0 });
        Assert.That(await ErrorText.OfAsync(() => store.PutTextAsync("a.csv", "x"), (store.Display, "STORE")), Is.EqualTo("""
            ETL4596: STORE refused a request (409 BlobImmutableDueToPolicy)
              Check whether a policy, a lease or a quota of the account forbids it; otherwise run again.
            """));
    }

    private static bool IsConditional(HttpRequest request) => request.Headers["If-None-Match"] == "*";
}
