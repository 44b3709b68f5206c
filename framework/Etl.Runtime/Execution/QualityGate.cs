using System.Globalization;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Execution;

/// <summary>Between staging and publishing: whether what was counted may be published.</summary>
/// <param name="nodes">The nodes that ran.</param>
/// <param name="partial">Extract stages of which a part was read: what is new, or what was asked for.</param>
/// <param name="hidden">Columns of which nothing is told.</param>
/// <param name="settings">Which rules a person accepts.</param>
/// <param name="resources">What was counted.</param>
internal sealed class QualityGate(IReadOnlyList<PlanNode> nodes, IReadOnlySet<string> partial, HiddenColumns hidden, RunSettings settings, RunResources resources)
{
    /// <summary>How each rule came out, in the plan's order.</summary>
    public IReadOnlyList<RuleResult> Evaluate()
    {
        var results = new List<RuleResult>();
        foreach (var node in nodes.OfType<SegmentNode>())
        {
            var segment = node.Segment;
            foreach (var stage in segment.Stages)
            {
                results.AddRange(segment.Verdicts.Where(v => v.Stage == stage.Id && v.Fate != Fate.Deduplicated)
                    .Select(v => RowRule(v.Stage, v.Rule, v.Fate == Fate.DeadLetter ? RefusalAction.DeadLetter : RefusalAction.Exclude)));
                results.AddRange(segment.Warnings.Where(w => w.Stage == stage.Id).Select(w => Unjudged(node, w.OfWhole, w.Limit is { Percent: true }, w.Limit is not null) is { } why
                    ? NotJudged(w.Stage, w.Rule, w.Fails ? RefusalAction.Fail : RefusalAction.Warn, why)
                    : w.Limit is { } limit ? Counted(segment, w, limit) : RowRule(w.Stage, w.Rule, w.Fails ? RefusalAction.Fail : RefusalAction.Warn)));
                results.AddRange(segment.TableRules.Where(r => r.Stage == stage.Id).Select(r => Unjudged(node, r.OfWhole, r.OfWhole && r.Aggregates.Count == 0) is { } why ? NotJudged(r.Stage, r.Rule.Rule, r.Rule.Action, why) : Table(segment, r)));
            }
        }

        results.AddRange(nodes.OfType<LoadNode>().Where(l => resources.Counts.Rule(l.Id, LoadTask.TargetRule) > 0).Select(l => RowRule(l.Id, LoadTask.TargetRule, RefusalAction.DeadLetter)));
        return [.. results.Select(r => r with { Contract = nodes.OfType<SegmentNode>().SelectMany(n => n.Segment.Stages).FirstOrDefault(s => s.Id == r.Stage && s.Contract is not null)?.Contract })];
    }

    /// <summary>Throws <see cref="QualityException"/> for a broken rule with <c>on_fail: fail</c> that nobody accepts, or too many dead letters.</summary>
    public void Enforce(IReadOnlyList<RuleResult> rules, DeadLetterPolicy? limits)
    {
        var broken = rules.Where(r => r is { Action: RefusalAction.Fail, Outcome: RuleOutcome.Broken }).ToList();
        if (broken.Count > 0)
        {
            var list = string.Join("; ", broken.Select(r => $"{r.Stage}.{r.Rule}: {r.Detail ?? string.Create(CultureInfo.InvariantCulture, $"{r.FailedRows:N0} rows failed")}"));
            if (broken.All(r => r.Contract is not null))
            {
                var contracts = string.Join(", ", broken.Select(r => $"'{r.Contract}'").Distinct());
                throw new QualityException("ETL4330", $"the data does not keep the contract {contracts}: {list}", $"Nothing was published. Mend the data or the contract, or accept it for one run: --accept {broken[0].Rule} --reason TEXT.");
            }

            throw new QualityException("ETL4210", $"data quality refused the run: {list}", $"Nothing was published. Mend the data, or accept it for one run: --accept {broken[0].Rule} --reason TEXT.");
        }

        var refused = resources.DeadLetters.Rows;
        var read = nodes.OfType<ExtractNode>().Sum(n => resources.Counts.Of(n.Id).RowsOut);
        var ratio = read == 0 ? 0 : (double)refused / read;
        // Of rows that were refused once, many may be again; of what is new that would be a sign of a source that changed.
        if ((limits?.MaxRows is { } rows && refused > rows) || (settings.Replay is null && limits?.MaxRatio is { } most && ratio > most))
        {
            var limit = limits.MaxRows is { } n && refused > n ? string.Create(CultureInfo.InvariantCulture, $"max_rows: {n:N0}") : string.Create(CultureInfo.InvariantCulture, $"max_ratio: {limits.MaxRatio:0.############}");
            throw new QualityException("ETL4211", string.Create(CultureInfo.InvariantCulture, $"{refused:N0} of {read:N0} rows would be dead letters ({ratio:0.00#### %}), more than dead_letters.{limit} allows"), "Nothing was published. Look at which rule refuses them, mend the data or the rule, or raise the limit.");
        }
    }

    private RuleResult RowRule(string stage, string rule, RefusalAction action)
    {
        var failed = resources.Counts.Rule(stage, rule);
        return Result(stage, rule, action, failed > 0) with { FailedRows = failed };
    }

    // Of all rows that came to the check: one that another rule refuses breaks this one as well.
    private RuleResult Counted(Segment segment, Warning rule, QualityLimit limit)
    {
        var rows = resources.Counts.Of(segment.Stage(rule.Stage).CountedAs).RowsIn;
        var failed = resources.Counts.Rule(rule.Stage, rule.Rule);
        var found = !limit.Percent ? failed : rows == 0 ? 0 : 100m * failed / rows;
        return Result(rule.Stage, rule.Rule, rule.Fails ? RefusalAction.Fail : RefusalAction.Warn, !limit.Holds(found)) with
        {
            FailedRows = failed,
            Detail = string.Create(CultureInfo.InvariantCulture, $"{limit}, found {(limit.Percent ? $"{found:0.####} percent, {failed:N0} of {rows:N0} rows" : $"{failed:N0} of {rows:N0} rows")}"),
        };
    }

    // Why a rule of a contract says nothing of these rows; null where it does.
    private string? Unjudged(PlanNode node, bool ofWhole, bool ofMany, bool isLimit = false) =>
        ofWhole && IsPartial(node) ? "it is on the whole table, and a part of it was read"
        : isLimit && settings.Replay is not null ? "a replay reads nothing but rows that were refused" : ofMany && settings.HasFewRows ? "a test has too few rows for it" : null;

    private RuleResult NotJudged(string stage, string rule, RefusalAction action, string why) =>
        Result(stage, rule, action, false) with { Outcome = RuleOutcome.NotChecked, Detail = why };

    private bool IsPartial(PlanNode node) => partial.Contains(node.Id) || node.Inputs.Any(i => nodes.FirstOrDefault(n => n.Id == i) is { } input && IsPartial(input));

    private RuleResult Table(Segment segment, SegmentTableRule rule)
    {
        var counts = resources.Counts.Of(segment.Stage(rule.Stage).CountedAs);
        var refused = counts.Excluded + counts.DeadLettered + counts.Deduplicated;
        if (counts.RowsIn < rule.Rule.MinRows)
        {
            return Result(rule.Stage, rule.Rule.Rule, rule.Rule.Action, false) with
            {
                Outcome = RuleOutcome.NotChecked,
                Detail = string.Create(CultureInfo.InvariantCulture, $"{counts.RowsIn:N0} rows, fewer than min_rows: {rule.Rule.MinRows:N0}"),
            };
        }

        using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1 });
        using var connection = database.Connect();
        var values = TableRuleCounts.Values(counts.RowsIn, refused);
        var from = "";
        if (resources.AggregatesOf(segment) is { } row)
        {
            connection.RegisterSource("etl_aggregates", row.Schema, new OneBatch(row.SliceShared(0, 1)));
            values += string.Concat(rule.Aggregates.Select(a => $", {a.Value} AS {SqlText.Quote(a.Key)}"));
            from = " FROM etl_aggregates()";
        }
        else
        {
            values += string.Concat(rule.Aggregates.Keys.Select(a => $", NULL AS {SqlText.Quote(a)}"));
        }

        var parameters = resources.Parameters.Where(p => rule.Expect.Contains("$" + p.Key, StringComparison.Ordinal)).ToDictionary(p => p.Key, p => p.Value);
        var found = connection.QueryRows($"SELECT CAST(({rule.Expect}) IS TRUE AS VARCHAR), * FROM (SELECT {values}{from})", parameters)[0];
        var detail = $"{rule.Rule.Expect.Text}, found " + (rule.Aggregates.Count > 0
            ? string.Join(", ", rule.Rule.Aggregates.Select((a, i) => $"{a.Key} {(hidden.HidesIn(rule.Stage, a.Value.Text) ? Redactor.Mask : found[5 + i] ?? "NULL")}"))
            : string.Create(CultureInfo.InvariantCulture, $"{counts.RowsIn - refused:N0} of {counts.RowsIn:N0} rows passed"));
        return Result(rule.Stage, rule.Rule.Rule, rule.Rule.Action, found[0] != "true") with { Detail = detail };
    }

    private RuleResult Result(string stage, string rule, RefusalAction action, bool broken)
    {
        var accepted = broken && action == RefusalAction.Fail && (settings.Accepted.Contains(rule) || settings.Accepted.Contains($"{stage}.{rule}"));
        return new RuleResult
        {
            Stage = stage,
            Rule = rule,
            Action = action,
            Outcome = accepted ? RuleOutcome.Accepted : broken ? RuleOutcome.Broken : RuleOutcome.Passed,
            AcceptedReason = accepted ? settings.AcceptedReason : null,
        };
    }

    private sealed class OneBatch(Apache.Arrow.RecordBatch batch) : IBatchSource
    {
        private Apache.Arrow.RecordBatch? _batch = batch;

        public Apache.Arrow.RecordBatch? Next(CancellationToken cancel) => Interlocked.Exchange(ref _batch, null);
    }
}
