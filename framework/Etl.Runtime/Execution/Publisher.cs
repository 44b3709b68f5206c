using Etl.Contracts;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>
/// Makes what was staged visible, target by target in declared order, each in one atomic step with its checkpoint. One that fails does
/// not stop the others: its checkpoint stays, and the next run brings it up.
/// </summary>
internal sealed class Publisher(RoundPlan plan, RunSettings settings, RunResources resources, long origin)
{
    /// <summary>The report of each load, and what each failure was.</summary>
    public async Task<IReadOnlyList<(LoadReport Report, Exception? Error)>> PublishAsync(
        Func<string, SourcePosition> reached, IReadOnlyList<DeadLetterFile> deadLetters, string batchId, CancellationToken cancel)
    {
        var results = new List<(LoadReport, Exception?)>();
        foreach (var load in plan.Loads)
        {
            var next = Next(load, reached, deadLetters, batchId);
            using var span = EtlTelemetry.StartEpoch(load.Node.Id, next.N);
            resources.Progress(new RunProgress(load.Node.Id, StagePhase.Publishing, next.Rows, next.Rows, 0));
            try
            {
                load.Clock.Begin();
                settings.FailPoints.Hit("publish.before");
                // Not all loaders look before they begin, and who told the run to stop may be gone by now.
                cancel.ThrowIfCancellationRequested();
                var result = await settings.Activity.DoAsync(load.Node.Id, "publish", () => load.CommitAsync(next, settings, cancel));
                settings.FailPoints.Hit("publish.after");
                results.Add((ReportBuilder.Published(load.Node, next, result, plan.Pipeline.Hidden) with { Publish = settings.Profile ? load.Clock.End(origin) : null }, null));
                resources.Progress(new RunProgress(load.Node.Id, StagePhase.Done, next.Rows, next.Rows, 0));
                settings.Log.ForStage(load.Node.Id).Info("published epoch {n} of {target}", ("n", next.N), ("target", load.Node.Plan.Target));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                EtlTelemetry.Fail(span, (e as EtlException)?.Code ?? e.GetType().Name);
                e.Data[Round.StageOf] = load.Node.Id;
                results.Add((ReportBuilder.Failed(load.Node, load.Session.Checkpoint, e, plan.Pipeline.Hidden), e));
                resources.Progress(new RunProgress(load.Node.Id, StagePhase.Failed, next.Rows, next.Rows, 0));
                settings.Log.ForStage(load.Node.Id).Error("{target} was not published: {error}", ("target", load.Node.Plan.Target), ("error", RowMask.Message(plan.Pipeline.Hidden, e)));
            }
        }

        return results;
    }

    /// <summary>What <see cref="PublishAsync"/> would do to each target; nothing of it stays.</summary>
    public async Task<IReadOnlyList<LoadReport>> RehearseAsync(Func<string, SourcePosition> reached, string batchId, CancellationToken cancel)
    {
        var reports = new List<LoadReport>();
        foreach (var load in plan.Loads)
        {
            try
            {
                var session = (IReconcilingLoadSession)load.Session;
                reports.Add(ReportBuilder.Compared(load.Node, session.Checkpoint!, await session.RehearseAsync(Next(load, reached, [], batchId), cancel), plan.Pipeline.Hidden));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                e.Data[Round.StageOf] = load.Node.Id;
                throw;
            }
        }

        return reports;
    }

    private Checkpoint Next(LoadHold load, Func<string, SourcePosition> reached, IReadOnlyList<DeadLetterFile> deadLetters, string batchId) => new()
    {
        Key = plan.Pipeline.KeyOf(load.Node),
        N = (load.Session.Checkpoint?.N ?? 0) + 1,
        Fence = load.Session.Fence,
        BatchId = batchId,
        RunId = settings.RunId,
        PlanHash = plan.Pipeline.Hash,
        Fingerprint = load.Node.Fingerprint,
        Sources = plan.Moves ? plan.Pipeline.SourcesOf(load.Node).ToDictionary(s => s.Id, s => reached(s.Id)) : load.Session.Checkpoint!.Sources,
        DeadLetters = deadLetters,
        Closed = plan.Closed(load),
        Note = plan.Note,
        Rows = resources.Counts.Of(load.Node.Id).RowsIn,
        CommittedAt = settings.Time.GetUtcNow(),
    };
}
