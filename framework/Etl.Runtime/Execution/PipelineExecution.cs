using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>
/// Runs a compiled pipeline: takes the targets, reads the sources once for all targets that stand at one position, publishes; and all of that
/// again, for what is not published yet, when a transient error ends an attempt.
/// </summary>
internal sealed class PipelineExecution(CompiledPipeline pipeline, RunSettings settings)
{
    private readonly Dictionary<string, LoadReport> _loads = [];
    private List<StageReport> _stages = [];
    private List<RuleResult> _rules = [];
    private readonly List<DeadLetterReport> _deadLetters = [];
    private readonly List<string> _warnings = [];
    private readonly long _origin = settings.Time.GetTimestamp();
    private CompiledPipeline? _evolved;
    private bool _isEvolved;
    private int _attempt;

    /// <summary>Of the pipeline that ran, which is another one where sources have gained columns.</summary>
    public string PlanHash => pipeline.Hash;

    /// <summary>Of each load, in declared order, whatever happened so far.</summary>
    public IReadOnlyList<LoadReport> Loads => [.. Targets.Select(l => _loads.GetValueOrDefault(l.Id) ?? ReportBuilder.NotPublished(l, null, pipeline.Hidden))];

    public IReadOnlyList<StageReport> Stages => _stages;

    public IReadOnlyList<RuleResult> Rules => _rules;

    public IReadOnlyList<DeadLetterReport> DeadLetters => _deadLetters;

    public IReadOnlyList<string> Warnings => _warnings;

    private IEnumerable<LoadNode> Targets => pipeline.Nodes.OfType<LoadNode>().Where(l => settings.Reconcile?.Stage is null || l.Id == settings.Reconcile.Stage);

    /// <summary>Runs to the end or throws what ended it.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var resilience = Resilience.Of(pipeline.Definition.Policies, IsTransient, settings.Time, (attempt, delay, error) =>
        {
            var stage = error.Data[Round.StageOf]?.ToString() ?? "run";
            EtlTelemetry.Retried(Tags(stage));
            settings.Log.ForStage(stage).Warn("attempt {attempt} failed, next in {seconds} s: {error}", ("attempt", attempt), ("seconds", Math.Round(delay.TotalSeconds, 1)), ("error", RowMask.Message(pipeline.Hidden, error)));
            _warnings.Add($"attempt {attempt} failed and was repeated: {RowMask.Message(pipeline.Hidden, error)}");
        });
        if (settings.Reconcile?.Stage is { } stage)
        {
            pipeline.RequireLoad(stage);
        }

        try
        {
            await resilience.ExecuteAsync(
                async token =>
                {
                    await EvolveAsync(token);
                    await AttemptAsync(token);
                },
                cancel);
            if (DeadLetterPolicy is { Keep: { } keep } policy && _loads.Values.Any(l => l.Status == LoadStatus.Published))
            {
                await DeleteLettersAsync(policy, keep, cancel);
            }
        }
        finally
        {
            if (_evolved is not null)
            {
                await _evolved.DisposeAsync();
            }
        }
    }

    // Once: all attempts of a run read the same columns.
    private async Task EvolveAsync(CancellationToken cancel)
    {
        if (!_isEvolved && settings.Evolution is { } evolution && await evolution.OfAsync(pipeline, settings.Activity, cancel) is { } evolved)
        {
            pipeline = _evolved = evolved.Pipeline;
            _warnings.AddRange(evolved.Told);
        }

        _isEvolved = true;
    }

    // What was published stays so: a file that cannot be deleted is told, and the next run tries again.
    private async Task DeleteLettersAsync(DeadLetterPolicy policy, TimeSpan keep, CancellationToken cancel)
    {
        try
        {
            var files = await LetterRetention.ApplyAsync(pipeline, policy, keep, settings.Time.GetUtcNow(), cancel);
            settings.Log.ForStage("run").Info("{files} files of closed dead letters were deleted", ("files", files));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _warnings.Add($"files of closed dead letters could not be deleted: {e.Message}");
        }
    }

    private async Task AttemptAsync(CancellationToken cancel)
    {
        _attempt++;
        var holds = new List<LoadHold>();
        var isDone = false;
        try
        {
            await AttemptAsync(holds, cancel);
            isDone = true;
        }
        finally
        {
            await CloseAsync(holds, isDone);
        }
    }

    private async Task AttemptAsync(List<LoadHold> holds, CancellationToken outer)
    {
        using var run = CancellationTokenSource.CreateLinkedTokenSource(outer);
        LeaseKeeper? leases = null;
        try
        {
            foreach (var load in Targets.Where(l => _loads.GetValueOrDefault(l.Id)?.Status is not (LoadStatus.Published or LoadStatus.NothingNew)))
            {
                holds.Add(await LoadHold.OpenAsync(pipeline, load, settings, run.Token));
                if (!settings.FullRefresh)
                {
                    holds[^1].RequireFit();
                }

                settings.FailPoints.Hit("target.opened");
            }

            settings.FailPoints.Hit("lease.taken");
            leases = new LeaseKeeper(holds, settings, run);
            Exception? failure = null;
            foreach (var round in await PlanAsync(holds, run.Token))
            {
                // A target that fails stops no other, also not one of a later round.
                var failed = await RoundAsync(round, run.Token);
                failure ??= failed;
            }

            if (failure is not null)
            {
                throw failure;
            }
        }
        catch (OperationCanceledException) when (leases?.Lost is { } lost)
        {
            throw lost;
        }
        finally
        {
            if (leases is not null)
            {
                await leases.DisposeAsync();
            }
        }
    }

    // Each of them, whatever becomes of another. What the attempt failed with before is what it ends with, and then what is met here is a warning.
    private async Task CloseAsync(IReadOnlyList<LoadHold> holds, bool isDone)
    {
        ExceptionDispatchInfo? failure = null;
        foreach (var hold in holds)
        {
            _loads.TryAdd(hold.Node.Id, ReportBuilder.NotPublished(hold.Node, hold.Session.Checkpoint, pipeline.Hidden));
            try
            {
                await settings.Activity.DoAsync(hold.Node.Id, "close", async () =>
                {
                    await hold.Session.DisposeAsync();
                    return true;
                });
                settings.FailPoints.Hit("target.closed");
            }
            catch (Exception e) when (isDone && failure is null)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
            catch (Exception e)
            {
                _warnings.Add($"the target of {hold.Node.Id} could not be closed: {RowMask.Message(pipeline.Hidden, e)}");
            }
        }

        failure?.Throw();
    }

    private async Task<IReadOnlyList<RoundPlan>> PlanAsync(IReadOnlyList<LoadHold> holds, CancellationToken cancel)
    {
        if (settings.Backfill is { } range)
        {
            return BackfillPlanner.Plan(pipeline, holds, Position, range);
        }

        if (settings.Reconcile is { } reconciliation)
        {
            return ReconcilePlanner.Plan(pipeline, holds, Position, reconciliation);
        }

        if (settings.Replay is not { } selection)
        {
            // A full refresh reads everything, so positions do not matter.
            return [.. holds.GroupBy(h => settings.FullRefresh ? "" : Position(h)).Select(g => RoundPlan.Increment(pipeline, [.. g], settings.FullRefresh))];
        }

        var folder = Path.Combine(pipeline.Project.StateFolder, "tmp", $"{settings.RunId}-{_attempt}-letters");
        var rounds = await ReplayPlanner.PlanAsync(pipeline, holds, Position, selection, folder, settings.FailPoints, cancel);
        NothingNew([.. holds.Except(rounds.SelectMany(r => r.Loads))]);
        return rounds;
    }

    // Returns the first failure of a publish; whatever ends the reading is thrown.
    private async Task<Exception?> RoundAsync(RoundPlan plan, CancellationToken cancel)
    {
        var loads = plan.Loads;
        var batchId = $"{settings.RunId}-{_attempt}-{loads[0].Node.Id}";
        await using var resources = Resources(batchId);
        await using var round = new Round(plan, settings, resources);
        var anything = await round.OpenAsync(cancel);
        _warnings.AddRange(round.Warnings.Except(_warnings));
        if (!anything)
        {
            NothingNew(loads);
            return null;
        }

        settings.FailPoints.Hit("snapshot.taken");
        await round.ReadAsync(cancel);
        settings.FailPoints.Hit("staged");
        var stages = ReportBuilder.Stages(pipeline, round.Nodes, resources.Counts, round.Readers, settings.Profile ? began => settings.Time.GetElapsedTime(_origin, began).TotalSeconds : null);
        if (!plan.MakesEmptyEpoch() && round.Nodes.OfType<ExtractNode>().All(n => resources.Counts.Of(n.Id).RowsOut == 0) && !settings.FullRefresh && loads.All(l => l.Node.Plan.Mode != LoadMode.Replace))
        {
            NothingNew(loads);
            return null;
        }

        _stages = RoundTotals.Add(_stages, stages);
        if (plan.Rehearses)
        {
            var compared = await new Publisher(plan, settings, resources, _origin).RehearseAsync(round.Reached, batchId, cancel);
            foreach (var report in compared)
            {
                _loads[report.Stage] = report;
            }

            return ReconcilePlanner.Differs(compared);
        }

        var gate = new QualityGate(round.Nodes, Partial(plan), pipeline.Hidden, settings, resources);
        var rules = gate.Evaluate();
        _rules = RoundTotals.Add(_rules, rules);
        gate.Enforce(rules, DeadLetterPolicy);
        settings.FailPoints.Hit("gate.passed");
        var letters = await resources.DeadLetters.CommitAsync(cancel);
        var letterReports = letters.Select(l => new DeadLetterReport(l.Stage, l.Connection is null ? l.Path : $"{l.Connection}:{l.Path}", l.Rows)).ToList();
        _deadLetters.AddRange(letterReports);
        CheckBooks(stages, letterReports);
        foreach (var letter in letters)
        {
            EtlTelemetry.DeadLettered(Tags(letter.Stage), letter.Rows);
        }

        settings.FailPoints.Hit("dead_letters.written");
        var published = await new Publisher(plan, settings, resources, _origin).PublishAsync(round.Reached, letters, batchId, cancel);
        settings.FailPoints.Hit("published");
        foreach (var (report, _) in published)
        {
            _loads[report.Stage] = report;
        }

        return published.FirstOrDefault(p => p.Error is not null).Error;
    }

    // A replay, a backfill or a repair moves no position: it reads what it was asked for.
    private HashSet<string> Partial(RoundPlan plan) =>
    [
        .. plan.Pipeline.Nodes.OfType<ExtractNode>()
            .Where(e => !plan.Moves || (!settings.FullRefresh && e.Extractor.Capabilities.Incremental && plan.Loads[0].Session.Checkpoint?.Sources.ContainsKey(e.Id) == true)).Select(e => e.Id),
    ];

    private DeadLetterPolicy? DeadLetterPolicy => pipeline.Definition.Policies.DeadLetters ?? pipeline.Project.Settings.DeadLetters;

    private RunResources Resources(string batchId)
    {
        var policy = DeadLetterPolicy;
        var store = policy?.Connection is { } name ? pipeline.Connections[name] as IObjectStore : null;
        var temporary = Path.Combine(pipeline.Project.StateFolder, "tmp", batchId);
        var prefix = store is not null ? policy!.Path : Path.Combine(pipeline.Project.StateFolder, "dead-letters", pipeline.Definition.Id);
        var letters = new DeadLetters(batchId, settings.RunId, pipeline.Hash, temporary, store, store is null ? null : policy!.Connection, prefix);
        var segments = Math.Max(1, pipeline.Nodes.OfType<SegmentNode>().Count());
        var edges = Math.Max(1, pipeline.Nodes.Sum(n => n.Inputs.Count));
        return new RunResources(temporary, letters, settings.Time)
        {
            BatchRows = settings.FailPoints.BatchRows ?? RunResources.DefaultBatchRows,
            Parameters = pipeline.Definition.Parameters,
            Log = settings.Log,
            Progress = settings.Progress,
            FailPoints = settings.FailPoints,
            Hidden = pipeline.Hidden,
            Tags = Tags,
            MostRefused = policy?.MaxRows ?? RunResources.DefaultMostRefused,
            // A third for batches in flight, the rest for the queries.
            SegmentMemory = Math.Max(96L << 20, settings.Memory.Bytes * 2 / 3 / segments),
            ChannelMemory = Math.Max(16L << 20, settings.Memory.Bytes / 3 / edges),
        };
    }

    private static string Position(LoadHold hold) => hold.Session.Checkpoint is null ? "" : new JsonObject(
        hold.Session.Checkpoint.Sources.OrderBy(s => s.Key, StringComparer.Ordinal)
            .Select(s => KeyValuePair.Create<string, JsonNode?>(s.Key, $"{s.Value.Kind} {s.Value.Identity} {s.Value.Position.ToJsonString()}"))).ToJsonString();

    private void NothingNew(IReadOnlyList<LoadHold> loads)
    {
        foreach (var load in loads)
        {
            _loads[load.Node.Id] = ReportBuilder.NothingNew(load.Node, load.Session.Checkpoint, pipeline.Hidden);
        }
    }

    private static void CheckBooks(IReadOnlyList<StageReport> stages, IReadOnlyList<DeadLetterReport> letters)
    {
        var books = new RunReport { RunId = "", Pipeline = "", Environment = "", Status = RunStatus.Running, StartedAt = default, Seconds = 0, Stages = stages, DeadLetters = letters };
        if (books.Balance() is [var first, ..])
        {
            throw new EtlException("ETL4201", $"the books of '{first.Stage}' do not balance: {first.Message}", "Nothing was published. This is an error of the framework or of a plugin; please report it.") { Data = { [Round.StageOf] = first.Stage } };
        }
    }

    private bool IsTransient(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            if (e is not (QualityException or FencedException or LeaseHeldException) && pipeline.Connections.Values.Any(c => c.IsTransient(e)))
            {
                return true;
            }
        }

        return false;
    }

    private StageTags Tags(string stage) => new(pipeline.Definition.Id, stage, pipeline.Project.Environment);
}
