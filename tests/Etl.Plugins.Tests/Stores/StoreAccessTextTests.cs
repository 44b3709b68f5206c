using System.Net;
using Etl.Plugins.S3;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>What is told of a store that is not there or lets nobody in, pinned whole.</summary>
public sealed class StoreAccessTextTests
{
    [TestCase(HttpStatusCode.Forbidden, "SignatureDoesNotMatch", "ETL4590: STORE does not accept the credentials (SignatureDoesNotMatch). Check access_key and secret_key.")]
    [TestCase(HttpStatusCode.Forbidden, "AccessDenied", "ETL4590: STORE does not permit this (AccessDenied). The credentials need s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListBucket and ListBucketMultipartUploads here.")]
    [TestCase(HttpStatusCode.NotFound, "NoSuchBucket", "ETL4591: there is no bucket 'lake' (STORE). Make it, or correct bucket or endpoint.")]
    [TestCase(HttpStatusCode.BadRequest, "AuthorizationHeaderMalformed", "ETL4591: the bucket 'lake' is not in region us-east-1. Set the bucket's own region on the connection.")]
    public async Task What_it_answers_is_told_as_what_to_do(HttpStatusCode status, string code, string told)
    {
        await using var front = await ScriptedFront.StartAsync("http://127.0.0.1:1");
        front.Refuse(_ => true, status, code);
        await using var store = Store(front.Endpoint);
        Assert.That(await WholeText.OfAsync(() => store.PutTextAsync("a", "x")), Is.EqualTo(told.Replace("STORE", store.Display, StringComparison.Ordinal)));
    }

    [Test]
    public async Task One_that_does_not_answer_is_told_with_why()
    {
        await using var store = Store("http://127.0.0.1:9");
        Assert.That(await WholeText.OfAsync(() => store.PutTextAsync("a", "x")), Is.EqualTo($"ETL4592: {store.Display} cannot be reached: Connection refused. Check endpoint and region, and that the network lets it through."));
    }

    private static S3Store Store(string endpoint) => new(new S3ConnectionOptions { Bucket = "lake", Endpoint = endpoint, AccessKey = "access", SecretKey = "secret", ConditionalPut = false });
}
