namespace Etl.Benchmarks;

/// <summary>What a start of the command line costs: the middle of ten.</summary>
/// <param name="Command">The command.</param>
/// <param name="Milliseconds">Its time.</param>
/// <param name="Goal">What it may be.</param>
internal sealed record StartUp(string Command, double Milliseconds, double Goal)
{
    private const int Times = 10;

    /// <summary>Measures them, after one run each that warms the disk's cache.</summary>
    public static IReadOnlyList<StartUp> Measure(Project project) =>
    [
        Of("etl --version", null, () => project.Run("--version").Measurement),
        Of("etl validate FILE", 250, () => project.Run("validate", "upsert.yaml").Measurement),
        Of("etl run FILE, a CSV file of 1,000 rows to another", 400, () => project.Run("run", "trivial.yaml", "--output", "json").Measurement),
    ];

    private static StartUp Of(string command, double? goal, Func<Measurement> run)
    {
        run();
        return new StartUp(command, 1000 * Measurement.Median(Enumerable.Range(0, Times).Select(_ => run().Seconds)), goal ?? double.NaN);
    }
}
