using System.Text.Json;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Online;
using Etl.Runtime.Compilation.Sealing;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Plugins;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;
using Etl.Runtime.Telemetry;
using Etl.Runtime.Yaml;

namespace Etl.Runtime;

/// <summary>The whole story: find the project, read the pipeline, compile it, execute it, report.</summary>
/// <param name="pluginFolders">Of the command line, searched first.</param>
/// <param name="time">The clock.</param>
public sealed class PipelineRunner(IReadOnlyList<string> pluginFolders, TimeProvider time) : IDisposable
{
    // How far back to look for runs that were killed.
    private const int MostGoneRuns = 100;

    private readonly Dictionary<string, PluginCatalog> _catalogs = new(StringComparer.Ordinal);

    /// <summary>Plugins that several runners of this process share, disposed by who scanned them; null: this one loads its own.</summary>
    internal PluginCatalog? Shared { get; init; }

    /// <summary>
    /// Runs a pipeline and reports how it ended, whatever happened once it was compiled. Throws <see cref="InvalidPipelineException"/> for a pipeline that does
    /// not compile: then nothing was connected.
    /// </summary>
    /// <remarks>
    /// A run that is told to stop and does not hear (ETL4313) is reported all the same. What it holds is let go when it ends, if it ever does; its caller ends the process.
    /// </remarks>
    public async Task<RunReport> RunAsync(PipelineRunRequest request, CancellationToken cancel)
    {
        var hung = new TaskCompletionSource<RunReport>(TaskCreationOptions.RunContinuationsAsynchronously);
        return await await Task.WhenAny(RunAsync(request, hung, cancel), hung.Task);
    }

    private async Task<RunReport> RunAsync(PipelineRunRequest request, TaskCompletionSource<RunReport> hung, CancellationToken cancel)
    {
        var run = NewRun(request);
        var project = OpenProject(request.File, request.Environment, ref run, request.Date);
        var catalog = Plugins(project);
        var memory = request.Memory ?? project.Settings.Memory;
        var planned = request.Plan is null ? null : new PlanComparison(request.Plan, project, request.File, request.Date, catalog, request.Redactor);
        await using var pipeline = await CompileAsync(request.File, project, run, catalog, memory, request, planned);
        planned?.RequireSame(pipeline);
        request.FailPoints.Hit("compiled");
        using var temporary = TemporaryFolder.Hold(project.StateFolder);
        var factory = ComponentFactory.For(project, catalog, memory, time);
        var (ledger, connection) = OpenLedger(project, factory, request.Redactor);
        await using var ledgerOwner = ledger;
        await using var connectionOwner = connection;
        await ledger.StartAsync(new RunStart(run.Id, pipeline.Definition.Id, project.Environment, run.StartedAt, request.Process), cancel);
        request.FailPoints.Hit("ledger.started");

        var (report, work) = await ExecuteAsync(pipeline, new Evolution(factory, request.Redactor), run, request, memory, await GoneRunsAsync(ledger, pipeline, run.Id, cancel), cancel);
        request.FailPoints.Hit("run.ended");
        await ledger.FinishAsync(report, CancellationToken.None);
        if (!work.IsCompleted)
        {
            hung.SetResult(report);
            await Task.WhenAny(work);
        }

        return report;
    }

    /// <summary>Lets a person's decision about the targets' state take place. Throws <see cref="InvalidPipelineException"/> for a pipeline that does not compile.</summary>
    public async Task<T> EditStateAsync<T>(PipelineRunRequest request, Func<StateEditor, Task<T>> edit)
    {
        await using var pipeline = await CompileAsync(request);
        using var temporary = TemporaryFolder.Hold(pipeline.Project.StateFolder);
        return await edit(new StateEditor(pipeline, new RunSettings { RunId = NewRun(request).Id, Memory = pipeline.Project.Settings.Memory, Time = time, Wait = request.Wait, Log = request.Log }));
    }

    /// <summary>Compiles without connecting; throws <see cref="InvalidPipelineException"/> with all problems.</summary>
    /// <param name="request">What to compile.</param>
    /// <param name="opened">The pipeline's project, for a caller that compiles several of it; null: it is opened.</param>
    public async Task<CompiledPipeline> CompileAsync(PipelineRunRequest request, Project? opened = null)
    {
        var run = NewRun(request);
        var project = OpenProject(request.File, request.Environment, ref run, request.Date, opened);
        return await CompileAsync(request.File, project, run, Plugins(project), project.Settings.Memory, request);
    }

    /// <summary>Compares a compiled pipeline with what is there now, as a run would find it. Reads no row, changes nothing.</summary>
    public async Task<LiveComparison> CompareLiveAsync(CompiledPipeline pipeline, Redactor redactor, CancellationToken cancel)
    {
        var project = pipeline.Project;
        var factory = ComponentFactory.For(project, Plugins(project), project.Settings.Memory, time);
        var refused = new Dictionary<string, EtlException>();
        CompiledPipeline? evolved = null;
        try
        {
            evolved = (await new Evolution(factory, redactor).OfAsync(pipeline, new StageActivity(), cancel))?.Pipeline;
        }
        catch (Exception e) when (!cancel.IsCancellationRequested && e.Data[Round.StageOf] is string stage)
        {
            // A source that cannot be asked is told by the comparison itself.
            if (e is EtlException { Code: "ETL4123" } why)
            {
                refused.Add(stage, why);
            }
        }

        await using var _ = evolved;
        return await LiveComparer.CompareAsync(pipeline, evolved ?? pipeline, refused, cancel);
    }

    /// <summary>The project of a folder or a pipeline; throws <see cref="InvalidPipelineException"/>.</summary>
    public static Project OpenProject(string path, string? environment)
    {
        var bag = new DiagnosticBag();
        var project = ProjectReader.Read(path, environment, bag);
        return bag.HasErrors ? throw new InvalidPipelineException(bag.Sorted) : project;
    }

    /// <summary>
    /// The plugins of a project: those of the command line, of <c>etl.yaml</c>, of <c>ETL_PLUGINS</c>, and the built-in ones. Looked for once for all projects that have the same
    /// and pin none, and let go with this.
    /// </summary>
    public PluginCatalog Plugins(Project? project)
    {
        if (Shared is not null)
        {
            return Shared;
        }

        lock (_catalogs)
        {
            var added = string.Join('\n', AddedPluginFolders(project));
            var own = $"{project?.Folder}\n{added}";
            if (!_catalogs.TryGetValue(own, out var catalog))
            {
                var pinned = project is null ? null : PluginLock.Read(project.Folder, project.StateFolder);
                catalog = (pinned is null ? _catalogs.GetValueOrDefault(added) : null) ?? ScanPlugins(project, pinned);
                _catalogs[own] = catalog;
                _catalogs[pinned is null ? added : own] = catalog;
            }

            return catalog;
        }
    }

    /// <summary>Lets the plugins go.</summary>
    public void Dispose()
    {
        foreach (var catalog in _catalogs.Values.Distinct())
        {
            catalog.Dispose();
        }
    }

    private PluginCatalog ScanPlugins(Project? project, PluginLock? pinned)
    {
        var builtIn = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "plugins"));
        return PluginCatalog.Scan([.. AddedPluginFolders(project), .. Directory.Exists(builtIn) ? [builtIn] : Array.Empty<string>()], pinned, builtIn);
    }

    /// <summary>Where plugins lie that do not come with the program: as on the command line, in <c>etl.yaml</c> and in <c>ETL_PLUGINS</c>.</summary>
    public IReadOnlyList<string> AddedPluginFolders(Project? project)
    {
        var ofProject = project?.Settings.Plugins.Select(p => Path.Combine(project.Folder, p)) ?? [];
        var ofEnvironment = (Environment.GetEnvironmentVariable("ETL_PLUGINS") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return [.. pluginFolders, .. ofProject, .. ofEnvironment];
    }

    private async Task<CompiledPipeline> CompileAsync(
        string file, Project project, RunContext run, PluginCatalog catalog, ByteSize memory, PipelineRunRequest request, PlanComparison? planned = null)
    {
        var bag = new DiagnosticBag(project.Settings.Checks);
        if (request.FailPoints.Problem is { } problem)
        {
            bag.AddError(SourceSpan.Start(file), problem);
            throw new InvalidPipelineException(bag.Sorted);
        }

        var definition = PipelineReader.Read(file, project, run, bag);
        request.FailPoints.Hit("validating");
        var opening = definition?.Stages.Any(s => s.Kind == StageKind.Transform) == true ? OfflineDatabase.PrepareAsync() : Task.CompletedTask;
        if (request.FailPoints.Warning is { } rehearsal)
        {
            bag.AddWarning(SourceSpan.Start(file), "ETL4390", rehearsal, "Unset it for real work.");
        }

        var factory = ComponentFactory.For(project, catalog, memory, time);
        var pipeline = definition is null ? null : await Compiler.CompileAsync(project, definition, factory, request.Redactor, request.Connects, bag);
        await opening;
        if (pipeline is null)
        {
            planned?.RequireSameInputs();
            throw new InvalidPipelineException(bag.Sorted);
        }

        request.Warn([.. bag.Sorted.Where(d => d.Severity == Severity.Warning)]);
        return pipeline;
    }

    private async Task<(RunReport Report, Task Work)> ExecuteAsync(CompiledPipeline pipeline, Evolution evolution, RunContext run, PipelineRunRequest request, ByteSize memory, IReadOnlyList<string> goneRuns, CancellationToken cancel)
    {
        using var span = EtlTelemetry.StartRun(pipeline.Definition.Id, pipeline.Project.Environment, run.Id);
        using var limit = new CancellationTokenSource(pipeline.Definition.Policies.Timeout ?? Timeout.InfiniteTimeSpan, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, limit.Token);
        var started = time.GetTimestamp();
        var allocated = GC.GetTotalAllocatedBytes();
        var settings = new RunSettings
        {
            RunId = run.Id,
            FullRefresh = request.FullRefresh,
            Replay = request.Replay,
            Backfill = request.Backfill,
            Reconcile = request.Reconcile,
            Accepted = request.Accepted,
            AcceptedReason = request.AcceptedReason,
            Wait = request.Wait,
            Profile = request.Profile,
            GoneRuns = goneRuns,
            RunDate = run.Date,
            IsRunDateGiven = request.Date is not null,
            Memory = memory,
            Time = time,
            Log = request.Log.ForRun(run.Id, pipeline.Definition.Id),
            Progress = request.Progress,
            FailPoints = request.FailPoints,
            Process = request.Process,
            Evolution = evolution,
        };
        var execution = new PipelineExecution(pipeline, settings);
        // A plugin may hold the thread that calls it.
        var work = Task.Run(() => execution.RunAsync(either.Token), CancellationToken.None);
        var ends = await StopLimit.EndsAsync(work, time, cancel, limit.Token);
        Exception? error = ends ? null : StopLimit.Exceeded(cancel.IsCancellationRequested ? "a signal" : $"policies.timeout ({pipeline.Definition.Policies.Timeout})", settings.Activity);
        try
        {
            if (ends)
            {
                await work;
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            error = new EtlException("ETL4307", $"the run took longer than policies.timeout: {pipeline.Definition.Policies.Timeout}", "What was not published is read again by the next run. Raise the limit, or see below which stage took the time.");
        }
        catch (Exception e)
        {
            error = e;
        }

        var status = error switch
        {
            null => execution.Loads.All(l => l.Status == LoadStatus.NothingNew) ? RunStatus.NothingNew : RunStatus.Succeeded,
            OperationCanceledException => RunStatus.Cancelled,
            _ when !ends && cancel.IsCancellationRequested => RunStatus.Cancelled,
            QualityException => RunStatus.Refused,
            _ => RunStatus.Failed,
        };
        if (error is not null and not OperationCanceledException)
        {
            EtlTelemetry.Fail(span, (error as EtlException)?.Code ?? error.GetType().Name);
        }

        var seconds = time.GetElapsedTime(started).TotalSeconds;
        EtlTelemetry.RunTook(pipeline.Definition.Id, pipeline.Project.Environment, JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString()), seconds);
        var report = new RunReport
        {
            RunId = run.Id,
            Pipeline = pipeline.Definition.Id,
            Environment = pipeline.Project.Environment,
            Status = status,
            StartedAt = run.StartedAt,
            Seconds = seconds,
            AllocatedBytes = GC.GetTotalAllocatedBytes() - allocated,
            Process = request.Profile ? ProcessProfile.OfThis() : null,
            PlanHash = execution.PlanHash,
            Stages = execution.Stages,
            Loads = execution.Loads,
            Rules = execution.Rules,
            DeadLetters = execution.DeadLetters,
            Warnings = [.. Rehearsal(request).Concat(execution.Warnings).Concat(WarningOfLedger(pipeline)).Select(request.Redactor.Redact)],
            Error = error is null or OperationCanceledException ? null : ReportBuilder.Error(error, request.Redactor, pipeline.Hidden),
        };
        return (report, work);
    }

    /// <summary>Where the runs of a project are kept: a file in its state folder, or the connection that <c>etl.yaml</c> names, which the caller disposes.</summary>
    public static (ILedger Ledger, IConnection? Connection) OpenLedger(Project project, ComponentFactory factory, Redactor redactor)
    {
        if (project.Settings.Ledger is not { } name)
        {
            return (new SqliteLedger(Path.Combine(project.StateFolder, "ledger.db")), null);
        }

        var connection = ConnectionPool.OpenOne(project, factory, redactor, name);
        return connection is ILedgerDatabase database
            ? (new PostgresLedger(database.OpenLedgerAsync, connection.Display), connection)
            : throw new EtlException("ETL4613", $"the connection '{name}' cannot keep the ledger", "`ledger` in etl.yaml names a connection of type postgres, or is left out for a file in the state folder.");
    }

    private static IEnumerable<string> Rehearsal(PipelineRunRequest request) => request.FailPoints.Warning is { } warning ? [warning] : [];

    // Once, with the file's first run: whoever runs the pipeline from another machine would not find the history here.
    private static IEnumerable<string> WarningOfLedger(CompiledPipeline pipeline)
    {
        var remote = pipeline.Connections.Keys.FirstOrDefault(name =>
            pipeline.Project.Connections[name].With["host"] is YamlScalar { Value: not ("localhost" or "127.0.0.1" or "::1") });
        var marker = Path.Combine(pipeline.Project.StateFolder, "ledger-is-local");
        if (remote is not null && pipeline.Project.Settings.Ledger is null && !File.Exists(marker))
        {
            File.WriteAllText(marker, "");
            yield return $"the list of runs is a file on this machine, while '{remote}' is another one; `ledger: CONNECTION` in etl.yaml keeps it where others find it";
        }
    }

    // Those that ended without a success may have left something, also one that failed: it did not know whether it had published. Those that a success came after left nothing: it
    // removed what they had.
    private static async Task<IReadOnlyList<string>> GoneRunsAsync(ILedger ledger, CompiledPipeline pipeline, string current, CancellationToken cancel)
    {
        var latest = await ledger.ListAsync(new RunFilter(pipeline.Definition.Id, pipeline.Project.Environment, Limit: MostGoneRuns), cancel);
        return [.. latest.Where(r => r.RunId != current).TakeWhile(r => r.Status != RunStatus.Succeeded).Where(r => r.Status is RunStatus.Interrupted or RunStatus.Failed or RunStatus.Cancelled).Select(r => r.RunId)];
    }

    private RunContext NewRun(PipelineRunRequest request)
    {
        var now = time.GetUtcNow();
        var id = $"{now:yyyyMMdd'T'HHmmss}-{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(3))}";
        return new RunContext(id, DateOnly.FromDateTime(now.UtcDateTime), now, request.Params);
    }

    private static Project OpenProject(string path, string? environment, ref RunContext run, DateOnly? date, Project? opened = null)
    {
        var project = opened ?? OpenProject(path, environment);
        var zone = TimeZoneInfo.FindSystemTimeZoneById(project.Settings.TimeZone);
        run = run with { Date = date ?? DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(run.StartedAt, zone).DateTime) };
        return project;
    }
}
