using Npgsql;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>
/// That the oracle can fail: each promise is broken once, from outside (the program has no switch for it), and the oracle must object.
/// </summary>
public sealed class ControlTests
{
    private static readonly (string Objection, Action<Rig> Break, Action<Rig> Mend)[] Breaks =
    [
        ("warehouse", r => Out(r, "create table kept as select * from orders where id = 1; delete from orders where id = 1"), r => Out(r, "insert into orders select * from kept; drop table kept")),
        ("warehouse", r => Out(r, "insert into orders select 9999, name, amount, day, updated_at, deleted_at from orders where id = 1"), r => Out(r, "delete from orders where id = 9999")),
        ("warehouse", r => Out(r, "update orders set amount = amount + 1 where id = 1"), r => Out(r, "update orders set amount = amount - 1 where id = 1")),
        ("epochs of warehouse", r => Out(r, "update _etl_epoch set n = 3 where n = 2"), r => Out(r, "update _etl_epoch set n = 2 where n = 3")),
        ("left over", r => Out(r, "create table _etl_stage_x_1 (id)"), r => Out(r, "drop table _etl_stage_x_1")),
        ("left over", r => r.Project.Write(".etl/tmp/x", ""), r => File.Delete(r.Project.PathOf(".etl/tmp/x"))),
        ("left over", r => r.Project.Write("lake/orders/part-1.parquet", ""), r => File.Delete(r.Project.PathOf("lake/orders/part-1.parquet"))),
    ];

    [Test]
    public async Task The_oracle_sees_what_is_lost_doubled_invented_or_left_over()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        var report = await rig.SucceedAsync("second");
        foreach (var (objection, breaks, mend) in Breaks)
        {
            breaks(rig);
            Assert.That(await Oracle.ObjectionAsync(rig, report), Does.Contain($"control: {objection}"));
            mend(rig);
            Assert.That(await Oracle.ObjectionAsync(rig, report), Is.Null);
        }
    }

    [Test]
    public async Task Without_the_checkpoint_in_the_commit_of_the_data_versions_come_twice()
    {
        await using var rig = await Rig.CreateAsync("sqlite");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        await rig.SucceedAsync("second");
        const string Newest = "lake/history/_delta_log/00000000000000000001.json";
        rig.Project.Write(Newest, string.Join('\n', rig.Project.Read(Newest).Split('\n').Where(l => !l.Contains("etlCheckpoint", StringComparison.Ordinal) && !l.Contains("etl.checkpoint/", StringComparison.Ordinal))));

        Assert.That(await Oracle.ObjectionAsync(rig, await rig.SucceedAsync("third")), Does.Contain("control: history"));
    }

    [TestCase(true)]
    [TestCase(false)]
    [Category("Integration")]
    [Property("Fault", 43)]
    public async Task A_run_that_was_stopped_beyond_its_lease_publishes_nothing_over_a_newer_one_and_without_the_fence_it_would(bool fence)
    {
        await using var rig = await Rig.CreateAsync("postgres");
        // By one session: then it has staged all when it says so.
        rig.Project.Replace("orders.yaml", "table: orders, mode: upsert", "table: orders, parallelism: 1, mode: upsert");
        await rig.SucceedAsync("first");
        await rig.ChangeAsync();
        using var zombie = rig.StartAt("postgres.staged:pause,lease=1");
        await zombie.SaysAsync("fail point postgres.staged");
        await zombie.SignalAsync("STOP");
        // What it staged is read by somebody, so that the newer run cannot drop it, and there is something to publish.
        await using var reader = await rig.Server.OpenAsync(rig.Database!);
        await using var reading = await reader.BeginTransactionAsync();
        var staged = (await rig.Server.QueryAsync(rig.Database!, "select tablename from pg_tables where schemaname = '_etl' and tablename like 'stg%'")).Single();
        await using var look = new NpgsqlCommand($"select count(*) from _etl.{staged}", reader, reading);
        await look.ExecuteScalarAsync();
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        await rig.SourceAsync("update orders set amount = amount + 1, updated_at = '2026-06-01T00:00:00Z' where amount > 0");
        var report = await rig.SucceedAsync("the newer one");
        if (!fence)
        {
            await rig.Server.ExecuteAsync(rig.Database!, "update _etl.checkpoint set fence = fence - 1, n = n - 1");
        }

        await reading.RollbackAsync();
        await zombie.SignalAsync("CONT");
        await zombie.GoOnAsync();
        var ended = await zombie.EndAsync();
        if (fence)
        {
            Assert.That(ended.ExitCode, Is.Not.Zero, ended.ToString());
            Assert.That(ended.Out, Does.Contain("ETL4302"), ended.ToString());
            await Oracle.HoldsAsync(rig, report, "zombie");
            await Oracle.HoldsAsync(rig, await rig.SucceedAsync("after the zombie"), "after the zombie");
        }
        else
        {
            Assert.That(await Oracle.ObjectionAsync(rig, report) ?? "", Does.Contain("control: warehouse").And.Contain("control: epochs of warehouse"), ended.ToString());
        }
    }

    private static void Out(Rig rig, string sql) => rig.Project.Sqlite("out/sqlite.db", sql);
}
