using Etl.Contracts;
using Etl.Plugins.Postgres;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>Reading from a hot standby, whose server has not run the transactions that it shows.</summary>
public sealed class StandbyTests
{
    private static readonly PostgresIncrementalOptions ByAt = new() { Cursor = "at" };

    private readonly string _primaryFolder = Directory.CreateTempSubdirectory("etl-primary-").FullName;
    private readonly string _standbyFolder = Directory.CreateTempSubdirectory("etl-standby-").FullName;
    private string _primary = "";
    private NpgsqlConnectionStringBuilder _standby = [];

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _primary = await PostgresServer.UpAsync(_primaryFolder);
        _standby = new(await PostgresServer.UpAsync(_standbyFolder, _primaryFolder));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await PostgresServer.DownAsync(_standbyFolder);
        await PostgresServer.DownAsync(_primaryFolder);
    }

    [Test]
    public async Task Sessions_join_the_snapshot_of_a_standby()
    {
        await using var db = await TestDatabase.CreateAsync(_primary);
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s SELECT g, repeat('x', 900) FROM generate_series(1, 40000) g");
        await using var standby = Standby(db);
        await CaughtUpAsync(db);
        await using var extraction = await db.Table("s", connection: standby).OpenAsync(await db.ContractAsync("s"), parallelism: 2);
        Assert.That(extraction.Splits, Has.Count.EqualTo(2));
        var rows = await Task.WhenAll(extraction.Splits.Select(async s => await extraction.ReadDisposingAsync(s).Select(b => (long)b.Length).SumAsync()));
        Assert.That(rows.Sum(), Is.EqualTo(40_000));
    }

    [Test]
    public async Task What_a_standby_shows_is_read_once_and_whole_while_16_writers_write_at_its_primary()
    {
        await using var db = await TestDatabase.CreateAsync(_primary);
        await db.RunAsync(RaceWriters.Table);
        await using var standby = Standby(db);
        await CaughtUpAsync(db);
        List<RaceReader> readers =
        [
            new("upserted", db.Table("s", ByAt, standby), TableLoadMode.Upsert),
            new("appended", db.Table("s", ByAt, standby), TableLoadMode.Append),
        ];
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(6));
        await Task.WhenAll([new RaceWriters(db).RunAsync(16, stop.Token), .. readers.Select(r => r.ReadAsync(db, stop.Token))]);
        await CaughtUpAsync(db);
        foreach (var reader in readers)
        {
            await reader.RunAsync(db);
            var outcome = await reader.CompareAsync(db);
            TestContext.Out.WriteLine($"{reader.Name} {outcome} in {reader.Runs} runs");
            Assert.That(outcome, Is.EqualTo(RaceOutcome.Nothing));
            Assert.That(reader.Moved, Is.GreaterThan(1), "it read while they wrote");
        }
    }

    [Test]
    public async Task A_standby_that_is_behind_what_was_read_asks_to_wait()
    {
        await using var db = await TestDatabase.CreateAsync(_primary);
        await db.RunAsync(RaceWriters.Table + "; INSERT INTO s VALUES (1, 0)");
        await using var standby = Standby(db);
        await CaughtUpAsync(db);
        var contract = await db.ContractAsync("s");
        await using var control = new NpgsqlConnection(_standby.ConnectionString);
        await control.OpenAsync();
        await ExecuteAsync(control, "SELECT pg_wal_replay_pause()");
        try
        {
            await db.RunAsync("INSERT INTO s VALUES (2, 0); BEGIN; INSERT INTO s VALUES (3, 0); COMMIT; INSERT INTO s VALUES (4, 0)");
            await using var ahead = await db.Table("s", ByAt).OpenAsync(contract);
            Assert.That(
                WholeText.Unnumbered(await WholeText.OfAsync(async () => await db.Table("s", ByAt, standby).OpenAsync(contract, ahead.Reached))),
                Is.EqualTo("ETL4482: the standby has not yet applied what was read before: the stored position is at transaction N, public.s is only at N. Run again when it has caught up."));
        }
        finally
        {
            await ExecuteAsync(control, "SELECT pg_wal_replay_resume()");
        }
    }

    [Test]
    public async Task A_standby_does_not_know_open_transactions_so_hold_back_is_refused_and_window_says_its_limit()
    {
        await using var db = await TestDatabase.CreateAsync(_primary);
        await db.RunAsync(RaceWriters.Table);
        await using var standby = Standby(db);
        await CaughtUpAsync(db);
        var contract = await db.ContractAsync("s");
        Assert.That(async () => await db.Table("s", ByAt with { Exact = PostgresExact.HoldBack }, standby).OpenAsync(contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4484"));
        await using var window = await db.Table("s", ByAt with { Exact = PostgresExact.Window }, standby).OpenAsync(contract);
        Assert.That(window.Warnings, Has.One.EqualTo("rows of transactions that stay open for longer than late_window (01:00:00) may be missed, because a standby does not know the open transactions of its primary"));
    }

    [Test]
    public async Task The_same_table_on_another_cluster_is_another_source()
    {
        await using var db = await TestDatabase.CreateAsync();
        await using var other = await TestDatabase.CreateAsync(_primary);
        await db.RunAsync(RaceWriters.Table);
        await other.RunAsync(RaceWriters.Table);
        var contract = await db.ContractAsync("s");
        await using var here = await db.Table("s", ByAt).OpenAsync(contract);
        Assert.That(async () => await other.Table("s", ByAt).OpenAsync(contract, here.Reached), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4460"));
    }

    private PostgresConnection Standby(TestDatabase db) => new(db.Options with { Host = _standby.Host!, Port = _standby.Port });

    // Until the standby has applied what the primary has committed, and so the database itself.
    private async Task CaughtUpAsync(TestDatabase db)
    {
        var written = await db.TextAsync("SELECT pg_current_wal_lsn()");
        await using var session = new NpgsqlConnection(_standby.ConnectionString);
        await session.OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT pg_last_wal_replay_lsn() >= '{written}'", session);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await command.ExecuteScalarAsync(patience.Token) is not true)
        {
            await Task.Delay(50, patience.Token);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }
}
