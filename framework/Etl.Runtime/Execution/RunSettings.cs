using Etl.Contracts;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>What one run was asked for.</summary>
public sealed record RunSettings
{
    /// <summary>Unique.</summary>
    public required string RunId { get; init; }

    /// <summary>Reads everything and replaces the targets.</summary>
    public bool FullRefresh { get; init; }

    /// <summary>Replays these dead letters instead of reading what is new; null for a run.</summary>
    public LetterSelection? Replay { get; init; }

    /// <summary>Reads this range again instead of what is new; null for a run.</summary>
    public BackfillRange? Backfill { get; init; }

    /// <summary>Compares targets with everything that the sources have instead of reading what is new; null for a run.</summary>
    public Reconciliation? Reconcile { get; init; }

    /// <summary>Rules that a person accepts for this run, by <c>rule</c> or <c>stage.rule</c>.</summary>
    public IReadOnlySet<string> Accepted { get; init; } = new HashSet<string>();

    /// <summary>Why.</summary>
    public string? AcceptedReason { get; init; }

    /// <summary>Waits for the lease of another run instead of giving up.</summary>
    public bool Wait { get; init; }

    /// <summary>Reports where the time went.</summary>
    public bool Profile { get; init; }

    /// <summary>Runs of the pipeline since its last success whose process is gone.</summary>
    public IReadOnlyList<string> GoneRuns { get; init; } = [];

    /// <summary>The logical date; null for what is no run.</summary>
    public DateOnly? RunDate { get; init; }

    /// <summary>See <see cref="LoadRequest.IsRunDateGiven"/>.</summary>
    public bool IsRunDateGiven { get; init; }

    /// <summary>For DuckDB and for batches in flight together.</summary>
    public required ByteSize Memory { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>The log.</summary>
    public JsonLog Log { get; init; } = JsonLog.None;

    /// <summary>Called from many threads.</summary>
    public Action<RunProgress> Progress { get; init; } = _ => { };

    /// <summary>The rows are those of a test: too few for what a contract says of their number, or of a percentage.</summary>
    internal bool HasFewRows { get; init; }

    /// <summary>See <see cref="LoadRequest.Restores"/>; a full refresh does too.</summary>
    internal bool Restores { get; init; }

    /// <summary>What becomes of sources with <c>on_drift: evolve</c>; null where nothing is connected.</summary>
    internal Evolution? Evolution { get; init; }

    /// <summary>What its stages are at.</summary>
    internal StageActivity Activity { get; } = new();

    /// <summary>Those of the environment, except in tests that rehearse crashes in their own process.</summary>
    internal FailPoints FailPoints { get; init; } = FailPoints.Current;

    /// <summary>Who holds the leases; tests play several processes.</summary>
    internal ProcessIdentity Process { get; init; } = ProcessIdentity.Current;
}

/// <summary>A rule of data quality refused the run: nothing was published (exit code 3).</summary>
public sealed class QualityException(string code, string message, string hint) : EtlException(code, message, hint);
