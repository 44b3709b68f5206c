using Etl.Contracts;
using Etl.Plugins.Files;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>A folder that a loader takes for a bucket of S3, as the stand-in does.</summary>
internal sealed class BucketFolder(string folder) : IConnection, IObjectStore, IConnectionDirectory
{
    private readonly FileStore _files = new(new FileStoreOptions { Root = folder }, new PluginContext("/", "/", 1 << 20, TimeProvider.System));

    public string Display => "the bucket";

    public Uri Root { get; } = new($"s3://{Warehouse.Bucket}/");

    public bool PutIfAbsentIsAtomic => true;

    public T Require<T>(string name, string optionPath) where T : class => (T)(object)this;

    public ValueTask CheckAsync(CancellationToken cancel) => _files.CheckAsync(cancel);

    public bool IsTransient(Exception error) => false;

    public ValueTask PutAsync(string key, Stream content, CancellationToken cancel) => _files.PutAsync(key, content, cancel);

    public ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel) => _files.PutIfAbsentAsync(key, content, cancel);

    public ValueTask<Stream?> GetAsync(string key, CancellationToken cancel) => _files.GetAsync(key, cancel);

    public ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel) => _files.GetRangeAsync(key, offset, length, cancel);

    public ValueTask<long?> SizeAsync(string key, CancellationToken cancel) => _files.SizeAsync(key, cancel);

    public IAsyncEnumerable<StoredObject> ListAsync(string prefix, CancellationToken cancel) => _files.ListAsync(prefix, cancel);

    public ValueTask CopyAsync(string from, string to, CancellationToken cancel) => _files.CopyAsync(from, to, cancel);

    public ValueTask DeleteAsync(string key, CancellationToken cancel) => _files.DeleteAsync(key, cancel);

    public ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isAbandoned, CancellationToken cancel) => _files.DiscardUnfinishedAsync(prefix, isAbandoned, cancel);

    public ValueTask DisposeAsync() => _files.DisposeAsync();
}
