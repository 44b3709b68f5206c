using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Testing;

/// <summary>
/// Proposes tests by trying: it looks for a row that passes every rule, changes one column of it after the other to a value at an edge, and
/// sees what the pipeline makes of it. So it knows no rule's meaning and no plugin, and what it proposes holds.
/// </summary>
internal sealed class TestProposer(CompiledPipeline pipeline, IReadOnlyDictionary<string, string> parameters)
{
    private readonly List<ExtractNode> _sources = [.. pipeline.Nodes.OfType<ExtractNode>()];
    private readonly List<TestedRule> _rules = [.. pipeline.Nodes.OfType<SegmentNode>().SelectMany(n => RulesOf(n.Segment)).DistinctBy(r => (r.Stage, r.Rule))];
    private readonly EdgeValues _values = new(pipeline);

    /// <summary>A value at an edge, and what came of a row that has it.</summary>
    private sealed record Edge(ExtractNode Source, int Column, object? Value, Observation Seen);

    /// <summary>A <c>tests:</c> block that passes.</summary>
    public async Task<string> ProposeAsync(CancellationToken cancel)
    {
        var text = new ProposalText(_rules, parameters);
        var start = await PassingAsync(_sources.ToDictionary(s => s.Id, s => (IReadOnlyList<ExpectedRow>)[Row(s, 1)]), cancel);
        var passing = await Observation.OfAsync(pipeline, start, cancel);
        text.Test(passing.Passes(_rules) ? "a row passes every rule" : "no row was found that passes every rule", pipeline, start, passing, null);

        var edges = _sources.SelectMany(s => Told(start, s).Select(c => new Edge(s, c.Column, c.Value, passing))).ToList();
        foreach (var (source, column, value) in Changes(start, first: ""))
        {
            edges.Add(new Edge(source, column, value, await Observation.OfAsync(pipeline, With(start, source, column, value), cancel)));
        }

        foreach (var rule in _rules)
        {
            await ProposeAsync(rule, edges, start, passing, text, cancel);
        }

        foreach (var source in _sources)
        {
            var rows = edges.Where(e => e.Source == source && e.Seen.Passes(_rules) && EdgeValues.OfType(Field(source, e.Column)).Any(v => Cell.Same(v, e.Value)))
                .Select((e, i) => Row(source, i + 1, [.. Told(start, source).Where(c => c.Column != e.Column), new ExpectedCell(e.Column, e.Value, default)])).ToList();
            if (rows.Count > 0)
            {
                var given = new Dictionary<string, IReadOnlyList<ExpectedRow>>(start) { [source.Id] = rows };
                text.Test($"the ends of the types of {source.Id} pass", pipeline, given, await Observation.OfAsync(pipeline, given, cancel), passing);
            }
        }

        return text.ToString();
    }

    // One row that breaks the rule, and its neighbour that does not.
    private async Task ProposeAsync(TestedRule rule, List<Edge> edges, Dictionary<string, IReadOnlyList<ExpectedRow>> start, Observation passing, ProposalText text, CancellationToken cancel)
    {
        // A warning may be broken by rows of all kinds; the column that it is about is one in which some values break it and some do not.
        IEnumerable<Edge> Good(Edge bad) => edges.Where(e => e.Source == bad.Source && e.Column == bad.Column && e.Seen.Passes(_rules) && !e.Seen.Breaks(rule, _rules));
        var bad = edges.Where(e => e.Seen.Breaks(rule, _rules)).OrderByDescending(e => Good(e).Any()).ThenBy(e => e.Value is null).FirstOrDefault();
        if (bad is null)
        {
            text.NotReached(rule);
            return;
        }

        var field = Field(bad.Source, bad.Column);
        var good = Good(bad).MinBy(e => Distance(e.Value, bad.Value));
        var told = Told(start, bad.Source).Where(c => c.Column != bad.Column).ToList();
        var rows = new List<ExpectedRow> { Row(bad.Source, 1, [.. told, new ExpectedCell(bad.Column, bad.Value, default)]) };
        var name = $"{rule.Rule} is broken by {field.Name} {Cell.Format(bad.Value, field.DataType)}";
        // Beside a row that ends the run, nothing is to be seen of another.
        if (rule.Action != RefusalAction.Fail && good is not null)
        {
            rows.Add(Row(bad.Source, 2, [.. told, new ExpectedCell(bad.Column, good.Value, default)]));
            name += $" and not by {Cell.Format(good.Value, field.DataType)}";
        }

        var given = new Dictionary<string, IReadOnlyList<ExpectedRow>>(start) { [bad.Source.Id] = rows };
        text.Test(name, pipeline, given, await Observation.OfAsync(pipeline, given, cancel), passing);
    }

    // Changes a column at a time, as long as a later rule stops the row, or none.
    private async Task<Dictionary<string, IReadOnlyList<ExpectedRow>>> PassingAsync(Dictionary<string, IReadOnlyList<ExpectedRow>> given, CancellationToken cancel)
    {
        var seen = await Observation.OfAsync(pipeline, given, cancel);
        for (var better = true; better && !seen.Passes(_rules);)
        {
            better = false;
            var rank = seen.Rank(_rules);
            foreach (var (source, column, value) in Changes(given, rank >= 0 && rank < _rules.Count ? _rules[rank].Reason : ""))
            {
                var changed = With(given, source, column, value);
                var next = await Observation.OfAsync(pipeline, changed, cancel);
                if (next.Rank(_rules) > rank)
                {
                    (given, seen, better) = (changed, next, true);
                    break;
                }
            }
        }

        return given;
    }

    // Columns that the text names come first. A source's key is left alone: it tells rows apart.
    private IEnumerable<(ExtractNode Source, int Column, object? Value)> Changes(Dictionary<string, IReadOnlyList<ExpectedRow>> given, string first) =>
        from source in _sources
        from column in Enumerable.Range(0, source.Schema.Arrow.FieldsList.Count)
            .Where(c => Field(source, c).Name != RowSchema.OpColumn && !source.Schema.Keys.Any(k => k.Contains(Field(source, c).Name)))
            .OrderByDescending(c => first.Contains(Field(source, c).Name, StringComparison.OrdinalIgnoreCase))
        let field = Field(source, column)
        from value in _values.Mentioned(field).Concat(EdgeValues.OfType(field)).Distinct()
        where !given[source.Id][0].Cells.Any(c => c.Column == column && Cell.Same(c.Value, value))
        select (source, column, value);

    private static Dictionary<string, IReadOnlyList<ExpectedRow>> With(Dictionary<string, IReadOnlyList<ExpectedRow>> given, ExtractNode source, int column, object? value) => new(given)
    {
        [source.Id] = [new ExpectedRow(default, [.. given[source.Id][0].Cells.Where(c => c.Column != column), new ExpectedCell(column, value, default)])],
    };

    private static IEnumerable<ExpectedCell> Told(Dictionary<string, IReadOnlyList<ExpectedRow>> given, ExtractNode source) =>
        given[source.Id][0].Cells.Where(c => !IsKey(source, c.Column));

    // With its key told, so that a reader finds it again.
    private static ExpectedRow Row(ExtractNode source, int number, params IReadOnlyList<ExpectedCell> cells)
    {
        var filled = new RowFiller(source.Schema.Arrow, [.. source.Schema.Keys.SelectMany(k => k)], TestReader.DefaultClock).Complete([new ExpectedRow(default, [])], number)[0];
        var key = Enumerable.Range(0, filled.Length).Where(c => IsKey(source, c)).Select(c => new ExpectedCell(c, filled[c], default));
        return new ExpectedRow(default, [.. key.Concat(cells).OrderBy(c => c.Column)]);
    }

    private static bool IsKey(ExtractNode source, int column) => source.Schema.Keys.Any(k => k.Contains(Field(source, column).Name));

    private static Field Field(ExtractNode source, int column) => source.Schema.Arrow.FieldsList[column];

    private static double Distance(object? a, object? b) => (a, b) switch
    {
        (Int128 x, Int128 y) => Math.Abs((double)x - (double)y),
        (long x, long y) => Math.Abs((double)x - y),
        (double x, double y) => Math.Abs(x - y),
        _ => 0,
    };

    private static IEnumerable<TestedRule> RulesOf(Segment segment) =>
        segment.Verdicts.Where(v => v.Fate != Fate.Deduplicated).Select(v => new TestedRule(v.Stage, v.Rule, v.Fate == Fate.DeadLetter ? RefusalAction.DeadLetter : RefusalAction.Exclude, v.Reason))
            .Concat(segment.Warnings.Select(w => new TestedRule(w.Stage, w.Rule, w.Fails ? RefusalAction.Fail : RefusalAction.Warn, "")))
            .Concat(segment.TableRules.Select(r => new TestedRule(r.Stage, r.Rule.Rule, r.Rule.Action, "")));
}

/// <summary>A rule of a pipeline.</summary>
/// <param name="Stage">Whose.</param>
/// <param name="Rule">Its name.</param>
/// <param name="Action">What becomes of a row that breaks it.</param>
/// <param name="Reason">As a dead letter tells it; empty when it makes none.</param>
internal sealed record TestedRule(string Stage, string Rule, RefusalAction Action, string Reason);
