using Etl.Contracts;
using Etl.Cli;
using Etl.Runtime.Compilation.Diff;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Profiling;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;
using Etl.Runtime.Testing;

namespace Etl.Runtime.Tests.Cli;

/// <summary>Answers as a test says and remembers what it was asked: what the command line makes of arguments and of answers is seen without an engine.</summary>
internal sealed class ScriptedApp : IEtlApp
{
    /// <summary>Given the last request; throws or returns the answer.</summary>
    public required Func<object, object?> Answer { get; init; }

    /// <summary>Called by a run before it is answered.</summary>
    public Func<IProgress<RunProgress>, JsonLog, CancellationToken, Task> During { get; init; } = (_, _, _) => Task.CompletedTask;

    /// <summary>The last scope that was given apart from a request.</summary>
    public Scope? Scope { get; private set; }

    /// <summary>What was asked last.</summary>
    public object? Asked { get; private set; }

    public string Redact(string text) => text.Replace("S3cr3t", "***", StringComparison.Ordinal);

    public async Task<RunReport> RunAsync(RunRequest request, IProgress<RunProgress> progress, JsonLog log, CancellationToken cancel)
    {
        await During(progress, log, cancel);
        return await Reply<RunReport>(request.Scope, request);
    }

    public Task<ValidationResult> ValidateAsync(Scope scope, IReadOnlyList<string> paths, CancellationToken cancel) => Reply<ValidationResult>(scope, paths);

    public Task<IReadOnlyList<TestFileResult>> TestAsync(Scope scope, IReadOnlyList<string> paths, string? filter, CancellationToken cancel) => Reply<IReadOnlyList<TestFileResult>>(scope, (string.Join(' ', paths), filter));

    public Task<string> ProposeTestsAsync(Scope scope, string pipeline, IReadOnlyDictionary<string, string> parameters, CancellationToken cancel) => Reply<string>(scope, pipeline);

    public Task<PlanDescription> PlanAsync(PlanRequest request, CancellationToken cancel) => Reply<PlanDescription>(request.Scope, request);

    public Task<Comparison> DiffAsync(Scope scope, string reference, IReadOnlyList<string> paths, CancellationToken cancel) => Reply<Comparison>(scope, (reference, paths));

    public Task<string> LineageAsync(Scope scope, IReadOnlyList<string> pipelines, string format, string? column, bool downstream, CancellationToken cancel) => Reply<string>(scope, pipelines);

    public Task<DocumentedProject> DocumentAsync(Scope scope, string path, string? folder, bool @checked, CancellationToken cancel) => Reply<DocumentedProject>(scope, (path, folder, @checked));

    public Task<string> ExecuteAsync(Scope scope, string connection, string file, CancellationToken cancel) => Reply<string>(scope, (connection, file));

    public Task<SourceProfile> ProfileAsync(Scope scope, ProfileRequest request, CancellationToken cancel) => Reply<SourceProfile>(scope, request);

    public Task<DiagnosticPage?> ExplainAsync(Scope scope, string code, CancellationToken cancel) => Reply<DiagnosticPage?>(scope, code);

    public Task<string> PipelineSchemaAsync(Scope scope, string? folder, CancellationToken cancel) => Reply<string>(scope, "schema");

    public Task<LockedPlugins> LockPluginsAsync(Scope scope, CancellationToken cancel) => Reply<LockedPlugins>(scope, "lock");

    public Task<IReadOnlyList<ComponentSummary>> ListComponentsAsync(Scope scope, CancellationToken cancel) => Reply<IReadOnlyList<ComponentSummary>>(scope, "plugins");

    public Task<IReadOnlyList<ComponentDetails>> DescribeComponentsAsync(Scope scope, string name, CancellationToken cancel) => Reply<IReadOnlyList<ComponentDetails>>(scope, name);

    public Task<IReadOnlyList<RunSummary>> ListRunsAsync(Scope scope, RunFilter filter, CancellationToken cancel) => Reply<IReadOnlyList<RunSummary>>(scope, filter);

    public Task<RunRecord?> ShowRunAsync(Scope scope, string id, CancellationToken cancel) => Reply<RunRecord?>(scope, id);

    public Task<IReadOnlyList<DeadLetterSummary>> ListDeadLettersAsync(Scope scope, string pipeline, CancellationToken cancel) => Reply<IReadOnlyList<DeadLetterSummary>>(scope, pipeline);

    public Task<IReadOnlyList<DeadLetterRow>> ShowDeadLettersAsync(Scope scope, DeadLetterFilter filter, CancellationToken cancel) => Reply<IReadOnlyList<DeadLetterRow>>(scope, filter);

    public Task<IReadOnlyList<StateEdit>> DiscardDeadLettersAsync(Scope scope, string pipeline, LetterSelection selection, string reason, CancellationToken cancel) =>
        Reply<IReadOnlyList<StateEdit>>(scope, (pipeline, selection, reason));

    public Task<StateEdit> ResetStateAsync(Scope scope, string pipeline, string stage, long? toEpoch, CancellationToken cancel) => Reply<StateEdit>(scope, (pipeline, stage, toEpoch));

    public Task<IReadOnlyList<OfStage<LakeInspection>>> VerifyLakeAsync(Scope scope, string pipeline, string? stage, bool deep, CancellationToken cancel) =>
        Reply<IReadOnlyList<OfStage<LakeInspection>>>(scope, (pipeline, stage, deep));

    public Task<IReadOnlyList<OfStage<LakeClearance>>> VacuumLakeAsync(Scope scope, string pipeline, string? stage, TimeSpan retention, bool dryRun, CancellationToken cancel) =>
        Reply<IReadOnlyList<OfStage<LakeClearance>>>(scope, (pipeline, stage, retention, dryRun));

    public Task<IReadOnlyList<OfStage<LakeCompaction>>> CompactLakeAsync(Scope scope, string pipeline, string? stage, bool dryRun, bool alone, CancellationToken cancel) =>
        Reply<IReadOnlyList<OfStage<LakeCompaction>>>(scope, (pipeline, stage, dryRun, alone));

    public Task<StateEdit> MoveStateAsync(Scope scope, string pipeline, string stage, string? oldPipeline, string? oldStage, CancellationToken cancel) =>
        Reply<StateEdit>(scope, (pipeline, stage, oldPipeline, oldStage));

    public Task<IReadOnlyList<WrittenFile>> ImportContractsAsync(Scope scope, ImportRequest request, CancellationToken cancel) => Reply<IReadOnlyList<WrittenFile>>(scope, request);

    public Task<IReadOnlyList<WrittenFile>> NewPipelinesAsync(Scope scope, NewRequest request, CancellationToken cancel) => Reply<IReadOnlyList<WrittenFile>>(scope, request);

    public Task<IReadOnlyList<TargetState>> ShowStateAsync(Scope scope, string pipeline, CancellationToken cancel) => Reply<IReadOnlyList<TargetState>>(scope, pipeline);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task<T> Reply<T>(Scope scope, object request)
    {
        (Scope, Asked) = (scope, request);
        return Task.FromResult((T)Answer(request)!);
    }
}
