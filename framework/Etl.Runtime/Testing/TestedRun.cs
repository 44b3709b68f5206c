using Apache.Arrow;
using Etl.Contracts;
using Etl.Parquet;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Execution;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Testing;

/// <summary>
/// A run of a compiled pipeline whose sources and targets are in memory. Between them is the engine: its queries, verdicts, quality gate, dead
/// letters, books and commit protocol.
/// </summary>
internal sealed class TestedRun
{
    private readonly PipelineExecution _execution;
    private readonly Exception? _error;

    private readonly HiddenColumns _hidden;

    private TestedRun(PipelineExecution execution, Exception? error, HiddenColumns hidden) => (_execution, _error, _hidden) = (execution, error, hidden);

    /// <summary>How it ended.</summary>
    public RunStatus Status => _error switch
    {
        null => _execution.Loads.All(l => l.Status == LoadStatus.NothingNew) ? RunStatus.NothingNew : RunStatus.Succeeded,
        QualityException => RunStatus.Refused,
        _ => RunStatus.Failed,
    };

    /// <summary>Why; null when it went well.</summary>
    public ReportError? Error => _error is null ? null : ReportBuilder.Error(_error, null, _hidden);

    /// <summary>How the rules came out.</summary>
    public IReadOnlyList<RuleResult> Rules => _execution.Rules;

    /// <summary>What the stages counted.</summary>
    public IReadOnlyList<StageReport> Stages => _execution.Stages;

    /// <summary>Runs to the end, however it comes.</summary>
    /// <param name="compiled">The pipeline as its file says.</param>
    /// <param name="sources">Instead of the extractors, by stage.</param>
    /// <param name="targets">Instead of the loaders, by stage.</param>
    /// <param name="folder">Takes dead letters and temporary files.</param>
    /// <param name="run">Names the run.</param>
    /// <param name="clock">What the clock shows.</param>
    /// <param name="cancel">Ends it.</param>
    public static async Task<TestedRun> ExecuteAsync(
        CompiledPipeline compiled, IReadOnlyDictionary<string, GivenSource> sources, IReadOnlyDictionary<string, TargetModel> targets, string folder, string run, DateTimeOffset clock, CancellationToken cancel)
    {
        var letters = compiled.Definition.Policies.DeadLetters ?? compiled.Project.Settings.DeadLetters;
        var pipeline = new CompiledPipeline
        {
            // A few rows make no ratio; what is refused goes to the folder.
            Definition = compiled.Definition with { Policies = compiled.Definition.Policies with { DeadLetters = (letters ?? new DeadLetterPolicy()) with { Connection = null, MaxRatio = null } } },
            Project = compiled.Project with { Folder = folder },
            Nodes = [.. compiled.Nodes.Select(node => (PlanNode)(node switch
            {
                ExtractNode extract => extract with { Extractor = sources[node.Id] },
                LoadNode load => load with { Loader = targets[node.Id] },
                _ => node,
            }))],
            Connections = new Dictionary<string, IConnection>(),
            Hash = compiled.Hash,
            Rows = compiled.Rows,
            Hidden = compiled.Hidden,
        };
        var execution = new PipelineExecution(pipeline, new RunSettings { HasFewRows = true, RunId = run, Memory = compiled.Project.Settings.Memory, Time = new FixedClock(clock), RunDate = (DateOnly)compiled.Definition.Parameters["run_date"] });
        try
        {
            await execution.RunAsync(cancel);
            return new TestedRun(execution, null, compiled.Hidden);
        }
        // Whatever ends the run is what came of it: the test says whether it was expected.
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            return new TestedRun(execution, e, compiled.Hidden);
        }
    }

    /// <summary>The rows that a rule refused, with columns of <paramref name="schema"/>.</summary>
    public async Task<IReadOnlyList<(string Rule, object?[] Row)>> LettersAsync(string stage, Schema schema, CancellationToken cancel)
    {
        var rows = new List<(string, object?[])>();
        var meta = new Field(DeadLetters.MetaColumns[3], Apache.Arrow.Types.StringType.Default, false);
        var stored = new Schema(schema.FieldsList.Select(f => new Field(f.Name, f.DataType, true)).Prepend(meta), null);
        foreach (var letter in _execution.DeadLetters.Where(l => l.Stage == stage))
        {
            await using var reader = await ParquetFileReader.OpenAsync(File.OpenRead(letter.Path), letter.Path, cancel);
            await foreach (var batch in reader.ReadAllAsync(stored, cancel))
            {
                using (batch)
                {
                    rows.AddRange(CellBatch.Rows(batch).Select(row => ((string)row[0]!, row[1..])));
                }
            }
        }

        return rows;
    }

    /// <summary>Stages that refused rows.</summary>
    public IEnumerable<string> LetterStages => _execution.DeadLetters.Select(l => l.Stage).Distinct();

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
