using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Execution;

/// <summary>From counts and outcomes to the parts of a <see cref="RunReport"/>.</summary>
internal static class ReportBuilder
{
    public static LoadReport Published(LoadNode load, Checkpoint checkpoint, PublishResult result, HiddenColumns hidden) => Counted(load, LoadStatus.Published, checkpoint, result, hidden);

    public static LoadReport Compared(LoadNode load, Checkpoint checkpoint, PublishResult result, HiddenColumns hidden) => Counted(load, LoadStatus.Compared, checkpoint, result, hidden);

    private static LoadReport Counted(LoadNode load, LoadStatus status, Checkpoint checkpoint, PublishResult result, HiddenColumns hidden) => Of(load, status, checkpoint, hidden) with
    {
        Inserted = result.Inserted,
        Updated = result.Updated,
        Deleted = result.Deleted,
        Unchanged = result.Unchanged,
        Detail = result.Detail,
    };

    public static LoadReport NothingNew(LoadNode load, Checkpoint? checkpoint, HiddenColumns hidden) => Of(load, LoadStatus.NothingNew, checkpoint, hidden);

    public static LoadReport NotPublished(LoadNode load, Checkpoint? checkpoint, HiddenColumns hidden) => Of(load, LoadStatus.NotPublished, checkpoint, hidden);

    public static LoadReport Failed(LoadNode load, Checkpoint? checkpoint, Exception error, HiddenColumns hidden) =>
        Of(load, LoadStatus.Failed, checkpoint, hidden) with { Error = Error(error, null, hidden) };

    /// <summary>An error as a report tells it.</summary>
    public static ReportError Error(Exception error, Redactor? redactor, HiddenColumns hidden)
    {
        var known = error as EtlException ?? DiskFull(error);
        var said = RowMask.Message(hidden, known ?? error);
        var message = known is null ? $"{error.GetType().Name}: {said}" : said;
        return new ReportError(known?.Code, redactor?.Redact(message) ?? message, RowMask.Hint(hidden, known), error.Data[Round.StageOf]?.ToString()?.Replace(GraphTyper.FirstHalf, "", StringComparison.Ordinal).Replace(ContractChecks.Node, "", StringComparison.Ordinal));
    }

    // Whoever writes a file may meet it: the engine, DuckDB's spilling, a plugin. ENOSPC, and ERROR_DISK_FULL as an HRESULT.
    private static EtlException? DiskFull(Exception error) => error is IOException { HResult: 28 or unchecked((int)0x80070070) }
        ? new EtlException("ETL4309", error.Message, "Make room there and run again. Nothing of a load that failed is visible.", error)
        : null;

    /// <summary>The stages of a round, in the order written; with a profile if there is a way to tell how long after the run's start a timestamp was.</summary>
    public static IReadOnlyList<StageReport> Stages(CompiledPipeline pipeline, IReadOnlyList<PlanNode> nodes, RunCounts counts, IReadOnlyDictionary<string, ExtractTask> readers, Func<long, double>? sinceStart)
    {
        var segments = nodes.OfType<SegmentNode>().SelectMany(n => n.Segment.Stages.Select(s => (Stage: s.Id, Node: n))).ToLookup(x => x.Stage, x => x.Node);
        var present = nodes.Select(n => n.Id).Concat(segments.Select(s => s.Key)).ToHashSet();
        return [.. pipeline.Definition.Stages.Where(s => present.Contains(s.Id)).Select(stage =>
        {
            var c = counts.Of(stage.Id);
            var last = stage.Kind == StageKind.Transform ? segments[stage.Id].LastOrDefault() : null;
            var contract = stage.Kind == StageKind.Transform ? null : segments[stage.Id].LastOrDefault()?.Segment.Stage(stage.Id) is { } check ? counts.Of(check.CountedAs) : null;
            var deletions = last is not null && last.Segment.EmitsDeletions;
            return new StageReport
            {
                Stage = stage.Id,
                Kind = stage.Kind.ToString().ToLowerInvariant(),
                Component = stage.Component,
                // Where rows that stop passing go on as deletions, a load takes more than its stage gave.
                From = stage.From.Count == 1 && !(stage.Kind == StageKind.Load && segments[stage.From[0].Stage].Any(n => n.Segment.EmitsDeletions)) ? [stage.From[0].Stage] : [],
                Equation = (stage.Kind == StageKind.Transform && !c.Opaque) || (stage.Kind == StageKind.Extract && contract is not null) ? RowEquation.RowLocal : RowEquation.None,
                RowsIn = contract?.RowsIn ?? (stage.Kind == StageKind.Extract ? null : c.RowsIn),
                RowsOut = stage.Kind == StageKind.Load ? null : (contract ?? c).RowsOut,
                Excluded = c.Excluded,
                Deduplicated = c.Deduplicated,
                DeadLettered = c.DeadLettered + (contract?.DeadLettered ?? 0),
                Seconds = last is null || last.Segment.Stages[^1].Id == stage.Id ? c.Elapsed.TotalSeconds : null,
                Bytes = c.Bytes > 0 ? c.Bytes : null,
                Profile = sinceStart is not null && c.Clock.Span is { } span ? Profile(c.Clock, sinceStart(span.Begin), sinceStart(span.End)) : null,
                Splits = readers.TryGetValue(stage.Id, out var reader) ? reader.Splits : [],
            };
        })];
    }

    private static StageProfile Profile(StageClock clock, double from, double to)
    {
        var (input, output) = (clock.WaitedForInput.TotalSeconds, clock.WaitedForOutput.TotalSeconds);
        return new StageProfile(from, to, Math.Max(0, to - from - input - output), input, output, clock.SpilledBytes > 0 ? clock.SpilledBytes : null);
    }

    private static LoadReport Of(LoadNode load, LoadStatus status, Checkpoint? checkpoint, HiddenColumns hidden) => new()
    {
        Stage = load.Id,
        Target = load.Plan.Target,
        Mode = Snake(load.Plan.Mode),
        Status = status,
        Epoch = checkpoint?.N,
        Checkpoint = checkpoint is null ? null : CheckpointText.Describe(checkpoint, hidden),
    };

    private static string Snake(LoadMode mode) => mode == LoadMode.ReplacePartitions ? "replace_partitions" : mode.ToString().ToLowerInvariant();
}
