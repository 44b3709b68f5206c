using System.Diagnostics;
using Etl.Runtime.Reports;

namespace Etl.Model.Tests.Protocol;

/// <summary>The command line as it ships: that of ETL_CLI (an <c>etl.dll</c>), or the one that <c>tools/etl</c> publishes.</summary>
internal sealed class Cli
{
    private const int Killed = 137;
    private readonly string _dll;
    private int _kills;

    private Cli(string dll) => _dll = dll;

    /// <summary>Runs that were killed.</summary>
    public int Kills => Volatile.Read(ref _kills);

    public static async Task<Cli> FindAsync()
    {
        if (Environment.GetEnvironmentVariable("ETL_CLI") is { Length: > 0 } given)
        {
            return new Cli(given);
        }

        using var build = Process.Start(new ProcessStartInfo(Path.Combine(LoadedPlugins.Repository, "tools", "etl"), ["--version"]) { RedirectStandardOutput = true })!;
        await build.StandardOutput.ReadToEndAsync();
        await build.WaitForExitAsync();
        return build.ExitCode == 0
            ? new Cli(Path.Combine(LoadedPlugins.Repository, "artifacts", "cli", "etl.dll"))
            : throw new InvalidOperationException($"tools/etl --version ended with {build.ExitCode}");
    }

    /// <summary>A run that comes to its end.</summary>
    public async Task<RunReport> EndAsync(string folder, Reading reading) =>
        await RunAsync(folder, reading, null) ?? throw new CounterexampleException("the run was killed by somebody else");

    /// <summary>A run that is killed by SIGKILL where it comes to a point; null when it did.</summary>
    public async Task<RunReport?> RunAsync(string folder, Reading reading, string? point)
    {
        var start = new ProcessStartInfo("dotnet", [_dll, .. Command(reading), "shop.yaml", "--output", "json"])
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["ETL_FAILPOINT"] = point is null ? "" : $"{point}:kill";
        using var run = Process.Start(start)!;
        var errors = run.StandardError.ReadToEndAsync();
        var report = await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        if (run.ExitCode == Killed && point is not null)
        {
            Interlocked.Increment(ref _kills);
            return null;
        }

        return report.Length > 0 ? JsonReport.Parse(report) : throw new CounterexampleException($"exit {run.ExitCode}: {await errors}");
    }

    private static string[] Command(Reading reading) => reading switch
    {
        Reading.New => ["run"],
        Reading.Everything => ["run", "--full-refresh"],
        Reading.Letters => ["dead-letters", "replay"],
        _ => FormattableString.Invariant($"run --from {Shape.Range.From} --to {Shape.Range.To}").Split(' '),
    };
}
