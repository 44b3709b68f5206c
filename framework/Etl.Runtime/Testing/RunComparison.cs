using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>Compares a run with what a test expects of it.</summary>
/// <param name="expected">What it expects.</param>
/// <param name="run">The run.</param>
/// <param name="pipeline">What ran.</param>
internal sealed class RunComparison(BoundRun expected, TestedRun run, CompiledPipeline pipeline)
{
    private TestExpectation Written => expected.Run.Expect;

    /// <summary>What differs.</summary>
    public async Task<IReadOnlyList<TestDifference>> CompareAsync(IReadOnlyDictionary<string, TargetModel> targets, CancellationToken cancel)
    {
        var differences = new List<TestDifference>(Ending());
        // What a run that ended otherwise left behind says nothing more.
        if (differences.Count > 0 && run.Error is not null)
        {
            return differences;
        }

        foreach (var target in expected.Targets)
        {
            var schema = new RowSchema(target.Schema);
            // Where rows are only added, a key comes more than once.
            var key = target.Load.Plan.Mode is LoadMode.Append or LoadMode.Changes ? [] : target.Load.Plan.Key.Count > 0 ? target.Load.Plan.Key : target.Load.Schema.Key;
            differences.AddRange(new RowComparison(target.Load.Id, target.Schema, [.. key.Select(schema.Index)], c => pipeline.Hidden.Hides(target.Load.Id, c)).Compare(target.Rows, targets[target.Load.Id].Rows, target.Span));
        }

        differences.AddRange(await LettersAsync(cancel));
        differences.AddRange(expected.Rules.Select(Rule).OfType<TestDifference>());
        differences.AddRange(Written.Stages.SelectMany(Counts));
        return differences;
    }

    private IEnumerable<TestDifference> Ending()
    {
        var status = OptionText.SnakeCase(run.Status.ToString());
        var why = run.Error is { } error ? $": {error.Code ?? "error"}{(error.Stage is null ? "" : $" in stage {error.Stage}")}: {error.Message}{(error.Hint is null ? "" : $". {error.Hint}")}" : "";
        if (expected.Status is { } expectedStatus ? run.Status != expectedStatus : run.Error is not null)
        {
            yield return new TestDifference(Written.Status?.Span ?? Written.Span, $"the run ended as {status}{(expected.Status is { } wanted ? $", expected {OptionText.SnakeCase(wanted.ToString())}" : "")}{why}");
        }

        if (Written.Error is { } code && run.Error?.Code != code.Value)
        {
            yield return new TestDifference(code.Span, $"the run ended as {status}, expected the error {code.Value}{why}");
        }
    }

    private async Task<IReadOnlyList<TestDifference>> LettersAsync(CancellationToken cancel)
    {
        if (expected.Letters is not { } letters)
        {
            return [];
        }

        var differences = new List<TestDifference>();
        foreach (var stage in letters.Select(l => l.Stage).Concat(run.LetterStages).Distinct())
        {
            var schema = letters.FirstOrDefault(l => l.Stage == stage)?.Schema ?? TestBinder.LettersOf(pipeline.Nodes.OfType<SegmentNode>().First(n => n.Segment.Verdicts.Any(v => v.Stage == stage)).Segment);
            var found = await run.LettersAsync(stage, schema, cancel);
            foreach (var rule in letters.Where(l => l.Stage == stage).Select(l => l.Rule).Concat(found.Select(f => f.Rule)).Distinct())
            {
                differences.AddRange(new RowComparison($"dead letters of {stage}.{rule}", schema, [], c => pipeline.Hidden.Hides(stage, c)).Compare(
                    [.. letters.Where(l => l.Stage == stage && l.Rule == rule).Select(l => l.Row)], [.. found.Where(f => f.Rule == rule).Select(f => f.Row)], Written.DeadLetters!.Span));
            }
        }

        return differences;
    }

    private TestDifference? Rule(ExpectedRule rule)
    {
        var found = run.Rules.FirstOrDefault(r => r.Stage == rule.Stage && r.Rule == rule.Rule);
        var name = $"rule {rule.Stage}.{rule.Rule}";
        return rule switch
        {
            _ when found is null => new TestDifference(rule.Span, $"{name} was not evaluated: there was nothing to publish"),
            { Rows: { } rows } when found.FailedRows != rows => new TestDifference(rule.Span, string.Create(CultureInfo.InvariantCulture, $"{name}: rows that break it: {found.FailedRows}, expected {rows}")),
            { Outcome: { } outcome } when found.Outcome != outcome => new TestDifference(rule.Span, $"{name} is {OptionText.SnakeCase(found.Outcome.ToString())}{(found.Detail is null ? "" : $" ({found.Detail})")}, expected {OptionText.SnakeCase(outcome.ToString())}"),
            _ => null,
        };
    }

    private IEnumerable<TestDifference> Counts(TestCounts counts)
    {
        var found = run.Stages.FirstOrDefault(s => s.Stage == counts.Stage);
        foreach (var count in counts.Counts)
        {
            var wanted = long.Parse(((YamlScalar)count.Value).Value, CultureInfo.InvariantCulture);
            var rows = count.Key switch
            {
                "in" => found?.RowsIn,
                "out" => found?.RowsOut,
                "excluded" => found?.Excluded,
                "deduplicated" => found?.Deduplicated,
                _ => found?.DeadLettered,
            } ?? 0;
            if (rows != wanted)
            {
                yield return new TestDifference(count.Value.Span, string.Create(CultureInfo.InvariantCulture, $"stage {counts.Stage}: {count.Key} is {rows}, expected {wanted}"));
            }
        }
    }
}
