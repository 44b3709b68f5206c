using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>A target whose state was edited.</summary>
/// <param name="Stage">The load stage.</param>
/// <param name="Epoch">The epoch that says so.</param>
/// <param name="Letters">Dead letters that it closed.</param>
public sealed record StateEdit(string Stage, long Epoch, long Letters);

/// <summary>
/// What a person decides about a target's state. Each decision is an epoch of its own without rows: under the fence and the lease, in the audit, and
/// never while a run holds the target.
/// </summary>
public sealed class StateEditor(CompiledPipeline pipeline, RunSettings settings)
{
    /// <summary>Closes dead letters for good, at each target that has them open; which ones, and why, is kept in the audit.</summary>
    public async Task<IReadOnlyList<StateEdit>> DiscardAsync(LetterSelection selection, string reason, CancellationToken cancel)
    {
        var edits = new List<StateEdit>();
        foreach (var load in pipeline.Nodes.OfType<LoadNode>())
        {
            // Looked at before the target is taken, and again when nobody else can change it.
            if (await OpenLettersAsync(load, selection, cancel) is [])
            {
                continue;
            }

            ReplayPlanner.RequireHistory(load);
            var hold = await LoadHold.OpenAsync(pipeline, load, settings, cancel);
            await using var session = hold.Session;
            var closings = await ClosingsAsync(load, selection, cancel);
            if (closings.Count > 0)
            {
                settings.FailPoints.Hit("discard.before");
                var epoch = await CommitAsync(hold, c => c with { Closed = closings, Note = $"discarded: {reason}" }, cancel);
                edits.Add(new StateEdit(load.Id, epoch, closings.Sum(c => c.Rows)));
            }
        }

        return edits;
    }

    /// <summary>
    /// Sets a target's positions back: to those of an epoch, or to none, so that the next run reads everything. Its rows stay as they are. ETL6004: a stage that is no load;
    /// ETL6005: it was never loaded; ETL6006: no such epoch.
    /// </summary>
    public async Task<StateEdit> ResetAsync(string stage, long? toEpoch, CancellationToken cancel)
    {
        var load = pipeline.RequireLoad(stage);
        if (load.Plan.Mode is LoadMode.Replace or LoadMode.ReplacePartitions)
        {
            throw new EtlException("ETL6007", $"'{stage}' is loaded from everything in each run, so no position says where the next one begins", "Run the pipeline.");
        }

        var hold = await LoadHold.OpenAsync(pipeline, load, settings with { Restores = true }, cancel);
        await using var session = hold.Session;
        if (session.Checkpoint is null)
        {
            throw new EtlException("ETL6005", $"'{stage}' has no checkpoint, so there is nothing to reset", "`etl state show` lists what there is.");
        }

        var target = toEpoch is { } n ? await EpochAsync(load, n, cancel) : null;
        settings.FailPoints.Hit("reset.before");
        var epoch = await CommitAsync(
            hold,
            c => c with
            {
                Sources = target?.Sources ?? new Dictionary<string, SourcePosition>(),
                Fingerprint = target?.Fingerprint ?? load.Fingerprint,
                // Everything is read again, the rows that were refused too.
                Closed = target is null ? [new DeadLetterClosing(DeadLetterState.Superseded, null, null, 0)] : [],
                Note = target is null ? "reset: the next run reads everything" : $"reset to epoch {target.N}",
            },
            cancel);
        return new StateEdit(stage, epoch, 0);
    }

    /// <summary>
    /// After a pipeline or a load stage was renamed: gives the load what its target keeps under the old name, so that the next run goes on where the last one ended.
    /// ETL6003: it does not fit the load; ETL6004: a stage that is no load; ETL6008: there is nothing under the old name; ETL6009: there is something under the new one;
    /// ETL6010: the target cannot.
    /// </summary>
    public async Task<StateEdit> MoveAsync(string stage, string? oldPipeline, string? oldStage, CancellationToken cancel)
    {
        var load = pipeline.RequireLoad(stage);
        var to = pipeline.KeyOf(load);
        var from = to with { Pipeline = oldPipeline ?? to.Pipeline, Stage = oldStage ?? to.Stage };
        if (await load.Loader.ReadCheckpointAsync(to, cancel) is not null)
        {
            throw Taken(load, to);
        }

        // Looked at before it is taken, because whoever takes a target makes a place for its checkpoint.
        if (await load.Loader.ReadCheckpointAsync(from, cancel) is null)
        {
            throw new EtlException("ETL6008", $"{load.Plan.Target} has no checkpoint of {from}", "Give the names as they were before: --from-pipeline, --from-stage, and --env if the load ran in an environment.");
        }

        var hold = await LoadHold.OpenAsync(from, load, settings, cancel);
        await using var session = hold.Session;
        hold.RequireFit();
        settings.FailPoints.Hit("move.before");
        var next = Next(hold) with { Key = to, Note = $"moved from {from}" };
        return await hold.MoveAsync(next, settings, cancel) ? new StateEdit(stage, next.N, 0) : throw Taken(load, to);
    }

    private static EtlException Taken(LoadNode load, CheckpointKey key) => new(
        "ETL6009", $"{load.Plan.Target} was loaded as {key} already, or is being loaded",
        "Nothing was moved. `etl state show` tells how far it is; a load that went on under both names is loaded anew with --full-refresh.");

    private async Task<Checkpoint> EpochAsync(LoadNode load, long n, CancellationToken cancel)
    {
        if (load.Loader is IEpochHistory history)
        {
            await foreach (var epoch in history.ReadEpochsAsync(pipeline.KeyOf(load), cancel))
            {
                if (epoch.N == n)
                {
                    return epoch.Unreadable is { } unreadable ? throw unreadable : epoch;
                }
            }
        }

        throw new EtlException("ETL6006", $"{load.Plan.Target} keeps no epoch {n} of '{load.Id}'", "Reset without --to-epoch reads everything again.");
    }

    private async Task<IReadOnlyList<DeadLetterClosing>> ClosingsAsync(LoadNode load, LetterSelection selection, CancellationToken cancel)
    {
        var files = await OpenLettersAsync(load, selection, cancel);
        if (selection.Rule is null)
        {
            // Also of files that are lost: that is the way to close them.
            return [.. files.Select(f => new DeadLetterClosing(DeadLetterState.Discarded, f.File.Path, null, f.Open))];
        }

        using var rows = await LetterRows.ReadAsync(pipeline, files, selection.Rule, [], Path.Combine(pipeline.Project.StateFolder, "tmp", $"{settings.RunId}-letters-{load.Id}"), cancel);
        return [.. files.Select((f, i) => new DeadLetterClosing(DeadLetterState.Discarded, f.File.Path, selection.Rule, rows.Rows[i])).Where(c => c.Rows > 0)];
    }

    private async Task<IReadOnlyList<LetterFile>> OpenLettersAsync(LoadNode load, LetterSelection selection, CancellationToken cancel) =>
        [.. (await LetterLog.ReadAsync(pipeline, load, cancel)).Where(selection.Fits)];

    private async Task<long> CommitAsync(LoadHold hold, Func<Checkpoint, Checkpoint> edit, CancellationToken cancel)
    {
        var next = edit(Next(hold));
        await hold.CommitAsync(next, settings, cancel);
        return next.N;
    }

    // An epoch that changes nothing yet.
    private Checkpoint Next(LoadHold hold) => hold.Session.Checkpoint! with
    {
        N = hold.Session.Checkpoint.N + 1,
        Fence = hold.Session.Fence,
        BatchId = $"{settings.RunId}-state-{hold.Node.Id}",
        RunId = settings.RunId,
        DeadLetters = [],
        Closed = [],
        Note = null,
        Rows = 0,
        CommittedAt = settings.Time.GetUtcNow(),
    };
}
