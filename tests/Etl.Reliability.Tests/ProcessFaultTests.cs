using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>Signals, and pipes that close.</summary>
public sealed class ProcessFaultTests
{
    [Test]
    [Property("Fault", 1)]
    public async Task A_run_that_is_killed_while_it_validates_leaves_no_trace()
    {
        await using var rig = await Rig.CreateAsync("duckdb");
        var before = Everything(rig);
        await rig.KillAtAsync("validating");
        Assert.That(Everything(rig), Is.EqualTo(before));
    }

    [TestCase("staged:explode")]
    [TestCase("staged@many:kill")]
    [TestCase("staged:kill,batch_rows=two")]
    public async Task A_rehearsal_that_is_not_understood_is_refused(string failPoint)
    {
        await using var rig = await Rig.CreateAsync("duckdb");
        foreach (var command in (string[])["run", "plan"])
        {
            var refused = await rig.Project.RunAtAsync(failPoint, command, Rig.Pipeline);
            Assert.That((refused.ExitCode, refused.Error.Contains("ETL4314", StringComparison.Ordinal), refused.Error.Contains("   at ", StringComparison.Ordinal)), Is.EqualTo((2, true, false)), refused.ToString());
        }
    }

    [TestCase("plan", "INT", 130)]
    [TestCase("validate", "INT", 130)]
    [TestCase("validate", "TERM", 143)]
    [Property("Fault", 70)]
    public async Task An_interrupted_plan_or_validation_leaves_no_trace(string command, string signal, int code)
    {
        IgnoreWhere(signal);
        await using var rig = await Rig.CreateAsync("duckdb");
        var before = Everything(rig);
        using var run = rig.Project.StartAt("validating:pause", command, Rig.Pipeline);
        await run.SaysAsync("fail point validating");
        await run.SignalAsync(signal);
        await Task.Delay(300);
        await run.GoOnAsync();
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.EqualTo(code), ended.ToString());
        Assert.That(Everything(rig), Is.EqualTo(before));
    }

    [TestCase("INT", 130)]
    [TestCase("TERM", 143)]
    [Property("Fault", 63)]
    public async Task A_second_signal_ends_a_run_at_once(string signal, int code)
    {
        IgnoreWhere(signal);
        await using var rig = await Rig.CreateAsync("sqlite");
        using var run = rig.StartAt("staged:pause");
        await run.SaysAsync("fail point staged");
        await run.SignalAsync(signal);
        await Task.Delay(200);
        Assert.That(run.HasEnded, Is.False, "the first asks");
        await run.SignalAsync(signal);
        Assert.That((await run.EndAsync()).ExitCode, Is.EqualTo(code));
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("after two signals"), "after two signals");
    }

    [Test]
    [Property("Fault", 63)]
    public async Task A_reader_that_closes_its_end_of_the_pipe_costs_no_row()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        using (var run = rig.StartAt("staged:pause"))
        {
            await run.SaysAsync("fail point staged");
            run.CloseOutput();
            await run.GoOnAsync();
            await run.EndAsync();
        }

        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("after a closed pipe"), "after a closed pipe");
    }

    // Whoever is started in the background by a shell ignores SIGINT, and so do all that it starts.
    private static void IgnoreWhere(string signal)
    {
        var ignored = OperatingSystem.IsLinux() ? File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim() : "0";
        if (signal == "INT" && (Convert.ToUInt64(ignored, 16) & 2) != 0)
        {
            Assert.Ignore("the tests were started with SIGINT ignored, as a shell starts what runs in the background, and the program inherits that");
        }
    }

    private static List<string> Everything(Rig rig) =>
        [.. Directory.EnumerateFileSystemEntries(rig.Project.Folder, "*", SearchOption.AllDirectories).Select(f => $"{f} {File.GetLastWriteTimeUtc(f):O}").Order(StringComparer.Ordinal)];
}
