using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>
/// Data files of runs that were killed before the log named them. To be called after a publish: whatever such a run may still have under way towards the log then
/// finds its version taken. A run that did commit here is left alone, and so are files that the table names, as of which run they are is forgotten with the log's old entries,
/// and files whose run is not known to have ended. An entry of the log that a store keeps unfinished is dead when its version is there, whoever began it.
/// </summary>
internal static class Orphans
{
    /// <param name="store">Where the table lies.</param>
    /// <param name="root">Its folder.</param>
    /// <param name="table">As it was read.</param>
    /// <param name="version">The one that was published, which may be later than that of <paramref name="table"/>.</param>
    /// <param name="goneRuns">Runs that have ended without a word.</param>
    /// <param name="cancel">Ends it.</param>
    public static async ValueTask DeleteAsync(IObjectStore store, string root, DeltaSnapshot table, long version, IReadOnlyList<string> goneRuns, CancellationToken cancel)
    {
        if (goneRuns.Count == 0)
        {
            return;
        }

        var marks = goneRuns.Where(run => !table.HasRun(run)).Select(run => $"-{DataFiles.SuffixOf(run)}-").ToList();
        var orphans = new List<string>();
        await foreach (var stored in store.ListAsync(root, cancel))
        {
            if (IsOrphan(stored))
            {
                orphans.Add(stored.Key);
            }
        }

        foreach (var key in orphans)
        {
            await store.DeleteAsync(key, cancel);
        }

        await store.DiscardUnfinishedAsync(root, stored => IsOrphan(stored) || DeltaLog.VersionOf(stored.Key, root) <= version, cancel);

        bool IsOrphan(StoredObject stored)
        {
            var name = stored.Key[(stored.Key.LastIndexOf('/') + 1)..];
            return name.StartsWith(DataFiles.Prefix, StringComparison.Ordinal) && !table.Names(stored.Key[root.Length..]) && marks.Exists(m => name.Contains(m, StringComparison.Ordinal));
        }
    }
}
