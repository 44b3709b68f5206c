using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Etl.Contracts;
using static Etl.Contracts.SqlText;

namespace Etl.Runtime.Sql;

/// <summary>
/// Composes the query of one <see cref="Segment"/>, a common table expression for each stage, named by the stage's id, so that a user's SQL
/// can name its input as the pipeline does. Refused rows stay in the stream with their verdict until the end.
/// </summary>
internal sealed partial class SegmentBuilder
{
    private const int MostWarnings = 62;

    private readonly List<SegmentInput> _inputs = [];
    private readonly List<SegmentStage> _stages = [];
    private readonly List<Verdict> _verdicts = [];
    private readonly List<Warning> _warnings = [];
    private readonly List<SegmentTableRule> _tableRules = [];
    private readonly List<string> _aggregateColumns = [];
    private readonly IReadOnlyDictionary<string, string> _parameterTypes;
    private string _relation;
    private bool _blocking;
    private bool _hasOpaque;

    public SegmentBuilder(IReadOnlyDictionary<string, string> parameterTypes, IEnumerable<SegmentInput> inputs)
    {
        _parameterTypes = parameterTypes;
        _inputs.AddRange(inputs);
        _relation = _inputs[0].Relation;
        Schema = _inputs[0].Schema;
        Text = new SqlComposer(parameterTypes);
    }

    /// <summary>The query so far, without its last SELECT.</summary>
    public SqlComposer Text { get; }

    /// <summary>Rows after the last stage; set by the compiler once it has bound them.</summary>
    public RowSchema Schema { get; set; }

    public IReadOnlyList<SegmentTableRule> TableRules => _tableRules;

    public bool HasDeadLetters => _verdicts.Exists(v => v.Fate == Fate.DeadLetter);

    /// <summary>
    /// Whether a stage can join this query. A dead letter holds the row as its stage saw it, so nothing may change columns after a
    /// refusal; and what looks at several rows at once must not see rows that were refused.
    /// </summary>
    public bool Accepts(RelationalStep step) => step switch
    {
        RowLocalStep local when _verdicts.Count > 0 && (local.Refusals.Any(r => r.Windowed || SeesOthers(r.When)) || local.Columns?.Any(c => SeesOthers(c.Expression)) == true) => false,
        LookupStep lookup when _verdicts.Count > 0 && lookup.Columns.Any(c => SeesOthers(c.Expression)) => false,
        RowLocalStep { Columns: null } or DeduplicateStep => true,
        RowLocalStep => !HasDeadLetters,
        LookupStep lookup => !HasDeadLetters && !(_hasOpaque && lookup.OnSeveral == SeveralMatches.All) && !(lookup.OnSeveral == SeveralMatches.All && _verdicts.Count > 0),
        _ => _verdicts.Count == 0 && _warnings.Count == 0 && _aggregateColumns.Count == 0 && !_hasOpaque,
    };

    /// <summary>The refusals and table rules of a row-local step.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="component">Its component.</param>
    /// <param name="step">What it does.</param>
    /// <param name="relation">What its rows are called in the query, where that is not the stage's id.</param>
    /// <param name="materialized">Whether they are read more than once.</param>
    public void AddRefusals(string stage, string component, RowLocalStep step, string? relation = null, bool materialized = false)
    {
        var input = _relation;
        var op = Schema.HasOp ? $" AND {Quote(RowSchema.OpColumn)} <> '{RowSchema.OpDelete}'" : "";
        var aggregates = step.TableRules.Any(r => r.Aggregates.Count > 0);
        Open(relation ?? (step.Columns is null && !aggregates ? stage : stage + "/refusals"), materialized);
        Text.Add("SELECT *");
        var stopping = step.Refusals.Where(r => r.Action is RefusalAction.DeadLetter or RefusalAction.Exclude).ToList();
        var counting = step.Refusals.Except(stopping).ToList();
        var replacements = new List<(string Name, bool Exists, Action Write)>();
        if (stopping.Count > 0)
        {
            var hadVerdict = HasVerdict;
            replacements.Add((Segment.VerdictColumn, hadVerdict, () =>
            {
                Text.Add("CASE");
                if (hadVerdict)
                {
                    Text.Add($" WHEN {Segment.VerdictColumn} <> 0 THEN {Segment.VerdictColumn}");
                }

                foreach (var refusal in stopping)
                {
                    _verdicts.Add(new Verdict(stage, refusal.Rule, refusal.Action == RefusalAction.DeadLetter ? Fate.DeadLetter : Fate.Excluded, refusal.Reason));
                    Text.Add(" WHEN (").Add(refusal.When, stage).Add($") IS TRUE{op} THEN {_verdicts.Count.ToString(CultureInfo.InvariantCulture)}");
                }

                Text.Add(" ELSE 0 END");
            }));
        }

        if (counting.Count > 0)
        {
            var live = HasVerdict ? $" AND {Segment.VerdictColumn} = 0" : "";
            var hadWarnings = _warnings.Count > 0;
            replacements.Add((Segment.WarningColumn, hadWarnings, () =>
            {
                Text.Add(hadWarnings ? Segment.WarningColumn : "0::BIGINT");
                foreach (var refusal in counting)
                {
                    if (_warnings.Count == MostWarnings)
                    {
                        throw new EtlException("ETL3013", $"more than {MostWarnings} rules with on_fail: warn or fail stand next to each other", "Split them by a stage that changes columns.");
                    }

                    Text.Add(" | CASE WHEN (").Add(refusal.When, stage).Add($") IS TRUE{op}{live} THEN {(1L << _warnings.Count).ToString(CultureInfo.InvariantCulture)}::BIGINT ELSE 0::BIGINT END");
                    _warnings.Add(new Warning(stage, refusal.Rule, refusal.Action == RefusalAction.Fail));
                }
            }));
        }

        WriteReplacements(replacements);
        _blocking |= step.Refusals.Any(r => r.Windowed);
        Text.Add(" FROM ").Add(Quote(input)).Add(")");
        if (aggregates)
        {
            var refused = _relation;
            Open(step.Columns is null ? stage : stage + "/aggregates");
            Text.Add("SELECT *");
            AddTableRules(stage, step.TableRules);
            Text.Add(" FROM ").Add(Quote(refused)).Add(")");
        }
        else
        {
            AddTableRules(stage, step.TableRules);
        }

        _stages.Add(new SegmentStage(stage, component, Opaque: false));
    }

    /// <summary>The columns of a row-local step, over the relation that the step's SQL names.</summary>
    public void AddColumns(string stage, string component, RowLocalStep step, string inputName)
    {
        var input = _relation;
        Open(stage);
        Text.Add("SELECT ");
        WriteColumns(step.Columns!, stage, firstRelation: null);
        Text.Add(" FROM ").Add(Quote(input)).Add(input == inputName ? ")" : $" AS {Quote(inputName)})");
        if (_stages.Count == 0 || _stages[^1].Id != stage)
        {
            _stages.Add(new SegmentStage(stage, component, Opaque: false));
        }
    }

    public void AddDeduplicate(string stage, string component, DeduplicateStep step)
    {
        var input = _relation;
        Open(stage);
        _verdicts.Add(new Verdict(stage, "deduplicate", Fate.Deduplicated, "another row of its key is kept"));
        var code = _verdicts.Count.ToString(CultureInfo.InvariantCulture);
        var hadVerdict = _verdicts.Count > 1;
        Text.Add("SELECT *");
        WriteReplacements([(Segment.VerdictColumn, hadVerdict, () =>
        {
            Text.Add(hadVerdict ? $"CASE WHEN {Segment.VerdictColumn} <> 0 THEN {Segment.VerdictColumn} WHEN " : "CASE WHEN ");
            Text.Add("row_number() OVER (PARTITION BY ");
            Text.Add(string.Join(", ", step.Key.Select(Quote)));
            Text.Add(hadVerdict ? $", {Segment.VerdictColumn} = 0 ORDER BY " : " ORDER BY ");
            for (var i = 0; i < step.OrderBy.Count; i++)
            {
                Text.Add(i > 0 ? ", " : "").Add(step.OrderBy[i], stage);
            }

            Text.Add($") > 1 THEN {code} ELSE 0 END");
        })]);
        Text.Add(" FROM ").Add(Quote(input)).Add(")");
        _blocking = true;
        _stages.Add(new SegmentStage(stage, component, Opaque: false));
    }

    public void AddLookup(string stage, string component, LookupStep step, SegmentInput second, string inputName)
    {
        var input = _relation;
        _inputs.Add(second);
        Open(stage);
        Text.Add("SELECT ");
        var unmatched = "_etl_match IS NULL" + (Schema.HasOp ? $" AND {Quote(inputName)}.{Quote(RowSchema.OpColumn)} <> '{RowSchema.OpDelete}'" : "");
        var reason = $"no row of '{second.Relation}' matches";
        WriteColumns(step.Columns, stage, firstRelation: inputName, step.OnNoMatch switch
        {
            RefusalAction.DeadLetter => (Segment.VerdictColumn, () => WriteVerdict(new Verdict(stage, "no_match", Fate.DeadLetter, reason), unmatched)),
            RefusalAction.Exclude => (Segment.VerdictColumn, () => WriteVerdict(new Verdict(stage, "no_match", Fate.Excluded, reason), unmatched)),
            { } counting => (Segment.WarningColumn, () => WriteWarning(new Warning(stage, "no_match", counting == RefusalAction.Fail), unmatched)),
            null => null,
        });
        Text.Add($" FROM {Quote(input)}{(input == inputName ? "" : $" AS {Quote(inputName)}")} LEFT JOIN (SELECT *, TRUE AS _etl_match FROM {Quote(second.Relation)}) AS {Quote(second.Relation)} ON (");
        Text.Add(step.On, stage).Add("))");
        _hasOpaque |= step.OnSeveral == SeveralMatches.All;
        _stages.Add(new SegmentStage(stage, component, Opaque: step.OnSeveral == SeveralMatches.All));
    }

    public void AddSet(string stage, string component, SetStep step, IEnumerable<SegmentInput> otherInputs)
    {
        _inputs.AddRange(otherInputs);
        Open(stage);
        Text.Add(step.Query, stage, step.Parts).Add("\n)");
        _blocking = true;
        _hasOpaque = true;
        _stages.Add(new SegmentStage(stage, component, Opaque: true));
    }

    /// <summary>The query for what a user sees: to bind a stage.</summary>
    public string VisibleQuery() => $"{Text} SELECT {(HiddenColumns().Count == 0 ? "*" : $"* EXCLUDE ({string.Join(", ", HiddenColumns())})")} FROM {Quote(_relation)}";

    /// <summary>The segment, when its stages are bound; <paramref name="selectList"/> is what the binder said of the visible columns.</summary>
    public Segment Build(string selectList)
    {
        var hidden = HiddenColumns();
        var sql = new StringBuilder(Text.ToString())
            .Append(" SELECT ").Append(selectList);
        foreach (var column in hidden)
        {
            sql.Append(", ").Append(column);
        }

        sql.Append(" FROM ").Append(Quote(_relation));
        return new Segment([.. _inputs], [.. _stages], sql.ToString(), Schema, [.. _verdicts], [.. _warnings], [.. _tableRules], [.. Text.Parameters], _blocking || _aggregateColumns.Count > 0);
    }

    // A window or a query: one that only has such a name in it gets a query of its own for nothing.
    private static bool SeesOthers(Etl.Contracts.Sql expression) => OtherRows().IsMatch(expression.Text);

    [GeneratedRegex(@"\b(over|select)\b|\(\s*from\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OtherRows();

    private string NextAggregate => $"_etl_aggregate_{_aggregateColumns.Count.ToString(CultureInfo.InvariantCulture)}";

    private bool HasVerdict => _verdicts.Count > 0;

    private List<string> HiddenColumns()
    {
        var hidden = new List<string>();
        if (HasVerdict)
        {
            hidden.Add(Segment.VerdictColumn);
        }

        if (_warnings.Count > 0)
        {
            hidden.Add(Segment.WarningColumn);
        }

        hidden.AddRange(_aggregateColumns);
        return hidden;
    }

    private void Open(string relation, bool materialized = false)
    {
        Text.Add(Text.Length == 0 ? "WITH " : ",\n").Add(Quote(relation)).Add(materialized ? " AS MATERIALIZED (" : " AS (");
        _relation = relation;
    }

    private void WriteReplacements(List<(string Name, bool Exists, Action Write)> replacements)
    {
        var existing = replacements.Where(r => r.Exists).ToList();
        for (var i = 0; i < existing.Count; i++)
        {
            Text.Add(i == 0 ? " REPLACE (" : ", ");
            existing[i].Write();
            Text.Add($" AS {existing[i].Name}");
        }

        Text.Add(existing.Count > 0 ? ")" : "");
        foreach (var added in replacements.Where(r => !r.Exists))
        {
            Text.Add(", ");
            added.Write();
            Text.Add($" AS {added.Name}");
        }
    }

    private void WriteVerdict(Verdict verdict, string condition)
    {
        var hadVerdict = HasVerdict;
        _verdicts.Add(verdict);
        Text.Add(hadVerdict ? $"CASE WHEN {Segment.VerdictColumn} <> 0 THEN {Segment.VerdictColumn} WHEN " : "CASE WHEN ")
            .Add($"{condition} THEN {_verdicts.Count.ToString(CultureInfo.InvariantCulture)} ELSE 0 END AS {Segment.VerdictColumn}");
    }

    private void WriteWarning(Warning warning, string condition)
    {
        var live = HasVerdict ? $" AND {Segment.VerdictColumn} = 0" : "";
        Text.Add(_warnings.Count > 0 ? Segment.WarningColumn : "0::BIGINT")
            .Add($" | CASE WHEN {condition}{live} THEN {(1L << _warnings.Count).ToString(CultureInfo.InvariantCulture)}::BIGINT ELSE 0::BIGINT END AS {Segment.WarningColumn}");
        _warnings.Add(warning);
    }

    // One of the engine's own columns may be computed here instead of being carried along.
    private void WriteColumns(IReadOnlyList<ColumnExpression> columns, string stage, string? firstRelation, (string Column, Action Write)? computed = null)
    {
        var qualifier = firstRelation is null ? "" : Quote(firstRelation) + ".";
        for (var i = 0; i < columns.Count; i++)
        {
            Text.Add(i > 0 ? ", " : "");
            // A refused row may hold what an expression cannot take, and its columns are of no use any more.
            var guarded = HasVerdict && !Schema.Names.Any(n => columns[i].Expression.Text == qualifier + Quote(n));
            Text.Add(guarded ? $"CASE WHEN {Segment.VerdictColumn} = 0 THEN (" : "").Add(columns[i].Expression, stage).Add(guarded ? ") END" : "");
            Text.Add($" AS {Quote(columns[i].Name)}");
        }

        if (Schema.HasOp)
        {
            Text.Add($", {qualifier}{Quote(RowSchema.OpColumn)}");
        }

        foreach (var hidden in HiddenColumns().Where(h => h != computed?.Column))
        {
            Text.Add($", {hidden}");
        }

        if (computed is { } own)
        {
            Text.Add(", ");
            own.Write();
        }
    }

    private void AddTableRules(string stage, IReadOnlyList<TableRule> rules)
    {
        foreach (var rule in rules)
        {
            var names = new Dictionary<string, string>();
            foreach (var (name, aggregate) in rule.Aggregates)
            {
                Text.Add(", ").Add(aggregate, stage).Add($"{(HasVerdict ? $" FILTER (WHERE {Segment.VerdictColumn} = 0)" : "")} OVER () AS {NextAggregate}");
                names.Add(name, NextAggregate);
                _aggregateColumns.Add(NextAggregate);
            }

            var expect = new SqlComposer(_parameterTypes).Add(rule.Expect, stage).ToString();
            _tableRules.Add(new SegmentTableRule(stage, rule, expect, names));
        }
    }
}
