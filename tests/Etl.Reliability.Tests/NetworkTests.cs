using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>Connections that break, slow down or go silent between the command line and a PostgreSQL at both ends.</summary>
[Category("Integration")]
public sealed class NetworkTests
{
    private const int LostAnswers = 16;

    [Test]
    [Property("Fault", 9)]
    public async Task A_commit_whose_answer_is_lost_is_looked_up_and_not_made_again()
    {
        await using var proxy = new TcpProxy(PostgresServer.Shared);
        await using var rig = await Rig.CreateAsync("postgres", warehouse: proxy);
        for (var round = 1; round <= LostAnswers; round++)
        {
            await rig.ChangeAsync();
            proxy.AnswersToLose = 1;
            var report = await rig.SucceedAsync($"round {round}");
            Assert.That(report["loads"]![0]!["detail"]!.GetValue<string>(), Does.Contain("answer was lost"));
            await Oracle.HoldsAsync(rig, report, $"round {round}");
        }

        Assert.That((proxy.LostAnswers, await rig.WarehouseAsync("select max(n)::text from _etl.epoch")), Is.EqualTo((LostAnswers, new[] { $"{LostAnswers}" })));
    }

    [Test]
    [Property("Fault", 9)]
    public async Task A_run_that_is_killed_before_it_hears_of_its_commit_is_not_repeated()
    {
        await using var proxy = new TcpProxy(PostgresServer.Shared) { HoldsAnswers = true };
        await using var rig = await Rig.CreateAsync("postgres", warehouse: proxy);
        for (var round = 1; round <= 4; round++)
        {
            await rig.ChangeAsync();
            proxy.AnswersToLose = 1;
            using (var run = rig.StartAt("batch_rows=100"))
            {
                while (proxy.LostAnswers < round && !run.HasEnded)
                {
                    await Task.Delay(20);
                }

                run.Kill();
                Assert.That((await run.EndAsync()).ExitCode, Is.EqualTo(CliResult.Killed));
            }

            var report = await rig.SucceedAsync($"round {round}");
            Assert.That(report["loads"]!.AsArray().Select(l => l!["status"]!.GetValue<string>()), Is.EqualTo(new[] { "nothing_new", "published", "published" }));
            await Oracle.HoldsAsync(rig, report, $"round {round}");
        }
    }

    [TestCase("source.opened", Description = "between the snapshot and the rows")]
    [TestCase("extract.batch", Description = "between two batches")]
    [Property("Fault", 16)]
    [Property("Fault", 17)]
    public async Task A_source_that_ends_its_sessions_is_read_again_in_a_new_snapshot(string point)
    {
        await using var rig = await Rig.CreateAsync("postgres");
        // More than the buffers between server and client hold.
        await rig.SourceAsync("insert into orders select i, repeat('x', 400), 1, '2026-03-01', to_timestamp(1772400000 + i), null from generate_series(10000, 60000) i");
        using var run = rig.StartAt($"{point}:pause,batch_rows=1000");
        await run.SaysAsync($"fail point {point}");
        await EndSessionsAsync(rig, "query like '%orders%' or state = 'idle in transaction'");
        await rig.ChangeAsync();
        await run.GoOnAsync();
        await SucceededAgainAsync(rig, run, point);
    }

    [TestCase("load.batch@2", Description = "during the COPY")]
    [TestCase("postgres.publish.applied", Description = "after the changes of the table")]
    [TestCase("postgres.publish.before_commit", Description = "at the commit")]
    [Property("Fault", 18)]
    public async Task A_target_that_ends_its_sessions_is_loaded_again_as_a_whole(string point)
    {
        await using var rig = await Rig.CreateAsync("postgres");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        using var run = rig.StartAt($"{point}:pause,batch_rows=2");
        await run.SaysAsync($"fail point {point.Split('@')[0]}");
        await EndSessionsAsync(rig, "true");
        await run.GoOnAsync();
        await SucceededAgainAsync(rig, run, point);
    }

    [TestCase("postgres.publish.applied")]
    [TestCase("extract.batch")]
    [Property("Fault", 19)]
    public async Task A_server_that_crashes_and_comes_back_is_read_and_loaded_again(string point)
    {
        await using var server = await PostgresServer.StartAsync();
        await using var rig = await Rig.CreateAsync("postgres", server: server);
        using var run = rig.StartAt($"{point}:pause,batch_rows=2");
        await run.SaysAsync($"fail point {point}");
        await server.CrashAsync();
        await rig.ChangeAsync();
        await run.GoOnAsync();
        await SucceededAgainAsync(rig, run, point);
    }

    [TestCase("snapshot.taken", true, Description = "a source that is to give its rows")]
    [TestCase("staged", false, Description = "a target that is to publish")]
    [Property("Fault", 20)]
    public async Task A_peer_that_goes_silent_ends_the_run_within_the_command_timeout(string point, bool ofSource)
    {
        await using var proxy = new TcpProxy(PostgresServer.Shared);
        await using var rig = await Rig.CreateAsync("postgres", source: ofSource ? proxy : null, warehouse: ofSource ? null : proxy, options: "command_timeout: 2s, connect_timeout: 2s");
        rig.Project.Replace(Rig.Pipeline, "policies:\n", "policies:\n  retry: { attempts: 1 }\n");
        using var run = rig.StartAt($"{point}:pause");
        await run.SaysAsync($"fail point {point}");
        proxy.GoSilent();
        await run.GoOnAsync();
        var started = Stopwatch.GetTimestamp();
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(60)), ended.ToString());
        proxy.GoOn();
        proxy.Cut();
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync(point), point);
    }

    [Test]
    [Property("Fault", 21)]
    public async Task A_connection_that_is_reset_anywhere_never_makes_half_a_load()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("ETL_TEST_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        var random = new Random(seed);
        await using var proxy = new TcpProxy(PostgresServer.Shared);
        await using var rig = await Rig.CreateAsync("postgres", seed, source: proxy, warehouse: proxy);
        var whole = 20_000;
        for (var round = 1; round <= 6; round++)
        {
            var because = $"ETL_TEST_SEED={seed}, round {round}";
            await rig.ChangeAsync();
            proxy.CutAfter(random.Next(whole));
            var ended = await rig.RunAsync();
            Assert.That(ended.ExitCode, Is.Zero.Or.EqualTo(1), $"{because}: {ended}");
            proxy.CutAfter(long.MaxValue / 2);
            var report = ended.ExitCode == 0 ? JsonNode.Parse(ended.Out)! : await rig.SucceedAsync(because);
            await Oracle.HoldsAsync(rig, report, because);
        }
    }

    [Test]
    [Property("Fault", 22)]
    public async Task A_slow_network_takes_time_and_nothing_else()
    {
        await using var proxy = new TcpProxy(PostgresServer.Shared) { Delay = TimeSpan.FromMilliseconds(50), BytesPerSecond = 64 * 1024 };
        await using var rig = await Rig.CreateAsync("postgres", source: proxy, warehouse: proxy);
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("slow"), "slow");
    }

    [Test]
    [Property("Fault", 25)]
    public async Task A_password_that_changes_during_a_run_is_not_tried_over_and_over()
    {
        var server = PostgresServer.Shared;
        await using var proxy = new TcpProxy(server);
        await using var rig = await Rig.CreateAsync("postgres", warehouse: proxy);
        var role = $"loader_{Guid.NewGuid():N}";
        await server.ExecuteAsync(rig.Database!, $"create role {role} login superuser password 'first-one'");
        try
        {
            rig.Project.Replace("connections.yaml", $"schema: dwh, user: {server.User}, password: \"${{SHOP_PASSWORD}}\"", $"schema: dwh, user: {role}, password: \"${{LOADER_PASSWORD}}\"");
            rig.Project.Environment["LOADER_PASSWORD"] = "first-one";
            using var run = rig.StartAt("staged:pause");
            await run.SaysAsync("fail point staged");
            await server.ExecuteAsync(rig.Database!, $"alter role {role} password 'second-one'");
            await EndSessionsAsync(rig, $"usename = '{role}'");
            var before = proxy.Accepted;
            await run.GoOnAsync();
            var ended = await run.EndAsync();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
                Assert.That(ended.Out, Does.Contain("ETL4451"), ended.ToString());
                Assert.That(ended.Out + ended.Error, Does.Not.Contain("first-one"));
                Assert.That(proxy.Accepted - before, Is.LessThan(20), "connections after the change");
            }

            rig.Project.Environment["LOADER_PASSWORD"] = "second-one";
            await Oracle.HoldsAsync(rig, await rig.SucceedAsync("new password"), "new password");
        }
        finally
        {
            await server.ExecuteAsync(rig.Database!, $"reassign owned by {role} to {server.User}; drop owned by {role}; drop role {role}");
        }
    }

    [TestCase("retry: { attempts: 4, base: 50ms }, circuit_breaker: { consecutive_failures: 10 }", 4, "ETL4450")]
    [TestCase("retry: { attempts: 50, base: 50ms }, circuit_breaker: { consecutive_failures: 3 }", 3, "ETL4304")]
    [Property("Fault", 65)]
    public async Task A_target_that_refuses_every_connection_is_tried_as_often_as_allowed(string policies, int attempts, string code)
    {
        await using var proxy = new TcpProxy(PostgresServer.Shared) { Refuses = true };
        await using var rig = await Rig.CreateAsync("postgres", warehouse: proxy);
        rig.Project.Replace(Rig.Pipeline, "policies:\n", $"policies:\n  {policies.Replace(", circuit", "\n  circuit", StringComparison.Ordinal)}\n");
        var ended = await rig.RunAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
            Assert.That(JsonNode.Parse(ended.Out)!["error"]!["code"]!.GetValue<string>(), Is.EqualTo(code), ended.ToString());
            Assert.That(proxy.Accepted, Is.EqualTo(attempts));
        }
    }

    // By their names at the server, all but the test's own.
    private static Task EndSessionsAsync(Rig rig, string which) => rig.Server.ExecuteAsync(
        rig.Database!, $"select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'etl' and ({which})");

    private static async Task SucceededAgainAsync(Rig rig, StartedCli run, string because)
    {
        var ended = await run.EndAsync();
        Assert.That(ended.ExitCode, Is.Zero, ended.ToString());
        Assert.That(JsonNode.Parse(ended.Out)!["warnings"]!.ToJsonString(), Does.Contain("was repeated"), ended.ToString());

        // What changed meanwhile reached only those targets that had not published before.
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync(because), because);
    }
}
