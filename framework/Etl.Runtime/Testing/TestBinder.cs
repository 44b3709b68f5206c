using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>Gives a test's names and values their meaning in a compiled pipeline. What does not fit is told with the place of the very word.</summary>
internal sealed class TestBinder(CompiledPipeline pipeline, DiagnosticBag bag)
{
    private readonly RowBinder _rows = new(bag);

    /// <summary>What is wrong with the tests of a pipeline that compiles.</summary>
    public static IReadOnlyList<Diagnostic> Check(CompiledPipeline pipeline)
    {
        var bag = new DiagnosticBag();
        var binder = new TestBinder(pipeline, bag);
        foreach (var test in TestReader.Read(pipeline.Definition.Tests, pipeline.Definition.Params, bag))
        {
            binder.Bind(test);
        }

        return bag.Sorted;
    }

    /// <summary>The columns of the rows that a query refuses: those that its stages saw.</summary>
    public static Schema LettersOf(Segment segment) => segment.EmitsDeletions && !segment.Inputs[0].Schema.HasOp
        ? new Schema(segment.Output.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn), null)
        : segment.Output.Arrow;

    /// <summary>The test; what the bag was told of is left out of it.</summary>
    public BoundTest Bind(TestDefinition test)
    {
        var existing = new Dictionary<string, IReadOnlyList<object?[]>>();
        foreach (var rows in test.Existing)
        {
            if (Load(rows.Stage, rows.Span, []) is { } load)
            {
                var key = load.Plan.Mode == LoadMode.Upsert ? load.Plan.Key : [];
                existing[load.Id] = Complete(rows, TargetModel.SchemaOf(load), [key], test.Runs[0].Clock, 1_000);
            }
        }

        var given = new Dictionary<string, int>();
        return new BoundTest(test, existing, [.. test.Runs.Select(run => Bind(run, given))]);
    }

    private BoundRun Bind(TestRun run, Dictionary<string, int> givenBefore)
    {
        var given = new Dictionary<string, IReadOnlyList<object?[]>>();
        foreach (var rows in run.Given)
        {
            if (Stage<ExtractNode>(rows.Stage, rows.Span, "extract", []) is { } source)
            {
                // Rows of a later run are new ones, unless the test repeats a key.
                var first = givenBefore.GetValueOrDefault(source.Id, 1);
                given[source.Id] = Complete(rows, source.Schema.Arrow, [.. source.Schema.Keys], run.Clock, first);
                givenBefore[source.Id] = first + rows.Rows.Count;
            }
        }

        var expect = run.Expect;
        CheckStages(expect);
        return new BoundRun(
            run, given,
            [.. expect.Targets.Select(Target).OfType<ExpectedTarget>()],
            expect.DeadLetters is null ? null : [.. expect.DeadLetters.Letters.Select(Letter).OfType<ExpectedLetter>()],
            [.. expect.Rules.Select(Rule).OfType<ExpectedRule>()],
            Status(expect.Status));
    }

    private IReadOnlyList<object?[]> Complete(TestRows rows, Schema schema, IReadOnlyList<IReadOnlyList<string>> keys, DateTimeOffset clock, int first)
    {
        var before = bag.ErrorCount;
        var bound = rows.Rows.Select(r => _rows.Bind(r, schema, $"'{rows.Stage}'")).ToList();
        var complete = new RowFiller(schema, [.. keys.SelectMany(k => k)], clock).Complete(bound, first);
        if (bag.ErrorCount == before)
        {
            _rows.CheckKeys(bound, complete, schema, keys, rows.Stage);
        }

        return complete;
    }

    private ExpectedTarget? Target(TestRows rows)
    {
        if (Load(rows.Stage, rows.Span, TestExpectation.Words) is not { } load)
        {
            return null;
        }

        var schema = TargetModel.SchemaOf(load);
        return new ExpectedTarget(load, schema, [.. rows.Rows.Select(r => _rows.Bind(r, schema, $"'{rows.Stage}'", expected: true))], rows.Span);
    }

    private ExpectedLetter? Letter(TestLetter letter)
    {
        if (FindRule(letter.Rule, letter.Stage?.Value) is not var (stage, rule))
        {
            return null;
        }

        if (Segments.FirstOrDefault(s => s.Verdicts.Any(v => v.Stage == stage && v.Rule == rule && v.Fate == Fate.DeadLetter)) is not { } segment)
        {
            bag.AddError(letter.Rule.Span, "ETL3088", $"'{rule}' of '{stage}' makes no dead letters", "Expect its outcome under rules, or counts under stages.");
            return null;
        }

        var schema = LettersOf(segment);
        return new ExpectedLetter(stage, rule, schema, letter.Row is null ? new ExpectedRow(letter.Span, []) : _rows.Bind(letter.Row, schema, $"the rows that '{stage}' sees", expected: true));
    }

    private ExpectedRule? Rule(YamlEntry entry)
    {
        if (FindRule(new YamlScalar(entry.Key, YamlStyle.Plain, entry.KeySpan), null) is not var (stage, rule))
        {
            return null;
        }

        if (entry.Value is YamlScalar scalar)
        {
            if (long.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var rows))
            {
                return new ExpectedRule(stage, rule, rows, null, scalar.Span);
            }

            if (Word<RuleOutcome>(scalar.Value) is { } outcome)
            {
                return new ExpectedRule(stage, rule, null, outcome, scalar.Span);
            }
        }

        bag.AddError(entry.Value.Span, "ETL3089", $"the outcome of '{rule}' is the number of rows that break it, or one of: {Words<RuleOutcome>()}", $"Write {entry.Key}: 1.");
        return null;
    }

    // The stage and the name of a rule, written as `rule` or `stage.rule`.
    private (string Stage, string Rule)? FindRule(YamlScalar written, string? stage)
    {
        var rules = Segments.SelectMany(s => s.Verdicts.Where(v => v.Fate != Fate.Deduplicated).Select(v => (v.Stage, v.Rule)).Concat(s.Warnings.Select(w => (w.Stage, w.Rule))).Concat(s.TableRules.Select(r => (r.Stage, r.Rule.Rule)))).Distinct().ToList();
        var found = rules.Where(r => (stage is null || r.Stage == stage) && (r.Rule == written.Value || $"{r.Stage}.{r.Rule}" == written.Value)).ToList();
        switch (found.Count)
        {
            case 1:
                return found[0];
            case 0:
                var where = stage is null ? "here" : $"in stage '{stage}'";
                bag.AddError(written.Span, "ETL3088", $"there is no rule '{written.Value}' {where}", rules.Count == 0 ? "No stage of this pipeline has rules." : $"{Suggest.Sentence(written.Value, rules.Select(r => r.Rule))}Rules are: {string.Join(", ", rules.Select(r => $"{r.Stage}.{r.Rule}"))}.");
                return null;
            default:
                bag.AddError(written.Span, "ETL3088", $"several stages have a rule '{written.Value}'", $"Write one of: {string.Join(", ", found.Select(r => $"{r.Stage}.{r.Rule}"))}.");
                return null;
        }
    }

    private IEnumerable<Segment> Segments => pipeline.Nodes.OfType<SegmentNode>().Select(n => n.Segment);

    private LoadNode? Load(string stage, SourceSpan span, IReadOnlyList<string> more) => Stage<LoadNode>(stage, span, "load", more);

    private T? Stage<T>(string stage, SourceSpan span, string kind, IReadOnlyList<string> more) where T : PlanNode
    {
        var nodes = pipeline.Nodes.OfType<T>().ToList();
        if (nodes.Find(n => n.Id == stage) is { } node)
        {
            return node;
        }

        var known = nodes.Select(n => n.Id).Concat(more).ToList();
        var what = pipeline.Definition.Stages.Any(s => s.Id == stage) ? $"'{stage}' is no {kind} stage" : $"there is no {kind} stage '{stage}'";
        bag.AddError(span, "ETL3081", what, $"{Suggest.Sentence(stage, known)}Here may stand: {string.Join(", ", known)}.");
        return null;
    }

    private void CheckStages(TestExpectation expect)
    {
        foreach (var counts in expect.Stages)
        {
            if (pipeline.Definition.Stages.All(s => s.Id != counts.Stage))
            {
                var known = pipeline.Definition.Stages.Select(s => s.Id).ToList();
                bag.AddError(counts.Span, "ETL3081", $"there is no stage '{counts.Stage}'", $"{Suggest.Sentence(counts.Stage, known)}Stages are: {string.Join(", ", known)}.");
            }

            foreach (var count in counts.Counts.Where(c => c.Value is not YamlScalar s || !long.TryParse(s.Value, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            {
                bag.AddError(count.Value.Span, "ETL3089", $"'{count.Key}' of '{counts.Stage}' must be a number of rows");
            }
        }
    }

    private RunStatus? Status(YamlScalar? status)
    {
        if (status is not null && Word<RunStatus>(status.Value) is not (RunStatus.Succeeded or RunStatus.NothingNew or RunStatus.Refused or RunStatus.Failed))
        {
            bag.AddError(status.Span, "ETL3089", $"a run does not end as '{status.Written}'; it must be one of: succeeded, nothing_new, refused, failed");
            return null;
        }

        return status is null ? null : Word<RunStatus>(status.Value);
    }

    private static T? Word<T>(string word) where T : struct, Enum =>
        Enum.GetValues<T>().Where(v => Options.OptionText.SnakeCase(v.ToString()) == word).Select(v => (T?)v).FirstOrDefault();

    private static string Words<T>() where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Select(v => Options.OptionText.SnakeCase(v.ToString())));
}
