using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>
/// A pipeline compiled for runs of tests. Its parameters and its date are part of a plan, so runs that share them share the plan. What is
/// wrong goes to the bag, once.
/// </summary>
internal sealed class TestCompilations(string file, YamlMap root, Project project, ComponentFactory factory, Redactor redactor, DiagnosticBag bag) : IAsyncDisposable
{
    private readonly Dictionary<string, CompiledPipeline?> _compiled = [];

    /// <summary>The plan of a run; null when the bag was told why there is none.</summary>
    public async ValueTask<CompiledPipeline?> OfAsync(DateTimeOffset clock, DateOnly? date, IReadOnlyDictionary<string, string> parameters)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(project.Settings.TimeZone);
        var day = date ?? DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(clock, zone).DateTime);
        var key = $"{clock:O} {day:O} {string.Join(' ', parameters.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}"))}";
        if (!_compiled.TryGetValue(key, out var compiled))
        {
            var definition = PipelineReader.Read(file, root, project, new RunContext(PipelineTester.RunId, day, clock, parameters), bag);
            compiled = definition is null ? null : await CompileAsync(definition);
            _compiled.Add(key, compiled);
        }

        return compiled;
    }

    /// <inheritdoc cref="OfAsync(DateTimeOffset, DateOnly?, IReadOnlyDictionary{string, string})"/>
    public ValueTask<CompiledPipeline?> OfAsync(TestRun run) => OfAsync(run.Clock, run.Date, run.Params);

    public async ValueTask DisposeAsync()
    {
        foreach (var pipeline in _compiled.Values.OfType<CompiledPipeline>())
        {
            await pipeline.DisposeAsync();
        }
    }

    // The compiler gives nothing for a bag with errors, whosever they are; so it gets one of its own.
    private async ValueTask<CompiledPipeline?> CompileAsync(PipelineDefinition definition)
    {
        var own = new DiagnosticBag(project.Settings.Checks);
        var compiled = await Compiler.CompileAsync(project, definition, factory, redactor, connects: false, own);
        foreach (var diagnostic in own.Sorted)
        {
            bag.Add(diagnostic);
        }

        return compiled;
    }
}
