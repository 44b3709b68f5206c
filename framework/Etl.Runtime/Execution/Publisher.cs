using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>
/// Makes what was staged visible, target by target in declared order, each in one atomic step with its checkpoint. One that fails does
/// not stop the others: its checkpoint stays, and the next run brings it up.
/// </summary>
internal sealed class Publisher(CompiledPipeline pipeline, RunSettings settings, RunResources resources, long origin)
{
    private const int ResolveAttempts = 5;

    /// <summary>The report of each load, and what each failure was.</summary>
    public async Task<IReadOnlyList<(LoadReport Report, Exception? Error)>> PublishAsync(
        IReadOnlyList<LoadHold> loads, IReadOnlyDictionary<string, SourcePosition> reached, IReadOnlyList<DeadLetterFile> deadLetters, string batchId, CancellationToken cancel)
    {
        var results = new List<(LoadReport, Exception?)>();
        foreach (var load in loads)
        {
            var next = Next(load, reached, deadLetters, batchId);
            using var span = EtlTelemetry.StartEpoch(load.Node.Id, next.N);
            resources.Progress(new RunProgress(load.Node.Id, StagePhase.Publishing, next.Rows, next.Rows, 0));
            try
            {
                load.Clock.Begin();
                FailPoints.Current.Hit("publish.before");
                var result = await CommitAsync(load, next, cancel);
                FailPoints.Current.Hit("publish.after");
                results.Add((ReportBuilder.Published(load.Node, next, result) with { Publish = settings.Profile ? load.Clock.End(origin) : null }, null));
                resources.Progress(new RunProgress(load.Node.Id, StagePhase.Done, next.Rows, next.Rows, 0));
                settings.Log.ForStage(load.Node.Id).Info("published epoch {n} of {target}", ("n", next.N), ("target", load.Node.Plan.Target));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                EtlTelemetry.Fail(span, (e as EtlException)?.Code ?? e.GetType().Name);
                e.Data[Round.StageOf] = load.Node.Id;
                results.Add((ReportBuilder.Failed(load.Node, load.Session.Checkpoint, e), e));
                resources.Progress(new RunProgress(load.Node.Id, StagePhase.Failed, next.Rows, next.Rows, 0));
                settings.Log.ForStage(load.Node.Id).Error("{target} was not published: {error}", ("target", load.Node.Plan.Target), ("error", e.Message));
            }
        }

        return results;
    }

    private Checkpoint Next(LoadHold load, IReadOnlyDictionary<string, SourcePosition> reached, IReadOnlyList<DeadLetterFile> deadLetters, string batchId) => new()
    {
        Key = KeyOf(pipeline, load.Node),
        N = (load.Session.Checkpoint?.N ?? 0) + 1,
        Fence = load.Session.Fence,
        BatchId = batchId,
        RunId = settings.RunId,
        PlanHash = pipeline.Hash,
        Fingerprint = load.Node.Fingerprint,
        Sources = pipeline.SourcesOf(load.Node).ToDictionary(s => s.Id, s => reached[s.Id]),
        DeadLetters = deadLetters,
        Rows = resources.Counts.Of(load.Node.Id).RowsIn,
        CommittedAt = settings.Time.GetUtcNow(),
    };

    /// <summary>The key of a load's checkpoint.</summary>
    public static CheckpointKey KeyOf(CompiledPipeline pipeline, LoadNode load) => new(pipeline.Project.Environment, pipeline.Definition.Id, load.Id);

    private async Task<PublishResult> CommitAsync(LoadHold load, Checkpoint next, CancellationToken cancel)
    {
        try
        {
            return await load.Session.PublishAsync(next, cancel);
        }
        catch (CommitOutcomeUnknownException unknown)
        {
            settings.Log.ForStage(load.Node.Id).Warn("the outcome of the commit is unknown; asking the target: {error}", ("error", unknown.Message));
            return await ResolveAsync(load, next, unknown, cancel)
                ? new PublishResult(0, 0, 0, 0, "committed; the target's answer was lost, so rows were not counted")
                : throw new EtlException("ETL4305", $"the commit to {load.Node.Plan.Target} did not happen: {unknown.Message}", "Nothing of it is visible; run again.", unknown.InnerException);
        }
    }

    private async Task<bool> ResolveAsync(LoadHold load, Checkpoint next, CommitOutcomeUnknownException unknown, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await load.Session.ResolveAsync(next, cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException && attempt < ResolveAttempts)
            {
                settings.Log.ForStage(load.Node.Id).Warn("the target does not answer yet: {error}", ("error", e.Message));
                await Task.Delay(TimeSpan.FromSeconds(Math.Pow(2, attempt - 1)), settings.Time, cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new EtlException("ETL4306", $"whether {load.Node.Plan.Target} was published is not known: {e.Message}", "Nothing is lost: the next run reads the target's checkpoint and goes on from there.", unknown);
            }
        }
    }
}
