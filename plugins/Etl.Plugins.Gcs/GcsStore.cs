using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Xml.Linq;
using Etl.Contracts;

namespace Etl.Plugins.Gcs;

/// <summary>A bucket of Google Cloud Storage as an object store, by its XML API. Objects appear whole or not at all; the store checks the MD5 of all that is sent.</summary>
[ConnectionType("gcs", "A bucket of Google Cloud Storage, or a folder in one.")]
public sealed class GcsStore : IConnection, IObjectStore
{
    private static readonly Uri Google = new("https://storage.googleapis.com");

    private readonly GcsConnectionOptions _options;
    private readonly string _prefix;
    private readonly string _bucket;
    private readonly Lazy<GcsClient> _client;
    private readonly PartBuffers _parts;

    /// <summary>Makes the connection without I/O.</summary>
    public GcsStore(GcsConnectionOptions options)
    {
        _options = options;
        _prefix = options.Prefix is "" or [.., '/'] ? options.Prefix : options.Prefix + "/";
        _bucket = $"/{options.Bucket}";
        _parts = new((int)options.PartSize.Bytes);
        _client = new(() => new GcsClient(options.Endpoint is { } endpoint ? new Uri(endpoint) : Google, new GoogSignature(options.AccessKey, options.SecretKey), options.Retries, TimeProvider.System));
    }

    /// <inheritdoc/>
    public string Display => _options.Endpoint is { } endpoint ? $"gcs bucket {_options.Bucket} at {new Uri(endpoint).Authority}" : $"gcs bucket {_options.Bucket}";

    /// <inheritdoc/>
    public Uri Root => new($"gs://{_options.Bucket}/{_prefix}");

    /// <inheritdoc/>
    public bool PutIfAbsentIsAtomic => true;

    private GcsClient Client => _client.Value;

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => GcsErrors.IsTransient(error);

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel) => await AskAsync(() => Client.SendForXmlAsync(List("", null, most: "1"), cancel));

    /// <inheritdoc/>
    public async ValueTask PutAsync(string key, Stream content, CancellationToken cancel) => await WriteAsync(key, content, cancel);

    /// <inheritdoc/>
    public async ValueTask<string> PutVerifiedAsync(string key, Stream content, CancellationToken cancel)
    {
        var (sent, crc) = await WriteAsync(key, content, cancel);
        if (sent.Crc32C == crc)
        {
            return sent.Sha256;
        }

        await using var there = await GetAsync(key, cancel);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(there ?? Stream.Null, cancel));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        var put = GcsUpload.Put(PathOf(key), content);
        put = put with { Headers = [.. put.Headers, ("x-goog-if-generation-match", "0")] };
        async Task<bool> SendAsync()
        {
            try
            {
                (await Client.SendOnceAsync(put, cancel)).Dispose();
                return true;
            }
            catch (GcsAnswerException e) when (e.Status == HttpStatusCode.PreconditionFailed)
            {
                return false;
            }
        }

        return await ConditionalWrite.RunAsync(this, key, content, () => AskAsync(SendAsync), IsTransient, GcsErrors.IsRefusal, _options.Retries, cancel);
    }

    /// <inheritdoc/>
    public ValueTask<Stream?> GetAsync(string key, CancellationToken cancel) => ReadAsync(key, null, cancel);

    /// <inheritdoc/>
    public async ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel)
    {
        if (length > 0)
        {
            return await ReadAsync(key, string.Create(CultureInfo.InvariantCulture, $"bytes={offset}-{offset + length - 1}"), cancel);
        }

        // A range that ends before it starts is no range to HTTP, which would give all of it.
        return await SizeAsync(key, cancel) is null ? null : Stream.Null;
    }

    /// <inheritdoc/>
    public async ValueTask<long?> SizeAsync(string key, CancellationToken cancel)
    {
        using var head = await HeadAsync(key, cancel);
        return head?.Content.Headers.ContentLength;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        string? next = null;
        do
        {
            var page = await AskAsync(() => Client.SendForXmlAsync(List(prefix, next), cancel));
            foreach (var stored in All(page, "Contents"))
            {
                yield return new(Text(stored, "Key")![_prefix.Length..], long.Parse(Text(stored, "Size")!, CultureInfo.InvariantCulture), Time(stored, "LastModified"));
            }

            next = Text(page, "IsTruncated") == "true" ? Text(page, "NextContinuationToken") : null;
        }
        while (next is not null);
    }

    /// <inheritdoc/>
    public async ValueTask CopyAsync(string from, string to, CancellationToken cancel)
    {
        var copy = new GcsRequest(HttpMethod.Put, PathOf(to)) { Body = ReadOnlyMemory<byte>.Empty, Headers = [("x-goog-copy-source", PathOf(from))] };
        try
        {
            await AskAsync(() => Client.SendForXmlAsync(copy, cancel));
        }
        catch (EtlException e) when (e.InnerException is GcsAnswerException { Code: "NoSuchKey" })
        {
            throw new EtlException("ETL4533", $"there is no '{from}' to copy in {Display}", "Do not move files while they are read.", e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string key, CancellationToken cancel)
    {
        using var gone = await IfThereAsync(() => Client.SendAsync(new(HttpMethod.Delete, PathOf(key)), cancel));
    }

    /// <inheritdoc/>
    public async ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isDead, CancellationToken cancel)
    {
        IReadOnlyList<(string, string)> from = [];
        string? more;
        do
        {
            var page = await AskAsync(() => Client.SendForXmlAsync(new(HttpMethod.Get, _bucket) { Query = [("uploads", ""), ("prefix", _prefix + prefix), .. from] }, cancel));
            foreach (var upload in All(page, "Upload").Where(u => isDead(new(Text(u, "Key")![_prefix.Length..], 0, Time(u, "Initiated")))))
            {
                await AskAsync(async () =>
                {
                    await GcsUpload.AbortAsync(Client, PathOf(Text(upload, "Key")![_prefix.Length..]), Text(upload, "UploadId")!, cancel);
                    return true;
                });
            }

            (from, more) = ([("key-marker", Text(page, "NextKeyMarker") ?? ""), ("upload-id-marker", Text(page, "NextUploadIdMarker") ?? "")], Text(page, "IsTruncated"));
        }
        while (more == "true");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (_client.IsValueCreated)
        {
            Client.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    // With the CRC-32C that the store tells of the object.
    private async ValueTask<(Sent Sent, string? Crc)> WriteAsync(string key, Stream content, CancellationToken cancel)
    {
        var path = PathOf(key);
        var sent = await AskAsync(() => new GcsUpload(Client, _parts, path).WriteAsync(content, cancel));
        using var there = await HeadAsync(key, cancel);
        var length = there?.Content.Headers.ContentLength;
        return length == sent.Bytes ? (sent, GcsClient.CrcOf(there!))
            : throw new EtlException("ETL4594", FormattableString.Invariant($"'{key}' was written to {Display} with {sent.Bytes} bytes, and {(length is null ? "nothing is" : $"{length} are")} there"),
                "Another program writes to this place, or the store lost a write. Nothing was published; run again.");
    }

    private async Task<HttpResponseMessage?> HeadAsync(string key, CancellationToken cancel) => await IfThereAsync(() => Client.SendAsync(new(HttpMethod.Head, PathOf(key)), cancel));

    private async ValueTask<Stream?> ReadAsync(string key, string? range, CancellationToken cancel)
    {
        var get = new GcsRequest(HttpMethod.Get, PathOf(key)) { Headers = range is null ? [] : [("range", range)] };
        try
        {
            var answer = await IfThereAsync(() => Client.SendAsync(get, cancel));
            return answer is null ? null : await Client.BodyAsync(answer, cancel);
        }
        catch (EtlException e) when (e.InnerException is GcsAnswerException { Status: HttpStatusCode.RequestedRangeNotSatisfiable })
        {
            return Stream.Null;
        }
    }

    private GcsRequest List(string prefix, string? next, string? most = null) => new(HttpMethod.Get, _bucket)
    {
        Query = [("list-type", "2"), ("prefix", _prefix + prefix), .. next is null ? [] : new[] { ("continuation-token", next) }, .. most is null ? [] : new[] { ("max-keys", most) }],
    };

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (GcsErrors.IsOfClient(e))
        {
            throw GcsErrors.Of(e, _options, Display);
        }
    }

    private Task<T?> IfThereAsync<T>(Func<Task<T>> ask) where T : class => AskAsync<T?>(async () =>
    {
        try
        {
            return await ask();
        }
        catch (GcsAnswerException e) when (e.Status == HttpStatusCode.NotFound && e.Code is null or "NoSuchKey")
        {
            return null;
        }
    });

    private string PathOf(string key) => $"{_bucket}/{GcsRequest.Escape(_prefix + string.Join('/', ObjectKey.Split(key)), "/")}";

    // The namespace of the answers is not the same in all of them.
    private static IEnumerable<XElement> All(XElement parent, string name) => parent.Elements().Where(e => e.Name.LocalName == name);

    private static string? Text(XElement parent, string name) => All(parent, name).FirstOrDefault()?.Value;

    private static DateTimeOffset Time(XElement parent, string name) => DateTimeOffset.Parse(Text(parent, name)!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUniversalTime();
}
