using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Ledger;

namespace Etl.Runtime.Execution;

/// <summary>A load with its session.</summary>
internal sealed record LoadHold(LoadNode Node, ILoadSession Session, PublishClock Clock)
{
    /// <summary>
    /// Takes a target. The lease of a process that is gone is taken over; another one's is waited for if the settings say so, else it is
    /// <see cref="LeaseHeldException"/>.
    /// </summary>
    public static Task<LoadHold> OpenAsync(CompiledPipeline pipeline, LoadNode load, RunSettings settings, CancellationToken cancel) =>
        OpenAsync(pipeline.KeyOf(load), load, settings, cancel);

    /// <summary>The same under a key that the load had before.</summary>
    public static async Task<LoadHold> OpenAsync(CheckpointKey key, LoadNode load, RunSettings settings, CancellationToken cancel)
    {
        var clock = new PublishClock(settings.Time);
        var request = new LoadRequest(
            key, load.Schema, settings.RunId, settings.FullRefresh,
            settings.Process.ToString(), LeaseKeeper.LeaseFor, settings.FailPoints.Hit)
        {
            Step = clock.Step,
            GoneRuns = settings.GoneRuns,
            RunDate = settings.RunDate,
            IsRunDateGiven = settings.IsRunDateGiven,
            Restores = settings.FullRefresh || settings.Restores,
        };
        while (true)
        {
            try
            {
                var opening = request;
                return new LoadHold(load, await settings.Activity.DoAsync(load.Id, "open", () => load.Loader.OpenAsync(opening, cancel).AsTask()), clock);
            }
            catch (LeaseHeldException held) when (request.GoneOwner is null && ProcessIdentity.Parse(held.Owner)?.IsGone() == true)
            {
                settings.Log.ForStage(load.Id).Warn("the lease of {owner} is taken over: its process is gone", ("owner", held.Owner));
                request = request with { GoneOwner = held.Owner };
            }
            catch (LeaseHeldException) when (settings.Wait)
            {
                await Task.Delay(TimeSpan.FromSeconds(2), settings.Time, cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                e.Data[Round.StageOf] = load.Id;
                throw;
            }
        }
    }

    /// <summary>Refuses a target that was loaded with other settings (ETL6003).</summary>
    public void RequireFit()
    {
        if (Session.Checkpoint is { } checkpoint && checkpoint.Fingerprint != Node.Fingerprint)
        {
            throw new EtlException(
                "ETL6003", $"'{Node.Id}' was loaded with other settings of table, cursor, key or mode; its checkpoint (epoch {checkpoint.N}) does not fit them",
                "Run with --full-refresh to load it anew, or take the change back.")
            { Data = { [Round.StageOf] = Node.Id } };
        }
    }

    /// <summary>Publishes what was staged. An outcome that is not known is asked for, at the target.</summary>
    public Task<PublishResult> CommitAsync(Checkpoint next, RunSettings settings, CancellationToken cancel) => CommitAsync(
        () => Session.PublishAsync(next, cancel), new PublishResult(0, 0, 0, 0, "committed; the target's answer was lost, so rows were not counted"), next, settings, cancel);

    /// <summary>Gives the target's state to the key of <paramref name="next"/>; false where that key has one. ETL6010: the target cannot.</summary>
    public Task<bool> MoveAsync(Checkpoint next, RunSettings settings, CancellationToken cancel) => Session is IMovableLoadSession session
        ? CommitAsync(() => session.MoveAsync(next, cancel), true, next, settings, cancel)
        : throw new EtlException("ETL6010", $"{Node.Plan.Target} cannot give its checkpoint another name", "Take the old name back, or load the target anew with --full-refresh.");

    private async Task<T> CommitAsync<T>(Func<ValueTask<T>> commit, T committed, Checkpoint next, RunSettings settings, CancellationToken cancel)
    {
        try
        {
            return await commit();
        }
        catch (CommitOutcomeUnknownException unknown)
        {
            settings.Log.ForStage(Node.Id).Warn("the outcome of the commit is unknown; asking the target: {error}", ("error", unknown.Message));
            return await ResolveAsync(next, settings, unknown, cancel)
                ? committed
                : throw new EtlException("ETL4305", $"the commit to {Node.Plan.Target} did not happen: {unknown.Message}", "Nothing of it is visible; run again.", unknown.InnerException);
        }
    }

    private async Task<bool> ResolveAsync(Checkpoint next, RunSettings settings, CommitOutcomeUnknownException unknown, CancellationToken cancel)
    {
        const int attempts = 5;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await Session.ResolveAsync(next, cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException && attempt < attempts)
            {
                settings.Log.ForStage(Node.Id).Warn("the target does not answer yet: {error}", ("error", e.Message));
                await Task.Delay(TimeSpan.FromSeconds(Math.Pow(2, attempt - 1)), settings.Time, cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new EtlException("ETL4306", $"whether {Node.Plan.Target} was published is not known: {e.Message}", "Nothing is lost: the next run reads the target's checkpoint and goes on from there.", unknown);
            }
        }
    }
}
