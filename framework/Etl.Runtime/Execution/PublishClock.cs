using Etl.Runtime.Reports;

namespace Etl.Runtime.Execution;

/// <summary>What a publish spent its time on: the loader names each step when it ends, the time is taken here. Not thread-safe.</summary>
internal sealed class PublishClock(TimeProvider time)
{
    private readonly List<PublishStep> _steps = [];
    private long _began;
    private long _last;

    /// <summary>The publish begins.</summary>
    public void Begin()
    {
        _steps.Clear();
        _began = _last = time.GetTimestamp();
    }

    /// <summary>A step has ended.</summary>
    public void Step(string name)
    {
        _steps.Add(new PublishStep(name, time.GetElapsedTime(_last).TotalSeconds));
        _last = time.GetTimestamp();
    }

    /// <summary>The publish has ended.</summary>
    /// <param name="origin">When the run began.</param>
    public PublishProfile End(long origin) =>
        new(time.GetElapsedTime(origin, _began).TotalSeconds, time.GetElapsedTime(_began).TotalSeconds, [.. _steps]);
}
