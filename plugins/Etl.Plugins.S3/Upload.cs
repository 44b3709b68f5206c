using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;

namespace Etl.Plugins.S3;

/// <summary>What was sent of an object.</summary>
/// <param name="Bytes">How many.</param>
/// <param name="Sha256">Of all of them, in lower case hex.</param>
/// <param name="Tag">The tag (ETag) that a store gives it which keeps the MD5 of what came, or of the parts in which it came.</param>
internal sealed record Sent(long Bytes, string Sha256, string Tag);

/// <summary>Writes one object: by one request if it is small, otherwise in parts, of which some are under way at a time. What fails leaves no part behind.</summary>
internal sealed class Upload(AmazonS3Client client, S3ConnectionOptions options, string key)
{
    private const int PartsAtATime = 4;

    private static readonly TimeSpan TimeToAbort = TimeSpan.FromSeconds(30);

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Writes all of the stream, and says what that was. Called once.</summary>
    public async Task<Sent> WriteAsync(Stream content, CancellationToken cancel)
    {
        var size = (int)options.PartSize.Bytes;
        var first = ArrayPool<byte>.Shared.Rent(size);
        var length = await FillAsync(content, first, size, cancel);
        if (length == size)
        {
            return await InPartsAsync(content, first, cancel);
        }

        try
        {
            using var stream = new MemoryStream(first, 0, length, writable: false);
            var digest = S3Store.Md5(first.AsSpan(0, length));
            await client.PutObjectAsync(Describe(options, key, stream, Convert.ToBase64String(digest)), cancel);
            return new Sent(length, Convert.ToHexStringLower(_hash.GetHashAndReset()), Convert.ToHexStringLower(digest));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(first);
        }
    }

    /// <summary>A write by one request.</summary>
    public static PutObjectRequest Describe(S3ConnectionOptions options, string key, Stream content, string md5) => new()
    {
        BucketName = options.Bucket,
        Key = key,
        InputStream = content,
        MD5Digest = md5,
        AutoCloseStream = false,
        ServerSideEncryptionMethod = EncryptionOf(options),
        ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey,
    };

    /// <summary>As the protocol calls it.</summary>
    public static ServerSideEncryptionMethod? EncryptionOf(S3ConnectionOptions options) => options.ServerSideEncryption switch
    {
        S3Encryption.Aes256 => ServerSideEncryptionMethod.AES256,
        S3Encryption.Kms => ServerSideEncryptionMethod.AWSKMS,
        _ => null,
    };

    /// <summary>Gives up an upload and its parts; one that has ended already is no error.</summary>
    public static async Task AbortAsync(AmazonS3Client client, string bucket, string key, string upload, CancellationToken cancel)
    {
        try
        {
            await client.AbortMultipartUploadAsync(bucket, key, upload, cancel);
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchUpload")
        {
            // It ended in between.
        }
    }

    private async Task<Sent> InPartsAsync(Stream content, byte[] first, CancellationToken cancel)
    {
        var upload = (await client.InitiateMultipartUploadAsync(
            new() { BucketName = options.Bucket, Key = key, ServerSideEncryptionMethod = EncryptionOf(options), ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey }, cancel)).UploadId;
        var parts = new List<Task<(PartETag Part, byte[] Digest)>>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var places = new SemaphoreSlim(PartsAtATime);
        try
        {
            var (buffer, length, total) = (first, (int)options.PartSize.Bytes, 0L);
            while (length > 0)
            {
                await places.WaitAsync(stop.Token);
                total += length;
                parts.Add(SendAsync(upload, parts.Count + 1, buffer, length, places, stop));
                if (length < (int)options.PartSize.Bytes)
                {
                    break;
                }

                buffer = ArrayPool<byte>.Shared.Rent(length);
                length = await FillAsync(content, buffer, length, stop.Token);
            }

            var sent = await Task.WhenAll(parts);
            var digests = sent.SelectMany(p => p.Digest).ToArray();
            var whole = new Sent(total, Convert.ToHexStringLower(_hash.GetHashAndReset()), string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(S3Store.Md5(digests))}-{sent.Length}"));
            await CompleteAsync(upload, [.. sent.Select(p => p.Part)], whole, cancel);
            return whole;
        }
        catch
        {
            await stop.CancelAsync();
            // The part that failed says why; those that were stopped for it only that they were.
            var failed = await FirstFailureAsync(parts);
            await GiveUpAsync(upload);
            if (failed is not null)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failed);
            }

            throw;
        }
    }

    private async Task CompleteAsync(string upload, List<PartETag> parts, Sent whole, CancellationToken cancel)
    {
        try
        {
            await client.CompleteMultipartUploadAsync(new() { BucketName = options.Bucket, Key = key, UploadId = upload, PartETags = parts }, cancel);
        }
        catch (AmazonS3Exception e) when (e.ErrorCode == "NoSuchUpload")
        {
            // The answer to an earlier try may have been lost: then the upload is gone because it is the object now.
            if (!await IsThereAsync(whole, cancel))
            {
                throw;
            }
        }
    }

    private async Task<bool> IsThereAsync(Sent whole, CancellationToken cancel)
    {
        try
        {
            using var there = await client.GetObjectAsync(options.Bucket, key, cancel);
            // The tag is not everywhere a digest of the content.
            return there.ContentLength == whole.Bytes && (there.ETag?.Trim('"') == whole.Tag || Convert.ToHexStringLower(await SHA256.HashDataAsync(there.ResponseStream, cancel)) == whole.Sha256);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    private async Task<(PartETag Part, byte[] Digest)> SendAsync(string upload, int number, byte[] buffer, int length, SemaphoreSlim places, CancellationTokenSource stop)
    {
        try
        {
            await Task.Yield();
            using var stream = new MemoryStream(buffer, 0, length, writable: false);
            var digest = S3Store.Md5(buffer.AsSpan(0, length));
            var answer = await client.UploadPartAsync(
                new()
                {
                    BucketName = options.Bucket, Key = key, UploadId = upload, PartNumber = number, PartSize = length, InputStream = stream,
                    MD5Digest = Convert.ToBase64String(digest),
                },
                stop.Token);
            return (new PartETag(number, answer.ETag), digest);
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            places.Release();
        }
    }

    private static async Task<Exception?> FirstFailureAsync(IEnumerable<Task> parts)
    {
        Exception? first = null;
        foreach (var part in parts)
        {
            try
            {
                await part;
            }
            catch (Exception e)
            {
                first = first is null or OperationCanceledException ? e : first;
            }
        }

        return first is OperationCanceledException ? null : first;
    }

    private async Task GiveUpAsync(string upload)
    {
        using var limit = new CancellationTokenSource(TimeToAbort);
        try
        {
            await AbortAsync(client, options.Bucket, key, upload, limit.Token);
        }
        catch (Exception e) when (e is AmazonS3Exception or OperationCanceledException or HttpRequestException or Amazon.Runtime.AmazonClientException)
        {
            // The store is gone, or no longer takes the credentials. A later run discards what this one left; an error from here would hide the one that brought us here.
        }
    }

    private async Task<int> FillAsync(Stream content, byte[] buffer, int size, CancellationToken cancel)
    {
        try
        {
            var length = await content.ReadAtLeastAsync(buffer.AsMemory(0, size), size, throwOnEndOfStream: false, cancel);
            _hash.AppendData(buffer, 0, length);
            return length;
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }
}
