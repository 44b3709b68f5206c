using System.Diagnostics;
using Amazon.S3;
using Amazon.S3.Model;
using Etl.DuckDb;

namespace Etl.Benchmarks;

/// <summary>The line whose limit is the object store's own: the shipped command line against a loop that uploads the files that it wrote.</summary>
internal sealed class StoreBenchmarks : IDisposable
{
    private const string Bucket = "benchmark";
    private const long PartSize = 8 << 20;

    private readonly Server _server;
    private readonly Project _project;
    private readonly string _tools;
    private readonly string _folder;
    private readonly string _written;
    private AmazonS3Client? _client;

    /// <summary>Starts nothing yet; <paramref name="folder"/> is for the store and for copies of what was written.</summary>
    public StoreBenchmarks(string tools, string folder, Server server, Project project)
    {
        (_tools, _folder, _server, _project) = (tools, Path.Combine(folder, "s3"), server, project);
        _written = Directory.CreateDirectory(Path.Combine(folder, "written")).FullName;
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<Benchmark> All =>
    [
        new("store", "PostgreSQL to day-partitioned Parquet on S3, with the transform and the commit", "the same files uploaded by a loop, four at a time", 1.18, Upload, Run, Check),
    ];

    public void Dispose()
    {
        if (_client is not null)
        {
            _client.Dispose();
            using var stop = Process.Start(Path.Combine(_tools, "s3-down.sh"), [_folder]);
            stop.WaitForExit();
        }
    }

    private Measurement Run()
    {
        Empty();
        return _project.RunPipeline("store").Measurement;
    }

    // The limit is asked first, and needs what a run writes.
    private Measurement Upload()
    {
        if (_client is null)
        {
            Start();
            Run();
            Fetch();
        }

        Empty();
        var started = Stopwatch.GetTimestamp();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        Parallel.ForEach(Directory.GetFiles(_written, "*", SearchOption.AllDirectories), new ParallelOptions { MaxDegreeOfParallelism = 4 }, file => Put(file));
        return new Measurement(Stopwatch.GetElapsedTime(started).TotalSeconds, (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds, 0);
    }

    private void Put(string file)
    {
        var key = Path.GetRelativePath(_written, file);
        using var content = File.OpenRead(file);
        if (content.Length <= PartSize)
        {
            _client!.PutObjectAsync(new PutObjectRequest { BucketName = Bucket, Key = key, InputStream = content }).GetAwaiter().GetResult();
            return;
        }

        var upload = _client!.InitiateMultipartUploadAsync(Bucket, key).GetAwaiter().GetResult().UploadId;
        var parts = new List<PartETag>();
        while (content.Position < content.Length)
        {
            var number = parts.Count + 1;
            var answer = _client.UploadPartAsync(new UploadPartRequest
            {
                BucketName = Bucket, Key = key, UploadId = upload, PartNumber = number, FilePath = file, FilePosition = content.Position, PartSize = Math.Min(PartSize, content.Length - content.Position),
            }).GetAwaiter().GetResult();
            parts.Add(new PartETag(number, answer.ETag));
            content.Position = Math.Min(content.Length, content.Position + PartSize);
        }

        _client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest { BucketName = Bucket, Key = key, UploadId = upload, PartETags = parts }).GetAwaiter().GetResult();
    }

    private void Start()
    {
        using var start = Process.Start(new ProcessStartInfo(Path.Combine(_tools, "s3-up.sh"), [_folder]) { RedirectStandardOutput = true })!;
        var reached = start.StandardOutput.ReadToEnd();
        start.WaitForExit();
        if (start.ExitCode != 0)
        {
            throw new InvalidOperationException("the S3 server did not start");
        }

        var values = reached.Trim()["ETL_TEST_S3=".Length..].Split(';').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1]);
        _project.UseStore(values["endpoint"], Bucket, values["access_key"], values["secret_key"]);
        _client = new AmazonS3Client(values["access_key"], values["secret_key"], new AmazonS3Config
        {
            ServiceURL = values["endpoint"], ForcePathStyle = true, AuthenticationRegion = "us-east-1",
            RequestChecksumCalculation = Amazon.Runtime.RequestChecksumCalculation.WHEN_REQUIRED, ResponseChecksumValidation = Amazon.Runtime.ResponseChecksumValidation.WHEN_REQUIRED,
        });
        _client.PutBucketAsync(Bucket).GetAwaiter().GetResult();
    }

    private List<string> Keys() => [.. _client!.Paginators.ListObjectsV2(new ListObjectsV2Request { BucketName = Bucket }).S3Objects.ToBlockingEnumerable().Select(o => o.Key)];

    private void Empty()
    {
        _project.Clear();
        Parallel.ForEach(Keys(), new ParallelOptions { MaxDegreeOfParallelism = 8 }, key => _client!.DeleteObjectAsync(Bucket, key).GetAwaiter().GetResult());
    }

    private void Fetch()
    {
        foreach (var key in Keys())
        {
            var path = Path.Combine(_written, key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var answer = _client!.GetObjectAsync(Bucket, key).GetAwaiter().GetResult();
            using var file = File.Create(path);
            answer.ResponseStream.CopyTo(file);
        }
    }

    private void Check()
    {
        Directory.Delete(_written, recursive: true);
        Fetch();
        using var database = DuckDatabase.Open(null, new DuckSettings { AllowedDirectories = [_written] });
        using var connection = database.Connect();
        var found = connection.QueryText(Orders.DuckSums($"read_parquet('{_written}/orders/**/*.parquet', hive_partitioning = false)"))!;
        var expected = _server.Query(Orders.PostgresSums($"({Orders.Transformed})"));
        if (found != expected)
        {
            throw new UnreachableException($"the lake holds (count, sum, hash) {found} where the source makes {expected}");
        }
    }
}
