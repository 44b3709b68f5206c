using System.Globalization;

namespace Etl.Benchmarks;

/// <summary>What a start of the command line costs: the middle of several.</summary>
/// <param name="Command">The command.</param>
/// <param name="Milliseconds">Its time.</param>
/// <param name="PeakBytes">The most memory that any of them took.</param>
/// <param name="Goal">What the time may be.</param>
internal sealed record StartUp(string Command, double Milliseconds, long PeakBytes, double Goal)
{
    private const int Pipelines = 1000;

    /// <summary>Measures them, after one run each that warms the disk's cache.</summary>
    public static IReadOnlyList<StartUp> Measure(Project project)
    {
        var many = Path.Combine(project.Folder, "many");
        ManyPipelines.Write(many, Pipelines);
        return
        [
            Of("etl --version", null, 10, () => project.Run("--version").Measurement),
            Of("etl validate FILE", 250, 10, () => project.Run("validate", "upsert.yaml").Measurement),
            Of("etl run FILE, a CSV file of 1,000 rows to another", 400, 10, () => project.Run("run", "trivial.yaml", "--output", "json").Measurement),
            Of(string.Create(CultureInfo.InvariantCulture, $"etl validate FOLDER, {Pipelines:N0} pipelines"), 6000, 3, () => project.Run("validate", many).Measurement),
        ];
    }

    private static StartUp Of(string command, double? goal, int times, Func<Measurement> run)
    {
        run();
        var runs = Enumerable.Range(0, times).Select(_ => run()).ToList();
        return new StartUp(command, 1000 * Measurement.Median(runs.Select(r => r.Seconds)), runs.Max(r => r.PeakBytes), goal ?? double.NaN);
    }
}
