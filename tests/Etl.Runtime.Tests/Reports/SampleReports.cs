using Etl.Contracts;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Tests.Reports;

/// <summary>Runs of the orders pipeline, as the engine would report them.</summary>
internal static class SampleReports
{
    public static RunReport Succeeded => new()
    {
        RunId = "20261124-080000-1f2e3d4c",
        Pipeline = "orders",
        Environment = "prod",
        Status = RunStatus.Succeeded,
        StartedAt = new DateTimeOffset(2026, 11, 24, 8, 0, 0, 120, TimeSpan.Zero),
        Seconds = 12.437,
        PlanHash = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
        Stages =
        [
            new StageReport
            {
                Stage = "orders", Kind = "extract", Component = "table", RowsOut = 1_204_310, Seconds = 4.104, Bytes = 168_820_736, Retries = 1,
                Splits = [new SplitReport("p0", 600_000, 2.01), new SplitReport("p1", 604_310, 2.094)],
            },
            new StageReport
            {
                Stage = "tidy", Kind = "transform", Component = "clean", From = ["orders"], Equation = RowEquation.RowLocal,
                RowsIn = 1_204_310, RowsOut = 1_204_310,
            },
            new StageReport
            {
                Stage = "latest", Kind = "transform", Component = "deduplicate", From = ["tidy"], Equation = RowEquation.RowLocal,
                RowsIn = 1_204_310, RowsOut = 1_204_000, Deduplicated = 310,
            },
            new StageReport
            {
                Stage = "countries", Kind = "transform", Component = "lookup", From = ["latest"], Equation = RowEquation.Lookup,
                RowsIn = 1_204_000, RowsOut = 1_204_000, Matched = 1_203_988, Unmatched = 12,
            },
            new StageReport
            {
                Stage = "checked", Kind = "transform", Component = "check", From = ["countries"], Equation = RowEquation.RowLocal,
                RowsIn = 1_204_000, RowsOut = 1_203_951, Excluded = 7, DeadLettered = 42, Seconds = 6.218,
            },
            new StageReport
            {
                Stage = "warehouse", Kind = "load", Component = "table", From = ["checked"], Equation = RowEquation.RowLocal,
                RowsIn = 1_203_951, Seconds = 8.002, Bytes = 171_966_464,
            },
            new StageReport
            {
                Stage = "lake", Kind = "load", Component = "parquet", From = ["checked"], Equation = RowEquation.RowLocal,
                RowsIn = 1_203_951, Seconds = 7.31, Bytes = 171_966_464,
            },
        ],
        Loads =
        [
            new LoadReport
            {
                Stage = "warehouse", Target = "dwh analytics.orders", Mode = "upsert", Status = LoadStatus.Published,
                Inserted = 1_200_000, Updated = 3_900, Deleted = 11, Unchanged = 40, Epoch = 4, Checkpoint = "orders: updated_at 2026-11-24 07:59:58",
            },
            new LoadReport
            {
                Stage = "lake", Target = "lake data/orders/", Mode = "append", Status = LoadStatus.Published,
                Inserted = 1_203_951, Detail = "31 files in 30 partitions, 41.0 MB", Epoch = 4, Checkpoint = "orders: updated_at 2026-11-24 07:59:58",
            },
        ],
        Rules =
        [
            new RuleResult { Stage = "checked", Rule = "amount_positive", Action = RefusalAction.DeadLetter, Outcome = RuleOutcome.Broken, FailedRows = 42 },
            new RuleResult { Stage = "checked", Rule = "status_known", Action = RefusalAction.Exclude, Outcome = RuleOutcome.Broken, FailedRows = 7 },
            new RuleResult { Stage = "checked", Rule = "email_present", Action = RefusalAction.DeadLetter, Outcome = RuleOutcome.Passed, FailedRows = 0 },
            new RuleResult
            {
                Stage = "checked", Rule = "few_refusals", Action = RefusalAction.Fail, Outcome = RuleOutcome.Accepted,
                Detail = "refused_ratio < 0.00001, found 0.0000407", AcceptedReason = "known bad import of November",
            },
        ],
        DeadLetters = [new DeadLetterReport("checked", "lake:dead-letters/orders/7c1d.checked.jsonl", 42)],
        Warnings = ["stage checked is above a keyed target: a row that stops passing stays there (on_excluded: keep)"],
    };

    public static RunReport NothingNew => Succeeded with
    {
        Status = RunStatus.NothingNew,
        Seconds = 0.31,
        Stages = [new StageReport { Stage = "orders", Kind = "extract", Component = "table", RowsOut = 0, Seconds = 0.021, Bytes = 0 }],
        Loads = [.. Succeeded.Loads.Select(l => l with { Status = LoadStatus.NothingNew, Epoch = 3, Inserted = 0, Updated = 0, Deleted = 0, Unchanged = 0, Detail = null })],
        Rules = [],
        DeadLetters = [],
        Warnings = [],
    };

    public static RunReport Refused => Succeeded with
    {
        Status = RunStatus.Refused,
        Loads = [.. Succeeded.Loads.Select(l => l with { Status = LoadStatus.NotPublished, Epoch = 3, Inserted = 0, Updated = 0, Deleted = 0, Unchanged = 0, Detail = null })],
        Rules =
        [
            .. Succeeded.Rules.Take(3),
            new RuleResult
            {
                Stage = "checked", Rule = "few_refusals", Action = RefusalAction.Fail, Outcome = RuleOutcome.Broken, Detail = "refused_ratio < 0.00001, found 0.0000407",
            },
            new RuleResult { Stage = "checked", Rule = "fresh", Action = RefusalAction.Warn, Outcome = RuleOutcome.NotChecked },
        ],
        Error = new ReportError(
            "ETL4120", "rule few_refusals does not hold: refused_ratio < 0.00001, found 0.0000407",
            "Look at the rows with `etl dead-letters list orders`; to publish all the same, run with --accept few_refusals --reason TEXT.", "checked"),
        Warnings = [],
    };

    /// <summary>With a profile, as <c>--profile</c> asks for.</summary>
    public static RunReport Profiled => Succeeded with
    {
        Process = new ProcessProfile(9.31, 312_475_648, 0.041),
        Stages =
        [
            .. Succeeded.Stages.Select(s => s.Stage switch
            {
                "orders" => s with { Profile = new StageProfile(0.31, 4.41, 2.9, 0, 1.2) },
                "checked" => s with { Profile = new StageProfile(0.31, 6.52, 5.9, 0.2, 0.11, 88_080_384) },
                "warehouse" => s with { Profile = new StageProfile(0.32, 8.32, 3.1, 4.9, 0) },
                "lake" => s with { Profile = new StageProfile(0.32, 7.63, 1.6, 5.71, 0) },
                _ => s,
            }),
        ],
        Loads =
        [
            .. Succeeded.Loads.Select(l => l.Stage switch
            {
                "warehouse" => l with { Publish = new PublishProfile(8.4, 3.6, [new PublishStep("lock", 0.001), new PublishStep("update changed", 1.2), new PublishStep("insert missing", 2.3), new PublishStep("commit", 0.09)]) },
                _ => l with { Publish = new PublishProfile(12.0, 0.41, [new PublishStep("encode what is buffered", 0.4)]) },
            }),
        ],
    };

    public static RunReport HalfFailed => Succeeded with
    {
        Status = RunStatus.Failed,
        Seconds = 185.2,
        Loads =
        [
            Succeeded.Loads[0],
            Succeeded.Loads[1] with
            {
                Status = LoadStatus.Failed, Epoch = 3, Inserted = 0, Detail = null, Checkpoint = "orders: updated_at 2026-11-23 07:59:58",
                Error = new ReportError("ETL4560", "the bucket data-lake-production answered 503 five times", "Run again: this target catches up."),
            },
        ],
        Error = new ReportError("ETL4310", "1 of 2 targets failed: lake", "Run again: targets that have published take nothing twice."),
        Warnings = [],
    };

    public static RunReport DidNotCompile => new()
    {
        RunId = "20261124-080000-1f2e3d4c",
        Pipeline = "orders",
        Environment = "default",
        Status = RunStatus.Failed,
        StartedAt = Succeeded.StartedAt,
        Seconds = 0.2,
        Error = new ReportError(null, "IOException: No space left on device"),
    };
}
