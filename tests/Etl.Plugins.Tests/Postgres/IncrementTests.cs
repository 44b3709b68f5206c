using Etl.Contracts;
using Etl.Plugins.Postgres;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>What each way of reading increments promises, refuses and warns of, transaction by transaction.</summary>
public sealed class IncrementTests
{
    private static readonly PostgresIncrementalOptions ByAt = new() { Cursor = "at" };
    private static readonly PostgresIncrementalOptions Window = ByAt with { Exact = PostgresExact.Window };
    private static readonly PostgresIncrementalOptions HoldBack = ByAt with { Exact = PostgresExact.HoldBack };

    [Test]
    public async Task Window_and_hold_back_wait_for_a_prepared_transaction_whose_age_nobody_knows()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        await db.RunAsync("INSERT INTO s VALUES (1, 0, '2024-01-01')");
        var contract = await db.ContractAsync("s");
        var windowed = await ReadAsync(db.Table("s", Window), contract, null, 1);
        var held = await ReadAsync(db.Table("w", HoldBack), contract, null, 1);

        await db.RunAsync($"BEGIN; INSERT INTO s VALUES (2, 0); PREPARE TRANSACTION '{db.Name}'");
        // Longer than the margin of a second, by which it would be found without being known.
        await Task.Delay(TimeSpan.FromSeconds(1.3));
        await db.RunAsync("INSERT INTO s VALUES (3, 0)");
        windowed = await ReadAsync(db.Table("s", Window), contract, windowed, 1);
        await using (var waiting = await db.Table("w", HoldBack).OpenAsync(contract, held))
        {
            Assert.That(waiting.Splits, Is.Empty);
            Assert.That(waiting.Warnings, Has.One.Contains($"a prepared transaction is open ('{db.Name}', prepared at ").And.Contains("what is younger waits for its end"));
        }

        held = await ReadAsync(db.Table("w", HoldBack), contract, held, 0);
        Assert.That(
            WholeText.Unnumbered(await WholeText.OfAsync(async () => await db.Table("w", HoldBack).OpenAsync(contract))),
            Is.EqualTo($"incremental.exact: ETL4485: exact: hold_back cannot begin while a prepared transaction of unknown age is open: '{db.Name}', prepared at N-N-N N:N:N.N+N. Commit it or roll it back, then run again."));
        await db.RunAsync($"COMMIT PREPARED '{db.Name}'");
        await ReadAsync(db.Table("s", Window), contract, windowed, 2);
        await Task.Delay(TimeSpan.FromSeconds(1.3));
        await ReadAsync(db.Table("w", HoldBack), contract, held, 2);
    }

    [Test]
    public async Task Without_pg_read_all_stats_hold_back_is_refused_and_window_says_its_limit()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        await using var untold = await db.ReaderAsync();
        var contract = await db.ContractAsync("s");
        Assert.That(async () => await db.Table("w", HoldBack, untold).OpenAsync(contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4484")
            .And.Message.EqualTo($"exact: hold_back must know which transactions are open, and the user {db.Name}_reader does not have the role pg_read_all_stats"));
        await using var window = await db.Table("s", Window with { LateWindow = TimeSpan.FromHours(2) }, untold).OpenAsync(contract);
        Assert.That(window.Warnings, Is.EqualTo(new[] { $"rows of transactions that stay open for longer than late_window (02:00:00) may be missed, because the user {db.Name}_reader does not have the role pg_read_all_stats" }));
    }

    [Test]
    public async Task A_session_that_hides_its_transaction_makes_the_server_silent()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        await using var hidden = await db.OpenAsync();
        await using var command = new NpgsqlCommand("SET track_activities = off", hidden);
        await command.ExecuteNonQueryAsync();
        command.CommandText = "BEGIN; INSERT INTO s VALUES (1, 0)";
        await command.ExecuteNonQueryAsync();
        Assert.That(async () => await db.Table("w", HoldBack).OpenAsync(await db.ContractAsync("s")), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4484").And.Message.Contains("track_activities is off in a session"));
    }

    [Test]
    public async Task A_window_goes_by_the_index_and_warns_where_there_is_none()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table + "; INSERT INTO s SELECT g, 0, '2024-01-01'::timestamptz + g * interval '1 s' FROM generate_series(1, 50000) g; ANALYZE s");
        var contract = await db.ContractAsync("s");
        var reached = await ReadAsync(db.Table("s", Window), contract, null, 50_000);
        await db.RunAsync("INSERT INTO s VALUES (-1, 0)");
        await using (var increment = await db.Table("s", Window).OpenAsync(contract, reached))
        {
            Assert.That(increment.Warnings, Is.Empty);
            Assert.That(await PlanAsync(db, increment), Does.Contain("Index"));
            Assert.That(await increment.CountAsync(), Is.EqualTo(1));
        }

        await using (var increment = await db.Table("s", ByAt).OpenAsync(contract, reached))
        {
            Assert.That(await PlanAsync(db, increment), Does.Contain("Seq Scan"));
        }

        await db.RunAsync("DROP INDEX s_at_idx");
        await using var without = await db.Table("s", Window).OpenAsync(contract, reached);
        Assert.That(without.Warnings, Is.EqualTo(new[] { "exact: window reads the whole of public.s in each run, as no index begins with at: CREATE INDEX CONCURRENTLY ON \"public\".\"s\" (\"at\")" }));
    }

    [Test]
    [Property("Fault", 47)]
    public async Task A_transaction_that_is_open_for_longer_than_the_window_is_named()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        await using var late = await db.OpenAsync();
        await using var begin = new NpgsqlCommand("BEGIN; INSERT INTO s VALUES (1, 0)", late);
        await begin.ExecuteNonQueryAsync();
        await Task.Delay(TimeSpan.FromSeconds(1.1));
        foreach (var (options, effect) in new[] { (ByAt, "what is written meanwhile is read again by each run"), (Window, "what is younger is looked at again by each run"), (HoldBack, "what is younger waits for its end") })
        {
            await using var extraction = await db.Table("s", options with { LateWindow = TimeSpan.FromSeconds(1) }).OpenAsync(await db.ContractAsync("s"));
            Assert.That(extraction.Warnings, Has.One.Matches($@"^a transaction has been open for 0\.00:00:0\d \(pid {late.ProcessID}, idle in transaction, of user etl\): {effect}$"));
        }
    }

    [Test]
    public async Task Rows_of_a_view_or_query_have_no_transaction_ids_and_an_overlap_cannot_be_appended()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        var contract = await db.ContractAsync("w", "id");
        Assert.That(async () => await db.Table("w", Window).OpenAsync(contract), Refused("ETL4488"));
        Assert.That(async () => await db.Table("w", ByAt with { Exact = PostgresExact.Scan }).OpenAsync(contract), Refused("ETL4488"));
        Assert.That(() => db.Query("SELECT * FROM s", Window).DescribeOutput(contract), Refused("ETL4488"));
        Assert.That(async () => await db.Table("w", ByAt).OpenAsync(contract, once: true), Refused("ETL4486"));
        Assert.That(db.Query("SELECT * FROM s", ByAt).Capabilities.MayRepeat, Is.True);
        Assert.That(db.Query("SELECT * FROM s", HoldBack).Capabilities.MayRepeat, Is.False);
    }

    [Test]
    public async Task A_cursor_that_is_not_the_servers_clock_is_refused_or_needs_a_declared_window()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, plain timestamp NOT NULL, day date NOT NULL)");
        var contract = await db.ContractAsync("s");
        foreach (var exact in new[] { PostgresExact.Window, PostgresExact.HoldBack })
        {
            Assert.That(() => db.Table("s", new() { Cursor = "id", Exact = exact, LateWindow = TimeSpan.FromHours(1) }).DescribeOutput(contract), Refused("ETL4487"));
            foreach (var cursor in new[] { "plain", "day" })
            {
                Assert.That(() => db.Table("s", new() { Cursor = cursor, Exact = exact }).DescribeOutput(contract), Refused("ETL4487"));
                var declared = db.Table("s", new() { Cursor = cursor, Exact = exact, LateWindow = TimeSpan.FromHours(24) });
                Assert.That(await ReadAsync(declared, contract, await ReadAsync(declared, contract, null, 0), 0), Is.Not.Null);
            }
        }
    }

    [Test]
    public async Task A_position_for_an_append_lists_savepoints_and_is_refused_when_there_are_too_many()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        var contract = await db.ContractAsync("s");
        await using var late = await db.OpenAsync();
        await using var begin = new NpgsqlCommand("BEGIN; INSERT INTO s VALUES (-1, 0); SAVEPOINT a; INSERT INTO s VALUES (-2, 0)", late);
        await begin.ExecuteNonQueryAsync();
        await db.RunAsync(Savepoints(1, 1000));
        var reached = await ReadAsync(db.Table("s", ByAt), contract, null, 1000, once: true);
        Assert.That(reached.Position["seen"]!.AsArray(), Has.Count.EqualTo(1000));
        await ReadAsync(db.Table("s", ByAt), contract, reached, 0, once: true);
        await ReadAsync(db.Table("s", ByAt), contract, reached, 1000);
        await db.RunAsync(Savepoints(1001, 100_001));
        Assert.That(
            WholeText.Unnumbered(await WholeText.OfAsync(async () => await db.Table("s", ByAt).OpenAsync(contract, reached, once: true))),
            Is.EqualTo("ETL4483: more than N transactions wrote to public.s while another one stayed open, which is more than a position can list so that no row is appended twice. End the open transaction (pid N, idle in transaction, of user etl), or use mode: upsert."));
        begin.CommandText = "COMMIT";
        await begin.ExecuteNonQueryAsync();
        reached = await ReadAsync(db.Table("s", ByAt), contract, reached, 99_003, once: true);
        await ReadAsync(db.Table("s", ByAt), contract, reached, 0, once: true);
    }

    [Test]
    public async Task From_window_to_scan_an_append_is_refused_where_rows_could_come_twice()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        var contract = await db.ContractAsync("s");
        await using var late = await db.OpenAsync();
        await using var begin = new NpgsqlCommand("BEGIN; INSERT INTO s VALUES (-1, 0)", late);
        await begin.ExecuteNonQueryAsync();
        await db.RunAsync("INSERT INTO s VALUES (1, 0, '2000-01-01')");
        var reached = await ReadAsync(db.Table("s", Window), contract, null, 1, once: true);
        Assert.That(await WholeText.OfAsync(async () => await db.Table("s", ByAt).OpenAsync(contract, reached, once: true)), Is.EqualTo("ETL4462: the stored position was made by exact: window and does not list what a scan would read again. Run once more with exact: window while no transaction is open, or with --full-refresh."));
        await ReadAsync(db.Table("s", ByAt), contract, reached, 1);
        begin.CommandText = "COMMIT";
        await begin.ExecuteNonQueryAsync();
        await ReadAsync(db.Table("s", Window), contract, reached, 1, once: true);
    }

    // A transaction id for each row.
    private static string Savepoints(int first, int last) =>
        $"DO $$ BEGIN FOR i IN {first}..{last} LOOP BEGIN INSERT INTO s VALUES (i, 0); EXCEPTION WHEN unique_violation THEN RAISE; END; END LOOP; END $$";

    private static async Task<string> PlanAsync(TestDatabase db, IExtraction extraction)
    {
        await using var session = await db.OpenAsync();
        await using var command = new NpgsqlCommand("EXPLAIN " + extraction.Splits.Single().Spec["query"]!.GetValue<string>(), session);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private static NUnit.Framework.Constraints.EqualStringConstraint Refused(string code) => Throws.TypeOf<EtlException>().With.Property("Code").EqualTo(code);

    private static async Task<SourcePosition> ReadAsync(IExtractor extractor, DataContract contract, SourcePosition? from, long rows, bool once = false)
    {
        await using var extraction = await extractor.OpenAsync(contract, from, once: once);
        Assert.That(await extraction.CountAsync(), Is.EqualTo(rows));
        return extraction.Reached;
    }
}
