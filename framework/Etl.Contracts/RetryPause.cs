namespace Etl.Contracts;

/// <summary>The pauses of a client that sends a request again itself.</summary>
public static class RetryPause
{
    /// <summary>Waits 100 to 200 ms before the first retry, which is number 0, and twice that before each next one.</summary>
    /// <param name="retry">Its number.</param>
    /// <param name="longest">More than this it never waits.</param>
    /// <param name="cancel">Ends the pause.</param>
    public static Task WaitAsync(int retry, TimeSpan longest, CancellationToken cancel)
    {
        var pause = TimeSpan.FromMilliseconds(Random.Shared.Next(100, 200) << Math.Min(retry, 10));
        return Task.Delay(pause < longest ? pause : longest, cancel);
    }
}
