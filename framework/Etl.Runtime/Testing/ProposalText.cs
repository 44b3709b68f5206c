using System.Globalization;
using System.Text;
using Apache.Arrow;
using Etl.Runtime.Compilation;
using Etl.Runtime.Options;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Testing;

/// <summary>Writes what was observed as a <c>tests:</c> block.</summary>
internal sealed class ProposalText(IReadOnlyList<TestedRule> rules, IReadOnlyDictionary<string, string> parameters)
{
    // A query gives its rows in any order; a text that a person compares has one.
    private static readonly Comparer<object?[]> InOrder = Comparer<object?[]>.Create((a, b) => a.Zip(b, Compare).FirstOrDefault(c => c != 0));

    private readonly StringBuilder _text = new("tests:\n");

    /// <summary>A test of what was given and what came of it. Columns in which a target's row is like that of <paramref name="usual"/> are left out.</summary>
    public void Test(string name, CompiledPipeline pipeline, IReadOnlyDictionary<string, IReadOnlyList<ExpectedRow>> given, Observation seen, Observation? usual)
    {
        Line(1, $"- name: {OptionText.Of(name)}");
        if (parameters.Count > 0)
        {
            Line(2, $"params: {{ {string.Join(", ", parameters.Select(p => $"{p.Key}: {OptionText.Of(p.Value)}"))} }}");
        }

        Line(2, "given:");
        foreach (var source in pipeline.Nodes.OfType<ExtractNode>())
        {
            Rows($"{source.Id}", given[source.Id].Select(r => Row(source.Schema.Arrow, r.Cells.Select(c => (c.Column, c.Value)))));
        }

        Line(2, "expect:");
        foreach (var (load, rows) in seen.Targets)
        {
            var like = usual?.Targets.First(t => t.Load == load).Rows is [var first, ..] ? first : null;
            Rows(load.Id, rows.Order(InOrder).Select(r => Row(TargetModel.SchemaOf(load), Telling(load, r, like))));
        }

        var told = given.SelectMany(g => g.Value.SelectMany(r => r.Cells).Select(c => pipeline.Node(g.Key).Schema.Arrow.FieldsList[c.Column].Name)).ToHashSet();
        if (seen.Letters.Count > 0)
        {
            Rows("dead_letters", seen.Letters.OrderBy(l => l.Row, InOrder).Select(l =>
                $"{{ rule: {Name(l.Stage, l.Rule)}, row: {Row(l.Schema, Enumerable.Range(0, l.Row.Length).Where(c => told.Contains(l.Schema.FieldsList[c].Name)).Select(c => (c, l.Row[c])))} }}"));
        }

        var broken = seen.Run.Rules.Where(r => r.FailedRows > 0).Select(r => string.Create(CultureInfo.InvariantCulture, $"{Name(r.Stage, r.Rule)}: {r.FailedRows}")).ToList();
        if (broken.Count > 0)
        {
            Line(3, $"rules: {{ {string.Join(", ", broken)} }}");
        }

        if (seen.Run.Status is not (RunStatus.Succeeded or RunStatus.NothingNew))
        {
            Line(3, $"status: {OptionText.SnakeCase(seen.Run.Status.ToString())}");
            if (seen.Run.Error?.Code is { } code)
            {
                Line(3, $"error: {code}");
            }
        }

        _text.Append('\n');
    }

    /// <summary>A rule that no value breaks.</summary>
    public void NotReached(TestedRule rule) => Line(1, $"# No single value was found that breaks {rule.Stage}.{rule.Rule}.\n");

    /// <inheritdoc/>
    public override string ToString() => _text.ToString().TrimEnd('\n') + "\n";

    // The key, and what is not as usual; without either, all that has a value.
    private static IEnumerable<(int Column, object? Value)> Telling(LoadNode load, object?[] row, object?[]? usual)
    {
        var schema = TargetModel.SchemaOf(load).FieldsList;
        var telling = Enumerable.Range(0, row.Length).Where(c => usual is null ? row[c] is not null : load.Plan.Key.Contains(schema[c].Name) || !Cell.Same(row[c], usual[c])).ToList();
        return (telling.Count > 0 ? telling : Enumerable.Range(0, row.Length).Where(c => row[c] is not null)).Select(c => (c, row[c]));
    }

    private static int Compare(object? a, object? b) => (a, b) switch
    {
        (string x, string y) => string.CompareOrdinal(x, y),
        (IComparable x, IComparable y) => x.CompareTo(y),
        _ => (a is null ? 0 : 1) - (b is null ? 0 : 1),
    };

    private string Name(string stage, string rule) => rules.Count(r => r.Rule == rule) > 1 ? $"{stage}.{rule}" : OptionText.Of(rule)!;

    private static string Row(Schema schema, IEnumerable<(int Column, object? Value)> cells) =>
        $"{{ {string.Join(", ", cells.Select(c => $"{schema.FieldsList[c.Column].Name}: {Cell.Format(c.Value, schema.FieldsList[c.Column].DataType)}"))} }}";

    private void Rows(string key, IEnumerable<string> rows)
    {
        var all = rows.ToList();
        Line(3, all.Count == 0 ? $"{key}: []" : $"{key}:");
        all.ForEach(row => Line(4, $"- {row}"));
    }

    private void Line(int depth, string text) => _text.Append(' ', depth * 2).Append(text).Append('\n');
}
