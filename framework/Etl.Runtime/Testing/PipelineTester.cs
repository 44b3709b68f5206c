using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>Runs the tests of a pipeline's file, without a server or a secret: only the sources and the targets are not the real ones.</summary>
public sealed class PipelineTester(Project project, ComponentFactory factory, Redactor redactor, TimeProvider time)
{
    /// <summary>All runs of tests have this id in <c>$run_id</c>.</summary>
    public const string RunId = "test";

    /// <summary>What is wrong with the tests of a pipeline that compiles.</summary>
    public static IReadOnlyList<Diagnostic> Check(CompiledPipeline pipeline) => TestBinder.Check(pipeline);

    /// <summary>Runs the tests whose names contain <paramref name="filter"/>; none runs when the pipeline or one of its tests is wrong.</summary>
    public async Task<TestFileResult> RunAsync(string file, string? filter, CancellationToken cancel)
    {
        var bag = new DiagnosticBag();
        if (YamlReader.ReadFile(file, "pipeline", bag) is not { } root)
        {
            return new TestFileResult(file, null, [], Errors(bag));
        }

        // What is wrong with the parameters themselves is told when the pipeline is read.
        var declared = ParamReader.Read(root["params"] as YamlMap, new DiagnosticBag());
        var tests = TestReader.Read(root["tests"], declared, bag);
        await using var compilations = new TestCompilations(file, root, project, factory, redactor, bag);
        var bound = new List<BoundTest>();
        string? id = null;
        foreach (var test in tests.Where(t => filter is null || t.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)))
        {
            if (await compilations.OfAsync(test.Runs[0]) is { } pipeline)
            {
                id = pipeline.Definition.Id;
                bound.Add(new TestBinder(pipeline, bag).Bind(test));
            }

            foreach (var run in test.Runs.Skip(1))
            {
                await compilations.OfAsync(run);
            }
        }

        if (bag.HasErrors)
        {
            return new TestFileResult(file, id, [], Errors(bag));
        }

        var results = new List<TestResult>();
        foreach (var test in bound)
        {
            results.Add(await RunAsync(test, compilations, cancel));
        }

        return new TestFileResult(file, id, results, []);
    }

    /// <summary>Tests at the edges of the pipeline's types and rules, as a <c>tests:</c> block; throws <see cref="InvalidPipelineException"/>.</summary>
    public async Task<string> ProposeAsync(string file, IReadOnlyDictionary<string, string> parameters, CancellationToken cancel)
    {
        var bag = new DiagnosticBag();
        var root = YamlReader.ReadFile(file, "pipeline", bag) ?? throw new InvalidPipelineException(bag.Sorted);
        await using var compilations = new TestCompilations(file, root, project, factory, redactor, bag);
        var pipeline = await compilations.OfAsync(TestReader.DefaultClock, null, parameters);
        return pipeline is null || bag.HasErrors ? throw new InvalidPipelineException(bag.Sorted) : await new TestProposer(pipeline, parameters).ProposeAsync(cancel);
    }

    // Warnings are for `etl validate`, and some of them (a password that is not set) mean nothing here.
    private static IReadOnlyList<Diagnostic> Errors(DiagnosticBag bag) => [.. bag.Sorted.Where(d => d.Severity == Severity.Error)];

    private async Task<TestResult> RunAsync(BoundTest test, TestCompilations compilations, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        var folder = Directory.CreateTempSubdirectory("etl-test-");
        try
        {
            var first = (await compilations.OfAsync(test.Test.Runs[0]))!;
            var sources = first.Nodes.OfType<ExtractNode>().ToDictionary(n => n.Id, n => new GivenSource(n));
            var targets = first.Nodes.OfType<LoadNode>().ToDictionary(n => n.Id, n => new TargetModel(n, test.Existing.GetValueOrDefault(n.Id, [])));
            var differences = new List<TestDifference>();
            for (var i = 0; i < test.Runs.Count && differences.Count == 0; i++)
            {
                var run = test.Runs[i];
                foreach (var (stage, source) in sources)
                {
                    source.Begin(run.Given.GetValueOrDefault(stage));
                }

                var pipeline = (await compilations.OfAsync(run.Run))!;
                var executed = await TestedRun.ExecuteAsync(pipeline, sources, targets, folder.FullName, $"{RunId}-{i + 1}", run.Run.Clock, cancel);
                var found = await new RunComparison(run, executed, pipeline).CompareAsync(targets, cancel);
                differences.AddRange(i == 0 ? found : found.Select(d => d with { Message = $"after `then`: {d.Message}" }));
            }

            return new TestResult(test.Test, time.GetElapsedTime(started), differences);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
