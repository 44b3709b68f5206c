using Etl.Contracts;

namespace Etl.Plugins.Postgres;

/// <summary>How a source in PostgreSQL tells what is new.</summary>
public sealed record PostgresIncrementalOptions : IncrementalOptions
{
    /// <summary>How late commits are found.</summary>
    [Option("How rows are found that were written before the last run and committed after it. scan: by transaction ids, reading the whole table; exact whatever the cursor holds. window: the same through an index on the cursor, which the server's clock must set. hold_back: for views and queries; reads only what is older than every open transaction. Absent: scan for a table; for a view or a query an overlap, which reads rows again.")]
    public PostgresExact? Exact { get; init; }

    /// <summary>The limit where the server does not tell.</summary>
    [Option("How much older than its commit a row's cursor can be. With window and overlap it counts where the server does not tell which transactions are open, and is 1h when absent; declared, it is added where the server does tell, for cursors set by another clock.", Example = "4h")]
    public TimeSpan? LateWindow { get; init; }

    /// <summary>How long the server may be kept from cleaning up.</summary>
    [Option("How long a run may hold its snapshot. While it does, the server's vacuum removes nothing that was deleted or updated since, in any table. A run that still reads then is ended, and publishes nothing. Absent: no limit.", Example = "30m")]
    public TimeSpan? MaxSnapshotAge { get; init; }

    /// <summary><see cref="LateWindow"/> where the server does not tell which transactions are open.</summary>
    internal TimeSpan Assumed => LateWindow ?? TimeSpan.FromHours(1);
}

/// <summary>How late commits are found.</summary>
public enum PostgresExact
{
    /// <summary>By transaction ids, in the whole table.</summary>
    Scan,

    /// <summary>By transaction ids, in the part of the table where late commits can be.</summary>
    Window,

    /// <summary>By waiting until every transaction that could write such a cursor has ended.</summary>
    HoldBack,
}
