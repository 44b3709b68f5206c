using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>The log's entries of a load.</summary>
internal static class LoadCommit
{
    /// <summary>What it did, what the table is from then on, and how far the load has come.</summary>
    public static byte[] Write(LakeLoad load, DeltaSnapshot table, Schema schema, TableChange change, Checkpoint next, DateTimeOffset now, CheckpointKey? movedFrom = null)
    {
        var commit = new DeltaCommit(now);
        var operation = table.Version < 0 && change.Added.Count == 0 ? "CREATE TABLE" : load.MayDropStagedRows ? "MERGE" : "WRITE";
        commit.Describe(operation, load.ReplacesAll ? LoadMode.Replace : load.Options.Mode, blindAppend: change.Removed.Count == 0 && !load.MayDropStagedRows, next);
        DescribeTable(commit, load, table, schema);
        commit.Transaction(next);
        commit.State(next);
        if (movedFrom is not null)
        {
            commit.Moved(movedFrom, next.Key);
        }

        change.Removed.ToList().ForEach(f => commit.Remove(f));
        change.Added.ToList().ForEach(f => commit.Add(f));
        return commit.ToBytes();
    }

    /// <summary>
    /// Nothing, in the place of a commit of which no answer came. Where that was the first version it makes the table, as each table's first version must, with a mark by which the next load knows that no row
    /// ever had these columns.
    /// </summary>
    public static byte[] Fence(LakeLoad load, DeltaSnapshot table, Schema schema, Checkpoint lost, DateTimeOffset now)
    {
        var commit = new DeltaCommit(now);
        commit.DescribeFence(lost);
        if (table.Version < 0)
        {
            DescribeTable(commit, load, table, schema, isFence: true);
        }

        return commit.ToBytes();
    }

    private static void DescribeTable(DeltaCommit commit, LakeLoad load, DeltaSnapshot table, Schema schema, bool isFence = false)
    {
        var protocol = DeltaProtocol.For(table.Protocol, DeltaSchema.HasLocalTimestamps(schema));
        if (protocol != table.Protocol)
        {
            commit.Protocol(protocol);
        }

        if (table.LoadedSchema is null || DeltaSchema.ToJson(table.LoadedSchema) != DeltaSchema.ToJson(schema) || !table.PartitionColumns.SequenceEqual(load.Layout.DeltaColumns))
        {
            commit.Metadata(table.Metadata, schema, load.Layout.DeltaColumns, isFence);
        }
    }
}
