using System.Diagnostics;
using System.Globalization;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>A folder on a disk with little room: a tmpfs, which only root can mount. Elsewhere the test is ignored.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    public static async Task<SmallDisk> MountAsync(string folder, int kilobytes)
    {
        Directory.CreateDirectory(folder);
        if (!OperatingSystem.IsLinux() || await RunAsync("mount", "-t", "tmpfs", "-o", $"size={kilobytes.ToString(CultureInfo.InvariantCulture)}k", "tmpfs", folder) != 0)
        {
            Assert.Ignore("to mount a tmpfs, whose size makes the disk full, takes Linux and the right to mount");
        }

        return new SmallDisk(folder);
    }

    /// <summary>What was on it is gone with it.</summary>
    public async ValueTask DisposeAsync() => Assert.That(await RunAsync("umount", _folder), Is.Zero);

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
