using Etl.Contracts;
using Etl.Runtime;
using Etl.Runtime.Compilation.Diff;
using Etl.Runtime.Compilation.Online;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Profiling;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;
using Etl.Runtime.Testing;

namespace Etl.Cli;

/// <summary>
/// What the command line asks of the framework: a method for each need. Commands parse, call and print; all else is behind this.
/// A method throws <see cref="EtlException"/> for what a person can act on and <see cref="DiagnosticsException"/> for files with errors.
/// </summary>
internal interface IEtlApp : IAsyncDisposable
{
    /// <summary>Takes the secrets that were resolved so far out of a text; asked for all that is printed.</summary>
    string Redact(string text);

    /// <summary>Compiles and executes. However the run ends, there is a report; only what does not compile throws.</summary>
    Task<RunReport> RunAsync(RunRequest request, IProgress<RunProgress> progress, JsonLog log, CancellationToken cancel);

    /// <summary>Compiles files and all pipelines in folders, offline.</summary>
    Task<ValidationResult> ValidateAsync(Scope scope, IReadOnlyList<string> paths, CancellationToken cancel);

    /// <summary>Runs the tests of files and of all pipelines in folders, embedded; those whose names contain the filter, if there is one.</summary>
    Task<IReadOnlyList<TestFileResult>> TestAsync(Scope scope, IReadOnlyList<string> paths, string? filter, CancellationToken cancel);

    /// <summary>Tests at the edges of a pipeline's types and rules, as YAML.</summary>
    Task<string> ProposeTestsAsync(Scope scope, string pipeline, IReadOnlyDictionary<string, string> parameters, CancellationToken cancel);

    /// <summary>Compiles one pipeline and describes what would run.</summary>
    Task<PlanDescription> PlanAsync(PlanRequest request, CancellationToken cancel);

    /// <summary>Compiles pipelines (files, ids or folders) and writes where the columns of their targets come from; only of one column, or what that column bears on, for text.</summary>
    Task<string> LineageAsync(Scope scope, IReadOnlyList<string> pipelines, string format, string? column, bool downstream, CancellationToken cancel);

    /// <summary>Writes the pages of a project's data dictionary, or only compares them; null for the folder is the project's own.</summary>
    Task<DocumentedProject> DocumentAsync(Scope scope, string path, string? folder, bool @checked, CancellationToken cancel);

    /// <summary>Compares the repository's pipelines, or those of some paths, with a revision of git.</summary>
    Task<Comparison> DiffAsync(Scope scope, string reference, IReadOnlyList<string> paths, CancellationToken cancel);

    /// <summary>Reads a table or files and tells what they hold.</summary>
    Task<SourceProfile> ProfileAsync(Scope scope, ProfileRequest request, CancellationToken cancel);

    /// <summary>The page of a diagnostic, of the framework or of a plugin; null when there is none.</summary>
    Task<DiagnosticPage?> ExplainAsync(Scope scope, string code, CancellationToken cancel);

    /// <summary>The JSON Schema of a pipeline file with all plugins found; with a folder, with the plugins, connections, contracts and parameters of its project.</summary>
    Task<string> PipelineSchemaAsync(Scope scope, string? folder, CancellationToken cancel);

    /// <summary>All components of all plugins, by kind and name; no plugin is loaded for it.</summary>
    /// <summary>Writes <c>plugins.lock</c> for the project of the current folder.</summary>
    Task<LockedPlugins> LockPluginsAsync(Scope scope, CancellationToken cancel);

    Task<IReadOnlyList<ComponentSummary>> ListComponentsAsync(Scope scope, CancellationToken cancel);

    /// <summary>Components of that name (several connection types can have one) with their options; empty when there is none.</summary>
    Task<IReadOnlyList<ComponentDetails>> DescribeComponentsAsync(Scope scope, string name, CancellationToken cancel);

    /// <summary>Runs in the project's ledger, the newest first.</summary>
    Task<IReadOnlyList<RunSummary>> ListRunsAsync(Scope scope, RunFilter filter, CancellationToken cancel);

    /// <summary>One run, by its id or a beginning of it; null when there is none.</summary>
    Task<RunRecord?> ShowRunAsync(Scope scope, string id, CancellationToken cancel);

    /// <summary>Files of dead letters of a pipeline, as its targets tell of them, the newest first.</summary>
    Task<IReadOnlyList<DeadLetterSummary>> ListDeadLettersAsync(Scope scope, string pipeline, CancellationToken cancel);

    /// <summary>Refused rows of a pipeline that are open.</summary>
    Task<IReadOnlyList<DeadLetterRow>> ShowDeadLettersAsync(Scope scope, DeadLetterFilter filter, CancellationToken cancel);

    /// <summary>Closes refused rows for good.</summary>
    Task<IReadOnlyList<StateEdit>> DiscardDeadLettersAsync(Scope scope, string pipeline, LetterSelection selection, string reason, CancellationToken cancel);

    /// <summary>Sets a target's positions back to those of an epoch, or to none.</summary>
    Task<StateEdit> ResetStateAsync(Scope scope, string pipeline, string stage, long? toEpoch, CancellationToken cancel);

    /// <summary>Compares the tables of files that a pipeline loads, or one of them, with their logs.</summary>
    Task<IReadOnlyList<OfStage<LakeInspection>>> VerifyLakeAsync(Scope scope, string pipeline, string? stage, bool deep, CancellationToken cancel);

    /// <summary>Deletes what no version of such tables needs within a time, or lists it.</summary>
    Task<IReadOnlyList<OfStage<LakeClearance>>> VacuumLakeAsync(Scope scope, string pipeline, string? stage, TimeSpan retention, bool dryRun, CancellationToken cancel);

    /// <summary>Puts the small files of such tables together.</summary>
    Task<IReadOnlyList<OfStage<LakeCompaction>>> CompactLakeAsync(Scope scope, string pipeline, string? stage, bool dryRun, bool alone, CancellationToken cancel);

    /// <summary>Gives a load what its target keeps under the name that it had before; null for a part of the name that did not change.</summary>
    Task<StateEdit> MoveStateAsync(Scope scope, string pipeline, string stage, string? oldPipeline, string? oldStage, CancellationToken cancel);

    /// <summary>Writes a contract for each table that matches.</summary>
    Task<IReadOnlyList<WrittenFile>> ImportContractsAsync(Scope scope, ImportRequest request, CancellationToken cancel);

    /// <summary>Writes a pipeline, and its contract, for each table that matches.</summary>
    Task<IReadOnlyList<WrittenFile>> NewPipelinesAsync(Scope scope, NewRequest request, CancellationToken cancel);

    /// <summary>Runs an SQL script on a connection of the script's project; returns the place in words.</summary>
    Task<string> ExecuteAsync(Scope scope, string connection, string file, CancellationToken cancel);

    /// <summary>The checkpoint of each load stage of a pipeline, read from its target.</summary>
    Task<IReadOnlyList<TargetState>> ShowStateAsync(Scope scope, string pipeline, CancellationToken cancel);
}

/// <summary>Files have errors; nothing was run.</summary>
internal sealed class DiagnosticsException(IReadOnlyList<Diagnostic> diagnostics)
    : Exception($"{diagnostics.Count(d => d.Severity == Severity.Error)} errors")
{
    /// <summary>Errors and warnings, by position.</summary>
    public IReadOnlyList<Diagnostic> Diagnostics { get; } = diagnostics;
}

/// <summary>What came of a load stage.</summary>
/// <param name="Stage">Its id.</param>
/// <param name="Result">What came of it.</param>
internal sealed record OfStage<T>(string Stage, T Result);

/// <summary>Where a command looks.</summary>
/// <param name="Environment">By <c>--env</c>; <c>default</c> when not given.</param>
/// <param name="PluginFolders">By <c>--plugins</c>, as given.</param>
internal sealed record Scope(string Environment, IReadOnlyList<string> PluginFolders);

/// <summary>What <c>etl run</c> was asked for.</summary>
internal sealed record RunRequest
{
    /// <summary>Where to look.</summary>
    public required Scope Scope { get; init; }

    /// <summary>A pipeline's file, or its id; null for that of the <see cref="Plan"/>.</summary>
    public string? Pipeline { get; init; }

    /// <summary>The file of a plan that is to run or nothing; null for none.</summary>
    public string? Plan { get; init; }

    /// <summary>Whether the environment was asked for; else a plan's holds.</summary>
    public bool EnvironmentIsGiven { get; init; }

    /// <summary>By <c>--param</c>; values as written.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>The logical date; null for today in the project's time zone.</summary>
    public DateOnly? Date { get; init; }

    /// <summary>Read everything and replace the targets.</summary>
    public bool FullRefresh { get; init; }

    /// <summary>Start of the backfill, as written; null for none.</summary>
    public string? From { get; init; }

    /// <summary>End of the backfill, as written; not null when <see cref="From"/> is not.</summary>
    public string? To { get; init; }

    /// <summary>Replay these dead letters instead of reading what is new; null for a run.</summary>
    public LetterSelection? Replay { get; init; }

    /// <summary>Compare targets with everything that the sources have; null for a run.</summary>
    public Reconciliation? Reconcile { get; init; }

    /// <summary>Rules that a person accepts for this run.</summary>
    public IReadOnlyList<string> AcceptedRules { get; init; } = [];

    /// <summary>Why; not null when there are <see cref="AcceptedRules"/>.</summary>
    public string? AcceptReason { get; init; }

    /// <summary>Wait for another run of the pipeline to end, instead of giving up.</summary>
    public bool Wait { get; init; }

    /// <summary>Report where the time went.</summary>
    public bool Profile { get; init; }

    /// <summary>By <c>--memory</c>; null for the project's.</summary>
    public ByteSize? Memory { get; init; }
}

/// <summary>What <c>etl plan</c> was asked for.</summary>
/// <param name="Scope">Where to look.</param>
/// <param name="Pipeline">A pipeline's file, or its id.</param>
/// <param name="Parameters">By <c>--param</c>; values as written.</param>
/// <param name="Date">The logical date; null for today in the project's time zone.</param>
/// <param name="Online">Also compare with what sources and targets are now.</param>
/// <param name="Sealed">Also as a document, for which all that it was made from is read again.</param>
internal sealed record PlanRequest(Scope Scope, string Pipeline, IReadOnlyDictionary<string, string> Parameters, DateOnly? Date, bool Online = false, bool Sealed = false);

/// <summary>A plan in two forms.</summary>
/// <param name="Text">For people, ended by a line feed.</param>
/// <param name="Json">One document.</param>
/// <param name="Warnings">What a person should know before it runs.</param>
/// <param name="Live">What it was compared with; null when nothing was connected.</param>
internal sealed record PlanDescription(string Text, string? Json, IReadOnlyList<Diagnostic> Warnings, LiveComparison? Live = null);

/// <summary>What validation found.</summary>
/// <param name="Files">The pipelines that were compiled.</param>
/// <param name="Diagnostics">Of all files, by position.</param>
internal sealed record ValidationResult(IReadOnlyList<string> Files, IReadOnlyList<Diagnostic> Diagnostics);

/// <summary>A lock that was written.</summary>
/// <param name="Path">The file.</param>
/// <param name="Plugins">Names of the plugins in it.</param>
internal sealed record LockedPlugins(string Path, IReadOnlyList<string> Plugins);

/// <summary>A component on one line.</summary>
/// <param name="Kind"><c>connection</c>, <c>extract</c>, <c>transform</c>, <c>load</c> or <c>notify</c>.</param>
/// <param name="Name">As a pipeline writes it.</param>
/// <param name="For">The connection type that it is for; null for any or none.</param>
/// <param name="Summary">A sentence.</param>
/// <param name="Plugin">The plugin that offers it.</param>
internal sealed record ComponentSummary(string Kind, string Name, string? For, string Summary, string Plugin);

/// <summary>A component and its options.</summary>
/// <param name="Component">The line of it.</param>
/// <param name="Options">In declared order.</param>
internal sealed record ComponentDetails(ComponentSummary Component, IReadOnlyList<OptionLine> Options);

/// <summary>An option.</summary>
/// <param name="Name">Its key; a dot for one within another, <c>incremental.cursor</c>.</param>
/// <param name="Type">For people: <c>text</c>, <c>append | upsert | replace</c>.</param>
/// <param name="Required">Whether it must be there.</param>
/// <param name="Default">As YAML; null for none.</param>
/// <param name="Description">A sentence or two.</param>
/// <param name="Example">As YAML; null for none.</param>
internal sealed record OptionLine(string Name, string Type, bool Required, string? Default, string Description, string? Example);

/// <summary>A file of dead letters.</summary>
/// <param name="Stage">The stage that refused the rows.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Rows">How many it holds.</param>
/// <param name="RunId">The run that wrote it.</param>
/// <param name="CommittedAt">When the target that lists it committed.</param>
/// <param name="Open">Rows that wait for somebody; where several targets list the file, of the one that has most.</param>
/// <param name="Replayed">Rows that were read again and went through the pipeline.</param>
/// <param name="Superseded">Rows that are gone from the source, or were read in a newer version.</param>
/// <param name="Discarded">Rows that a person closed.</param>
internal sealed record DeadLetterSummary(
    string Stage, string Path, long Rows, string RunId, DateTimeOffset CommittedAt, long Open, long Replayed = 0, long Superseded = 0, long Discarded = 0);

/// <summary>Which refused rows to show.</summary>
/// <param name="Pipeline">A pipeline's file, or its id.</param>
/// <param name="RunId">Of this run; null for all.</param>
/// <param name="Stage">Of this stage; null for all.</param>
/// <param name="Rule">By this rule; null for all.</param>
/// <param name="Limit">At most so many.</param>
internal sealed record DeadLetterFilter(string Pipeline, string? RunId, string? Stage, string? Rule, int Limit);

/// <summary>A refused row.</summary>
/// <param name="Stage">Who refused it.</param>
/// <param name="Rule">By which rule.</param>
/// <param name="Reason">Why.</param>
/// <param name="Row">The row, as a JSON object on one line.</param>
internal sealed record DeadLetterRow(string Stage, string Rule, string Reason, string Row);

/// <summary>What <c>etl contract import</c> was asked for.</summary>
/// <param name="Connection">The source's name in <c>connections.yaml</c>.</param>
/// <param name="Tables">A pattern with <c>*</c>.</param>
/// <param name="Folder">Where to write; null for the project's <c>schemas/contracts/</c>.</param>
/// <param name="Overwrite">Replace files that are there.</param>
internal sealed record ImportRequest(string Connection, string Tables, string? Folder, bool Overwrite);

/// <summary>What <c>etl new</c> was asked for.</summary>
/// <param name="Connection">The source's name in <c>connections.yaml</c>.</param>
/// <param name="Tables">A pattern with <c>*</c>.</param>
/// <param name="To">The target's name in <c>connections.yaml</c>; null when there is only one other connection.</param>
/// <param name="Folder">Where to write pipelines; null for the project's <c>pipelines/</c>.</param>
/// <param name="Overwrite">Replace files that are there.</param>
internal sealed record NewRequest(string Connection, string Tables, string? To, string? Folder, bool Overwrite);

/// <summary>A file that was written, or left as it was.</summary>
/// <param name="Path">Relative to the working folder.</param>
/// <param name="Written">False when it was there and not to be overwritten.</param>
/// <param name="Note">What to look at, such as a table without a primary key; null for nothing.</param>
internal sealed record WrittenFile(string Path, bool Written, string? Note);

/// <summary>How far a target has consumed its sources.</summary>
/// <param name="Stage">The load stage.</param>
/// <param name="Target">The table or path, for people.</param>
/// <param name="Checkpoint">As stored; null before the first run.</param>
/// <param name="Summary">It in words; null before the first run.</param>
internal sealed record TargetState(string Stage, string Target, Checkpoint? Checkpoint, string? Summary);
