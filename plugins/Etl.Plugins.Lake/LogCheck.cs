using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>
/// Reads the whole log from its start, or from the first checkpoint where older entries were cleaned up, and holds the checkpoints that readers begin from against it. Goes
/// on behind what is broken as far as it can, so that one look finds all there is.
/// </summary>
internal sealed class LogCheck(DeltaLog log, DeltaCheckpoints checkpoints, ICollection<string> problems)
{
    // Versions fetched at a time.
    private const int Window = 16;

    /// <summary>The table at its newest version; null when the log does not lead there. ETL4567: there is no log.</summary>
    public async ValueTask<DeltaSnapshot?> RunAsync(string table, CancellationToken cancel)
    {
        var last = await checkpoints.LastAsync(cancel);
        var (listed, versions) = await checkpoints.ListAsync(cancel);
        if (listed.Count == 0 && versions.Count == 0 && last is null)
        {
            throw DeltaLog.NoTable(table);
        }

        if (last is not null && listed.All(c => c.Version != last.Version || c.Parts != last.Parts))
        {
            problems.Add(Say($"_last_checkpoint names version {last.Version}, and there is no whole checkpoint of it"));
        }

        // The hint says how many actions it holds as well.
        listed = [.. listed.Select(c => c.Version == last?.Version && c.Parts == last.Parts ? last : c)];
        var begun = listed.Count == 0 ? -1 : listed[0].Version;
        var newest = Math.Max(versions.Count == 0 ? -1 : versions.Max(), begun);
        var first = versions.Count == 0 ? newest : Math.Min(versions.Min(), newest);
        var state = first == 0 && versions.Count > 0 ? new DeltaSnapshot() : await StartAsync(listed, first, cancel);
        foreach (var chunk in Range(state is null ? first : state.Version + 1, newest).Chunk(Window))
        {
            var texts = await Task.WhenAll(chunk.Select(v => log.ReadAsync(v, cancel)));
            foreach (var (version, text) in chunk.Zip(texts))
            {
                state = Apply(state, version, text);
                state = await CompareAsync(state, listed.FirstOrDefault(c => c.Version == version), isUsed: version == begun || version == last?.Version, cancel);
            }
        }

        if (state is null)
        {
            problems.Add(Say($"the log does not lead to version {newest}, so its files were not looked at"));
        }

        return state;
    }

    // The oldest checkpoint that the first entries go on from.
    private async ValueTask<DeltaSnapshot?> StartAsync(IReadOnlyList<LogCheckpoint> listed, long first, CancellationToken cancel)
    {
        foreach (var candidate in listed.Reverse().Where(c => c.Version >= first - 1))
        {
            var (found, fault) = await ReadAsync(candidate, cancel);
            if (found is not null)
            {
                return found;
            }

            problems.Add(fault!);
        }

        problems.Add(Say($"the log begins at version {first}, and no checkpoint stands in for what was before"));
        return null;
    }

    private DeltaSnapshot? Apply(DeltaSnapshot? state, long version, string? text)
    {
        if (text is null)
        {
            problems.Add(Say($"version {version} of the log is missing ({log.KeyOf(version)})"));
            return null;
        }

        try
        {
            state?.Apply(version, text);
            return state;
        }
        catch (EtlException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    // Those that nobody begins from are compared only where the log is broken and they may stand in for it.
    private async ValueTask<DeltaSnapshot?> CompareAsync(DeltaSnapshot? state, LogCheckpoint? checkpoint, bool isUsed, CancellationToken cancel)
    {
        if (checkpoint is null || (state is not null && !isUsed))
        {
            return state;
        }

        var (found, fault) = await ReadAsync(checkpoint, cancel);
        if (fault is not null)
        {
            problems.Add(fault);
        }
        else if (state is not null && SnapshotDifference.Find(state, found!) is { } difference)
        {
            problems.Add(Say($"the checkpoint of version {checkpoint.Version} is not the table at that version: {difference}"));
        }

        return state ?? found;
    }

    private async ValueTask<(DeltaSnapshot? Snapshot, string? Fault)> ReadAsync(LogCheckpoint checkpoint, CancellationToken cancel)
    {
        try
        {
            return await checkpoints.ReadAsync(checkpoint, cancel);
        }
        catch (EtlException e)
        {
            // What is damaged may look like a feature or a type that is not known.
            return (null, Say($"the checkpoint of version {checkpoint.Version}: {e.Message}"));
        }
    }

    private static IEnumerable<long> Range(long from, long to)
    {
        for (var version = from; version <= to; version++)
        {
            yield return version;
        }
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
