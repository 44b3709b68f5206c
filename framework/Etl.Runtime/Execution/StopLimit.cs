using System.Globalization;
using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>
/// How long a run that was told to stop is waited for. A thread cannot be killed: what a plugin that hears no cancellation is at ends with the process, not before.
/// </summary>
public static class StopLimit
{
    /// <summary>Enough to drop what was staged; less than what a scheduler gives between SIGTERM and SIGKILL.</summary>
    public static TimeSpan OfRun { get; } = FailPoints.Current.Grace ?? TimeSpan.FromSeconds(25);

    /// <summary>For the process, whatever it is at. What comes after a run needs a moment too.</summary>
    public static TimeSpan OfProcess { get; } = OfRun + TimeSpan.FromSeconds(5);

    /// <summary>Whether a run ends by itself; false when it does not within <see cref="OfRun"/> after one of the tokens was cancelled.</summary>
    internal static async Task<bool> EndsAsync(Task run, TimeProvider time, params CancellationToken[] told)
    {
        // Made after the run's own: whoever registers last hears first, so that a plugin's callback that blocks holds nothing up here.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(told);
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = stop.Token.Register(heard.SetResult);
        return await Task.WhenAny(run, heard.Task) == run || await Task.WhenAny(run, Task.Delay(OfRun, time, CancellationToken.None)) == run;
    }

    /// <summary>What is told of a run that does not end.</summary>
    internal static EtlException Exceeded(string toldBy, StageActivity activity)
    {
        var seconds = OfRun.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture);
        var busy = activity.Current is { Count: > 0 } stages ? string.Join(", ", stages) : "something in it";
        return new EtlException(
            "ETL4313", $"the run was told to stop by {toldBy} and did not within {seconds} s: {busy} does not end",
            "The process ends without it. No further target was published; one whose publish it hung in may be: its checkpoint says so to the next run, which goes on from there.");
    }
}
