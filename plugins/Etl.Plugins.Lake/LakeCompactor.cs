using System.Collections.Concurrent;
using System.Globalization;
using Etl.Contracts;
using Etl.Parquet;

namespace Etl.Plugins.Lake;

/// <summary>
/// Writes the rows of small files into fewer, and says so in one version of the log that changes no row (<c>dataChange: false</c>), put where there is none yet. A run may
/// publish at the same time: who comes second decides again over what the first one did. Here that means that of files which are no longer part of the table nothing is put together.
/// </summary>
internal sealed class LakeCompactor(IObjectStore store, string root, DeltaLog log, ParquetLoaderOptions options, PluginContext context, LakeCompactionRequest request)
{
    // How often the commit is tried again because runs wrote to the table in between.
    private const int MostAttempts = 20;

    // What a group needs in memory, measured: a row group that is read and one that is written, as values and encoded.
    private const long BytesOfAGroup = 8 * ParquetFileWriter.RowGroupBytes;

    private string Name => $"{store.Root}{root}";

    /// <summary>Runs it. ETL4567: there is no table; ETL4701: the store cannot keep a run and this apart; ETL4557 and ETL4703: a file is not what the log says; ETL4700: it could not be
    /// committed; ETL4702: nobody knows whether it was.</summary>
    public async ValueTask<LakeCompaction> RunAsync(CancellationToken cancel)
    {
        var table = await log.ReadAsync(cancel);
        if (table.Version < 0)
        {
            throw DeltaLog.NoTable(Name);
        }

        var groups = CompactionGroup.Of(table, options.TargetFileSize.Bytes);
        if (request.DryRun || groups.Count == 0)
        {
            return Report(table.Version, groups, g => 1, 0, 0, null);
        }

        if (!store.PutIfAbsentIsAtomic && !request.Alone)
        {
            throw new EtlException("ETL4701", $"the store of {Name} has no put-if-absent in one step: of a compaction and a run that publish at the same moment, one would overwrite the other's commit", "Let no run begin until it has ended, and say so with --alone.");
        }

        using var files = DataFiles.Create(store, root, table.Schema!, table.PartitionColumns, options.Compression, context.StateFolder, "compact", request.FailPoint);
        var keep = new HashSet<string>(StringComparer.Ordinal);
        var outcomeIsKnown = true;
        try
        {
            var written = await RewriteAsync(files, groups, cancel);
            request.FailPoint("lake.compact.written");
            for (var attempt = 1; ; attempt++)
            {
                var kept = written.Where(w => w.Group.Files.All(f => table.Has(f.RelativePath))).ToList();
                var added = kept.SelectMany(w => w.Files).ToList();
                var left = written.Except(kept).Sum(w => w.Group.Files.Count);
                if (kept.Count == 0)
                {
                    return Report(table.Version, [], g => 0, 0, left, null);
                }

                await files.VerifyAsync(added, cancel);
                request.FailPoint("lake.compact.before_commit");
                cancel.ThrowIfCancellationRequested();
                outcomeIsKnown = false;
                var version = table.Version + 1;
                bool mine;
                try
                {
                    mine = await CommitAsync(table, [.. kept.SelectMany(w => w.Group.Files)], added, cancel);
                    outcomeIsKnown = true;
                }
                catch (StoreRefusedException)
                {
                    outcomeIsKnown = true;
                    throw;
                }

                if (mine)
                {
                    keep.UnionWith(added.Select(f => f.RelativePath));
                    request.FailPoint("lake.compact.after_commit");
                    var note = table.Version < version ? await log.CheckpointIfDueAsync(table, options.CheckpointEvery, context.Time.GetUtcNow(), cancel) : null;
                    var into = kept.ToDictionary(w => w.Group, w => w.Files.Count);
                    return Report(version, [.. kept.Select(w => w.Group)], g => into[g], added.Sum(f => f.Size), left, note);
                }

                if (attempt == MostAttempts)
                {
                    throw new EtlException("ETL4700", string.Create(CultureInfo.InvariantCulture, $"{Name} was written to by others each of the {MostAttempts} times that its compaction was to be committed"), "Nothing was changed. Compact it when fewer runs publish to it.");
                }
            }
        }
        finally
        {
            // A commit of which nobody knows whether it arrived may name what was sent.
            if (outcomeIsKnown)
            {
                await files.DeleteSentAsync(keep);
            }
        }
    }

    private async ValueTask<IReadOnlyList<(CompactionGroup Group, IReadOnlyList<DataFile> Files)>> RewriteAsync(DataFiles files, IReadOnlyList<CompactionGroup> groups, CancellationToken cancel)
    {
        var most = (int)Math.Clamp(context.MemoryBytes / BytesOfAGroup, 1, Environment.ProcessorCount);
        var inParallel = new ParallelOptions { MaxDegreeOfParallelism = most, CancellationToken = cancel };
        var written = new ConcurrentBag<(CompactionGroup Group, IReadOnlyList<DataFile> Files)>();
        await Parallel.ForEachAsync(groups, inParallel, async (group, stop) =>
        {
            var made = await RewriteAsync(files, group, stop);
            await files.SendAsync(made, stop);
            written.Add((group, made));
        });
        return [.. written.OrderBy(w => w.Group.Folder.Folder, StringComparer.Ordinal)];
    }

    // One file, or more where another program had packed its rows closer.
    private async ValueTask<IReadOnlyList<DataFile>> RewriteAsync(DataFiles files, CompactionGroup group, CancellationToken cancel)
    {
        var finished = new List<DataFile>();
        OpenDataFile? open = null;
        try
        {
            foreach (var file in group.Files)
            {
                await using var reader = await ParquetFileReader.OpenAsync(await files.FetchAsync(file, cancel), file.LogPath, cancel);
                if (DeltaStatistics.Rows(file.Stats) is { } rows && rows != reader.Rows)
                {
                    throw new EtlException("ETL4703", string.Create(CultureInfo.InvariantCulture, $"{root}{file.RelativePath} has {reader.Rows} rows, and the table's log says {rows}"), "Nothing was changed. See what else is wrong by `etl lake verify --deep`, and restore the file from a copy.");
                }

                for (var rowGroup = 0; rowGroup < reader.RowGroups; rowGroup++)
                {
                    using var batch = await reader.ReadAsync(rowGroup, files.Schema, (f, c, n) => TableSchema.FillMissing(file, f, c, n), cancel);
                    open ??= await files.OpenAsync(files.NextId(), group.Folder, cancel);
                    await open.WriteAsync(batch, cancel);
                    if (open.Length >= options.TargetFileSize.Bytes)
                    {
                        finished.Add(await open.FinishAsync(cancel));
                        await open.DisposeAsync();
                        open = null;
                    }
                }
            }

            if (open is not null)
            {
                finished.Add(await open.FinishAsync(cancel));
            }

            return finished;
        }
        finally
        {
            if (open is not null)
            {
                await open.DisposeAsync();
            }
        }
    }

    // Whether the next version is ours; the snapshot is at the newest one where it is not. That it was taken does not say by whom: names of files do, which nothing else has.
    private async ValueTask<bool> CommitAsync(DeltaSnapshot table, IReadOnlyList<ActiveFile> removed, IReadOnlyList<DataFile> added, CancellationToken cancel)
    {
        var commit = new DeltaCommit(context.Time.GetUtcNow());
        commit.DescribeCompaction(removed, added, options.TargetFileSize.Bytes);
        removed.ToList().ForEach(f => commit.Remove(f, dataChange: false));
        added.ToList().ForEach(f => commit.Add(f, dataChange: false));
        try
        {
            if (await store.PutIfAbsentAsync(log.KeyOf(table.Version + 1), commit.ToBytes(), cancel))
            {
                return true;
            }

            await log.AdvanceAsync(table, cancel);
            return added.Any(f => table.Names(f.RelativePath));
        }
        catch (Exception e) when (e is not (StoreRefusedException or EtlException { Code: "ETL4553" }))
        {
            throw new EtlException(
                "ETL4702", string.Create(CultureInfo.InvariantCulture, $"no answer came to the commit of version {table.Version + 1} of {Name}: {e.Message}"),
                "No row is lost either way: the table has its files as they were, or put together. Compact it again; what was sent and is not part of the table goes with `etl lake vacuum`.", e);
        }
    }

    private LakeCompaction Report(long version, IReadOnlyList<CompactionGroup> groups, Func<CompactionGroup, int> into, long bytesAfter, int left, string? note) => new(
        Name, version,
        [.. groups.GroupBy(g => g.Folder.Folder, StringComparer.Ordinal).Select(g => new CompactedFolder(g.Key, g.Sum(x => x.Files.Count), g.Sum(x => x.Bytes), g.Sum(into)))],
        bytesAfter, left, note);
}
