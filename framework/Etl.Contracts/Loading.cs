using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>Writes batches to a target: stages them in parallel, then publishes them once. Made without I/O.</summary>
public interface ILoader
{
    /// <summary>
    /// What this load will do with rows of this schema, without I/O: mode, key, guarantee, and what it would issue. Throw
    /// <see cref="EtlException"/> for a type or name that the target cannot hold.
    /// </summary>
    LoadPlan Describe(RowSchema input);

    /// <summary>What was last committed, read without taking anything; null before the first time.</summary>
    ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel);

    /// <summary>
    /// Connects, creates what the state needs, takes the fence and the lease, reads the checkpoint. Throws
    /// <see cref="LeaseHeldException"/> while another run holds the lease.
    /// </summary>
    ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel);
}

/// <summary>How a load changes its target.</summary>
public enum LoadMode
{
    /// <summary>Adds the rows.</summary>
    Append,

    /// <summary>One row for each key: new keys are inserted, others updated, deletions applied.</summary>
    Upsert,

    /// <summary>The target holds these rows and no others.</summary>
    Replace,

    /// <summary>The partitions that these rows touch hold these rows and no others.</summary>
    ReplacePartitions,

    /// <summary>A log of versions: rows are added with their epoch and <c>_op</c>.</summary>
    Changes,
}

/// <summary>What a load says of itself for the plan.</summary>
/// <param name="Mode">How it changes the target.</param>
/// <param name="Key">The key of <see cref="LoadMode.Upsert"/>; empty otherwise.</param>
/// <param name="Target">The table or path, for people.</param>
/// <param name="Guarantee">For example <c>exactly-once effect</c>, or what is left of it and why.</param>
/// <param name="Statements">DDL and the publishing statement, as they would be issued to an empty target.</param>
/// <param name="DeletesExcluded">Rows that stop passing are deleted: the engine sends excluded and refused rows of a key as deletions.</param>
public sealed record LoadPlan(LoadMode Mode, IReadOnlyList<string> Key, string Target, string Guarantee, IReadOnlyList<string> Statements, bool DeletesExcluded = false)
{
    /// <summary>What storing makes of each column, in the target's order; empty when the loader does not say.</summary>
    public IReadOnlyList<ColumnConversion> Conversions { get; init; } = [];

    /// <summary>Columns whose loss the pipeline's author accepts (<c>accept_loss</c>): without it, a lossy conversion is an error.</summary>
    public IReadOnlyList<string> AcceptedLosses { get; init; } = [];

    /// <summary>Columns that the target gets beside those of the rows, such as the date of the run; a contract of the load may promise them.</summary>
    public IReadOnlyList<Field> AddedColumns { get; init; } = [];
}

/// <summary>What storing makes of a column's values. What a target cannot hold at all, <see cref="ILoader.Describe"/> refuses.</summary>
/// <param name="Column">The column's name in the input.</param>
/// <param name="StoredAs">The target's own type, such as <c>numeric(12,2)</c>.</param>
/// <param name="Verdict">Whether the values stay what they are.</param>
/// <param name="Note">What a reader of the target should know, or what is lost; null for nothing.</param>
public sealed record ColumnConversion(string Column, string StoredAs, ConversionVerdict Verdict, string? Note = null);

/// <summary>Whether values stay what they are; the worst is last.</summary>
public enum ConversionVerdict
{
    /// <summary>The same values in the same kind of type.</summary>
    Exact,

    /// <summary>The same values in a type that holds more, or another form of them that gives them back.</summary>
    Widening,

    /// <summary>Some values come back as others. Needs consent.</summary>
    Lossy,
}

/// <summary>Who loads what.</summary>
/// <param name="Key">The checkpoint's key.</param>
/// <param name="Schema">Every batch has it.</param>
/// <param name="RunId">The run.</param>
/// <param name="FullRefresh">The source is read whole: the target is replaced by what is staged, in one step, whatever the mode.</param>
/// <param name="Owner">Names this process in the lease, such as <c>host:pid</c>.</param>
/// <param name="LeaseFor">The lease ends by itself after this, on the target's clock, unless renewed.</param>
/// <param name="GoneOwner">An owner whose process is known to have ended: its lease is taken as if it had run out. Null for none.</param>
/// <param name="FailPoint">Called with the name of each point where a test may stop the process; does nothing in production.</param>
public sealed record LoadRequest(
    CheckpointKey Key, RowSchema Schema, string RunId, bool FullRefresh, string Owner, TimeSpan LeaseFor, Action<string> FailPoint, string? GoneOwner = null)
{
    /// <summary>
    /// Called, one thread at a time, when a step of <see cref="ILoadSession.PublishAsync"/> has ended, with its name in a few words; who runs the load takes the
    /// time between the calls. Optional: what no step tells is a publish's remainder.
    /// </summary>
    public Action<string> Step { get; init; } = _ => { };

    /// <summary>
    /// Earlier runs of the pipeline that are known to have ended without an end, since its last success: what they wrote and did not publish can be removed, once this
    /// session has published.
    /// </summary>
    public IReadOnlyList<string> GoneRuns { get; init; } = [];

    /// <summary>The run's logical date, <c>$run_date</c>; null where who runs the load has none.</summary>
    public DateOnly? RunDate { get; init; }

    /// <summary>Whether a person gave <see cref="RunDate"/>. Another one is of the day on which the run began, and belongs to its epoch: who resumes that epoch later keeps it.</summary>
    public bool IsRunDateGiven { get; init; }

    /// <summary>
    /// A person decided what becomes of the rows: where the load's checkpoint is gone or old, the newest epoch of the target's audit takes its place. See
    /// <see cref="RequireNewest"/>.
    /// </summary>
    public bool Restores { get; init; }

    /// <summary>
    /// A target commits a checkpoint and its audit in one step. One that is behind the audit was deleted or put back by somebody, and a run that went on from it would
    /// load again what is there. ETL4315, unless the run <see cref="Restores"/> it.
    /// </summary>
    /// <param name="n">The checkpoint's epoch; 0 when it is gone.</param>
    /// <param name="newest">The newest epoch that the target tells of.</param>
    /// <param name="hasPosition">Whether the target still has that epoch's checkpoint, to go on from.</param>
    public void RequireNewest(long n, long newest, bool hasPosition = true)
    {
        if (n < newest && !Restores)
        {
            throw new EtlException(
                "ETL4315", FormattableString.Invariant($"the checkpoint of {Key} {(n == 0 ? "is gone" : $"stands at epoch {n}")}, and the target was loaded up to epoch {newest}"),
                "Nothing was read or written. " + (hasPosition ? FormattableString.Invariant($"To go on where the target is: `etl state reset {Key.Pipeline} {Key.Stage} --to-epoch {newest} --yes`; to load it anew: --full-refresh.") : "Put the checkpoint back from a copy, or run with --full-refresh."));
        }
    }
}

/// <summary>
/// One run's hold on one target. Order of calls: <see cref="StageAsync"/> any number of times, several at once; then
/// <see cref="PublishAsync"/> once, and only after <see cref="CommitOutcomeUnknownException"/> <see cref="ResolveAsync"/>; then dispose, which drops
/// what was staged and not published and gives the lease back.
/// </summary>
public interface ILoadSession : IAsyncDisposable
{
    /// <summary>The number taken by this session; a publish with an older one is refused.</summary>
    long Fence { get; }

    /// <summary>What was last committed; null before the first time.</summary>
    Checkpoint? Checkpoint { get; }

    /// <summary>Calls of <see cref="StageAsync"/> that pay at a time.</summary>
    int Parallelism { get; }

    /// <summary>
    /// Stages batches where no reader of the target sees them. The loader reads each batch before it asks for the next and does not
    /// dispose it. On an exception the whole epoch is given up.
    /// </summary>
    ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel);

    /// <summary>
    /// Makes all that was staged visible, with the checkpoint and the audit row, in one atomic step, if the fence is still
    /// this session's and the committed epoch is <c>next.N - 1</c>. Called with nothing staged too: then only the checkpoint moves.
    /// Throws <see cref="FencedException"/>, <see cref="CommitOutcomeUnknownException"/>, or any other error: nothing was published.
    /// </summary>
    ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel);

    /// <summary>After an unknown outcome, on a new connection: whether <paramref name="next"/> (by its batch id) is committed.</summary>
    ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel);

    /// <summary>Prolongs the lease; false when it was lost.</summary>
    ValueTask<bool> RenewAsync(CancellationToken cancel);
}

/// <summary>What a publish did to the target.</summary>
/// <param name="Inserted">Rows added.</param>
/// <param name="Updated">Rows changed.</param>
/// <param name="Deleted">Rows removed.</param>
/// <param name="Unchanged">Rows staged that the target held already, equal in all columns.</param>
/// <param name="Detail">A line for the report, such as <c>31 files in 30 partitions, 4.1 MB</c>; null if there is nothing to add.</param>
public sealed record PublishResult(long Inserted, long Updated, long Deleted, long Unchanged, string? Detail = null);
