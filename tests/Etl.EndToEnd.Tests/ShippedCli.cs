using System.Diagnostics;
using NUnit.Framework;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[assembly: LevelOfParallelism(2)]

namespace Etl.EndToEnd.Tests;

/// <summary>
/// The command line as users get it: that of ETL_CLI (an <c>etl.dll</c>), or the one that <c>tools/etl</c> publishes into <c>artifacts/cli</c>, built once
/// for a run of the tests.
/// </summary>
[SetUpFixture]
public sealed class ShippedCli
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Its assembly.</summary>
    public static string Dll { get; private set; } = "";

    /// <summary>The folder that holds <c>global.json</c>.</summary>
    public static string Repository => RepositoryFolder.Path;

    [OneTimeSetUp]
    public async Task FindAsync()
    {
        Dll = Environment.GetEnvironmentVariable("ETL_CLI") ?? "";
        if (Dll.Length == 0)
        {
            using var build = Process.Start(new ProcessStartInfo(Path.Combine(Repository, "tools", "etl"), ["--version"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var output = build.StandardOutput.ReadToEndAsync();
            var errors = await build.StandardError.ReadToEndAsync();
            await build.WaitForExitAsync();
            Assert.That(build.ExitCode, Is.Zero, $"tools/etl --version: {await output}{errors}");
            Dll = Path.Combine(Repository, "artifacts", "cli", "etl.dll");
        }

        Assert.That(File.Exists(Dll), Is.True, $"{Dll} is missing");
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<CliResult> RunAsync(string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using var started = Start(folder, environment, arguments);
        return await started.EndAsync();
    }

    /// <summary>Starts it, for a test that has something to do meanwhile.</summary>
    public static StartedCli Start(string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments) => StartUnder([], folder, environment, arguments);

    /// <summary>Starts it under another program, such as one that makes its system calls fail.</summary>
    public static StartedCli StartUnder(string[] program, string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        string[] command = [.. program, "dotnet", Dll, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("ETL_", StringComparison.Ordinal) || k.StartsWith("PG", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        // A time zone of its own, so that nothing depends on the machine's being UTC.
        start.Environment["TZ"] = "America/St_Johns";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new StartedCli(Process.Start(start)!, Limit) { Passwords = Secrets.Of(environment) };
    }
}
