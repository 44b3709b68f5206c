using System.Globalization;
using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>The files that versions of a table added, from its log.</summary>
internal sealed class DeltaIncrementReader(DeltaLog log, string root)
{
    /// <summary>
    /// Since the version <paramref name="after"/>, up to that of <paramref name="table"/>. ETL4555: a version is missing; ETL4584: the table is at an older one; ETL4585: rows were
    /// removed, and only appends are read.
    /// </summary>
    public async ValueTask<IReadOnlyCollection<ActiveFile>> ReadAsync(DeltaIncrement increment, long after, DeltaSnapshot table, CancellationToken cancel)
    {
        if (after > table.Version)
        {
            throw new EtlException("ETL4584", string.Create(CultureInfo.InvariantCulture, $"the target has had version {after} of the table, which is at {table.Version}"), "The table was restored from an older copy. If that is meant, run with --full-refresh.");
        }

        var added = new Dictionary<string, ActiveFile>(StringComparer.Ordinal);
        for (var version = after + 1; version <= table.Version; version++)
        {
            foreach (var file in await AddedAsync(increment, version, cancel))
            {
                added[file.LogPath] = file;
            }
        }

        if (increment == DeltaIncrement.Appends)
        {
            return added.Values;
        }

        // A row's newest version is in a file that is there now, and in no other.
        var live = table.Files.Select(f => f.LogPath).ToHashSet(StringComparer.Ordinal);
        return [.. added.Values.Where(f => live.Contains(f.LogPath))];
    }

    // What a version says of itself is its snapshot on top of nothing, without what another arrangement of the same rows added or removed.
    private async ValueTask<IReadOnlyCollection<ActiveFile>> AddedAsync(DeltaIncrement increment, long version, CancellationToken cancel)
    {
        var text = await log.ReadAsync(version, cancel)
            ?? throw new EtlException("ETL4555", string.Create(CultureInfo.InvariantCulture, $"version {version} of the table '{root}' is gone from its log"), "The log was cleaned up before it was read. Run with --full-refresh.");
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => (Line: l, Action: JsonNode.Parse(l)!.AsObject().Single())).ToList();
        if (increment == DeltaIncrement.Appends && lines.Any(l => l.Action.Key == "remove" && ChangesData(l.Action.Value)))
        {
            throw new EtlException(
                "ETL4585", string.Create(CultureInfo.InvariantCulture, $"version {version} of the table '{root}' removes rows, and incremental: appends reads what is added only"),
                "Use incremental: rewrites with a target that has a key, read the table whole, or run with --full-refresh to go on behind that version.") { OptionPath = "incremental" };
        }

        var snapshot = new DeltaSnapshot();
        var adds = lines.Where(l => l.Action.Key is "protocol" || (l.Action.Key == "add" && (increment == DeltaIncrement.Rewrites || ChangesData(l.Action.Value))));
        snapshot.Apply(version, string.Join('\n', adds.Select(l => l.Line)));
        return snapshot.Files;
    }

    private static bool ChangesData(JsonNode? action) => action?["dataChange"]?.GetValue<bool>() ?? true;
}
