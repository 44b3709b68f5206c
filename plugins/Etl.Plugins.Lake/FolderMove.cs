using System.Globalization;
using Etl.Contracts;
using Etl.Plugins.Files;

namespace Etl.Plugins.Lake;

/// <summary>
/// Brings a plain folder to the state that a committed epoch has decided: its files to their names, those that it replaces away, and at last what waits for it. Each step can be
/// made again, so a run that finds an epoch half moved moves the rest.
/// </summary>
internal sealed class FolderMove(IObjectStore store, string root, CheckpointKey load, FileCommitLog log, Action<string> failPoint)
{
    private const int RequestsAtATime = 8;

    /// <summary>Does what is left to do. Gives how many files of earlier epochs it took away. ETL4556, ETL4557: a file is not what the commit says.</summary>
    public async ValueTask<int> FinishAsync(FileCommit commit, CancellationToken cancel)
    {
        var epoch = FolderEpoch.Parse(commit.Files!);
        await Parallel.ForEachAsync(epoch.Files, InParallel(cancel), PlaceAsync);
        failPoint("files.placed");
        var replaced = new List<string>();
        if (epoch.ReplacesAll || epoch.Replaces.Count > 0 || epoch.Lost.Count > 0)
        {
            await foreach (var stored in store.ListAsync(root, cancel))
            {
                var path = stored.Key[root.Length..];
                if (FolderEpoch.EpochOf(path, load) is { } of && epoch.Takes(path, of, commit.Checkpoint.N))
                {
                    replaced.Add(stored.Key);
                }
            }

            await Parallel.ForEachAsync(replaced, InParallel(cancel), (key, stop) => store.DeleteAsync(key, stop));
        }

        failPoint("files.replaced");
        await ClearAsync(epoch, commit.Checkpoint.N, cancel);
        return replaced.Count;
    }

    /// <summary>Whether anything is left to do: the first file's place is cleared last. A file without its name says so too, also where it waits no more: that is told by who does the rest.</summary>
    public async ValueTask<bool> IsUnfinishedAsync(FileCommit commit, CancellationToken cancel)
    {
        if (commit.Files is null)
        {
            return false;
        }

        var epoch = FolderEpoch.Parse(commit.Files);
        if (epoch.Files is not [var first, ..])
        {
            // Nothing tells whether the files that it takes are gone.
            return epoch.ReplacesAll || epoch.Lost.Count > 0;
        }

        var missing = await store.SizeAsync(root + first.Staged, cancel) is null ? 0 : 1;
        if (missing == 0)
        {
            await Parallel.ForEachAsync(epoch.Files, InParallel(cancel), async (file, stop) => Interlocked.Add(ref missing, await store.SizeAsync(root + file.Path, stop) is null ? 1 : 0));
        }

        return missing > 0;
    }

    private async ValueTask PlaceAsync(FolderFile file, CancellationToken cancel)
    {
        // As long as it waits it is copied, also where its place is taken: by whom is not known. It waits until all are placed.
        var waits = await store.SizeAsync(root + file.Staged, cancel) == file.Size;
        if (waits)
        {
            await store.CopyAsync(root + file.Staged, root + file.Path, cancel);
        }

        if (await store.SizeAsync(root + file.Path, cancel) is var size && size != file.Size)
        {
            throw waits
                ? new EtlException("ETL4556", $"the store has {size?.ToString(CultureInfo.InvariantCulture) ?? "no"} bytes of {root}{file.Path}, and {file.Size} were copied", "Its epoch is committed; run again, which copies it once more.")
                : new EtlException("ETL4557", $"{root}{file.Staged} is not there as its epoch's commit says, and neither is {root}{file.Path}", "Files of a committed epoch were deleted or changed. Restore one of them, or run with --full-refresh.");
        }

        failPoint("files.file_placed");
    }

    private static ParallelOptions InParallel(CancellationToken cancel) => new() { MaxDegreeOfParallelism = RequestsAtATime, CancellationToken = cancel };

    // Also what attempts at this epoch and earlier ones left that were killed: whoever wrote it can commit it no more.
    private async ValueTask ClearAsync(FolderEpoch epoch, long n, CancellationToken cancel)
    {
        var dead = new List<string>();
        await foreach (var stored in store.ListAsync(root + FolderEpoch.StagingPrefix(load), cancel))
        {
            if (IsDead(stored))
            {
                dead.Add(stored.Key);
            }
        }

        var last = epoch.Files is [var first, ..] ? root + first.Staged : null;
        foreach (var key in dead.Where(k => k != last))
        {
            await store.DeleteAsync(key, cancel);
        }

        // A copy that was cut off may lie beside its place, under a name that not every reader passes over.
        await store.DiscardUnfinishedAsync(root, stored => IsDead(stored) || FolderEpoch.EpochOf(stored.Key[root.Length..], load) <= n, cancel);
        await log.DiscardUnfinishedAsync(n, cancel);
        if (last is not null)
        {
            await store.DeleteAsync(last, cancel);
        }

        bool IsDead(StoredObject stored) => stored.Key.StartsWith(root + FolderEpoch.StagingPrefix(load), StringComparison.Ordinal) && string.CompareOrdinal(stored.Key, root + FolderEpoch.StagingOf(load, n + 1)) < 0;
    }
}
