using System.Runtime.CompilerServices;
using Azure;
using Azure.Core;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Etl.Contracts;

namespace Etl.Plugins.Azure;

/// <summary>A container of Azure Blob Storage as an object store. All objects are block blobs.</summary>
[ConnectionType("azure_blob", "A container of Azure Blob Storage, or a folder in one.")]
public sealed class AzureBlobStore : IConnection, IObjectStore
{
    private readonly AzureBlobOptions _options;
    private readonly string _address;
    private readonly string _prefix;
    private readonly Lazy<BlobContainerClient> _container;
    private readonly Lazy<BlobContainerClient> _once;
    private readonly PartBuffers _blocks = new(BlockUpload.BlockBytes);

    /// <summary>Makes the connection without I/O.</summary>
    public AzureBlobStore(AzureBlobOptions options)
    {
        _options = options;
        _prefix = options.Prefix is null ? "" : options.Prefix + "/";
        _address = $"{(options.Endpoint ?? $"https://{options.Account}.blob.core.windows.net").TrimEnd('/')}/{options.Container}";
        _container = new(() => Connect(options.Retries));
        _once = new(() => Connect(retries: 0));
    }

    /// <inheritdoc/>
    public string Display => $"{_address}/{_prefix}";

    /// <inheritdoc/>
    public Uri Root => new(_options.Endpoint is null ? $"abfss://{_options.Container}@{_options.Account}.dfs.core.windows.net/{_prefix}" : Display);

    /// <inheritdoc/>
    public bool PutIfAbsentIsAtomic => true;

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel)
    {
        await using var pages = List("").AsPages(pageSizeHint: 1).GetAsyncEnumerator(cancel);
        await AskAsync(() => pages.MoveNextAsync().AsTask());
    }

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => AzureErrors.IsTransient(error);

    /// <inheritdoc/>
    public async ValueTask PutAsync(string key, Stream content, CancellationToken cancel) => await PutVerifiedAsync(key, content, cancel);

    /// <inheritdoc/>
    public async ValueTask<string> PutVerifiedAsync(string key, Stream content, CancellationToken cancel)
    {
        var blob = Blob(key);
        return await AskAsync(() => BlockUpload.RunAsync(blob, _blocks, content, cancel));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        var once = _once.Value.GetBlockBlobClient(NameOf(key));
        var absent = new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
        async Task<bool> SendAsync()
        {
            try
            {
                using var bytes = new MemoryStream(content.ToArray(), writable: false);
                await once.UploadAsync(bytes, absent, cancel);
                return true;
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.BlobAlreadyExists || e.ErrorCode == BlobErrorCode.ConditionNotMet)
            {
                return false;
            }
        }

        return await ConditionalWrite.RunAsync(this, key, content, () => AskAsync(SendAsync), IsTransient, AzureErrors.IsRefusal, _options.Retries, cancel);
    }

    /// <inheritdoc/>
    public ValueTask<Stream?> GetAsync(string key, CancellationToken cancel) => ReadAsync(key, default, cancel);

    /// <inheritdoc/>
    public async ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel)
    {
        if (length > 0)
        {
            return await ReadAsync(key, new HttpRange(offset, length), cancel);
        }

        return await SizeAsync(key, cancel) is null ? null : Stream.Null;
    }

    /// <inheritdoc/>
    public async ValueTask<long?> SizeAsync(string key, CancellationToken cancel)
    {
        var blob = Blob(key);
        return await AskAsync(() => IfThereAsync<long?>(async () => (await blob.GetPropertiesAsync(cancellationToken: cancel)).Value.ContentLength));
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var blobs = List(prefix).GetAsyncEnumerator(cancel);
        while (await AskAsync(() => blobs.MoveNextAsync().AsTask()))
        {
            // Accounts with folders (hierarchical namespaces) list these too, as empty blobs with a mark.
            if (blobs.Current is { Metadata: var marks, Properties: var properties } blob && marks?.ContainsKey("hdi_isfolder") != true)
            {
                yield return new(blob.Name[_prefix.Length..], properties.ContentLength ?? 0, properties.LastModified ?? default);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask CopyAsync(string from, string to, CancellationToken cancel)
    {
        var (source, target) = (Blob(from), Blob(to));
        var copied = await AskAsync(() => IfThereAsync<long?>(async () =>
        {
            var copy = await target.StartCopyFromUriAsync(source.Uri, new BlobCopyFromUriOptions(), cancel);
            return await copy.WaitForCompletionAsync(cancel);
        }));
        if (copied is null)
        {
            throw new EtlException("ETL4533", $"there is no '{from}' to copy in {Display}", "Do not move files while they are read.");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string key, CancellationToken cancel)
    {
        var blob = Blob(key);
        await AskAsync(() => IfThereAsync<bool?>(async () => !(await blob.DeleteAsync(cancellationToken: cancel)).IsError));
    }

    /// <inheritdoc/>
    public ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isDead, CancellationToken cancel) =>
        ValueTask.CompletedTask; // The service drops blocks that no list took by itself, within a week, and has no call to drop them sooner.

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private BlockBlobClient Blob(string key) => _container.Value.GetBlockBlobClient(NameOf(key));

    private string NameOf(string key) => _prefix + string.Join('/', ObjectKey.Split(key));

    private AsyncPageable<BlobItem> List(string prefix) =>
        _container.Value.GetBlobsAsync(new GetBlobsOptions { Prefix = _prefix + prefix, Traits = BlobTraits.Metadata });

    private async ValueTask<Stream?> ReadAsync(string key, HttpRange range, CancellationToken cancel)
    {
        var blob = Blob(key);
        return await AskAsync(() => IfThereAsync<Stream>(async () =>
        {
            try
            {
                return (await blob.DownloadStreamingAsync(new BlobDownloadOptions { Range = range }, cancel)).Value.Content;
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.InvalidRange)
            {
                return Stream.Null;
            }
        }));
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (AzureErrors.IsOfClient(e))
        {
            throw AzureErrors.Of(e, _options, Display);
        }
    }

    private static async Task<T?> IfThereAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.BlobNotFound || (e.Status == 404 && e.ErrorCode is null))
        {
            return default;
        }
    }

    private BlobContainerClient Connect(int retries)
    {
        var client = new BlobClientOptions
        {
            Retry = { Mode = RetryMode.Exponential, MaxRetries = retries, Delay = TimeSpan.FromMilliseconds(500), MaxDelay = TimeSpan.FromSeconds(30) },
            // What was damaged on the way is refused by the service rather than stored.
            TransferValidation = { Upload = { ChecksumAlgorithm = StorageChecksumAlgorithm.MD5 } },
            Diagnostics = { ApplicationId = "etl", IsLoggingEnabled = false, IsDistributedTracingEnabled = false },
        };
        if (_options.SasToken is { } token)
        {
            // In the address rather than beside it: a copy names its source by an address that has to be signed too.
            return new(new Uri($"{_address}?{token.TrimStart('?')}"), client);
        }

        try
        {
            return new(new Uri(_address), new StorageSharedKeyCredential(_options.Account, _options.AccountKey), client);
        }
        catch (FormatException e)
        {
            throw new EtlException("ETL4590", $"the account_key of {Display} is no key: it is not Base64", "Copy the key again from the account's access keys.", e);
        }
    }
}
