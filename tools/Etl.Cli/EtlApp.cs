using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime;
using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Diff;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Compilation.Online;
using Etl.Runtime.Compilation.Sealing;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Options;
using Etl.Runtime.Plugins;
using Etl.Runtime.Reports;
using Etl.Runtime.Scaffolding;
using Etl.Runtime.Telemetry;
using Etl.Runtime.Testing;

namespace Etl.Cli;

/// <summary>The framework behind the commands.</summary>
internal sealed partial class EtlApp(TimeProvider time) : IEtlApp
{
    private readonly Redactor _redactor = new();
    private PipelineRunner? _runner;

    public string Redact(string text) => _redactor.Redact(text);

    public async Task<RunReport> RunAsync(RunRequest request, IProgress<RunProgress> progress, JsonLog log, CancellationToken cancel)
    {
        var plan = request.Plan is null ? null : SealedPlan.Read(request.Plan);
        var environment = EnvironmentOf(plan is null || request.EnvironmentIsGiven ? request.Scope : request.Scope with { Environment = plan.Environment });
        return await Guarded(() => Runner(request.Scope).RunAsync(
            new PipelineRunRequest(request.Pipeline is { } pipeline ? Find(pipeline) : FileOf(plan!, environment))
            {
                Environment = environment,
                Params = plan is null ? request.Parameters : plan.ParametersUnder(request.Parameters),
                Date = request.Date ?? plan?.Inputs.Date,
                Plan = plan,
                FullRefresh = request.FullRefresh,
                Replay = request.Replay,
                Reconcile = request.Reconcile,
                Backfill = request.From is null ? null : new BackfillRange(request.From, request.To!),
                Accepted = request.AcceptedRules.ToHashSet(),
                AcceptedReason = request.AcceptReason,
                Wait = request.Wait,
                Profile = request.Profile,
                Memory = request.Memory,
                Redactor = _redactor,
                Log = log,
                Progress = progress.Report,
                Warn = warnings =>
                {
                    foreach (var warning in warnings)
                    {
                        log.Warn("{warning}", ("warning", warning.ToString()));
                    }
                },
            },
            cancel));
    }

    public async Task<ValidationResult> ValidateAsync(Scope scope, IReadOnlyList<string> paths, CancellationToken cancel)
    {
        var files = paths.SelectMany(PipelineFiles).Distinct().ToList();
        var found = new List<Diagnostic>[files.Count];
        var projects = new ConcurrentDictionary<string, Lazy<Project>>(StringComparer.Ordinal);
        Lazy<Project> ProjectOf(string file) => projects.GetOrAdd(ProjectReader.FolderOf(file), folder => new(() => PipelineRunner.OpenProject(folder, EnvironmentOf(scope))));

        // A pipeline compiles on its own; that its problems come in the files' order, the project and that their ids differ is all that they have in common. One alone does without what Parallel has .NET compile at the start: some fifty methods.
        if (files.Count == 1)
        {
            found[0] = await ProblemsAsync(scope, files[0], ProjectOf(files[0]));
            cancel.ThrowIfCancellationRequested();
        }
        else
        {
            await Parallel.ForAsync(0, files.Count, cancel, async (i, _) => found[i] = await ProblemsAsync(scope, files[i], ProjectOf(files[i])));
        }

        var common = new DiagnosticBag();
        PipelineIds.RequireUnique(files.Count > 1 ? files : [], common);
        return new ValidationResult(files, [.. found.SelectMany(d => d).Concat(common.Sorted).Distinct()]);
    }

    private async ValueTask<List<Diagnostic>> ProblemsAsync(Scope scope, string file, Lazy<Project> project)
    {
        var found = new List<Diagnostic>();
        try
        {
            await using var compiled = await CompileAsync(scope, file, new Dictionary<string, string>(), null, found.AddRange, project: project.Value);
            found.AddRange(PipelineTester.Check(compiled));
        }
        catch (InvalidPipelineException e)
        {
            found.AddRange(e.Diagnostics);
        }

        return found;
    }

    public Task<IReadOnlyList<TestFileResult>> TestAsync(Scope scope, IReadOnlyList<string> paths, string? filter, CancellationToken cancel) => Guarded(async () =>
    {
        var results = new List<TestFileResult>();
        foreach (var file in paths.SelectMany(PipelineFiles).Distinct())
        {
            var project = PipelineRunner.OpenProject(file, EnvironmentOf(scope));
            results.Add(await new PipelineTester(project, Factory(scope, project), _redactor, time).RunAsync(file, filter, cancel));
        }

        return (IReadOnlyList<TestFileResult>)results;
    });

    public Task<string> ProposeTestsAsync(Scope scope, string pipeline, IReadOnlyDictionary<string, string> parameters, CancellationToken cancel) => Guarded(() =>
    {
        var file = Find(pipeline);
        var project = PipelineRunner.OpenProject(file, EnvironmentOf(scope));
        return new PipelineTester(project, Factory(scope, project), _redactor, time).ProposeAsync(file, parameters, cancel);
    });

    public async Task<PlanDescription> PlanAsync(PlanRequest request, CancellationToken cancel)
    {
        var warnings = new List<Diagnostic>();
        await using var compiled = await Guarded(() => CompileAsync(request.Scope, Find(request.Pipeline), request.Parameters, request.Date, warnings.AddRange, connects: request.Online));
        cancel.ThrowIfCancellationRequested();
        var live = request.Online ? await Runner(request.Scope).CompareLiveAsync(compiled, _redactor, cancel) : null;
        return new PlanDescription(
            PlanText.Render(compiled) + (live is null ? "" : "\n" + LiveComparisonText.Render(live)),
            request.Sealed ? SealedPlan.Write(compiled, Runner(request.Scope).Plugins(compiled.Project), request.Date, _redactor, live is null ? null : LiveComparisonText.Json(live)) : null,
            warnings,
            live);
    }

    public Task<string> LineageAsync(Scope scope, IReadOnlyList<string> pipelines, string format, string? column, bool downstream, CancellationToken cancel) => Guarded(async () =>
    {
        var lineages = new List<PipelineLineage>();
        foreach (var file in pipelines.SelectMany(p => PipelineFiles(Directory.Exists(p) ? p : Find(p))))
        {
            await using var compiled = await CompileAsync(scope, file, new Dictionary<string, string>(), null, _ => { });
            lineages.Add(PipelineLineage.Of(compiled));
        }

        return format switch
        {
            "json" => JsonOutput.Write(LineageJson.Render(lineages)) + "\n",
            "mermaid" => LineageMermaid.Render(lineages),
            "openlineage" => string.Concat(LineageOpenLineage.Render(lineages, time.GetUtcNow()).Select(e => e.ToJsonString() + "\n")),
            _ => string.Join("\n", lineages.Select(l => downstream ? LineageText.RenderDownstream(l, column!) : LineageText.Render(l, column))),
        };
    });

    public Task<Comparison> DiffAsync(Scope scope, string reference, IReadOnlyList<string> paths, CancellationToken cancel) => Guarded(async () =>
    {
        var start = Path.GetFullPath(paths is [var first, ..] ? first : ".");
        var root = await GitRevision.RootAsync(Directory.Exists(start) ? start : Path.GetDirectoryName(start)!, cancel);
        using var revision = await GitRevision.CheckOutAsync(root, reference, cancel);
        var within = paths.Count == 0 ? ["."] : paths.Select(p => Path.GetRelativePath(root, Path.GetFullPath(p))).ToList();
        return await new PipelineComparer(Runner(scope), _redactor, EnvironmentOf(scope), time).CompareAsync(
            revision.Folder, FilesOf(revision.Folder), root, FilesOf(root), cancel);

        List<string> FilesOf(string folder) =>
            [.. within.Select(p => Path.Combine(folder, p)).Where(p => Path.Exists(p)).SelectMany(PipelineFiles).Select(f => Path.GetRelativePath(folder, Path.GetFullPath(f)).Replace('\\', '/')).Distinct()];
    });

    public Task<DocumentedProject> DocumentAsync(Scope scope, string path, string? folder, bool @checked, CancellationToken cancel) => Guarded(() =>
    {
        if (!Path.Exists(path))
        {
            throw new EtlException("ETL6040", $"there is no folder '{path}'", "Name the folder of a project.");
        }

        var project = PipelineRunner.OpenProject(path, EnvironmentOf(scope));
        var files = PipelineFiles(project.Folder).Where(f => ProjectReader.FolderOf(f) == project.Folder).ToList();
        var pages = Path.GetFullPath(folder ?? Path.Combine(project.Folder, "docs", "dictionary"));
        return new PipelineDocumenter(Runner(scope), _redactor, time).DocumentAsync(project, files, pages, Path.GetRelativePath(Environment.CurrentDirectory, pages).Replace('\\', '/'), @checked, cancel);
    });

    public Task<DiagnosticPage?> ExplainAsync(Scope scope, string code, CancellationToken cancel) =>
        Task.FromResult(DiagnosticCatalog.Find(code));

    public Task<LockedPlugins> LockPluginsAsync(Scope scope, CancellationToken cancel) => Guarded(async () =>
    {
        var project = PipelineRunner.OpenProject(Environment.CurrentDirectory, EnvironmentOf(scope));
        // Without the lock that may be there: it is what is made anew. What cannot be a plugin is refused all the same.
        using var catalog = PluginCatalog.Scan(Runner(scope).AddedPluginFolders(project));
        var path = Path.Combine(project.Folder, PluginLock.FileName);
        await File.WriteAllTextAsync(path, PluginLock.Write(catalog.Folders), cancel);
        return new LockedPlugins(Path.GetRelativePath(Environment.CurrentDirectory, path), [.. catalog.Folders.Select(f => Path.GetFileName(f)!)]);
    });

    public Task<IReadOnlyList<ComponentSummary>> ListComponentsAsync(Scope scope, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<ComponentSummary>>([.. Factory(scope, null).Catalog.Components.Select(Summary)]);

    public Task<IReadOnlyList<ComponentDetails>> DescribeComponentsAsync(Scope scope, string name, CancellationToken cancel)
    {
        var factory = Factory(scope, null);
        return Task.FromResult<IReadOnlyList<ComponentDetails>>([.. factory.Catalog.Components.Where(c => c.Name == name)
            .Select(c => new ComponentDetails(Summary(c), [.. Options(factory.OptionsType(c), "")]))]);
    }

    public Task<IReadOnlyList<RunSummary>> ListRunsAsync(Scope scope, RunFilter filter, CancellationToken cancel) =>
        WithLedgerAsync(scope, Environment.CurrentDirectory, ledger => ledger.ListAsync(filter, cancel));

    public Task<RunRecord?> ShowRunAsync(Scope scope, string id, CancellationToken cancel) =>
        WithLedgerAsync(scope, Environment.CurrentDirectory, ledger => ledger.ShowAsync(id, cancel));

    public async Task<IReadOnlyList<DeadLetterSummary>> ListDeadLettersAsync(Scope scope, string pipeline, CancellationToken cancel)
    {
        await using var compiled = await ConnectedAsync(scope, pipeline);
        return [.. (await LettersAsync(compiled, cancel)).Select(f => new DeadLetterSummary(
            f.File.Stage,
            f.File.Connection is null ? f.File.Path : $"{f.File.Connection}:{f.File.Path}",
            f.File.Rows,
            f.Epoch.RunId,
            f.Epoch.CommittedAt,
            f.Open,
            f.RowsIn(DeadLetterState.Replayed),
            f.RowsIn(DeadLetterState.Superseded),
            f.RowsIn(DeadLetterState.Discarded)))];
    }

    public async Task<IReadOnlyList<DeadLetterRow>> ShowDeadLettersAsync(Scope scope, DeadLetterFilter filter, CancellationToken cancel)
    {
        await using var compiled = await ConnectedAsync(scope, filter.Pipeline);
        var rows = new List<DeadLetterRow>();
        var selection = new LetterSelection(filter.RunId, filter.Stage, filter.Rule);
        foreach (var letters in (await LettersAsync(compiled, cancel)).Where(selection.Fits))
        {
            if (rows.Count >= filter.Limit)
            {
                break;
            }

            rows.AddRange((await DeadLetterReader.ReadAsync(compiled, letters, filter.Rule, filter.Limit - rows.Count, cancel))
                .Select(l => new DeadLetterRow(l.Stage, l.Rule, l.Reason, l.Row)));
        }

        return rows;
    }

    public Task<IReadOnlyList<StateEdit>> DiscardDeadLettersAsync(Scope scope, string pipeline, LetterSelection selection, string reason, CancellationToken cancel) =>
        EditAsync(scope, pipeline, editor => editor.DiscardAsync(selection, reason, cancel));

    public Task<StateEdit> ResetStateAsync(Scope scope, string pipeline, string stage, long? toEpoch, CancellationToken cancel) =>
        EditAsync(scope, pipeline, editor => editor.ResetAsync(stage, toEpoch, cancel));

    public Task<IReadOnlyList<OfStage<LakeInspection>>> VerifyLakeAsync(Scope scope, string pipeline, string? stage, bool deep, CancellationToken cancel) =>
        WithLakesAsync(scope, pipeline, stage, lake => lake.VerifyAsync(deep, cancel));

    public Task<IReadOnlyList<OfStage<LakeClearance>>> VacuumLakeAsync(Scope scope, string pipeline, string? stage, TimeSpan retention, bool dryRun, CancellationToken cancel) =>
        WithLakesAsync(scope, pipeline, stage, lake => lake.VacuumAsync(retention, dryRun, cancel));

    public Task<IReadOnlyList<OfStage<LakeCompaction>>> CompactLakeAsync(Scope scope, string pipeline, string? stage, bool dryRun, bool alone, CancellationToken cancel) =>
        WithLakesAsync(scope, pipeline, stage, lake => lake.CompactAsync(new(dryRun, alone, FailPoints.Current.Hit), cancel));

    public Task<StateEdit> MoveStateAsync(Scope scope, string pipeline, string stage, string? oldPipeline, string? oldStage, CancellationToken cancel) =>
        EditAsync(scope, pipeline, editor => editor.MoveAsync(stage, oldPipeline, oldStage, cancel));

    public Task<IReadOnlyList<WrittenFile>> ImportContractsAsync(Scope scope, ImportRequest request, CancellationToken cancel) => Guarded(async () =>
        Written(await Scaffold(scope).ContractsAsync(request.Connection, request.Tables, request.Folder, request.Overwrite, cancel)));

    public Task<IReadOnlyList<WrittenFile>> NewPipelinesAsync(Scope scope, NewRequest request, CancellationToken cancel) => Guarded(async () =>
        Written(await Scaffold(scope).PipelinesAsync(request.Connection, request.Tables, request.To, request.Folder, request.Overwrite, cancel)));

    public Task<string> ExecuteAsync(Scope scope, string connection, string file, CancellationToken cancel) => Guarded(async () =>
    {
        var sql = File.Exists(file) ? await File.ReadAllTextAsync(file, cancel) : throw new EtlException("ETL4608", $"there is no file '{file}'", "Give the path of an SQL script.");
        var project = PipelineRunner.OpenProject(file, EnvironmentOf(scope));
        await using var opened = ConnectionPool.OpenOne(project, Factory(scope, project), _redactor, connection);
        var runner = opened as IScriptRunner ?? throw new EtlException("ETL4609", $"connection '{connection}' runs no SQL scripts");
        await runner.ExecuteScriptAsync(sql, cancel);
        return opened.Display;
    });

    public async Task<IReadOnlyList<TargetState>> ShowStateAsync(Scope scope, string pipeline, CancellationToken cancel)
    {
        await using var compiled = await ConnectedAsync(scope, pipeline);
        var states = new List<TargetState>();
        foreach (var load in compiled.Nodes.OfType<LoadNode>())
        {
            var checkpoint = await load.Loader.ReadCheckpointAsync(compiled.KeyOf(load), cancel);
            var summary = checkpoint is null ? null : checkpoint.Sources.Count == 0 ? "the next run reads everything" : $"the next run reads what is beyond {CheckpointText.Describe(checkpoint, compiled.Hidden)}";
            states.Add(new TargetState(load.Id, load.Plan.Target, Shown(checkpoint, compiled.Hidden), summary));
        }

        return states;
    }

    // The target keeps the position as it is; what is shown of it has no hidden value.
    private static Checkpoint? Shown(Checkpoint? checkpoint, HiddenColumns hidden) => checkpoint is null || !hidden.Any ? checkpoint : checkpoint with
    {
        Sources = checkpoint.Sources.ToDictionary(s => s.Key, s => hidden.HidesPosition(s.Key) ? s.Value with { Position = new JsonObject { ["hidden"] = Redactor.Mask } } : s.Value),
    };

    public ValueTask DisposeAsync()
    {
        _runner?.Dispose();
        return default;
    }

    // Environments have their own connections only when one is named.
    private static string? EnvironmentOf(Scope scope) => scope.Environment == Project.DefaultEnvironment ? null : scope.Environment;

    // One for the command, so that plugins are loaded once however many pipelines there are.
    private PipelineRunner Runner(Scope scope) => LazyInitializer.EnsureInitialized(ref _runner, () => new(scope.PluginFolders, time));

    private ComponentFactory Factory(Scope scope, Project? project)
    {
        var catalog = Runner(scope).Plugins(project);
        var here = Environment.CurrentDirectory;
        return project is not null
            ? ComponentFactory.For(project, catalog, project.Settings.Memory, time)
            : new ComponentFactory(catalog, new PluginContext(here, Path.Combine(here, ".etl"), new ProjectSettings().Memory.Bytes, time));
    }

    private Task<CompiledPipeline> CompileAsync(Scope scope, string file, IReadOnlyDictionary<string, string> parameters, DateOnly? date, Action<IReadOnlyList<Diagnostic>> warn, bool connects = false, Project? project = null)
    {
        var request = new PipelineRunRequest(file) { Environment = EnvironmentOf(scope), Params = parameters, Date = date, Warn = warn, Redactor = _redactor, Connects = connects };
        return Runner(scope).CompileAsync(request, project);
    }

    private Scaffold Scaffold(Scope scope)
    {
        var project = PipelineRunner.OpenProject(Environment.CurrentDirectory, EnvironmentOf(scope));
        return new Scaffold(project, Factory(scope, project));
    }

    private static async Task<T> Guarded<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (InvalidPipelineException e)
        {
            throw new DiagnosticsException(e.Diagnostics);
        }
    }

    private static IReadOnlyList<WrittenFile> Written(IReadOnlyList<ScaffoldedFile> files) =>
        [.. files.Select(f => new WrittenFile(Path.GetRelativePath(Environment.CurrentDirectory, f.Path), f.Written, f.Note))];

    private Task<T> WithLedgerAsync<T>(Scope scope, string path, Func<ILedger, Task<T>> work) => Guarded(async () =>
    {
        var project = PipelineRunner.OpenProject(path, EnvironmentOf(scope));
        var (ledger, connection) = PipelineRunner.OpenLedger(project, Factory(scope, project), _redactor);
        await using var ledgerOwner = ledger;
        await using var connectionOwner = connection;
        return await work(ledger);
    });

    private Task<CompiledPipeline> ConnectedAsync(Scope scope, string pipeline) =>
        Guarded(() => CompileAsync(scope, Find(pipeline), new Dictionary<string, string>(), null, _ => { }, connects: true));

    private async Task<IReadOnlyList<OfStage<T>>> WithLakesAsync<T>(Scope scope, string pipeline, string? stage, Func<ILakeMaintenance, ValueTask<T>> work)
    {
        await using var compiled = await ConnectedAsync(scope, pipeline);
        var lakes = (stage is null ? compiled.Nodes.OfType<LoadNode>() : [compiled.RequireLoad(stage)])
            .Select(load => (load.Id, Lake: load.Loader as ILakeMaintenance)).Where(load => load.Lake is not null).ToList();
        // Where none has a log, the first says why that is needed.
        var logged = lakes.Where(load => load.Lake!.HasLog).ToList();
        var results = new List<OfStage<T>>();
        foreach (var (id, lake) in logged.Count > 0 ? logged : lakes)
        {
            results.Add(new(id, await work(lake!)));
        }

        return results.Count > 0 ? results
            : throw new EtlException("ETL4566", stage is null ? $"the pipeline '{compiled.Definition.Id}' loads no lake" : $"'{stage}' loads no lake", "A lake is what `load: parquet` writes: files in an object store, with a log.");
    }

    private Task<T> EditAsync<T>(Scope scope, string pipeline, Func<StateEditor, Task<T>> edit) => Guarded(() => Runner(scope).EditStateAsync(
        new PipelineRunRequest(Find(pipeline)) { Environment = EnvironmentOf(scope), Redactor = _redactor }, edit));

    // The newest first; a file that several targets list is told by the one that has most of it open.
    private static async Task<IReadOnlyList<LetterFile>> LettersAsync(CompiledPipeline pipeline, CancellationToken cancel)
    {
        var files = await LetterLog.ReadAsync(pipeline, cancel);
        return [.. files.GroupBy(f => (f.File.Connection, f.File.Path)).Select(g => g.MaxBy(f => f.Open)!)
            .OrderByDescending(f => f.Epoch.CommittedAt).ThenBy(f => f.File.Stage, StringComparer.Ordinal)];
    }

    // As a person would give it: a plan names it from the folder of its project.
    private static string FileOf(SealedPlan plan, string? environment) =>
        Path.GetRelativePath(Environment.CurrentDirectory, Path.Combine(PipelineRunner.OpenProject(Environment.CurrentDirectory, environment).Folder, plan.File));

    private static string Find(string pipeline) =>
        File.Exists(pipeline) || pipeline.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || pipeline.EndsWith(".yml", StringComparison.OrdinalIgnoreCase)
            ? pipeline
            : Directory.EnumerateFiles(Environment.CurrentDirectory, pipeline + ".yaml", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 4 }).Order(StringComparer.Ordinal).FirstOrDefault()
                ?? throw new EtlException("ETL4607", $"there is no pipeline '{pipeline}'", "Give the path of its file.");

    private static IEnumerable<string> PipelineFiles(string path) => !Directory.Exists(path)
        ? [path]
        : Directory.EnumerateFiles(path, "*.y*ml", SearchOption.AllDirectories)
            .Where(f => !$"{Path.DirectorySeparatorChar}{Path.GetRelativePath(path, f)}".Contains($"{Path.DirectorySeparatorChar}.", StringComparison.Ordinal) && File.ReadLines(f).Any(l => l.StartsWith("pipeline:", StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal);

    private static string KindOf(ComponentKind kind) => kind switch
    {
        ComponentKind.Extractor => "extract", ComponentKind.Transformer => "transform", ComponentKind.Loader => "load", ComponentKind.Notifier => "notify", _ => "connection",
    };

    private static ComponentSummary Summary(ComponentDescriptor c) => new(KindOf(c.Kind), c.Name, c.For, c.Summary, c.Plugin);

    private static IEnumerable<OptionLine> Options(Type? type, string prefix)
    {
        foreach (var option in type is null ? [] : OptionSet.For(type).Options)
        {
            yield return new OptionLine(prefix + option.Name, option.Type.Display, option.Required, option.DefaultText, option.Attribute.Description, option.Attribute.Example);
            if (option.Type.Kind == OptionKind.Record)
            {
                foreach (var inner in Options(option.Type.Clr, $"{prefix}{option.Name}."))
                {
                    yield return inner;
                }
            }
        }
    }
}
