using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>Which files a load takes out of the table and which it brings, by its mode.</summary>
internal sealed class ChangeDecision(LakeLoad load, DataFiles files, Schema schema, string[] key, KeyIndex? index)
{
    /// <summary>What the commit changes, against the table as it is now.</summary>
    public async ValueTask<TableChange> DecideAsync(DeltaSnapshot table, IReadOnlyList<DataFile> staged, CancellationToken cancel)
    {
        if (load.MayDropStagedRows)
        {
            return await new CopyOnWrite(files, schema, key, index!, load.Layout).RunAsync(table, staged, cancel);
        }

        List<ActiveFile> removed = load.ReplacesAll ? [.. table.Files]
            : load.Options.Mode == LoadMode.ReplacePartitions ? [.. table.Files.Where(TouchedBy(staged))]
            : [];
        var gone = removed.Sum(f => DeltaStatistics.Rows(f.Stats) ?? 0);
        return new TableChange(removed, staged, staged.Sum(f => f.Rows), 0, gone, 0);
    }

    private Func<ActiveFile, bool> TouchedBy(IReadOnlyList<DataFile> staged)
    {
        if (load.Layout.IsDeltaPartition)
        {
            var values = staged.Select(f => f.Folder.Values[load.Layout.Column!]).ToHashSet();
            return f => values.Contains(f.PartitionValues.GetValueOrDefault(load.Layout.Column!));
        }

        var folders = staged.Select(f => f.Folder.Folder).ToHashSet();
        return f => folders.Contains(f.Folder ?? throw new EtlException(
            "ETL4563", $"the table holds a file of another program, {f.LogPath}, of which is not known to which partition it belongs", "With folders by month, or of a timestamp, partitions can be replaced only where this loader wrote all files. Run with --full-refresh."));
    }
}
