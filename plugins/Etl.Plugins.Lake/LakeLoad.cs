using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>What one run loads, and where to.</summary>
/// <param name="Options">The stage's.</param>
/// <param name="Request">The engine's.</param>
/// <param name="Layout">Of the table's folders.</param>
internal sealed record LakeLoad(ParquetLoaderOptions Options, LoadRequest Request, PartitionLayout Layout)
{
    /// <summary>The date of the epoch, where files lie by it; null otherwise.</summary>
    public EpochDate? Date { get; init; }

    /// <summary>The table will hold the staged rows and no others.</summary>
    public bool ReplacesAll => Request.FullRefresh || Options.Mode == LoadMode.Replace;

    /// <summary>An upsert drops staged rows that the table holds already; its files are sent once that is known.</summary>
    public bool MayDropStagedRows => Options.Mode == LoadMode.Upsert && !ReplacesAll;

    /// <summary>Of what takes rows away because this load did not bring them. ETL4564: another pipeline's stage loads into the table too, and nothing tells whose a row is.</summary>
    public void RequireAlone(DeltaSnapshot table, string what)
    {
        if (table.OtherWriter(Request.Key) is { } other)
        {
            throw new EtlException("ETL4564", $"{what}: {other} loads into {Layout.Root} too", "Load into a table of its own, or into another folder. If the other one is gone for good, remove the table's folder.");
        }
    }

    /// <summary>The columns that the load's files have beside the table as it is. Throws where the two do not go together.</summary>
    public TableSchema SchemaOver(DeltaSnapshot table)
    {
        if (!ReplacesAll && table.LoadedSchema is not null && !table.PartitionColumns.SequenceEqual(Layout.DeltaColumns))
        {
            throw new EtlException(
                "ETL4561", $"the table is partitioned by {Names(table.PartitionColumns)}, and the load by {Names(Layout.DeltaColumns)}",
                "Change partition_by and path back, or run with --full-refresh, which writes the table anew.") { OptionPath = "partition_by" };
        }

        if (table.IsAppendOnly && (ReplacesAll || Options.Mode is not (LoadMode.Append or LoadMode.Changes)))
        {
            throw new EtlException("ETL4561", "the table is append-only (delta.appendOnly) and the load would remove rows", "Use mode: append or changes, or change the table's configuration.") { OptionPath = "mode" };
        }

        if (Request.FullRefresh)
        {
            RequireAlone(table, "a full refresh would remove rows of another pipeline");
        }

        return TableSchema.Merge(table.LoadedSchema, TableSchema.OfInput(Request.Schema, Options.Mode, Layout), Options.Schema, ReplacesAll);

        static string Names(IEnumerable<string> columns) => string.Join(", ", columns) is { Length: > 0 } names ? names : "nothing";
    }
}
