using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Etl.Runtime.Telemetry;

/// <summary>
/// Spans and metrics of runs, named by OpenTelemetry's conventions. They cost next to nothing while nobody listens; a host listens to
/// the source and the meter called <see cref="Name"/>. Values of rows are never in them.
/// </summary>
public static class EtlTelemetry
{
    /// <summary>Of the activity source and of the meter.</summary>
    public const string Name = "Etl.Framework";

    private static readonly string? Version = typeof(EtlTelemetry).Assembly.GetName().Version?.ToString(3);

    private static readonly ActivitySource Source = new(Name, Version);

    private static readonly Meter Meter = new(Name, Version);

    private static readonly Counter<long> RowsRead = Meter.CreateCounter<long>("etl.rows.read", "{row}", "Rows read from sources.");

    private static readonly Counter<long> RowsWritten = Meter.CreateCounter<long>("etl.rows.written", "{row}", "Rows staged for targets.");

    private static readonly Counter<long> BytesRead = Meter.CreateCounter<long>("etl.bytes.read", "By", "Bytes of Arrow data read from sources.");

    private static readonly Counter<long> Retries = Meter.CreateCounter<long>("etl.retries", "{retry}", "Attempts beyond the first.");

    private static readonly Counter<long> DeadLetters = Meter.CreateCounter<long>("etl.dead_letters", "{row}", "Rows kept in dead letters.");

    // From a look for news that takes milliseconds to a first load that takes hours.
    private static readonly InstrumentAdvice<double> Durations = new() { HistogramBucketBoundaries = [0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14400] };

    private static readonly Histogram<double> StageDuration = Meter.CreateHistogram("etl.stage.duration", "s", "Time from a stage's first to its last row.", null, Durations);

    private static readonly Histogram<double> RunDuration = Meter.CreateHistogram("etl.run.duration", "s", "Time from start to end of a run.", null, Durations);

    /// <summary>The span of a whole run, the parent of all others; null while nobody listens. Disposing ends it.</summary>
    public static Activity? StartRun(string pipeline, string environment, string runId) =>
        Start("run", pipeline)?.SetTag("etl.pipeline", pipeline).SetTag("etl.environment", environment).SetTag("etl.run_id", runId);

    /// <summary>A stage's span.</summary>
    public static Activity? StartStage(string stage, string component) =>
        Start("stage", stage)?.SetTag("etl.stage", stage).SetTag("etl.component", component);

    /// <summary>The span of reading one split.</summary>
    public static Activity? StartSplit(string stage, string split) =>
        Start("split", stage)?.SetTag("etl.stage", stage).SetTag("etl.split", split);

    /// <summary>The span of publishing one target's epoch.</summary>
    public static Activity? StartEpoch(string stage, long n) =>
        Start("epoch", stage)?.SetTag("etl.stage", stage).SetTag("etl.epoch", n);

    /// <summary>Marks a span as failed, with the error's code or else its type; the message stays out, it may hold a value.</summary>
    public static void Fail(Activity? span, string error) => span?.SetTag("error.type", error).SetStatus(ActivityStatusCode.Error);

    /// <summary>Counts rows and bytes that an extract stage read.</summary>
    public static void Read(in StageTags tags, long rows, long bytes)
    {
        RowsRead.Add(rows, tags.ToList());
        BytesRead.Add(bytes, tags.ToList());
    }

    /// <summary>Counts rows that a load stage staged.</summary>
    public static void Wrote(in StageTags tags, long rows) => RowsWritten.Add(rows, tags.ToList());

    /// <summary>Counts an attempt beyond the first.</summary>
    public static void Retried(in StageTags tags) => Retries.Add(1, tags.ToList());

    /// <summary>Counts rows that a stage refused and kept.</summary>
    public static void DeadLettered(in StageTags tags, long rows) => DeadLetters.Add(rows, tags.ToList());

    /// <summary>A stage took so long.</summary>
    public static void StageTook(in StageTags tags, double seconds) => StageDuration.Record(seconds, tags.ToList());

    /// <summary>A run took so long; <paramref name="status"/> in snake_case, as in the report.</summary>
    public static void RunTook(string pipeline, string environment, string status, double seconds) =>
        RunDuration.Record(seconds, new TagList { { "etl.pipeline", pipeline }, { "etl.environment", environment }, { "etl.status", status } });

    // The name has the stage in it: a pipeline's stages are few, so the names stay few.
    private static Activity? Start(string what, string which) => Source.StartActivity($"{what} {which}");
}

/// <summary>What every stage metric is tagged with.</summary>
/// <param name="Pipeline">The pipeline's id.</param>
/// <param name="Stage">The stage's id.</param>
/// <param name="Environment">The name given by <c>--env</c>, or <c>default</c>.</param>
public readonly record struct StageTags(string Pipeline, string Stage, string Environment)
{
    internal TagList ToList() => new() { { "etl.pipeline", Pipeline }, { "etl.stage", Stage }, { "etl.environment", Environment } };
}
