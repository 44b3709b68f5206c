using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Etl.Redshift.StandIn;

/// <summary>Where COPY reads and UNLOAD writes: S3, or folders that stand for its buckets.</summary>
public interface IBuckets
{
    /// <summary>An object's bytes; null when it is not there.</summary>
    Task<byte[]?> GetAsync(string bucket, string key);

    /// <summary>Writes an object.</summary>
    Task PutAsync(string bucket, string key, byte[] content);

    /// <summary>Whether any key begins so.</summary>
    Task<bool> AnyAsync(string bucket, string prefix);
}

/// <summary>An S3 server.</summary>
public sealed class S3Buckets(Uri endpoint, string accessKey, string secretKey) : IBuckets, IDisposable
{
    private readonly AmazonS3Client _client = new(new BasicAWSCredentials(accessKey, secretKey), new AmazonS3Config
    {
        ServiceURL = endpoint.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1",
        RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED, ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
    });

    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string bucket, string key)
    {
        try
        {
            using var answer = await _client.GetObjectAsync(bucket, key);
            using var content = new MemoryStream();
            await answer.ResponseStream.CopyToAsync(content);
            return content.ToArray();
        }
        catch (AmazonS3Exception e) when (e.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async Task PutAsync(string bucket, string key, byte[] content)
    {
        using var stream = new MemoryStream(content);
        await _client.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = key, InputStream = stream });
    }

    /// <inheritdoc/>
    public async Task<bool> AnyAsync(string bucket, string prefix) =>
        (await _client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket, Prefix = prefix, MaxKeys = 1 })).S3Objects is { Count: > 0 };

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();
}

/// <summary>A folder for each bucket, for tests of what is not the store's business.</summary>
public sealed class FolderBuckets(string root) : IBuckets
{
    /// <inheritdoc/>
    public async Task<byte[]?> GetAsync(string bucket, string key) => File.Exists(At(bucket, key)) ? await File.ReadAllBytesAsync(At(bucket, key)) : null;

    /// <inheritdoc/>
    public Task PutAsync(string bucket, string key, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(bucket, key))!);
        return File.WriteAllBytesAsync(At(bucket, key), content);
    }

    /// <inheritdoc/>
    public Task<bool> AnyAsync(string bucket, string prefix)
    {
        var folder = Path.Combine(root, bucket);
        return Task.FromResult(Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Any(f => Path.GetRelativePath(folder, f).StartsWith(prefix, StringComparison.Ordinal)));
    }

    private string At(string bucket, string key) => Path.Combine(root, bucket, key);
}
