using System.Globalization;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using Etl.Contracts;

namespace Etl.Plugins.S3;

/// <summary>What was sent of an object.</summary>
/// <param name="Bytes">How many.</param>
/// <param name="Sha256">Of all of them, in lower case hex.</param>
/// <param name="Tag">The tag (ETag) that a store gives it which keeps the MD5 of what came, or of the parts in which it came.</param>
internal sealed record Sent(long Bytes, string Sha256, string Tag);

/// <summary>Writes one object: by one request if it is small, otherwise in parts, of which some are under way at a time. What fails leaves no part behind.</summary>
internal sealed class Upload(AmazonS3Client client, S3ConnectionOptions options, PartBuffers buffers, string key)
{
    private static readonly TimeSpan TimeToAbort = TimeSpan.FromSeconds(30);

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Writes all of the stream, and says what that was. Called once.</summary>
    public async Task<Sent> WriteAsync(Stream content, CancellationToken cancel)
    {
        using var first = await buffers.FillAsync(content, _hash, cancel);
        if (!first.IsLast)
        {
            return await InPartsAsync(content, first, cancel);
        }

        using var stream = first.Open();
        var digest = S3Store.Md5(first.Bytes.Span);
        await client.PutObjectAsync(Describe(options, key, stream, Convert.ToBase64String(digest)), cancel);
        return new Sent(first.Bytes.Length, Convert.ToHexStringLower(_hash.GetHashAndReset()), Convert.ToHexStringLower(digest));
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

    private async Task<Sent> InPartsAsync(Stream content, PartBuffers.Part first, CancellationToken cancel)
    {
        var upload = (await client.InitiateMultipartUploadAsync(
            new() { BucketName = options.Bucket, Key = key, ServerSideEncryptionMethod = EncryptionOf(options), ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKey }, cancel)).UploadId;
        var parts = new List<Task<(PartETag Part, byte[] Digest)>>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            var total = 0L;
            await foreach (var part in buffers.FromAsync(first, content, _hash, stop.Token))
            {
                total += part.Bytes.Length;
                parts.Add(SendAsync(upload, parts.Count + 1, part, stop));
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

    private async Task<(PartETag Part, byte[] Digest)> SendAsync(string upload, int number, PartBuffers.Part part, CancellationTokenSource stop)
    {
        using (part)
        {
            try
            {
                await Task.Yield();
                using var stream = part.Open();
                var digest = S3Store.Md5(part.Bytes.Span);
                var answer = await client.UploadPartAsync(
                    new()
                    {
                        BucketName = options.Bucket, Key = key, UploadId = upload, PartNumber = number, PartSize = part.Bytes.Length, InputStream = stream,
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
}
