using System.Diagnostics;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>The checkers and servers of <c>tests/tools</c>, installed once from its lock file.</summary>
public static class NodeTools
{
    private static readonly Lazy<Task> Installation = new(InstallAsync);

    /// <summary>Their folder.</summary>
    public static string Folder => Path.Combine(RepositoryFolder.Path, "tests", "tools");

    /// <summary>Waits until all is installed.</summary>
    public static Task InstalledAsync() => Installation.Value;

    /// <summary>A program that the lock file installs.</summary>
    public static string Installed(string program) => Path.Combine(Folder, "node_modules", ".bin", program);

    /// <summary>Runs a program there; what it prints when it ends with 0, or a failed assertion.</summary>
    public static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments)
    {
        await InstalledAsync();
        var (exit, output) = await EndAsync(program, arguments);
        Assert.That(exit, Is.Zero, $"{program}: {output}");
        return output;
    }

    private static async Task InstallAsync()
    {
        // Also when the lock file is newer than what was installed.
        var installed = Path.Combine(Folder, "node_modules", ".package-lock.json");
        if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(Path.Combine(Folder, "package-lock.json")))
        {
            var (exit, output) = await EndAsync("npm", ["ci", "--no-audit", "--no-fund"]);
            Assert.That(exit, Is.Zero, output);
        }
    }

    private static async Task<(int Exit, string Output)> EndAsync(string program, IReadOnlyList<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, process.ExitCode == 0 ? output : output + await errors);
    }
}
