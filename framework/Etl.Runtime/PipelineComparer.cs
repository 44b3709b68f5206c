using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Diff;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;

namespace Etl.Runtime;

/// <summary>Compiles the pipelines of two copies of a repository, both with today's plugins and without connecting, and compares them.</summary>
/// <param name="runner">Knows the plugins.</param>
/// <param name="redactor">Learns the secrets that are resolved.</param>
/// <param name="environment"><c>--env</c>; null for none.</param>
/// <param name="time">The clock.</param>
public sealed class PipelineComparer(PipelineRunner runner, Redactor redactor, string? environment, TimeProvider time)
{
    /// <summary>
    /// Files are relative to the roots. A pipeline of the new version that does not compile throws <see cref="InvalidPipelineException"/> with the
    /// problems of all; one of the old version is reported as not compared.
    /// </summary>
    public async Task<Comparison> CompareAsync(string oldRoot, IReadOnlyList<string> oldFiles, string newRoot, IReadOnlyList<string> newFiles, CancellationToken cancel)
    {
        var problems = new DiagnosticBag();
        var after = new List<PipelineVersion>();
        foreach (var file in newFiles)
        {
            after.AddRange(await CompileAsync(newRoot, newRoot, file, problems, cancel) is { } version ? [version] : []);
        }

        PipelineIds.RequireUnique(newFiles.Select(f => Path.Combine(newRoot, f)), problems);
        if (problems.HasErrors)
        {
            throw new InvalidPipelineException(problems.Sorted);
        }

        var before = new List<PipelineVersion>();
        foreach (var file in oldFiles)
        {
            var bag = new DiagnosticBag();
            before.Add(await CompileAsync(oldRoot, newRoot, file, bag, cancel) ?? new PipelineVersion(
                Path.GetFileNameWithoutExtension(file), file, [], [], bag.Sorted.First(d => d.Severity == Severity.Error) is var d ? $"{d.Code} {d.Message}" : null));
        }

        return Comparison.Of(before, after);
    }

    // Plugins and .env are those that are there now: neither is in the repository.
    private async Task<PipelineVersion?> CompileAsync(string root, string newRoot, string file, DiagnosticBag bag, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var path = Path.Combine(root, file);
        var project = ProjectReader.Read(path, environment, bag);
        var today = Path.Combine(newRoot, Path.GetRelativePath(root, project.Folder));
        if (root != newRoot && Directory.Exists(today))
        {
            project = ProjectReader.Read(path, environment, bag, EnvironmentVariables.Read(today, bag).Find);
        }

        var catalog = runner.Plugins(Directory.Exists(today) ? project with { Folder = today } : project);
        var now = time.GetUtcNow();
        var run = new RunContext("diff", DateOnly.FromDateTime(now.UtcDateTime), now, new Dictionary<string, string>());
        var factory = ComponentFactory.For(project, catalog, project.Settings.Memory, time);
        var definition = bag.HasErrors ? null : PipelineReader.Read(path, project, run, bag);
        await using var pipeline = definition is null ? null : await Compiler.CompileAsync(project, definition, factory, redactor, connects: false, bag);
        return pipeline is null ? null : PipelineVersion.Of(pipeline, root);
    }
}
