using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Etl.Contracts;

namespace Etl.Plugins.S3;

/// <summary>A bucket as an object store. Objects appear whole or not at all; the store checks the MD5 of all that is sent.</summary>
[ConnectionType("s3", "A bucket of Amazon S3, or of a store that speaks its protocol.")]
public sealed class S3Store : IConnection, IObjectStore
{
    private const int KeysADelete = 1000;
    private const long MostToCopy = 5L << 30;

    // Of one request, by the SDK, with back-off and jitter.
    private const int Retries = 5;

    private readonly S3ConnectionOptions _options;
    private readonly string _prefix;
    private readonly Lazy<AmazonS3Client> _client;
    private readonly Lazy<AmazonS3Client> _once;
    private readonly PartBuffers _parts;

    /// <summary>Makes the connection without I/O.</summary>
    public S3Store(S3ConnectionOptions options)
    {
        _options = options;
        _prefix = options.Prefix is "" or [.., '/'] ? options.Prefix : options.Prefix + "/";
        _client = new(() => CreateClient(Retries));
        _once = new(() => CreateClient(retries: 0));
        _parts = new((int)options.PartSize.Bytes);
    }

    /// <inheritdoc/>
    public string Display => _options.Endpoint is { } endpoint ? $"s3 bucket {_options.Bucket} at {new Uri(endpoint).Authority}" : $"s3 bucket {_options.Bucket}";

    /// <inheritdoc/>
    public Uri Root => new($"s3://{_options.Bucket}/{_prefix}");

    /// <inheritdoc/>
    public bool PutIfAbsentIsAtomic => _options.ConditionalPut;

    private AmazonS3Client Client => _client.Value;

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => S3Errors.IsTransient(error);

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel)
    {
        if (!_options.ConditionalPut)
        {
            await GuardAsync(() => Client.ListObjectsV2Async(new() { BucketName = _options.Bucket, Prefix = _prefix, MaxKeys = 1 }, cancel));
            return;
        }

        // A store that does not know the header writes twice and says nothing of it.
        var key = $"_etl/probe-{Guid.NewGuid():N}";
        await PutIfAbsentAsync(key, "1"u8.ToArray(), cancel);
        try
        {
            if (await PutIfAbsentAsync(key, "2"u8.ToArray(), cancel))
            {
                throw new EtlException("ETL4593", $"{Display} ignores `If-None-Match: *`: it wrote over an object that was to be written only if absent",
                    "Take a store that keeps it. Or set conditional_put: false on the connection: then two runs at once can lose each other's commit, and nothing but you keeps them apart.");
            }
        }
        finally
        {
            await DeleteAsync(key, CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public async ValueTask PutAsync(string key, Stream content, CancellationToken cancel) => await WriteAsync(key, content, cancel);

    /// <inheritdoc/>
    public async ValueTask<string> PutVerifiedAsync(string key, Stream content, CancellationToken cancel)
    {
        var (sent, tag) = await WriteAsync(key, content, cancel);
        if (sent.Tag == tag)
        {
            return sent.Sha256;
        }

        // The tag is no digest of the content where keys of a service encrypt it, and with some servers never.
        await using var there = await GetAsync(key, cancel);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(there ?? Stream.Null, cancel));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> PutIfAbsentAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        var bytes = content.ToArray();
        if (!_options.ConditionalPut && await SizeAsync(key, cancel) is not null)
        {
            return false;
        }

        return await ConditionalWrite.RunAsync(this, key, bytes, () => SendAsync(key, bytes, cancel), IsTransient, S3Errors.IsRefusal, Retries, cancel);
    }

    /// <inheritdoc/>
    public ValueTask<Stream?> GetAsync(string key, CancellationToken cancel) => ReadAsync(key, null, cancel);

    /// <inheritdoc/>
    public async ValueTask<Stream?> GetRangeAsync(string key, long offset, long length, CancellationToken cancel)
    {
        if (length > 0)
        {
            return await ReadAsync(key, new ByteRange(offset, offset + length - 1), cancel);
        }

        // A range that ends before it starts is no range to HTTP, which would give all of it.
        return await SizeAsync(key, cancel) is null ? null : Stream.Null;
    }

    /// <inheritdoc/>
    public async ValueTask<long?> SizeAsync(string key, CancellationToken cancel) => (await HeadAsync(key, cancel))?.ContentLength;

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        var request = new ListObjectsV2Request { BucketName = _options.Bucket, Prefix = _prefix + prefix };
        do
        {
            var page = await GuardAsync(() => Client.ListObjectsV2Async(request, cancel));
            foreach (var stored in page.S3Objects ?? [])
            {
                yield return new StoredObject(stored.Key[_prefix.Length..], stored.Size ?? 0, stored.LastModified?.ToUniversalTime() ?? default);
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    /// <inheritdoc/>
    public async ValueTask CopyAsync(string from, string to, CancellationToken cancel)
    {
        var size = await SizeAsync(from, cancel) ?? throw new EtlException("ETL4533", $"there is no '{from}' to copy in {Display}", "Do not move files while they are read.");
        if (size > MostToCopy)
        {
            // More than the store copies at a time: its bytes pass through here.
            await using var content = (await GetAsync(from, cancel))!;
            await PutAsync(to, content, cancel);
            return;
        }

        await GuardAsync(() => Client.CopyObjectAsync(
            new()
            {
                SourceBucket = _options.Bucket, SourceKey = KeyOf(from), DestinationBucket = _options.Bucket, DestinationKey = KeyOf(to),
                ServerSideEncryptionMethod = Upload.EncryptionOf(_options), ServerSideEncryptionKeyManagementServiceKeyId = _options.KmsKey,
            },
            cancel));
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string key, CancellationToken cancel) => await GuardAsync(() => Client.DeleteObjectAsync(_options.Bucket, KeyOf(key), cancel));

    /// <inheritdoc/>
    public async ValueTask DiscardUnfinishedAsync(string prefix, Func<StoredObject, bool> isDead, CancellationToken cancel)
    {
        var request = new ListMultipartUploadsRequest { BucketName = _options.Bucket, Prefix = _prefix + prefix, MaxUploads = KeysADelete };
        bool? more;
        do
        {
            var page = await GuardAsync(() => Client.ListMultipartUploadsAsync(request, cancel));
            foreach (var upload in (page.MultipartUploads ?? []).Where(u => isDead(new(u.Key[_prefix.Length..], 0, u.Initiated?.ToUniversalTime() ?? default))))
            {
                await Upload.AbortAsync(Client, _options.Bucket, upload.Key, upload.UploadId, cancel);
            }

            (request.KeyMarker, request.UploadIdMarker, more) = (page.NextKeyMarker, page.NextUploadIdMarker, page.IsTruncated);
        }
        while (more == true);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        foreach (var client in new[] { _client, _once }.Where(c => c.IsValueCreated))
        {
            client.Value.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    private async Task<bool> SendAsync(string key, byte[] bytes, CancellationToken cancel, bool isClockSet = false)
    {
        using var stream = new MemoryStream(bytes, writable: false);
        var request = Upload.Describe(_options, KeyOf(key), stream, Convert.ToBase64String(Md5(bytes)));
        request.IfNoneMatch = _options.ConditionalPut ? "*" : null;
        try
        {
            await _once.Value.PutObjectAsync(request, cancel);
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            return false;
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "RequestTimeTooSkewed" && !isClockSet)
        {
            // A client that asks again corrects this machine's clock by the store's, for others too.
            await HeadAsync(key, cancel);
            return await SendAsync(key, bytes, cancel, isClockSet: true);
        }
        catch (AmazonS3Exception e) when (!IsTransient(e))
        {
            throw S3Errors.Of(e, _options, Display) ?? new EtlException(
                "ETL4596", FormattableString.Invariant($"{Display} refused a request ({(int)e.StatusCode} {e.ErrorCode})"), "Check whether a policy, a lock or a quota of the bucket forbids it; otherwise run again.", e);
        }
        catch (Exception e) when (S3Errors.Of(e, _options, Display) is { } told)
        {
            throw told;
        }
    }

    // With the tag that the store gave the object.
    private async ValueTask<(Sent Sent, string? Tag)> WriteAsync(string key, Stream content, CancellationToken cancel)
    {
        var sent = await GuardAsync(() => new Upload(Client, _options, _parts, KeyOf(key)).WriteAsync(content, cancel));
        var there = await HeadAsync(key, cancel);
        return there?.ContentLength == sent.Bytes ? (sent, there.ETag?.Trim('"'))
            : throw new EtlException("ETL4594", FormattableString.Invariant($"'{key}' was written to {Display} with {sent.Bytes} bytes, and {(there is null ? "nothing is" : $"{there.ContentLength} are")} there"),
                "Another program writes to this place, or the store lost a write. Nothing was published; run again.");
    }

    private async ValueTask<GetObjectMetadataResponse?> HeadAsync(string key, CancellationToken cancel)
    {
        try
        {
            return await GuardAsync(() => Client.GetObjectMetadataAsync(_options.Bucket, KeyOf(key), cancel));
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    private async ValueTask<Stream?> ReadAsync(string key, ByteRange? range, CancellationToken cancel)
    {
        try
        {
            return (await GuardAsync(() => Client.GetObjectAsync(new() { BucketName = _options.Bucket, Key = KeyOf(key), ByteRange = range }, cancel))).ResponseStream;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return Stream.Null;
        }
    }

    private string KeyOf(string key) => _prefix + string.Join('/', ObjectKey.Split(key));

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5351", Justification = "Content-MD5 is what the protocol checks a write by; nothing secret rests on it.")]
    internal static byte[] Md5(ReadOnlySpan<byte> bytes) => MD5.HashData(bytes);

    private async ValueTask<T> GuardAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception e) when (S3Errors.Of(e, _options, Display) is { } told)
        {
            throw told;
        }
    }

    private AmazonS3Client CreateClient(int retries)
    {
        var checksums = (_options.Checksums ?? (_options.Endpoint is null ? S3Checksums.WhenSupported : S3Checksums.WhenRequired)) == S3Checksums.WhenSupported;
        var config = new AmazonS3Config
        {
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = retries,
            RequestChecksumCalculation = checksums ? RequestChecksumCalculation.WHEN_SUPPORTED : RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = checksums ? ResponseChecksumValidation.WHEN_SUPPORTED : ResponseChecksumValidation.WHEN_REQUIRED,
            ForcePathStyle = _options.PathStyle ?? _options.Endpoint is not null,
        };
        if (retries == 0)
        {
            // These are made where a connection broke, and not counted among the retries.
            config.MaxStaleConnectionRetries = 0;
        }

        if (_options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint;
            config.AuthenticationRegion = _options.Region;
        }
        else
        {
            config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(_options.Region);
        }

        return _options switch
        {
            { AccessKey: null } => new AmazonS3Client(config),
            { SessionToken: { } token } => new AmazonS3Client(_options.AccessKey, _options.SecretKey, token, config),
            _ => new AmazonS3Client(_options.AccessKey, _options.SecretKey, config),
        };
    }
}
