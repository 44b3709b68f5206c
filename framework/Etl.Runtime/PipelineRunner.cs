using System.Text.Json;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Plugins;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;
using Etl.Runtime.Yaml;

namespace Etl.Runtime;

/// <summary>The whole story: find the project, read the pipeline, compile it, execute it, report.</summary>
/// <param name="pluginFolders">Of the command line, searched first.</param>
/// <param name="time">The clock.</param>
public sealed class PipelineRunner(IReadOnlyList<string> pluginFolders, TimeProvider time)
{
    /// <summary>
    /// Runs a pipeline and reports how it ended, whatever happened once it was compiled. Throws <see cref="InvalidPipelineException"/> for a pipeline that does
    /// not compile: then nothing was connected.
    /// </summary>
    public async Task<RunReport> RunAsync(PipelineRunRequest request, CancellationToken cancel)
    {
        var run = NewRun(request);
        var project = OpenProject(request.File, request.Environment, ref run, request.Date);
        using var catalog = Plugins(project);
        var memory = request.Memory ?? project.Settings.Memory;
        await using var pipeline = await CompileAsync(request.File, project, run, catalog, memory, request);
        using var temporary = TemporaryFolder.Hold(project.StateFolder);
        var (ledger, connection) = OpenLedger(project, new ComponentFactory(catalog, new PluginContext(project.Folder, project.StateFolder, memory.Bytes, time)), request.Redactor);
        await using var ledgerOwner = ledger;
        await using var connectionOwner = connection;
        await ledger.StartAsync(new RunStart(run.Id, pipeline.Definition.Id, project.Environment, run.StartedAt, ProcessIdentity.Current), cancel);

        var report = await ExecuteAsync(pipeline, run, request, memory, cancel);
        await ledger.FinishAsync(report, CancellationToken.None);
        return report;
    }

    /// <summary>Compiles without connecting; throws <see cref="InvalidPipelineException"/> with all problems.</summary>
    public async Task<(CompiledPipeline Pipeline, PluginCatalog Catalog)> CompileAsync(PipelineRunRequest request)
    {
        var run = NewRun(request);
        var project = OpenProject(request.File, request.Environment, ref run, request.Date);
        var catalog = Plugins(project);
        try
        {
            return (await CompileAsync(request.File, project, run, catalog, project.Settings.Memory, request), catalog);
        }
        catch
        {
            catalog.Dispose();
            throw;
        }
    }

    /// <summary>The project of a folder or a pipeline; throws <see cref="InvalidPipelineException"/>.</summary>
    public static Project OpenProject(string path, string? environment)
    {
        var bag = new DiagnosticBag();
        var project = ProjectReader.Read(path, environment, bag);
        return bag.HasErrors ? throw new InvalidPipelineException(bag.Sorted) : project;
    }

    /// <summary>The plugins of a project: those of the command line, of <c>etl.yaml</c>, of <c>ETL_PLUGINS</c>, and the built-in ones.</summary>
    public PluginCatalog Plugins(Project? project)
    {
        var builtIn = Path.Combine(AppContext.BaseDirectory, "plugins");
        var ofProject = project?.Settings.Plugins.Select(p => Path.Combine(project.Folder, p)) ?? [];
        var ofEnvironment = (Environment.GetEnvironmentVariable("ETL_PLUGINS") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return PluginCatalog.Scan([.. pluginFolders, .. ofProject, .. ofEnvironment, .. Directory.Exists(builtIn) ? [builtIn] : Array.Empty<string>()]);
    }

    private async Task<CompiledPipeline> CompileAsync(
        string file, Project project, RunContext run, PluginCatalog catalog, ByteSize memory, PipelineRunRequest request)
    {
        var bag = new DiagnosticBag();
        var definition = PipelineReader.Read(file, project, run, bag);
        var factory = new ComponentFactory(catalog, new PluginContext(project.Folder, project.StateFolder, memory.Bytes, time));
        var pipeline = definition is null ? null : await Compiler.CompileAsync(project, definition, factory, request.Redactor, request.Connects, bag);
        if (pipeline is null)
        {
            throw new InvalidPipelineException(bag.Sorted);
        }

        request.Warn([.. bag.Sorted.Where(d => d.Severity == Severity.Warning)]);
        return pipeline;
    }

    private async Task<RunReport> ExecuteAsync(CompiledPipeline pipeline, RunContext run, PipelineRunRequest request, ByteSize memory, CancellationToken cancel)
    {
        using var span = EtlTelemetry.StartRun(pipeline.Definition.Id, pipeline.Project.Environment, run.Id);
        using var limit = new CancellationTokenSource(pipeline.Definition.Policies.Timeout ?? Timeout.InfiniteTimeSpan, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, limit.Token);
        var started = time.GetTimestamp();
        var allocated = GC.GetTotalAllocatedBytes();
        var execution = new PipelineExecution(pipeline, new RunSettings
        {
            RunId = run.Id,
            FullRefresh = request.FullRefresh,
            Accepted = request.Accepted,
            AcceptedReason = request.AcceptedReason,
            Wait = request.Wait,
            Profile = request.Profile,
            Memory = memory,
            Time = time,
            Log = request.Log.ForRun(run.Id, pipeline.Definition.Id),
            Progress = request.Progress,
        });
        Exception? error = null;
        try
        {
            await execution.RunAsync(either.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            error = new EtlException("ETL4307", $"the run took longer than policies.timeout: {pipeline.Definition.Policies.Timeout}", "What was not published is read again by the next run.");
        }
        catch (Exception e)
        {
            error = e;
        }

        var status = error switch
        {
            null => execution.Loads.All(l => l.Status == LoadStatus.NothingNew) ? RunStatus.NothingNew : RunStatus.Succeeded,
            OperationCanceledException => RunStatus.Cancelled,
            QualityException => RunStatus.Refused,
            _ => RunStatus.Failed,
        };
        if (error is not null and not OperationCanceledException)
        {
            EtlTelemetry.Fail(span, (error as EtlException)?.Code ?? error.GetType().Name);
        }

        var seconds = time.GetElapsedTime(started).TotalSeconds;
        EtlTelemetry.RunTook(pipeline.Definition.Id, pipeline.Project.Environment, JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString()), seconds);
        return new RunReport
        {
            RunId = run.Id,
            Pipeline = pipeline.Definition.Id,
            Environment = pipeline.Project.Environment,
            Status = status,
            StartedAt = run.StartedAt,
            Seconds = seconds,
            AllocatedBytes = GC.GetTotalAllocatedBytes() - allocated,
            Process = request.Profile ? ProcessProfile.OfThis() : null,
            PlanHash = pipeline.Hash,
            Stages = execution.Stages,
            Loads = execution.Loads,
            Rules = execution.Rules,
            DeadLetters = execution.DeadLetters,
            Warnings = [.. execution.Warnings.Concat(WarningOfLedger(pipeline)).Select(request.Redactor.Redact)],
            Error = error is null or OperationCanceledException ? null : ReportBuilder.Error(error, request.Redactor),
        };
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

    private RunContext NewRun(PipelineRunRequest request)
    {
        var now = time.GetUtcNow();
        var id = $"{now:yyyyMMdd'T'HHmmss}-{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(3))}";
        return new RunContext(id, DateOnly.FromDateTime(now.UtcDateTime), now, request.Params);
    }

    private static Project OpenProject(string path, string? environment, ref RunContext run, DateOnly? date)
    {
        var project = OpenProject(path, environment);
        var zone = TimeZoneInfo.FindSystemTimeZoneById(project.Settings.TimeZone);
        run = run with { Date = date ?? DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(run.StartedAt, zone).DateTime) };
        return project;
    }
}
