namespace Etl.Benchmarks;

/// <summary>One line of the table: some work of ours against the limit of the same machine.</summary>
/// <param name="Name">Short, for <c>--only</c>.</param>
/// <param name="Work">What we do.</param>
/// <param name="LimitText">What it is compared with.</param>
/// <param name="Goal">The ratio to reach.</param>
/// <param name="Limit">Runs the limit once, from a clean state.</param>
/// <param name="Ours">Runs ours once, from a clean state.</param>
/// <param name="Check">Compares what was written with what had to be; throws where they differ. Called after the first run of ours.</param>
internal sealed record Benchmark(
    string Name, string Work, string LimitText, double Goal, Func<Measurement> Limit, Func<Measurement> Ours, Action? Check = null)
{
    /// <summary>The page shows the memory of the last run over its time.</summary>
    public bool Plotted { get; init; }

    /// <summary>Whether the program of another is there that it is compared with; null where none is needed.</summary>
    public Func<bool>? IsInstalled { get; init; }

    /// <summary>
    /// Runs both by turns, the limit once more than ours: each run of ours stands between two of the limit, and the limit's runs
    /// against each other are the control.
    /// </summary>
    public Result Run(int pairs, Action<string> say)
    {
        List<Measurement> limits = [], ours = [];
        for (var i = 0; i < pairs; i++)
        {
            limits.Add(Limit());
            ours.Add(Ours());
            if (i == 0)
            {
                Check?.Invoke();
            }

            say(FormattableString.Invariant($"  {Name}: limit {limits[^1].Seconds:0.00} s, ours {ours[^1].Seconds:0.00} s ({ours[^1].Seconds / limits[^1].Seconds:0.00}), cpu {limits[^1].CpuSeconds:0.0} and {ours[^1].CpuSeconds:0.0} s, peak {ours[^1].PeakBytes >> 20} MB"));
        }

        limits.Add(Limit());
        return new Result(this, limits, ours);
    }
}

/// <summary>The runs of one benchmark, in the order in which they were made.</summary>
internal sealed record Result(Benchmark Benchmark, IReadOnlyList<Measurement> Limits, IReadOnlyList<Measurement> Ours)
{
    /// <summary>The middle of the pairs' ratios.</summary>
    public double Ratio => Measurement.Median(Ours.Select((o, i) => o.Seconds / Limits[i].Seconds));

    /// <summary>The limit against its own next run: how far from 1 this is, so far is a ratio noise.</summary>
    public (double Least, double Most) Control
    {
        get
        {
            var ratios = Limits.Skip(1).Select((l, i) => l.Seconds / Limits[i].Seconds).ToList();
            return (ratios.Min(), ratios.Max());
        }
    }

    /// <summary>Middle of ours, in seconds.</summary>
    public double Seconds => Measurement.Median(Ours.Select(m => m.Seconds));

    /// <summary>Middle of the limit, in seconds.</summary>
    public double LimitSeconds => Measurement.Median(Limits.Select(m => m.Seconds));

    /// <summary>Middle of the processor time of the limit's client.</summary>
    public double LimitCpuSeconds => Measurement.Median(Limits.Select(m => m.CpuSeconds));

    /// <summary>Middle of the processor time of ours.</summary>
    public double CpuSeconds => Measurement.Median(Ours.Select(m => m.CpuSeconds));

    /// <summary>The most memory that any run of ours had.</summary>
    public long PeakBytes => Ours.Max(m => m.PeakBytes);
}
