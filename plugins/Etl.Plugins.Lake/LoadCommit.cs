using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>The log's entry for a load: what it did, what the table is from then on, and how far the load has come.</summary>
internal static class LoadCommit
{
    public static byte[] Write(LakeLoad load, DeltaSnapshot table, Schema schema, TableChange change, Checkpoint next, DateTimeOffset now, CheckpointKey? movedFrom = null)
    {
        var commit = new DeltaCommit(now);
        var operation = table.Version < 0 && change.Added.Count == 0 ? "CREATE TABLE" : load.MayDropStagedRows ? "MERGE" : "WRITE";
        commit.Describe(operation, load.ReplacesAll ? LoadMode.Replace : load.Options.Mode, blindAppend: change.Removed.Count == 0 && !load.MayDropStagedRows, next);
        var protocol = DeltaProtocol.For(table.Protocol, DeltaSchema.HasLocalTimestamps(schema));
        if (protocol != table.Protocol)
        {
            commit.Protocol(protocol);
        }

        if (table.Schema is null || DeltaSchema.ToJson(table.Schema) != DeltaSchema.ToJson(schema) || !table.PartitionColumns.SequenceEqual(load.Layout.DeltaColumns))
        {
            commit.Metadata(table.Metadata, schema, load.Layout.DeltaColumns);
        }

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
}
