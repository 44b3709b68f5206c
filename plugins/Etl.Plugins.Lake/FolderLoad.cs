using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Parquet;
using Etl.Plugins.Files;

namespace Etl.Plugins.Lake;

/// <summary><c>publish: files</c>: Parquet files in a plain folder, for readers that list it.</summary>
internal sealed class FolderLoad(ParquetLoaderOptions options, IObjectStore store, PluginContext context)
{
    private string Root => PartitionLayout.RootOf(options.Path);

    /// <summary>As <see cref="ILoader.Describe"/>, of rows that were looked at.</summary>
    public LoadPlan Describe(RowSchema input, PartitionLayout layout, Schema schema)
    {
        _ = ParquetColumn.Map(schema);
        var replaces = options.Mode is LoadMode.Replace or LoadMode.ReplacePartitions;
        return new LoadPlan(
            options.Mode,
            [],
            $"{store.Root}{layout.Root}",
            "exactly-once effect once an epoch's files have their names: nothing of an epoch is seen before its commit. A reader that lists the folder may see some of its files before the others"
                + (replaces ? ", and for a moment new files beside those that they replace" : "")
                + "; of a run that is killed then, the next one moves the rest."
                + (store.PutIfAbsentIsAtomic ? "" : " It holds as long as one run at a time writes here: the store has no put-if-absent in one step, so of two that commit at the same moment one overwrites the other's commit."),
            [
                $"put {layout.Root}{FolderEpoch.StagingFolder}<load>-<epoch>/...", $"put if absent {layout.Root}_etl/checkpoint-<load>/<epoch>.json",
                $"copy to {layout.Root}{layout.Pattern}part-<epoch>-<number>-<load>.parquet",
                .. replaces ? new[] { $"delete the load's older files in {(options.Mode == LoadMode.Replace ? layout.Root : "the same folders")}" } : [],
            ])
        {
            Conversions = [.. schema.FieldsList.Where(f => input.Index(f.Name) >= 0).Select(f => new ColumnConversion(f.Name, f.DataType.Name, ConversionVerdict.Exact))],
            AcceptedLosses = options.AcceptLoss,
            AddedColumns = [.. schema.FieldsList.Where(f => input.Index(f.Name) < 0)],
        };
    }

    /// <summary>As <see cref="ILoader.ReadCheckpointAsync"/>.</summary>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => (await LogOf(key).LastAsync(null, cancel))?.Checkpoint;

    /// <summary>As <see cref="IEpochHistory.ReadEpochsAsync"/>.</summary>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        var log = LogOf(key);
        for (var n = 1L; await log.ReadKeptAsync(n, cancel) is { } commit; n++)
        {
            yield return commit.Checkpoint;
        }
    }

    /// <summary>As <see cref="ILoader.OpenAsync"/>. An epoch that was committed and not moved whole is, first. ETL4547: the folder is kept otherwise.</summary>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, PartitionLayout layout, CancellationToken cancel)
    {
        var log = LogOf(request.Key);
        var last = await log.LastAsync(request, cancel);
        if (last is { MovedTo: null, Files: null })
        {
            throw FileCommitLog.KeptOtherwise($"{store.Root}{Root}", $"{request.Key} has loaded csv or json files into it");
        }

        await foreach (var _ in store.ListAsync($"{Root}_delta_log/", cancel))
        {
            throw FileCommitLog.KeptOtherwise($"{store.Root}{Root}", "it is a Delta table");
        }

        var move = new FolderMove(store, Root, request.Key, log, request.FailPoint);
        // A full refresh replaces it, so it goes on also where files are gone.
        if (last is not null && !request.FullRefresh && await move.IsUnfinishedAsync(last, cancel))
        {
            await move.FinishAsync(last, cancel);
        }

        var lost = await LostAsync(last?.Checkpoint.N ?? 0, log, request, cancel);
        var load = new LakeLoad(options, request, layout);
        if (!layout.IsByRunDate)
        {
            return new FolderSession(load, store, context, log, last, move, lost);
        }

        var date = await EpochDate.TakeAsync(store, Root, request, (last?.Checkpoint.N ?? 0) + 1, context.Time, cancel);
        return await date.OpenAsync(() => new FolderSession(load with { Layout = layout.At(date.Date), Date = date }, store, context, log, last, move, lost));
    }

    // Files have their names only when their epoch is committed: those of later epochs say that commits are gone. Only a full refresh, which replaces them, goes on from there:
    // its epochs would be called the same.
    private async ValueTask<IReadOnlyList<string>> LostAsync(long n, FileCommitLog log, LoadRequest request, CancellationToken cancel)
    {
        var lost = new List<string>();
        var newest = n;
        await foreach (var stored in store.ListAsync(Root, cancel))
        {
            var path = stored.Key[Root.Length..];
            if (FolderEpoch.EpochOf(path, request.Key) is { } epoch && epoch > n)
            {
                lost.Add(path);
                newest = Math.Max(newest, epoch);
            }
        }

        // Another run may have committed meanwhile; it shuts this one out.
        if (lost.Count == 0 || await log.ReadAsync(n + 1, null, cancel) is not null)
        {
            return [];
        }

        (request with { Restores = request.FullRefresh }).RequireNewest(n, newest, hasPosition: false);
        return lost;
    }

    private FileCommitLog LogOf(CheckpointKey key) => new(store, Root.TrimEnd('/'), key);
}
