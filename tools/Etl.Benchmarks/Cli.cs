using System.Diagnostics;

namespace Etl.Benchmarks;

/// <summary>The command line as it ships: that of ETL_CLI (an <c>etl.dll</c>), or what <c>tools/etl</c> publishes.</summary>
internal sealed record Cli(string Dll)
{
    /// <summary>Publishes it if a source is newer.</summary>
    public static Cli Publish(string tools)
    {
        if (Environment.GetEnvironmentVariable("ETL_CLI") is { Length: > 0 } given)
        {
            return new Cli(given);
        }

        using var build = Process.Start(new ProcessStartInfo(Path.Combine(tools, "etl"), ["--version"]) { RedirectStandardOutput = true })!;
        build.WaitForExit();
        return build.ExitCode == 0
            ? new Cli(Path.Combine(Path.GetDirectoryName(tools)!, "artifacts", "cli", "etl.dll"))
            : throw new InvalidOperationException("tools/etl could not build the command line");
    }
}
