using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Execution;

/// <summary>Deletes files of dead letters in which nothing is open any more, in no target, once they are older than <c>keep</c>.</summary>
internal static class LetterRetention
{
    /// <summary>Deletes what is due; the number of files.</summary>
    public static async Task<int> ApplyAsync(CompiledPipeline pipeline, DeadLetterPolicy policy, TimeSpan keep, DateTimeOffset now, CancellationToken cancel)
    {
        var files = await LetterLog.ReadAsync(pipeline, cancel);
        var due = files.Where(f => f.File.Connection == policy.Connection).GroupBy(f => f.File.Path)
            .Where(g => g.All(f => f.Open == 0 && f.Epoch.CommittedAt < now - keep)).Select(g => g.Key).ToHashSet(StringComparer.Ordinal);
        return due.Count == 0 ? 0
            : policy.Connection is null ? DeleteLocal(due)
            : await DeleteAsync((IObjectStore)pipeline.Connections[policy.Connection], policy.Path, due, cancel);
    }

    private static int DeleteLocal(HashSet<string> due)
    {
        var there = due.Where(File.Exists).ToList();
        there.ForEach(File.Delete);
        return there.Count;
    }

    // The listing spares a call for each file that was deleted long ago.
    private static async Task<int> DeleteAsync(IObjectStore store, string prefix, HashSet<string> due, CancellationToken cancel)
    {
        var deleted = 0;
        await foreach (var (key, _, _) in store.ListAsync($"{prefix.TrimEnd('/')}/", cancel))
        {
            if (due.Contains(key))
            {
                await store.DeleteAsync(key, cancel);
                deleted++;
            }
        }

        return deleted;
    }
}
