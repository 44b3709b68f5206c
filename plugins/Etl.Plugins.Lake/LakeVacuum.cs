using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Plugins.Files;

namespace Etl.Plugins.Lake;

/// <summary>
/// Deletes data files that no version needs which may still be read. A file that the log does not name may be one that a run is about to commit, so nothing is touched
/// before it is a day old; and only what is named like a data file is touched, outside of folders that begin with '_' or '.', and of tables and plain folders that lie within this one.
/// </summary>
internal sealed class LakeVacuum(IObjectStore store, string root, DeltaLog log)
{
    private const string LogFolder = "_delta_log/";
    private const int DeletesAtATime = 8;

    /// <summary>How old an object must be, on the store's clock.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Runs it. ETL4567: there is no table.</summary>
    public async ValueTask<LakeClearance> RunAsync(TimeSpan retention, bool dryRun, CancellationToken cancel)
    {
        var now = await StoreTimeAsync(cancel);
        // Listed before the log is read: what was committed in between is named by then.
        var (files, isWithin) = await ListAsync(cancel);
        var table = await log.ReadAsync(cancel);
        if (table.Version < 0)
        {
            throw DeltaLog.NoTable($"{store.Root}{root}");
        }

        var needed = await NeededAsync(table, now - retention, cancel);
        var gone = files.Where(f => IsOld(f) && !needed.Contains(f.Key[root.Length..])).ToList();
        if (!dryRun)
        {
            await Parallel.ForEachAsync(gone, new ParallelOptions { MaxDegreeOfParallelism = DeletesAtATime, CancellationToken = cancel }, (f, stop) => store.DeleteAsync(f.Key, stop));
        }

        var unfinished = new ConcurrentQueue<string>();
        await store.DiscardUnfinishedAsync(root, IsDead, cancel);
        return new LakeClearance(
            $"{store.Root}{root}", [.. gone.Select(f => f.Key[root.Length..]).Order(StringComparer.Ordinal)], gone.Sum(f => f.Size), [.. unfinished.Order(StringComparer.Ordinal)]);

        bool IsOld(StoredObject stored) => stored.Modified <= now - Grace;

        bool IsDead(StoredObject upload)
        {
            if (!IsOld(upload) || !isWithin(upload.Key) || !(IsData(upload.Key) || upload.Key.StartsWith(root + LogFolder, StringComparison.Ordinal)))
            {
                return false;
            }

            unfinished.Enqueue(upload.Key[root.Length..]);
            return !dryRun;
        }
    }

    private async ValueTask<(IReadOnlyList<StoredObject> Files, Func<string, bool> IsWithin)> ListAsync(CancellationToken cancel)
    {
        var (files, others) = (new List<StoredObject>(), new HashSet<string>(StringComparer.Ordinal));
        await foreach (var stored in store.ListAsync(root, cancel))
        {
            if (OtherIn(stored.Key) is { } other)
            {
                others.Add(other);
            }
            else if (IsData(stored.Key))
            {
                files.Add(stored);
            }
        }

        return ([.. files.Where(f => IsWithin(f.Key))], IsWithin);

        bool IsWithin(string key) => others.Count == 0 || !others.Any(o => key.StartsWith(o, StringComparison.Ordinal));
    }

    // The folder within this one that has a log, or commits, of its own.
    private string? OtherIn(string key) => new[] { LogFolder, FileCommitLog.Folders }
        .Select(own => key.IndexOf("/" + own, root.Length, StringComparison.Ordinal))
        .Where(at => at > 0)
        .Select(at => key[..(at + 1)])
        .FirstOrDefault();

    // A folder of a partition may begin with '_' as its column's name does. A file of an epoch's name is that of a load without a log, which shares the folder.
    private bool IsData(string key)
    {
        var segments = key[root.Length..].Split('/');
        return segments[^1].StartsWith(DataFiles.Prefix, StringComparison.Ordinal) && segments[^1].EndsWith(".parquet", StringComparison.Ordinal)
            && !FolderEpoch.IsName(segments[^1]) && !segments.Any(s => s.Length > 0 && s[0] is '_' or '.' && !s.Contains('=', StringComparison.Ordinal));
    }

    // The files of the versions that were the table since then: those that it has, and those that were removed later. A checkpoint of the log forgets the removed ones.
    private async ValueTask<HashSet<string>> NeededAsync(DeltaSnapshot table, DateTimeOffset since, CancellationToken cancel)
    {
        var needed = new HashSet<string>([.. table.Files.Select(f => f.RelativePath), .. Removed(table.Removed)], StringComparer.Ordinal);
        await foreach (var text in log.ReadBackAsync(table.CheckpointedAt, cancel))
        {
            var actions = DeltaSnapshot.Actions(text).ToList();
            needed.UnionWith(Removed(actions.Where(a => a.Kind == "remove").Select(a => a.Action)));
            // Of several writers one may be behind by some minutes.
            if (actions.Find(a => a.Kind == "commitInfo").Action?["timestamp"]?.GetValue<long>() is { } committed && committed < (since - TimeSpan.FromHours(1)).ToUnixTimeMilliseconds())
            {
                break;
            }
        }

        return needed;

        IEnumerable<string> Removed(IEnumerable<JsonObject> removes) => removes
            .Where(r => r["deletionTimestamp"]?.GetValue<long>() is not { } at || at >= since.ToUnixTimeMilliseconds())
            .Select(r => Uri.UnescapeDataString(r["path"]!.GetValue<string>()));
    }

    // Of an object that is written for it, as this machine's clock may be another.
    private async ValueTask<DateTimeOffset> StoreTimeAsync(CancellationToken cancel)
    {
        var mark = $"{root}_etl_clock-{Guid.NewGuid():N}";
        await store.PutAsync(mark, new MemoryStream([0]), cancel);
        try
        {
            await foreach (var stored in store.ListAsync(mark, cancel))
            {
                return stored.Modified;
            }
        }
        finally
        {
            await store.DeleteAsync(mark, CancellationToken.None);
        }

        throw new EtlException("ETL4568", $"the store does not list {mark}, which was just written", "Its listings lag behind, so files that are in use cannot be told from others. Try again later.");
    }
}
