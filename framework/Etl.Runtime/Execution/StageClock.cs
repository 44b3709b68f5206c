namespace Etl.Runtime.Execution;

/// <summary>
/// When a stage ran, and how long its workers stood still because nothing came in or nothing could go out. What is left of its time it was busy.
/// Thread-safe.
/// </summary>
internal sealed class StageClock(TimeProvider time)
{
    private readonly HashSet<int> _readers = [];
    private long _input;
    private long _output;
    private int _writers = 1;

    /// <summary>Timestamps of <see cref="TimeProvider"/>; null before.</summary>
    public (long Begin, long End)? Span { get; private set; }

    /// <summary>The most that its query had on disk at a time, in bytes.</summary>
    public long SpilledBytes { get; private set; }

    /// <summary>How long a worker waited for input, on average.</summary>
    public TimeSpan WaitedForInput => TimeSpan.FromTicks(Volatile.Read(ref _input) / Math.Max(1, _readers.Count));

    /// <summary>How long a worker waited for its readers to make room, on average.</summary>
    public TimeSpan WaitedForOutput => TimeSpan.FromTicks(Volatile.Read(ref _output) / _writers);

    /// <summary>The stage begins, with this many workers that write.</summary>
    public long Begin(int writers = 1)
    {
        _writers = Math.Max(1, writers);
        return time.GetTimestamp();
    }

    /// <summary>It has ended; gives how long it took.</summary>
    public TimeSpan End(long began)
    {
        Span = (began, time.GetTimestamp());
        return time.GetElapsedTime(began);
    }

    /// <summary>The time now, for the two that follow.</summary>
    public long Now => time.GetTimestamp();

    /// <summary>A worker, by any number of its own, waited for a batch since then.</summary>
    public void GotInput(long since, int worker)
    {
        lock (_readers)
        {
            _readers.Add(worker);
        }

        Interlocked.Add(ref _input, time.GetElapsedTime(since).Ticks);
    }

    /// <summary>A worker waited for room since then.</summary>
    public void GotRoom(long since) => Interlocked.Add(ref _output, time.GetElapsedTime(since).Ticks);

    /// <summary>Looks at what is on disk now.</summary>
    public void Spilled(long bytes) => SpilledBytes = Math.Max(SpilledBytes, bytes);
}
