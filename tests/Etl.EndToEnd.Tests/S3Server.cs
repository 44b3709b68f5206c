using Amazon.S3;
using Amazon.S3.Model;

namespace Etl.EndToEnd.Tests;

/// <summary>The S3 server of ETL_TEST_S3, and buckets of one's own on it.</summary>
internal static class S3Server
{
    private static readonly Dictionary<string, string> Given = (Environment.GetEnvironmentVariable("ETL_TEST_S3") ?? "")
        .Split(';', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1]);

    public static string Endpoint => Value("endpoint");

    public static string AccessKey => Value("access_key");

    public static string SecretKey => Value("secret_key");

    /// <summary>A client of its own, to look at what the framework did and to make what it needs.</summary>
    public static AmazonS3Client Client() => new(AccessKey, SecretKey, new AmazonS3Config
    {
        ServiceURL = Endpoint,
        ForcePathStyle = true,
        AuthenticationRegion = "us-east-1",
        RequestChecksumCalculation = Amazon.Runtime.RequestChecksumCalculation.WHEN_REQUIRED,
        ResponseChecksumValidation = Amazon.Runtime.ResponseChecksumValidation.WHEN_REQUIRED,
    });

    /// <summary>A new, empty bucket.</summary>
    public static async Task<string> CreateBucketAsync()
    {
        var bucket = $"etl-{Guid.NewGuid():N}";
        using var client = Client();
        await client.PutBucketAsync(bucket);
        return bucket;
    }

    /// <summary>A connection's YAML; the secret comes from the environment variable <c>S3_SECRET</c>.</summary>
    /// <param name="bucket">Which.</param>
    /// <param name="endpoint">Of what stands before the server; otherwise the server's.</param>
    public static string Connection(string bucket, string? endpoint = null) => $"{{ type: s3, bucket: {bucket}, endpoint: \"{endpoint ?? Endpoint}\", access_key: {AccessKey}, secret_key: \"${{S3_SECRET}}\" }}";

    /// <summary>Makes a folder hold what the bucket holds, and nothing else.</summary>
    public static async Task MirrorAsync(string bucket, string folder)
    {
        using var client = Client();
        var there = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var stored in client.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = bucket }).S3Objects)
        {
            var path = Path.Combine(folder, stored.Key);
            there.Add(Path.GetFullPath(path));
            using var answer = await client.GetObjectAsync(bucket, stored.Key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using var file = File.Create(path);
            await answer.ResponseStream.CopyToAsync(file);
        }

        foreach (var gone in Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(f => !there.Contains(Path.GetFullPath(f))) : [])
        {
            File.Delete(gone);
        }
    }

    /// <summary>Keys of uploads that were begun and not ended.</summary>
    public static async Task<List<string>> OpenUploadsAsync(string bucket)
    {
        using var client = Client();
        return [.. (await client.ListMultipartUploadsAsync(new ListMultipartUploadsRequest { BucketName = bucket })).MultipartUploads?.Select(u => u.Key) ?? []];
    }

    private static string Value(string name) => Given.GetValueOrDefault(name) ?? throw new InvalidOperationException("ETL_TEST_S3 names no server; run the tests by tools/test");
}
