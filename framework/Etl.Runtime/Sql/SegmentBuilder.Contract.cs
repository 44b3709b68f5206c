using Etl.Contracts;
using static Etl.Contracts.SqlText;

namespace Etl.Runtime.Sql;

/// <summary>The rules of contracts, which stand behind an extract or before a load as a stage of their own.</summary>
internal sealed partial class SegmentBuilder
{
    /// <summary>The stage whose rows come last.</summary>
    public SegmentStage LastStage => _stages[^1];

    /// <summary>The checks of a stage's contract; its rows keep the stage's name, by which SQL below calls them.</summary>
    public void AddContract(string stage, ContractChecks checks)
    {
        var (warnings, rules) = (_warnings.Count, _tableRules.Count);
        var isQueried = checks.Queries.Count > 0;
        AddRefusals(stage, ContractChecks.Component, checks.Step, isQueried ? stage + ContractChecks.Node : stage, isQueried);
        _stages[^1] = _stages[^1] with { Contract = checks.Contract };
        if (isQueried)
        {
            AddQueries(stage, checks);
        }

        for (var i = warnings; i < _warnings.Count; i++)
        {
            _warnings[i] = _warnings[i] with { Limit = checks.Limits.GetValueOrDefault(_warnings[i].Rule), OfWhole = checks.OfWhole.Contains(_warnings[i].Rule) };
        }

        for (var i = rules; i < _tableRules.Count; i++)
        {
            _tableRules[i] = _tableRules[i] with { OfWhole = checks.OfWhole.Contains(_tableRules[i].Rule.Rule) };
        }
    }

    // Each query sees the rows that go on, under the table's own name; its value stands in every row.
    private void AddQueries(string stage, ContractChecks checks)
    {
        var checkedRows = _relation;
        string?[] conditions = [HasVerdict ? $"{Segment.VerdictColumn} = 0" : null, Schema.HasOp ? $"{Quote(RowSchema.OpColumn)} <> '{RowSchema.OpDelete}'" : null];
        var where = string.Join(" AND ", conditions.OfType<string>());
        var hidden = HiddenColumns().Count == 0 ? "" : $" EXCLUDE ({string.Join(", ", HiddenColumns())})";
        Open(stage);
        Text.Add("SELECT *");
        foreach (var rule in checks.Queries)
        {
            var (name, query) = rule.Aggregates.Single();
            Text.Add($", (WITH {Quote(checks.Table)} AS (SELECT *{hidden} FROM {Quote(checkedRows)}{(where.Length > 0 ? $" WHERE {where}" : "")}) SELECT CAST(q AS DOUBLE) FROM (\n")
                .Add(query, stage).Add($"\n) AS t(q)) AS {NextAggregate}");
            _tableRules.Add(new SegmentTableRule(stage, rule, rule.Expect.Text, new Dictionary<string, string> { [name] = NextAggregate }));
            _aggregateColumns.Add(NextAggregate);
        }

        Text.Add($" FROM {Quote(checkedRows)})");
    }
}
