using Etl.Contracts;

namespace Etl.Plugins.Redshift.Extract;

/// <summary>How a source in Redshift tells what is new.</summary>
public sealed record RedshiftIncrementalOptions : IncrementalOptions
{
    /// <summary>What is read again.</summary>
    [Option("How far behind the highest cursor each run begins: rows that were committed later than their cursor says are found if they are not later than this. For cursors that are times.")]
    public TimeSpan Overlap { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>Options of <c>extract: table</c> from Redshift.</summary>
public sealed record RedshiftTableExtractOptions
{
    /// <summary>The table.</summary>
    [Option("The table or view, in the connection's schema; schema.table says it all.", Example = "orders", Identifier = true)]
    public required string Table { get; init; }

    /// <summary>Columns to read.</summary>
    [Option("Columns to read; all of the contract's when absent.", Example = "[order_id, amount]", Identifier = true)]
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>How to read what is new.</summary>
    [Option("Reads only what is new or changed since the target's checkpoint. Absent: everything, each time.")]
    public RedshiftIncrementalOptions? Incremental { get; init; }

    /// <summary>Columns that the contract does not have.</summary>
    [Option("When the table has columns that the contract does not: warn and leave them out, fail before a row is read, or ignore them. A declared column that is missing or of another type always fails.")]
    public OnDrift OnDrift { get; init; } = OnDrift.Warn;
}

/// <summary>Options of <c>extract: query</c> from Redshift.</summary>
public sealed record RedshiftQueryExtractOptions : QueryExtractOptions<RedshiftIncrementalOptions>;
