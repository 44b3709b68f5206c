using Etl.Runtime.Reports;

namespace Etl.Runtime.Ledger;

/// <summary>
/// Remembers the runs of a project, for people and for monitoring. Nothing of a run is decided by it: what was committed stands in the
/// targets, and a lost ledger loses history only.
/// </summary>
public interface ILedger : IAsyncDisposable
{
    /// <summary>Notes that a run begins. The run's id must be new.</summary>
    Task StartAsync(RunStart run, CancellationToken cancel);

    /// <summary>Notes how it ended, in one transaction; a second report of the same run replaces the first.</summary>
    Task FinishAsync(RunReport report, CancellationToken cancel);

    /// <summary>Runs that fit, the newest first.</summary>
    Task<IReadOnlyList<RunSummary>> ListAsync(RunFilter filter, CancellationToken cancel);

    /// <summary>A run by its id, or by a beginning of it that only one run has; null when there is none. ETL4605: several runs begin so.</summary>
    Task<RunRecord?> ShowAsync(string id, CancellationToken cancel);
}

/// <summary>A run that begins.</summary>
/// <param name="RunId">Unique in the ledger.</param>
/// <param name="Pipeline">The pipeline's id.</param>
/// <param name="Environment">The name given by <c>--env</c>, or <c>default</c>.</param>
/// <param name="StartedAt">By the runtime's clock.</param>
/// <param name="Process">Who runs it: how a run whose process is gone is told from one that goes on.</param>
public sealed record RunStart(string RunId, string Pipeline, string Environment, DateTimeOffset StartedAt, ProcessIdentity Process);

/// <summary>Which runs to list.</summary>
/// <param name="Pipeline">Of this pipeline; null for all.</param>
/// <param name="Environment">In this environment; null for all.</param>
/// <param name="Status">That ended so; null for all.</param>
/// <param name="Limit">At most so many.</param>
public sealed record RunFilter(string? Pipeline = null, string? Environment = null, RunStatus? Status = null, int Limit = 20);

/// <summary>A run on one line.</summary>
/// <param name="RunId">Its id.</param>
/// <param name="Pipeline">The pipeline's id.</param>
/// <param name="Environment">Where it ran.</param>
/// <param name="Status">How it ended, or that it runs, or was interrupted.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="Seconds">How long it took; null while it runs or when it was interrupted.</param>
/// <param name="RowsRead">Rows that its extract stages gave.</param>
/// <param name="RowsWritten">Rows inserted, updated and deleted in all targets.</param>
/// <param name="DeadLetters">Rows kept in dead letters.</param>
/// <param name="Error">Code and message of what ended it.</param>
public sealed record RunSummary(
    string RunId, string Pipeline, string Environment, RunStatus Status, DateTimeOffset StartedAt, double? Seconds, long RowsRead, long RowsWritten, long DeadLetters, string? Error);

/// <summary>All that is kept of a run.</summary>
/// <param name="Summary">The line of it.</param>
/// <param name="Process">Who ran it.</param>
/// <param name="Report">The whole report; null while it runs or when it was interrupted.</param>
public sealed record RunRecord(RunSummary Summary, ProcessIdentity Process, RunReport? Report);
