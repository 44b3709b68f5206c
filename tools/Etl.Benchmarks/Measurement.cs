namespace Etl.Benchmarks;

/// <summary>What one run of something took.</summary>
/// <param name="Seconds">By the clock on the wall.</param>
/// <param name="CpuSeconds">Of the processes that it started, the server not among them.</param>
/// <param name="PeakBytes">The most memory that was resident at a time (VmHWM); 0 where it was not watched.</param>
internal readonly record struct Measurement(double Seconds, double CpuSeconds, long PeakBytes)
{
    /// <summary>Resident bytes, a value each second; empty where it was not watched.</summary>
    public IReadOnlyList<long> Resident { get; init; } = [];

    /// <summary>The middle one; of an even number the lower of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[(sorted.Count - 1) / 2];
    }
}
