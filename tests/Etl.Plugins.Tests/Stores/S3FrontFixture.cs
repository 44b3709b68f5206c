using Etl.EndToEnd.Tests;
using Etl.Plugins.S3;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>A bucket of the test server and a store that reaches it through a front, new for each test.</summary>
public abstract class S3FrontFixture
{
    internal ScriptedFront Front { get; private set; } = null!;

    protected string Bucket { get; private set; } = null!;

    protected S3Store Store { get; private set; } = null!;

    [SetUp]
    public async Task OpenAsync()
    {
        Bucket = await S3Server.CreateBucketAsync();
        Front = await ScriptedFront.StartAsync(S3Server.Endpoint);
        Store = new(new S3ConnectionOptions { Bucket = Bucket, Endpoint = Front.Endpoint, AccessKey = S3Server.AccessKey, SecretKey = S3Server.SecretKey });
    }

    [TearDown]
    public async Task CloseAsync()
    {
        await Store.DisposeAsync();
        await Front.DisposeAsync();
    }
}
