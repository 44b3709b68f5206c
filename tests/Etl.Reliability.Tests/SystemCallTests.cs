using System.Diagnostics;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>System calls that fail from the N-th on, in the process as it is shipped: strace gives the kernel's answer. Ignored where there is no strace, or no right to use it.</summary>
[Platform("Linux")]
public sealed class SystemCallTests
{
    [TestCase("fsync", "EIO", 1)]
    [TestCase("fsync", "EIO", 6)]
    [Property("Fault", 30)]
    public Task A_disk_that_does_not_keep_what_was_written_ends_the_run(string call, string error, int from) => FailsAsync(call, error, from);

    [TestCase("pwrite64", "ENOSPC", 1)]
    [TestCase("pwrite64", "ENOSPC", 16)]
    [Property("Fault", 31)]
    public Task A_write_that_fails_ends_the_run(string call, string error, int from) => FailsAsync(call, error, from);

    private static async Task FailsAsync(string call, string error, int from)
    {
        await using var rig = await Rig.CreateAsync("lake");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        var before = rig.Project.LakeVersions("lake/orders");
        var ended = await UnderStraceAsync(rig, $"{call}:error={error}:when={from}+");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
            Assert.That(ended.Out + ended.Error, Does.Contain("ETL").And.Not.Contain("   at "), ended.ToString());
            Assert.That(rig.Project.LakeVersions("lake/orders"), Is.EqualTo(before), "nothing is published");
        }

        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("afterwards"), "afterwards");
    }

    private static async Task<CliResult> UnderStraceAsync(Rig rig, string fault)
    {
        string[] strace = ["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--output=/dev/null"];
        try
        {
            using var probe = Process.Start(new ProcessStartInfo(strace[0], [.. strace[1..], "true"]) { RedirectStandardError = true })!;
            await probe.WaitForExitAsync();
            if (probe.ExitCode != 0)
            {
                Assert.Ignore($"strace may not be used here: {await probe.StandardError.ReadToEndAsync()}");
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Ignore("strace, which makes system calls fail, is not installed");
        }

        using var run = ShippedCli.StartUnder([.. strace, $"--inject={fault}"], rig.Project.Folder, rig.Project.Environment, Rig.Run, Rig.Pipeline, "--output", "json");
        return await run.EndAsync();
    }
}
