using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Documentation;
using Etl.Runtime.Plugins;
using Etl.Runtime.Testing;

namespace Etl.Runtime;

/// <summary>Compiles all pipelines of a project, without connecting, and keeps the pages of its data dictionary.</summary>
/// <param name="runner">Knows the plugins.</param>
/// <param name="redactor">Learns the secrets that are resolved, and takes them out of pages.</param>
/// <param name="time">The clock.</param>
public sealed class PipelineDocumenter(PipelineRunner runner, Redactor redactor, TimeProvider time)
{
    // Pages are the same on each day.
    private static readonly DateTimeOffset NoDay = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>
    /// Compares a folder of pages with what the project says, and makes it so unless it is only to be <paramref name="checked"/>. Throws
    /// <see cref="InvalidPipelineException"/> with the problems of all pipelines; ETL6040: there is no pipeline.
    /// </summary>
    /// <param name="project">Whose pipelines these are.</param>
    /// <param name="files">The pipelines.</param>
    /// <param name="folder">Of the pages, absolute.</param>
    /// <param name="shown">The folder as a person named it.</param>
    /// <param name="checked">Nothing is written.</param>
    /// <param name="cancel">Ends it between two pipelines.</param>
    public async Task<DocumentedProject> DocumentAsync(Project project, IReadOnlyList<string> files, string folder, string shown, bool @checked, CancellationToken cancel)
    {
        if (files.Count == 0)
        {
            throw new EtlException("ETL6040", $"no pipeline belongs to the project in {project.Folder}", "A project is a folder with etl.yaml, and what is below it down to the next one: name the project's folder.");
        }

        var compiled = new List<CompiledPipeline>();
        try
        {
            var bag = new DiagnosticBag(project.Settings.Checks);
            foreach (var file in files)
            {
                cancel.ThrowIfCancellationRequested();
                await CompileAsync(project, file, compiled, bag);
            }

            PipelineIds.RequireUnique(files, bag);

            if (bag.HasErrors)
            {
                throw new InvalidPipelineException(bag.Sorted);
            }

            var dictionary = new DataDictionary(project, compiled.Select(Documented));
            var pages = ProjectPages.Of(dictionary, folder).ToDictionary(p => p.Key, p => redactor.Redact(p.Value));
            var kept = new PageFolder(folder, shown);
            var changes = kept.Compare(pages);
            return new DocumentedProject(shown, pages.Count, @checked ? changes : kept.Apply(pages, changes));
        }
        finally
        {
            foreach (var pipeline in compiled)
            {
                await pipeline.DisposeAsync();
            }
        }
    }

    private async Task CompileAsync(Project project, string file, List<CompiledPipeline> compiled, DiagnosticBag bag)
    {
        var run = new RunContext("docs", DateOnly.FromDateTime(NoDay.UtcDateTime), NoDay, new Dictionary<string, string>());
        var definition = PipelineReader.Read(file, project, run, bag);
        if (definition is not null && await Compiler.CompileAsync(project, definition, Factory(project), redactor, connects: false, bag) is { } pipeline)
        {
            compiled.Add(pipeline);
            foreach (var problem in PipelineTester.Check(pipeline))
            {
                bag.Add(problem);
            }
        }
    }

    private DocumentedPipeline Documented(CompiledPipeline pipeline)
    {
        var definition = pipeline.Definition;
        var catalog = runner.Plugins(pipeline.Project);
        return new DocumentedPipeline(
            PipelineLineage.Of(pipeline),
            [.. TestReader.Read(definition.Tests, definition.Params, new DiagnosticBag()).Select(t => t.Name)],
            definition.Stages.ToDictionary(s => s.Id, s => catalog.Find(
                s.Kind switch { StageKind.Extract => ComponentKind.Extractor, StageKind.Load => ComponentKind.Loader, _ => ComponentKind.Transformer },
                s.Component, s.Connection is null ? null : pipeline.Project.Connections[s.Connection].Type)?.Summary ?? ""));
    }

    private ComponentFactory Factory(Project project) => new(runner.Plugins(project), new PluginContext(project.Folder, project.StateFolder, project.Settings.Memory.Bytes, time));
}

/// <summary>A project's pages.</summary>
/// <param name="Folder">Where they are, as a person named it.</param>
/// <param name="Pages">How many there are.</param>
/// <param name="Changes">Those that were not as the project says, by path.</param>
public sealed record DocumentedProject(string Folder, int Pages, IReadOnlyList<PageChange> Changes);
