using System.Globalization;
using System.Security.Cryptography;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Parquet;
using Parquet;

namespace Etl.Plugins.Lake;

/// <summary>A finished Parquet file that the log does not name yet, so no reader sees it.</summary>
/// <param name="Id">Unique in the session.</param>
/// <param name="RelativePath">Below the table's root.</param>
/// <param name="Folder">Its partition.</param>
/// <param name="Rows">How many rows it holds.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">Lower case hex.</param>
/// <param name="Stats">As the log holds them.</param>
/// <param name="LocalPath">Where it was written, until it is sent.</param>
internal sealed record DataFile(int Id, string RelativePath, PartitionFolder Folder, long Rows, long Size, string Sha256, string Stats, string LocalPath)
{
    /// <summary>What the log keeps of it beside what the protocol asks for.</summary>
    public IReadOnlyDictionary<string, string?> Tags => Folder.IsOfLayout
        ? new Dictionary<string, string?> { [DeltaCommit.Sha256Tag] = Sha256, [DeltaCommit.FolderTag] = Folder.Folder }
        : new Dictionary<string, string?> { [DeltaCommit.Sha256Tag] = Sha256 };
}

/// <summary>
/// Writes the data files of one session: first to the local disk, then as whole objects to the store, under names that nothing else has. What
/// was sent is remembered, so that it can be deleted if it is never published. Thread-safe.
/// </summary>
internal sealed class DataFiles(IObjectStore store, string root, Schema schema, IReadOnlyList<string> partitionColumns, CompressionMethod compression, string tempFolder, string nameSuffix) : IDisposable
{
    /// <summary>How names begin.</summary>
    public const string Prefix = "part-";

    private const int RequestsAtATime = 8;
    private readonly Dictionary<string, DataFile> _sent = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private int _lastId;

    /// <summary>Called with the name of each point where a test may stop the process.</summary>
    public Action<string> FailPoint { get; init; } = static _ => { };

    /// <summary>The columns of every file.</summary>
    public Schema Schema => schema;

    /// <summary>With a folder of its own below the state folder for what waits to be sent; it is gone when this is disposed.</summary>
    public static DataFiles Create(IObjectStore store, string root, Schema schema, IReadOnlyList<string> partitionColumns, ParquetCompression compression, string stateFolder, string runId, Action<string> failPoint)
    {
        var folder = Path.Combine(stateFolder, "tmp", $"lake-{Guid.NewGuid():N}");
        _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(folder) : Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var method = compression switch
        {
            ParquetCompression.Snappy => CompressionMethod.Snappy,
            ParquetCompression.Zstd => CompressionMethod.Zstd,
            ParquetCompression.Gzip => CompressionMethod.Gzip,
            _ => CompressionMethod.None,
        };
        return new DataFiles(store, root, schema, partitionColumns, method, folder, SuffixOf(runId)) { FailPoint = failPoint };
    }

    /// <summary>What names of a run's files hold of it.</summary>
    public static string SuffixOf(string runId) => new([.. runId.Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_').Take(40)]);

    /// <summary>A number for a file that will be opened later.</summary>
    public int NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Begins a file.</summary>
    public async ValueTask<OpenDataFile> OpenAsync(int id, PartitionFolder folder, CancellationToken cancel)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{id:D5}-{nameSuffix}-{Guid.NewGuid():N}.parquet");
        var local = NewTempPath();
        var stream = new HashedFile(local);
        try
        {
            return new OpenDataFile(this, id, folder, folder.Folder + name, stream, await ParquetFileWriter.CreateAsync(stream, schema, compression, cancel));
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a file to the store, unless it was sent before, and frees the local copy. ETL4556: the store has something else than what was encoded.</summary>
    public async ValueTask SendAsync(DataFile file, CancellationToken cancel)
    {
        lock (_lock)
        {
            if (!_sent.TryAdd(file.RelativePath, file))
            {
                return;
            }
        }

        await using (var content = File.OpenRead(file.LocalPath))
        {
            if (await store.PutVerifiedAsync(root + file.RelativePath, content, cancel) is var stored && stored != file.Sha256)
            {
                throw new EtlException("ETL4556", $"the store has other content of {root}{file.RelativePath} than was written: SHA-256 {stored} instead of {file.Sha256}", "Nothing was published. Run again; if it comes back, the disk, the network or the store damages data.");
            }
        }

        FailPoint("lake.file_sent");
        File.Delete(file.LocalPath);
    }

    /// <summary>Sends files, several at a time.</summary>
    public async ValueTask SendAsync(IEnumerable<DataFile> files, CancellationToken cancel) =>
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = RequestsAtATime, CancellationToken = cancel }, SendAsync);

    /// <summary>A finished file to read: the local copy, or what was sent.</summary>
    public async ValueTask<FileStream> ReopenAsync(DataFile file, CancellationToken cancel) => File.Exists(file.LocalPath)
        ? File.OpenRead(file.LocalPath)
        : await FetchAsync(new ActiveFile(Uri.EscapeDataString(file.RelativePath), file.Folder.Values, file.Size, file.Stats, file.Tags, 0), cancel);

    /// <summary>Asks the store for the size of each file. ETL4556: one is not as it was sent.</summary>
    public async ValueTask VerifyAsync(IEnumerable<DataFile> files, CancellationToken cancel) =>
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = RequestsAtATime, CancellationToken = cancel }, async (file, stop) =>
        {
            if (await store.SizeAsync(root + file.RelativePath, stop) is var size && size != file.Size)
            {
                throw new EtlException("ETL4556", $"the store has {size?.ToString(CultureInfo.InvariantCulture) ?? "no"} bytes of {root}{file.RelativePath}, and {file.Size} were sent", "Nothing was published. Run again; if it comes back, the store loses data.");
            }
        });

    /// <summary>
    /// A copy of an object on the local disk, checked against the log, open for reading; it is gone when closed. ETL4557: the object is not what
    /// the log says.
    /// </summary>
    public async ValueTask<FileStream> FetchAsync(ActiveFile file, CancellationToken cancel)
    {
        var key = root + file.RelativePath;
        await using var content = await store.GetAsync(key, cancel) ?? throw Wrong("it is not there");
        var copy = new FileStream(NewTempPath(), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 17, FileOptions.DeleteOnClose);
        try
        {
            await content.CopyToAsync(copy, cancel);
            if (copy.Length != file.Size)
            {
                throw Wrong($"it has {copy.Length} bytes instead of {file.Size}");
            }

            copy.Position = 0;
            if (file.Sha256 is not null && Convert.ToHexStringLower(await SHA256.HashDataAsync(copy, cancel)) != file.Sha256)
            {
                throw Wrong("its content has changed: SHA-256 differs");
            }

            copy.Position = 0;
            return copy;
        }
        catch
        {
            await copy.DisposeAsync();
            throw;
        }

        EtlException Wrong(string what) => new("ETL4557", $"the data file {key} is not as the table's log says: {what}", "Files of a table are never changed. Restore it from a copy; nothing was published.");
    }

    /// <summary>Deletes what was sent, except what is kept. A store's error is not thrown, as who cleans up has another one to tell: a file that stays is named nowhere, and goes with the next run or `etl lake vacuum`.</summary>
    public async ValueTask DeleteSentAsync(IReadOnlySet<string> keep)
    {
        List<string> paths;
        lock (_lock)
        {
            paths = [.. _sent.Keys.Where(p => !keep.Contains(p))];
        }

        foreach (var path in paths)
        {
            try
            {
                await store.DeleteAsync(root + path, CancellationToken.None);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                continue;
            }

            lock (_lock)
            {
                _sent.Remove(path);
            }
        }
    }

    /// <summary>Deletes the local copies.</summary>
    public void Dispose() => Directory.Delete(tempFolder, recursive: true);

    internal string Statistics(ParquetFileWriter writer) => DeltaStatistics.ToJson(writer.Rows, writer.Statistics, partitionColumns);

    /// <summary>A name for a file that is gone with the session.</summary>
    public string NewTempPath() => Path.Combine(tempFolder, Guid.NewGuid().ToString("N"));
}

/// <summary>A data file that is being written. Not thread-safe.</summary>
internal sealed class OpenDataFile(DataFiles owner, int id, PartitionFolder folder, string relativePath, HashedFile stream, ParquetFileWriter writer) : IAsyncDisposable
{
    /// <summary>Bytes that are in the file already.</summary>
    public long Length => stream.Position;

    /// <summary>Writes a batch with the files' schema as a row group.</summary>
    public ValueTask WriteRowGroupAsync(RecordBatch batch, CancellationToken cancel) => writer.WriteRowGroupAsync(batch, cancel);

    /// <summary>Adds the rows of a batch with the files' schema.</summary>
    public ValueTask WriteAsync(RecordBatch batch, CancellationToken cancel) => writer.WriteAsync(batch, cancel);

    /// <summary>Completes the file.</summary>
    public async ValueTask<DataFile> FinishAsync(CancellationToken cancel)
    {
        await writer.FinishAsync(cancel);
        var (size, hash) = (stream.Length, stream.Sha256());
        await stream.DisposeAsync();
        return new DataFile(id, relativePath, folder, writer.Rows, size, hash, owner.Statistics(writer), stream.Path);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await writer.DisposeAsync();
        await stream.DisposeAsync();
    }
}
