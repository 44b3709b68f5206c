using System.Text.Json.Serialization;
using Etl.Contracts;

namespace Etl.Runtime.Reports;

/// <summary>
/// What a run did: the rows that each stage counted, what each target became, which rules were broken. Made once, at the end of a
/// run, however it ended; printed by <see cref="TextReport"/>, written by <see cref="JsonReport"/>, kept by the ledger.
/// </summary>
public sealed record RunReport
{
    /// <summary>The JSON's version; grows only when a reader would be wrong to go on.</summary>
    public int Version { get; init; } = JsonReport.CurrentVersion;

    /// <summary>The run's id, unique in a ledger.</summary>
    public required string RunId { get; init; }

    /// <summary>The pipeline's id.</summary>
    public required string Pipeline { get; init; }

    /// <summary>The name given by <c>--env</c>, or <c>default</c>.</summary>
    public required string Environment { get; init; }

    /// <summary>How it ended.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>From start to end.</summary>
    public required double Seconds { get; init; }

    /// <summary>Managed memory allocated while it executed, in bytes; rows move in native memory, so it hardly grows with them.</summary>
    public long? AllocatedBytes { get; init; }

    /// <summary>SHA-256 of the plan that ran; null when there was none, because the pipeline does not compile.</summary>
    public string? PlanHash { get; init; }

    /// <summary>The stages, in the plan's order.</summary>
    public IReadOnlyList<StageReport> Stages { get; init; } = [];

    /// <summary>One for each load stage, in the order in which they publish.</summary>
    public IReadOnlyList<LoadReport> Loads { get; init; } = [];

    /// <summary>Rules that were checked, in the plan's order.</summary>
    public IReadOnlyList<RuleResult> Rules { get; init; } = [];

    /// <summary>Files that hold the refused rows.</summary>
    public IReadOnlyList<DeadLetterReport> DeadLetters { get; init; } = [];

    /// <summary>What a person should know although the run went well, a sentence each.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What the process took; only when asked for.</summary>
    public ProcessProfile? Process { get; init; }

    /// <summary>Why it did not succeed; null when it did.</summary>
    public ReportError? Error { get; init; }
}

/// <summary>How a run ended, or that it did not.</summary>
[JsonConverter(typeof(SnakeCaseEnum<RunStatus>))]
public enum RunStatus
{
    /// <summary>It has started and not ended; in the ledger only.</summary>
    Running,

    /// <summary>Every target holds what was read.</summary>
    Succeeded,

    /// <summary>The sources had nothing beyond the targets' checkpoints.</summary>
    NothingNew,

    /// <summary>Something went wrong; targets named as published in the report hold their part.</summary>
    Failed,

    /// <summary>A data quality rule refused it and nothing was published.</summary>
    Refused,

    /// <summary>A person or a scheduler stopped it.</summary>
    Cancelled,

    /// <summary>Its process ended without a word; in the ledger only.</summary>
    Interrupted,
}

/// <summary>Which equation a stage's counts obey.</summary>
[JsonConverter(typeof(SnakeCaseEnum<RowEquation>))]
public enum RowEquation
{
    /// <summary>Rows in and out are told, and nothing follows from them: aggregates, unions, code.</summary>
    None,

    /// <summary>in = out + excluded + deduplicated + dead-lettered.</summary>
    RowLocal,

    /// <summary>in = matched + unmatched, of the first input.</summary>
    Lookup,
}

/// <summary>What one stage did.</summary>
public sealed record StageReport
{
    /// <summary>The stage's id.</summary>
    public required string Stage { get; init; }

    /// <summary><c>extract</c>, <c>transform</c> or <c>load</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The component, such as <c>table</c> or <c>derive</c>.</summary>
    public required string Component { get; init; }

    /// <summary>The stages whose rows it took, where every row of theirs counts here; checked by <see cref="RunReportBalance"/>.</summary>
    public IReadOnlyList<string> From { get; init; } = [];

    /// <summary>The equation that its counts obey.</summary>
    public RowEquation Equation { get; init; } = RowEquation.None;

    /// <summary>Rows that came in; null for an extract stage.</summary>
    public long? RowsIn { get; init; }

    /// <summary>Rows that went out; null for a load stage.</summary>
    public long? RowsOut { get; init; }

    /// <summary>Rows left out by a filter or by a rule with <c>on_fail: exclude</c>.</summary>
    public long Excluded { get; init; }

    /// <summary>Rows left out because another one of their key was kept.</summary>
    public long Deduplicated { get; init; }

    /// <summary>Rows kept in dead letters.</summary>
    public long DeadLettered { get; init; }

    /// <summary>Lookups: rows of the first input that found a partner.</summary>
    public long? Matched { get; init; }

    /// <summary>Lookups: rows of the first input that found none.</summary>
    public long? Unmatched { get; init; }

    /// <summary>Time from its first to its last row; null for a stage that runs inside the query of a later one.</summary>
    public double? Seconds { get; init; }

    /// <summary>Bytes of Arrow data read or staged; null where they are not counted.</summary>
    public long? Bytes { get; init; }

    /// <summary>Where its time went; only when asked for, and null for a stage that runs inside the query of a later one.</summary>
    public StageProfile? Profile { get; init; }

    /// <summary>Attempts beyond the first.</summary>
    public int Retries { get; init; }

    /// <summary>Extract stages: the pieces that were read, in the order of their ids.</summary>
    public IReadOnlyList<SplitReport> Splits { get; init; } = [];
}

/// <summary>One piece of a source, read by itself.</summary>
/// <param name="Split">Its id.</param>
/// <param name="Rows">Rows read.</param>
/// <param name="Seconds">Time that reading it took.</param>
public sealed record SplitReport(string Split, long Rows, double Seconds);

/// <summary>What became of a target.</summary>
[JsonConverter(typeof(SnakeCaseEnum<LoadStatus>))]
public enum LoadStatus
{
    /// <summary>The target shows what was read.</summary>
    Published,

    /// <summary>The target had it all.</summary>
    NothingNew,

    /// <summary>Nothing was published, because the run ended before.</summary>
    NotPublished,

    /// <summary>This target refused; the next run catches up.</summary>
    Failed,

    /// <summary>It was compared with its source, and stays as it is; the counts are those that a repair would have.</summary>
    Compared,
}

/// <summary>What one load did to its target.</summary>
public sealed record LoadReport
{
    /// <summary>The load stage's id.</summary>
    public required string Stage { get; init; }

    /// <summary>The table or path, for people.</summary>
    public required string Target { get; init; }

    /// <summary><c>append</c>, <c>upsert</c>, <c>replace</c>, <c>replace_partitions</c> or <c>changes</c>.</summary>
    public required string Mode { get; init; }

    /// <summary>What became of it.</summary>
    public required LoadStatus Status { get; init; }

    /// <summary>Rows added.</summary>
    public long Inserted { get; init; }

    /// <summary>Rows changed.</summary>
    public long Updated { get; init; }

    /// <summary>Rows removed.</summary>
    public long Deleted { get; init; }

    /// <summary>Rows that the target held already, equal in all columns.</summary>
    public long Unchanged { get; init; }

    /// <summary>The loader's own line, such as <c>31 files in 30 partitions</c>.</summary>
    public string? Detail { get; init; }

    /// <summary>The target's epoch after the run; null before its first.</summary>
    public long? Epoch { get; init; }

    /// <summary>How far the target has consumed its sources, for people: <c>orders: updated_at 2026-11-24 07:59:58</c>.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>Where the time of its publish went; only when asked for.</summary>
    public PublishProfile? Publish { get; init; }

    /// <summary>Why it failed.</summary>
    public ReportError? Error { get; init; }
}

/// <summary>How a rule came out.</summary>
[JsonConverter(typeof(SnakeCaseEnum<RuleOutcome>))]
public enum RuleOutcome
{
    /// <summary>It held, for every row.</summary>
    Passed,

    /// <summary>It was broken, and its action was taken.</summary>
    Broken,

    /// <summary>It was broken, and a person accepted that for this run.</summary>
    Accepted,

    /// <summary>It was not evaluated: too few rows for <c>min_rows</c>, or the run ended before.</summary>
    NotChecked,
}

/// <summary>One rule and how it came out.</summary>
public sealed record RuleResult
{
    /// <summary>The stage that checks it.</summary>
    public required string Stage { get; init; }

    /// <summary>The rule's name.</summary>
    public required string Rule { get; init; }

    /// <summary>What a breach does.</summary>
    [JsonConverter(typeof(SnakeCaseEnum<RefusalAction>))]
    public required RefusalAction Action { get; init; }

    /// <summary>The id of the contract that it is of; null for a rule of the pipeline.</summary>
    public string? Contract { get; init; }

    /// <summary>How it came out.</summary>
    public required RuleOutcome Outcome { get; init; }

    /// <summary>Rows that broke it; null for a rule on the whole stage.</summary>
    public long? FailedRows { get; init; }

    /// <summary>What was expected and found, for people: <c>refused_ratio &lt; 0.02, found 0.031</c>.</summary>
    public string? Detail { get; init; }

    /// <summary>The reason that a person gave for accepting it.</summary>
    public string? AcceptedReason { get; init; }
}

/// <summary>A file of refused rows.</summary>
/// <param name="Stage">The stage that refused them.</param>
/// <param name="Path">Where it is, with the connection in front when it is not the state folder.</param>
/// <param name="Rows">How many rows it holds.</param>
public sealed record DeadLetterReport(string Stage, string Path, long Rows);

/// <summary>An error as a report tells it; no stack, no secret.</summary>
/// <param name="Code"><c>ETLnnnn</c>; null for an error that the framework does not know.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Hint">What to do.</param>
/// <param name="Stage">Where it happened, if it was in a stage.</param>
public sealed record ReportError(string? Code, string Message, string? Hint = null, string? Stage = null);
