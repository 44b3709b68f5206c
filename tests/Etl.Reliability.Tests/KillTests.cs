using System.Globalization;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>
/// The process is killed at each step of the protocol and at random moments, while the source goes on changing; the next run with the same command must leave
/// one application of each row, in every target, and nothing lying about.
/// </summary>
public sealed class KillTests
{
    private const int RandomKillsPerTarget = 8;

    // Killed in this order, one after the other, in one project: what the first leaves is there for the second.
    private static readonly string[][] OfTheEngine =
    [
        ["validating", "lease.taken", "load.batch@3", "dead_letters.written", "publish.after@1"],
        ["compiled", "snapshot.taken", "query.batch@2", "publish.before@1", "published"],
        ["ledger.started", "source.opened", "extract.batch@2", "publish.before@2", "run.ended"],
        ["target.opened@1", "target.opened@2", "load.batch@1", "publish.after@2", "target.closed@1"],
        ["staged", "gate.passed", "extract.batch@1", "target.closed@2", "lake.cleaning"],
    ];

    private static readonly (string Target, string[] Points)[] OfTargets =
    [
        ("postgres", ["postgres.fence_taken", "postgres.staging", "postgres.staged", "postgres.publish.begun"]),
        ("postgres", ["postgres.publish.applied", "postgres.publish.before_commit", "postgres.publish.after_commit", "postgres.dropped"]),
        ("duckdb", ["lease_taken", "publish_begun", "before_commit", "committed"]),
        ("sqlite", ["sqlite.opening", "sqlite.staged", "sqlite.publish_begun"]),
        ("sqlite", ["sqlite.staged@2", "sqlite.before_commit", "sqlite.after_commit"]),
        ("lake", ["lake.staged", "lake.written", "lake.planned", "lake.before_commit", "lake.after_commit"]),
        ("lake", ["lake.file_sent@1", "lake.file_sent@2", "lake.sent", "lake.before_commit@2", "lake.after_commit@2"]),
        ("s3", ["validating", "load.batch@3", "dead_letters.written", "publish.after@1", "lake.staged"]),
        ("s3", ["lake.written", "lake.planned", "lake.before_commit", "lake.after_commit", "lake.cleaning"]),
        ("s3", ["lake.file_sent@1", "lake.file_sent@2", "lake.sent", "lake.before_commit@2", "lake.after_commit@2"]),
        ("postgres", ["lake.file_sent@3", "lake.sent@2", "lake.before_commit", "lake.after_commit@2"]),
    ];

    private static IEnumerable<TestCaseData> Planned() =>
        from x in (from target in (string[])["postgres", "duckdb", "sqlite", "lake"] from points in OfTheEngine select (Target: target, Points: points)).Concat(OfTargets)
        let data = new TestCaseData(x.Target, x.Points).SetArgDisplayNames(x.Target, string.Join(' ', x.Points))
        select x.Target is "postgres" or "s3" ? data.SetCategory("Integration") : data;

    [TestCaseSource(nameof(Planned))]
    [Property("Fault", 2)]
    [Property("Fault", 3)]
    [Property("Fault", 4)]
    [Property("Fault", 5)]
    [Property("Fault", 6)]
    [Property("Fault", 7)]
    [Property("Fault", 8)]
    [Property("Fault", 10)]
    [Property("Fault", 11)]
    [Property("Fault", 12)]
    [Property("Fault", 14)]
    [Property("Fault", 59)]
    public async Task A_run_after_one_that_was_killed_leaves_one_application_of_each_row(string target, string[] points)
    {
        await using var rig = await Rig.CreateAsync(target, seed: points[0].Length);
        foreach (var point in points)
        {
            await rig.ChangeAsync();
            await rig.KillAtAsync(point);
            await rig.ChangeAsync();
            var report = await rig.SucceedAsync($"after {point}");
            await Oracle.HoldsAsync(rig, report, $"after {point}");
        }

        var last = await rig.SucceedAsync("at last");
        Assert.That(last["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    [TestCase("postgres", Category = "Integration")]
    [TestCase("duckdb")]
    [TestCase("sqlite")]
    [TestCase("lake")]
    [TestCase("s3", Category = "Integration")]
    public async Task A_run_after_several_that_were_killed_at_random_moments_leaves_one_application_of_each_row(string target)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("ETL_TEST_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        var wanted = int.TryParse(Environment.GetEnvironmentVariable("ETL_TEST_KILLS"), CultureInfo.InvariantCulture, out var kills) ? kills / 5 : RandomKillsPerTarget;
        var random = new Random(seed);
        await using var rig = await Rig.CreateAsync(target, seed);
        var run = TimeSpan.FromSeconds(1);
        for (var killed = 0; killed < wanted;)
        {
            var because = $"ETL_TEST_SEED={seed}, after {killed} kills";
            for (var inARow = random.Next(1, 4); inARow > 0; inARow--)
            {
                await rig.ChangeAsync();
                using var started = rig.StartAt("batch_rows=2");
                await Task.Delay(run * random.NextDouble());
                started.Kill();
                killed += (await started.EndAsync()).ExitCode == CliResult.Killed ? 1 : 0;
            }

            await rig.ChangeAsync();
            var before = TimeProvider.System.GetTimestamp();
            var report = await rig.SucceedAsync(because);
            run = TimeProvider.System.GetElapsedTime(before);
            await Oracle.HoldsAsync(rig, report, because);
        }
    }
}
