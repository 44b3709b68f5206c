using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Testing;

/// <summary>What a pipeline made of some rows.</summary>
/// <param name="Run">How the run went.</param>
/// <param name="Targets">What the loads hold afterwards.</param>
/// <param name="Letters">What was refused.</param>
internal sealed record Observation(TestedRun Run, IReadOnlyList<(LoadNode Load, IReadOnlyList<object?[]> Rows)> Targets, IReadOnlyList<(string Stage, string Rule, Schema Schema, object?[] Row)> Letters)
{
    /// <summary>Runs the pipeline on these rows, which are completed as those of a test.</summary>
    public static async Task<Observation> OfAsync(CompiledPipeline pipeline, IReadOnlyDictionary<string, IReadOnlyList<ExpectedRow>> given, CancellationToken cancel)
    {
        var sources = pipeline.Nodes.OfType<ExtractNode>().ToDictionary(n => n.Id, n => new GivenSource(n));
        var targets = pipeline.Nodes.OfType<LoadNode>().ToDictionary(n => n.Id, n => new TargetModel(n, []));
        foreach (var node in pipeline.Nodes.OfType<ExtractNode>())
        {
            sources[node.Id].Begin(new RowFiller(node.Schema.Arrow, [.. node.Schema.Keys.SelectMany(k => k)], TestReader.DefaultClock).Complete(given[node.Id], 1));
        }

        var folder = Directory.CreateTempSubdirectory("etl-test-");
        try
        {
            var run = await TestedRun.ExecuteAsync(pipeline, sources, targets, folder.FullName, PipelineTester.RunId, TestReader.DefaultClock, cancel);
            var letters = new List<(string, string, Schema, object?[])>();
            foreach (var stage in run.LetterStages)
            {
                var schema = TestBinder.LettersOf(pipeline.Nodes.OfType<SegmentNode>().Select(n => n.Segment).First(s => s.Verdicts.Any(v => v.Stage == stage && v.Fate == Fate.DeadLetter)));
                letters.AddRange((await run.LettersAsync(stage, schema, cancel)).Select(l => (stage, l.Rule, schema, l.Row)));
            }

            return new Observation(run, [.. pipeline.Nodes.OfType<LoadNode>().Select(n => (n, targets[n.Id].Rows))], letters);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Whether nothing was stopped or ended.</summary>
    public bool Passes(IReadOnlyList<TestedRule> rules) => Rank(rules) == int.MaxValue;

    /// <summary>Whether the rule is the one that stopped the row, or warns of it.</summary>
    public bool Breaks(TestedRule rule, IReadOnlyList<TestedRule> rules) =>
        IsBroken(rule) && (rule.Action == RefusalAction.Warn ? Passes(rules) : Rank(rules) == rules.ToList().IndexOf(rule));

    /// <summary>The index of the first rule that stopped a row; the greatest number when none did, -1 when the run failed without one.</summary>
    public int Rank(IReadOnlyList<TestedRule> rules)
    {
        var first = rules.ToList().FindIndex(r => r.Action != RefusalAction.Warn && IsBroken(r));
        return first >= 0 ? first : Run.Status == RunStatus.Failed ? -1 : int.MaxValue;
    }

    private bool IsBroken(TestedRule rule) => Run.Rules.Any(r => r.Stage == rule.Stage && r.Rule == rule.Rule && r.Outcome == RuleOutcome.Broken);
}
