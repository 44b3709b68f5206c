using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Cli;

/// <summary>The framework behind the command line.</summary>
internal sealed class EtlApp : IEtlApp
{
    private readonly Redactor redactor = new();

    public string Redact(string text) => redactor.Redact(text);

    public Task<RunReport> RunAsync(RunRequest request, IProgress<RunProgress> progress, JsonLog log, CancellationToken cancel) => throw NotLinked();

    public Task<ValidationResult> ValidateAsync(Scope scope, IReadOnlyList<string> paths, CancellationToken cancel) => throw NotLinked();

    public Task<PlanDescription> PlanAsync(PlanRequest request, CancellationToken cancel) => throw NotLinked();

    public Task<DiagnosticPage?> ExplainAsync(Scope scope, string code, CancellationToken cancel) => Task.FromResult(DiagnosticCatalog.Find(code));

    public Task<string> PipelineSchemaAsync(Scope scope, CancellationToken cancel) => throw NotLinked();

    public Task<IReadOnlyList<ComponentSummary>> ListComponentsAsync(Scope scope, CancellationToken cancel) => throw NotLinked();

    public Task<IReadOnlyList<ComponentDetails>> DescribeComponentsAsync(Scope scope, string name, CancellationToken cancel) => throw NotLinked();

    public async Task<IReadOnlyList<RunSummary>> ListRunsAsync(Scope scope, RunFilter filter, CancellationToken cancel)
    {
        await using var ledger = OpenLedger();
        return await ledger.ListAsync(filter, cancel);
    }

    public async Task<RunRecord?> ShowRunAsync(Scope scope, string id, CancellationToken cancel)
    {
        await using var ledger = OpenLedger();
        return await ledger.ShowAsync(id, cancel);
    }

    public Task<IReadOnlyList<DeadLetterSummary>> ListDeadLettersAsync(Scope scope, string pipeline, CancellationToken cancel) => throw NotLinked();

    public Task<IReadOnlyList<DeadLetterRow>> ShowDeadLettersAsync(Scope scope, DeadLetterFilter filter, CancellationToken cancel) => throw NotLinked();

    public Task<IReadOnlyList<WrittenFile>> ImportContractsAsync(Scope scope, ImportRequest request, CancellationToken cancel) => throw NotLinked();

    public Task<IReadOnlyList<WrittenFile>> NewPipelinesAsync(Scope scope, NewRequest request, CancellationToken cancel) => throw NotLinked();

    public Task<IReadOnlyList<TargetState>> ShowStateAsync(Scope scope, string pipeline, CancellationToken cancel) => throw NotLinked();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static SqliteLedger OpenLedger() => new(Path.Combine(ProjectFolder(), ".etl", "ledger.db"));

    // The folder of etl.yaml, here or above; a folder without one is a project of defaults.
    private static string ProjectFolder()
    {
        for (var folder = new DirectoryInfo(Environment.CurrentDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "etl.yaml")))
            {
                return folder.FullName;
            }
        }

        return Environment.CurrentDirectory;
    }

    private static EtlException NotLinked() => new("ETL4615", "the engine is not linked into this build");
}
