using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>Prolongs the leases of a run while it works; a lost one cancels the run, which then publishes nothing.</summary>
internal sealed class LeaseKeeper : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public LeaseKeeper(IReadOnlyList<LoadHold> loads, RunSettings settings, CancellationTokenSource run) => _loop = Task.Run(async () =>
    {
        using var timer = new PeriodicTimer(LeaseFor / 3, settings.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                await RenewAsync(loads, settings, run);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The run is over.
        }
    });

    /// <summary>How long a target stays taken after its owner has died.</summary>
    public static TimeSpan LeaseFor { get; } = FailPoints.Current.Lease ?? TimeSpan.FromSeconds(60);

    /// <summary>Whether a lease was lost.</summary>
    public FencedException? Lost { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task RenewAsync(IReadOnlyList<LoadHold> loads, RunSettings settings, CancellationTokenSource run)
    {
        foreach (var load in loads)
        {
            try
            {
                if (!await load.Session.RenewAsync(_stop.Token))
                {
                    Lost = new FencedException($"the lease of {load.Node.Plan.Target} was taken by another run");
                    await run.CancelAsync();
                    return;
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The fence decides at the publish; a target that is away for a moment is no reason to stop.
                settings.Log.ForStage(load.Node.Id).Warn("the lease could not be prolonged: {error}", ("error", e.Message));
            }
        }
    }
}
