using Azure.Storage.Sas;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Etl.Contracts;
using Etl.Plugins.Azure;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Stores;

/// <summary>The laws, on Azurite, and what only this store has: signatures that run out, folders that are listed as blobs.</summary>
[Category("Integration")]
public sealed class AzureBlobStoreTests : RemoteStoreLaws
{
    private AzuriteServer _server = null!;
    private string _container = null!;

    protected override string WrongSecret => "d3Jvbmcga2V5IHRoYXQgbm9ib2R5IHNob3VsZCBzZWU=";

    private AzureBlobOptions Options => new()
    {
        Account = AzuriteServer.Account, AccountKey = AzuriteServer.Key, Container = _container, Prefix = "some folder/shop", Endpoint = _server.Endpoint, Retries = 1,
    };

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await AzuriteServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    protected override async Task<IConnection> OpenNewAsync()
    {
        _container = $"laws-{Guid.NewGuid():N}";
        await _server.Service.CreateBlobContainerAsync(_container);
        return new AzureBlobStore(Options);
    }

    protected override IConnection OpenWrong(Wrong what) => new AzureBlobStore(what switch
    {
        Wrong.Secret => Options with { AccountKey = WrongSecret },
        Wrong.Container => Options with { Container = "no-such-container" },
        _ => Options with { Endpoint = "http://127.0.0.1:1/devstoreaccount1" },
    });

    // The service drops them by itself, and has no call for it.
    protected override Task<int> OpenUploadsAsync() => Task.FromResult(0);

    [Test]
    public async Task Keys_lie_below_the_prefix()
    {
        await Store.PutTextAsync("a", "x");
        var blobs = _server.Service.GetBlobContainerClient(_container).GetBlobs().Select(b => b.Name).ToList();
        Assert.That(blobs, Is.EqualTo(new[] { "some folder/shop/a" }));
        Assert.That(Store.Root.AbsoluteUri, Is.EqualTo($"{_server.Endpoint}/{_container}/some%20folder/shop/"));
    }

    [Test]
    public async Task A_folder_of_an_account_with_folders_is_no_object()
    {
        var container = _server.Service.GetBlobContainerClient(_container);
        using var nothing = new MemoryStream();
        await container.GetBlobClient("some folder/shop/dir").UploadAsync(nothing, new BlobUploadOptions { Metadata = new Dictionary<string, string> { ["hdi_isfolder"] = "true" } });
        await Store.PutTextAsync("dir/a", "x");
        Assert.That(await Store.KeysAsync(""), Is.EqualTo(new[] { "dir/a" }));
    }

    [Test]
    public async Task A_signature_serves_as_well_as_the_key()
    {
        await using var signed = new AzureBlobStore(WithSas(BlobContainerSasPermissions.All, TimeSpan.FromMinutes(5)));
        await signed.CheckAsync(default);
        await signed.PutTextAsync("a", "one");
        await signed.CopyAsync("a", "b", default);
        Assert.That(await signed.PutIfAbsentAsync("b", "two"u8.ToArray(), default), Is.False);
        Assert.That(await signed.RangeAsync("b", 1, 2), Is.EqualTo("ne"));
        await signed.DeleteAsync("a", default);
        Assert.That(await signed.KeysAsync(""), Is.EqualTo(new[] { "b" }));
        Assert.That(signed.Display + signed.Root, Does.Not.Contain("sig="));
    }

    [Test]
    public async Task A_signature_without_the_right_to_write_is_refused_and_not_shown()
    {
        var options = WithSas(BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List, TimeSpan.FromMinutes(5));
        await using var signed = new AzureBlobStore(options);
        await signed.CheckAsync(default);
        var error = Thrown<EtlException>(() => signed.PutTextAsync("a", "x"));
        Assert.That((error.Code, signed.IsTransient(error)), Is.EqualTo(("ETL4590", false)));
        Assert.That(error.Hint, Does.Contain("sas_token"));
        Assert.That(error.ToString(), Does.Not.Contain(options.SasToken).And.Not.Contain("sig="));
    }

    [Test]
    [Property("Fault", 38)]
    public async Task A_signature_that_runs_out_during_an_upload_ends_it_and_nothing_is_seen()
    {
        var options = WithSas(BlobContainerSasPermissions.All, TimeSpan.FromSeconds(3));
        await using var signed = new AzureBlobStore(options);
        // Some blocks are there by then.
        await using var content = new MadeStream(1, 60_000_000) { At = read => Thread.Sleep(read is > 20_000_000 and < 20_065_536 ? 4_000 : 0) };
        var error = Thrown<EtlException>(async () => await signed.PutAsync("large", content, default));
        Assert.That(error.Code, Is.EqualTo("ETL4590"));
        Assert.That(error.ToString(), Does.Not.Contain("sig="));
        var blob = _server.Service.GetBlobContainerClient(_container).GetBlockBlobClient("some folder/shop/large");
        Assert.That((await blob.GetBlockListAsync(BlockListTypes.Uncommitted)).Value.UncommittedBlocks, Is.Not.Empty, "it was in the middle of it");
        Assert.That(await Store.KeysAsync(""), Is.Empty);
        Assert.That(await Store.GetAsync("large", default), Is.Null);
    }

    [Test]
    public async Task A_key_that_is_no_Base64_is_refused()
    {
        await using var connection = new AzureBlobStore(Options with { AccountKey = "not base64!" });
        var error = Thrown<EtlException>(async () => await connection.CheckAsync(default));
        Assert.That(error.Code, Is.EqualTo("ETL4590"));
        Assert.That(error.ToString(), Does.Not.Contain("not base64!"));
    }

    [Test]
    public async Task Without_an_endpoint_it_is_the_public_cloud_and_readers_are_told_its_usual_address()
    {
        await using var connection = new AzureBlobStore(new() { Account = "shop", Container = "lake", Prefix = "prod", AccountKey = AzuriteServer.Key });
        Assert.That((connection.Display, connection.Root.AbsoluteUri), Is.EqualTo(("https://shop.blob.core.windows.net/lake/prod/", "abfss://lake@shop.dfs.core.windows.net/prod/")));
    }

    private AzureBlobOptions WithSas(BlobContainerSasPermissions rights, TimeSpan lasts) => Options with
    {
        AccountKey = null, SasToken = _server.Service.GetBlobContainerClient(_container).GenerateSasUri(rights, TimeProvider.System.GetUtcNow() + lasts).Query,
    };
}
