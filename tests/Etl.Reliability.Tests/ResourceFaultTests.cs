using System.Diagnostics;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>What a run needs and does not get: a host, a right, a lock, room on the disk, memory.</summary>
public sealed class ResourceFaultTests
{
    [TestCase("host: nowhere.invalid", "nowhere.invalid")]
    [TestCase("host: 127.0.0.1, port: 1", "127.0.0.1:1")]
    [Category("Integration")]
    [Property("Fault", 23)]
    public async Task A_host_that_is_not_there_is_named_and_the_password_is_not(string host, string named)
    {
        await using var rig = await Rig.CreateAsync("postgres");
        rig.Project.Write("connections.yaml", System.Text.RegularExpressions.Regex.Replace(rig.Project.Read("connections.yaml"), "host: [^,]+, port: \\d+", host, System.Text.RegularExpressions.RegexOptions.None));
        rig.Project.Replace(Rig.Pipeline, "policies:\n", "policies:\n  retry: { attempts: 2, base: 50ms }\n");
        var ended = await rig.RunAsync();
        Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
        Assert.That(ended.Out, Does.Contain("ETL4450").And.Contain(named), ended.ToString());
        Oracle.NoSecret(rig, ended);
    }

    [TestCase("revoke all on _etl.checkpoint from {0}", Description = "the state")]
    [TestCase("revoke select on public.orders from {0}", Description = "the source")]
    [TestCase("revoke insert on dwh.orders from {0}", Description = "the target")]
    [Category("Integration")]
    [Property("Fault", 26)]
    public async Task A_right_that_is_missing_ends_the_run_with_nothing_published(string revoke)
    {
        await using var rig = await Rig.CreateAsync("postgres");
        await rig.SucceedAsync("first");
        var role = $"poor_{Guid.NewGuid():N}";
        await rig.Server.ExecuteAsync(rig.Database!, $"""
            create role {role} login password 'poor-one'; grant all on schema public, dwh, _etl to {role}; grant all on all tables in schema public, dwh, _etl to {role};
            {string.Format(System.Globalization.CultureInfo.InvariantCulture, revoke, role)}
            """);
        try
        {
            rig.Project.Environment["SHOP_PASSWORD"] = "poor-one";
            rig.Project.Write("connections.yaml", rig.Project.Read("connections.yaml").Replace($"user: {rig.Server.User},", $"user: {role},", StringComparison.Ordinal));
            await rig.ChangeAsync();
            var ended = await rig.RunAsync();
            Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
            Assert.That(ended.Out, Does.Contain("permission denied").And.Not.Contain("   at "), ended.ToString());
            Assert.That(await rig.WarehouseAsync("select max(n)::text from _etl.epoch"), Is.EqualTo(new[] { "1" }), "nothing is published");
        }
        finally
        {
            await rig.Server.ExecuteAsync(rig.Database!, $"drop owned by {role}; drop role {role}");
        }
    }

    [Test]
    [Category("Integration")]
    [Property("Fault", 39)]
    public async Task A_table_that_someone_else_has_locked_is_waited_for_as_long_as_allowed()
    {
        await using var rig = await Rig.CreateAsync("postgres", options: "command_timeout: 1s");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        rig.Project.Replace(Rig.Pipeline, "policies:\n", "policies:\n  retry: { attempts: 2, base: 50ms }\n");
        await using (var other = await rig.Server.OpenAsync(rig.Database!))
        await using (var transaction = await other.BeginTransactionAsync())
        {
            await using var take = new Npgsql.NpgsqlCommand("lock table dwh.orders in access exclusive mode", other);
            await take.ExecuteNonQueryAsync();
            var started = Stopwatch.GetTimestamp();
            var ended = await rig.RunAsync();
            Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
            Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(60)));
        }

        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("unlocked"), "unlocked");
    }

    [Test]
    [Category("Integration")]
    [Property("Fault", 40)]
    [Property("Fault", 44)]
    public async Task Two_pipelines_that_write_the_same_keys_in_opposite_order_both_publish()
    {
        await using var rig = await Rig.CreateAsync("postgres");
        rig.Project.Write("other.yaml", rig.Project.Read(Rig.Pipeline).Replace("pipeline: orders", "pipeline: other", StringComparison.Ordinal)
            .Replace("path: \"orders/", "path: \"other/", StringComparison.Ordinal).Replace("path: \"history/", "path: \"other-history/", StringComparison.Ordinal)
            .Replace("path: \"refused/", "path: \"other-refused/", StringComparison.Ordinal));
        for (var round = 1; round <= 3; round++)
        {
            await rig.ChangeAsync();
            using var one = rig.StartAt("staged:pause");
            using var other = rig.Project.StartAt("staged:pause", "run", "other.yaml", "--output", "json");
            await Task.WhenAll(one.SaysAsync("fail point staged"), other.SaysAsync("fail point staged"));
            await Task.WhenAll(one.GoOnAsync(), other.GoOnAsync());
            foreach (var ended in new[] { await one.EndAsync(), await other.EndAsync() })
            {
                Assert.That(ended.ExitCode, Is.Zero, ended.ToString());
            }
        }

        Rows.AreEqual(await rig.ExpectedAsync(), await rig.WarehouseAsync($"select {SmallShop.Line} from dwh.orders"), "warehouse");
        Assert.That(await rig.WarehouseAsync("select pipeline || ' ' || n from _etl.checkpoint order by 1"), Is.EqualTo(new[] { "orders 3", "other 3" }));
    }

    [TestCase("lake", "ETL4309", 256, Description = "the lake's folder")]
    [TestCase("out", "ETL4500", 256, Description = "the folder of an SQLite target")]
    [TestCase(".etl/tmp", "ETL4309", 256, Description = "temporary files")]
    [TestCase("lake/refused", "ETL4309", 4, Description = "dead letters")]
    [Property("Fault", 27)]
    [Property("Fault", 28)]
    [Property("Fault", 29)]
    [Property("Fault", 32)]
    public async Task A_disk_that_is_full_ends_the_run_and_with_room_the_next_one_does_all(string folder, string code, int kilobytes)
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.SourceAsync("with recursive n(i) as (select 10001 union all select i + 1 from n where i < 40000) insert into orders select i, hex(randomblob(20)), i % 20 - 1, '2026-03-01', '2026-05-01T00:00:00Z', null from n");
        await using (await SmallDisk.MountAsync(rig.Project.PathOf(folder), kilobytes))
        {
            var ended = await rig.RunAsync();
            Assert.That(ended.ExitCode, Is.EqualTo(1), ended.ToString());
            Assert.That(ended.Out, Does.Contain(code).And.Contain("\"hint\": ").And.Not.Contain("   at "), ended.ToString());
        }

        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("with room"), "with room");
    }

    [Test]
    [Property("Fault", 58)]
    public async Task A_process_that_runs_out_of_memory_leaves_a_state_that_the_next_one_goes_on_from()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        rig.Project.Environment["DOTNET_GCHeapHardLimit"] = "0x600000";
        var starved = await rig.RunAsync();
        Assert.That(starved.ExitCode, Is.Not.Zero, starved.ToString());
        rig.Project.Environment.Remove("DOTNET_GCHeapHardLimit");
        await Oracle.HoldsAsync(rig, await rig.SucceedAsync("with memory"), "with memory");
    }
}
