using Etl.Contracts;
using Etl.EndToEnd.Tests;
using Etl.Plugins.S3;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Stores;

/// <summary>The laws, on a server that checks signatures, digests and conditions.</summary>
[Category("Integration")]
public sealed class S3LawsTests : RemoteStoreLaws
{
    private string _bucket = null!;

    protected override string WrongSecret => "wrong-s3cret-canary";

    private S3ConnectionOptions Options => new()
    {
        Bucket = _bucket, Prefix = "some folder/shop", Endpoint = S3Server.Endpoint, AccessKey = S3Server.AccessKey, SecretKey = S3Server.SecretKey,
    };

    protected override async Task<IConnection> OpenNewAsync()
    {
        _bucket = await S3Server.CreateBucketAsync();
        return new S3Store(Options);
    }

    // A refused write may leave its body on the connection, and the client keeps connections by the host's name: a name of its own, or no write.
    protected override IConnection OpenWrong(Wrong what) => new S3Store(what switch
    {
        Wrong.Secret => Options with { Endpoint = $"http://localhost:{new Uri(S3Server.Endpoint).Port}", SecretKey = WrongSecret },
        Wrong.Container => Options with { Bucket = "no-such-container", ConditionalPut = false },
        _ => Options with { Endpoint = "http://127.0.0.1:1" },
    });

    protected override async Task<int> OpenUploadsAsync() => (await S3Server.OpenUploadsAsync(_bucket)).Count;
}
