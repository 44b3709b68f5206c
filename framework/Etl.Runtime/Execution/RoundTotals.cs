using Etl.Runtime.Reports;

namespace Etl.Runtime.Execution;

/// <summary>
/// Adds up what the rounds of a run counted. Targets at different positions are read for one after the other, so that a stage above them runs
/// in several rounds; a report, and the ledger, have it once.
/// </summary>
internal static class RoundTotals
{
    /// <summary>One report for each stage. What a load took is compared with what came before it in each round; over several, that says nothing.</summary>
    public static List<StageReport> Add(IReadOnlyList<StageReport> before, IReadOnlyList<StageReport> round) => before.Count == 0
        ? [.. round]
        : [.. before.Concat(round).GroupBy(s => s.Stage, StringComparer.Ordinal).Select(g => g.Aggregate(Sum)).Select(s => s.Kind == "load" ? s with { From = [] } : s)];

    /// <summary>One result for each rule: the worst one, with the rows of all.</summary>
    public static List<RuleResult> Add(IReadOnlyList<RuleResult> before, IReadOnlyList<RuleResult> round) =>
        [.. before.Concat(round).GroupBy(r => (r.Stage, r.Rule)).Select(g => g.MaxBy(r => Severity(r.Outcome))! with { FailedRows = Sum(g.Select(r => r.FailedRows)) })];

    private static StageReport Sum(StageReport a, StageReport b) => a with
    {
        RowsIn = Sum([a.RowsIn, b.RowsIn]),
        RowsOut = Sum([a.RowsOut, b.RowsOut]),
        Excluded = a.Excluded + b.Excluded,
        Deduplicated = a.Deduplicated + b.Deduplicated,
        DeadLettered = a.DeadLettered + b.DeadLettered,
        Matched = Sum([a.Matched, b.Matched]),
        Unmatched = Sum([a.Unmatched, b.Unmatched]),
        Seconds = a.Seconds is null ? b.Seconds : a.Seconds + (b.Seconds ?? 0),
        Bytes = Sum([a.Bytes, b.Bytes]),
        Profile = a.Profile is { } p && b.Profile is { } q
            ? new StageProfile(p.From, q.To, p.Busy + q.Busy, p.WaitedForInput + q.WaitedForInput, p.WaitedForOutput + q.WaitedForOutput, Sum([p.SpilledBytes, q.SpilledBytes]))
            : a.Profile ?? b.Profile,
        Retries = a.Retries + b.Retries,
        Splits = [.. a.Splits, .. b.Splits],
    };

    private static long? Sum(IEnumerable<long?> counts) => counts.All(c => c is null) ? null : counts.Sum();

    private static int Severity(RuleOutcome outcome) => outcome switch
    {
        RuleOutcome.Broken => 3, RuleOutcome.Accepted => 2, RuleOutcome.Passed => 1, _ => 0,
    };
}
