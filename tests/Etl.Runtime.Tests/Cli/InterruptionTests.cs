using System.Diagnostics;
using System.Globalization;
using Etl.Cli;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Cli;

/// <summary>With real signals, sent to this process.</summary>
[NonParallelizable]
[Platform(Exclude = "Win")]
public sealed class InterruptionTests
{
    [TestCase("INT", 130)]
    [TestCase("TERM", 143)]
    public async Task The_first_signal_asks_to_stop_and_the_second_ends_the_process(string signal, int code)
    {
        // Whoever is started in the background by a shell ignores SIGINT.
        Assume.That(signal == "INT" && OperatingSystem.IsLinux() && (Convert.ToUInt64(File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))[7..].Trim(), 16) & 2) != 0, Is.False, "SIGINT is ignored here");
        var exited = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var interruption = new Interruption(exited.SetResult, TimeSpan.FromMinutes(5), TimeProvider.System);
        Assert.That((interruption.Requested, interruption.ExitCode), Is.EqualTo((false, 130)));

        await SendAsync(signal);
        await Cancelled(interruption.Token).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That((interruption.Token.IsCancellationRequested, interruption.Requested, interruption.ExitCode, exited.Task.IsCompleted), Is.EqualTo((true, true, code, false)));

        await SendAsync(signal);
        Assert.That(await exited.Task.WaitAsync(TimeSpan.FromSeconds(20)), Is.EqualTo(code));
    }

    [TestCase("INT", 130)]
    [TestCase("TERM", 143)]
    public async Task What_does_not_stop_in_time_after_the_first_signal_ends_with_its_code(string signal, int code)
    {
        var exited = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var interruption = new Interruption(exited.SetResult, TimeSpan.FromMilliseconds(300), TimeProvider.System);
        using var blocks = interruption.Token.Register(() => exited.Task.Wait(TimeSpan.FromSeconds(20)));

        await Task.Delay(500);
        Assert.That(exited.Task.IsCompleted, Is.False, "nobody asked");
        await SendAsync(signal);
        Assert.That(await exited.Task.WaitAsync(TimeSpan.FromSeconds(20)), Is.EqualTo(code));
    }

    [Test]
    public async Task A_run_that_is_cancelled_ends_with_the_code_of_the_signal()
    {
        var call = await CliSession.RunAsync(["run", "orders"], _ => null, async (_, _, cancel) =>
        {
            await SendAsync("TERM");
            await Task.Delay(TimeSpan.FromSeconds(20), cancel);
        });

        Assert.That((call.ExitCode, call.Out, call.Error), Is.EqualTo((143, "", "cancelled\n")));
    }

    private static async Task Cancelled(CancellationToken token)
    {
        var source = new TaskCompletionSource();
        await using var registration = token.Register(source.SetResult);
        await source.Task;
    }

    private static async Task SendAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }
}
