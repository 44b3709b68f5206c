using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Etl.Contracts;
using Etl.Parquet;
using Etl.Plugins.Columnar;

namespace Etl.Plugins.Lake;

/// <summary>Holds the files of a table against what its log says of them.</summary>
internal sealed class FileCheck(IObjectStore store, string root, bool deep)
{
    private const int FilesAtATime = 8;

    /// <summary>What is wrong, by path.</summary>
    public async ValueTask<IReadOnlyList<string>> RunAsync(IReadOnlyCollection<ActiveFile> files, CancellationToken cancel)
    {
        var faults = new ConcurrentQueue<(string Path, string Fault)>();
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = FilesAtATime, CancellationToken = cancel }, async (file, stop) =>
        {
            if (await FindFaultAsync(file, stop) is { } fault)
            {
                faults.Enqueue((file.RelativePath, fault));
            }
        });
        return [.. faults.OrderBy(f => f.Path, StringComparer.Ordinal).Select(f => $"{root}{f.Path}: {f.Fault}")];
    }

    private async ValueTask<string?> FindFaultAsync(ActiveFile file, CancellationToken cancel)
    {
        var key = root + file.RelativePath;
        var size = await store.SizeAsync(key, cancel);
        return size is null ? "it is not there"
            : size != file.Size ? string.Create(CultureInfo.InvariantCulture, $"it has {size} bytes, and the log says {file.Size}")
            : !deep ? null
            : file.Sha256 is { } hash ? await FindChangeAsync(key, hash, cancel)
            : await FindRowsAsync(key, file, cancel);
    }

    private async ValueTask<string?> FindChangeAsync(string key, string hash, CancellationToken cancel)
    {
        await using var content = await store.GetAsync(key, cancel);
        return content is null ? "it is not there"
            : Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancel)) == hash ? null
            : "its content has changed: SHA-256 differs";
    }

    // Files of other writers have no hash in the log.
    private async ValueTask<string?> FindRowsAsync(string key, ActiveFile file, CancellationToken cancel)
    {
        var content = new RangeStream(store, key, file.Size);
        try
        {
            await using var reader = await ParquetFileReader.OpenAsync(content, key, cancel);
            return DeltaStatistics.Rows(file.Stats) is { } rows && rows != reader.Rows ? string.Create(CultureInfo.InvariantCulture, $"it has {reader.Rows} rows, and the log says {rows}") : null;
        }
        catch (EtlException e) when (content.Failure is null)
        {
            return e.Message;
        }
    }
}
