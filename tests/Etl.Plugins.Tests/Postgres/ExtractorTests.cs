using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

public sealed class ExtractorTests
{
    private const string Source = "CREATE TABLE s (id int PRIMARY KEY, v text, at timestamptz); INSERT INTO s SELECT g, repeat('x', 500), '2024-01-01'::timestamptz + g * interval '1 s' FROM generate_series(1, 80000) g;";

    private static readonly PostgresIncrementalOptions ByAt = new() { Cursor = "at" };

    [Test]
    public async Task Splits_see_one_snapshot_while_others_write()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await using var extraction = await db.Table("s").OpenAsync(contract, batchRows: 5000, parallelism: 4);
        Assert.That(extraction.Splits, Has.Count.EqualTo(2));
        await db.RunAsync("DELETE FROM s WHERE id % 2 = 0; UPDATE s SET id = -id; INSERT INTO s SELECT 100000 + g, 'new', now() FROM generate_series(1, 20000) g");
        var sums = await Task.WhenAll(extraction.Splits.Select(s => SumAsync(extraction, s)));
        Assert.That(sums.Sum(s => s.Rows), Is.EqualTo(80_000));
        Assert.That(sums.Sum(s => s.Sum), Is.EqualTo(80_000L * 80_001 / 2));
        Assert.That(sums.Select(s => s.Rows), Has.All.GreaterThan(0));
    }

    [Test]
    public async Task Splits_of_a_partitioned_table_cover_it_once()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(
            """
            CREATE TABLE s (id int, v text) PARTITION BY RANGE (id);
            CREATE TABLE s1 PARTITION OF s FOR VALUES FROM (0) TO (60000); CREATE TABLE s2 PARTITION OF s FOR VALUES FROM (60000) TO (200000);
            INSERT INTO s SELECT g, repeat('x', 900) FROM generate_series(1, 100000) g;
            """);
        await using var extraction = await db.Table("s").OpenAsync(await db.ContractAsync("s"), batchRows: 5000, parallelism: 4);
        Assert.That(extraction.Splits, Has.Count.GreaterThan(1));
        Assert.That(await extraction.CountAsync(), Is.EqualTo(100_000));
    }

    [Test]
    public async Task An_increment_holds_what_changed_whatever_its_cursor_says()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        var reached = await ReadAsync(db.Table("s", ByAt), contract, null, 80_000);
        reached = await ReadAsync(db.Table("s", ByAt), contract, reached, 0);
        await db.RunAsync("UPDATE s SET v = 'backdated', at = '1999-01-01' WHERE id = 5; INSERT INTO s VALUES (-1, 'old', '1990-01-01')");
        reached = await ReadAsync(db.Table("s", ByAt), contract, reached, 2);
        await ReadAsync(db.Table("s", ByAt), contract, reached, 0);
    }

    [Test]
    public async Task An_increment_holds_rows_of_savepoints_and_prepared_transactions_that_commit_late()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await using var late = await db.OpenAsync();
        await using var begin = late.CreateCommand();
        begin.CommandText = "BEGIN; INSERT INTO s VALUES (-1, 'main', now()); SAVEPOINT a; INSERT INTO s VALUES (-2, 'savepoint', now()); RELEASE a";
        await begin.ExecuteNonQueryAsync();
        await db.RunAsync("BEGIN; INSERT INTO s VALUES (-3, 'prepared', now()); PREPARE TRANSACTION 'late'");
        await db.RunAsync("INSERT INTO s VALUES (-4, 'seen', now() + interval '1 hour')");

        var reached = await ReadAsync(db.Table("s", ByAt), contract, null, 80_001);
        begin.CommandText = "COMMIT";
        await begin.ExecuteNonQueryAsync();
        // -4 was made while the others were open, so it is read again.
        reached = await ReadAsync(db.Table("s", ByAt), contract, reached, 3);
        await db.RunAsync("COMMIT PREPARED 'late'");
        reached = await ReadAsync(db.Table("s", ByAt), contract, reached, 2);
        await ReadAsync(db.Table("s", ByAt), contract, reached, 0);
    }

    [Test]
    public async Task Rows_without_a_cursor_follow_the_policy()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, at timestamptz); INSERT INTO s VALUES (1, now()), (2, NULL)");
        var contract = await db.ContractAsync("s");
        Assert.That(async () => await db.Table("s", ByAt).OpenAsync(contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4110"));
        var reached = await ReadAsync(db.Table("s", ByAt with { NullCursor = NullCursor.Include }), contract, null, 2);
        await ReadAsync(db.Table("s", ByAt with { NullCursor = NullCursor.Include }), contract, reached, 1);
        await ReadAsync(db.Table("s", ByAt with { NullCursor = NullCursor.Skip }), contract, null, 1);
    }

    [Test]
    public async Task A_position_of_another_table_or_from_the_future_is_refused()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        var reached = await ReadAsync(db.Table("s", ByAt), contract, null, 80_000);
        var future = reached with { Position = new JsonObject { ["xid"] = reached.Position["xid"]!.GetValue<long>() + 1_000_000 } };
        Assert.That(async () => await db.Table("s", ByAt).OpenAsync(contract, future), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4461"));
        await db.RunAsync("ALTER TABLE s RENAME TO old; CREATE TABLE s AS TABLE old; ALTER TABLE s ALTER id SET NOT NULL");
        Assert.That(async () => await db.Table("s", ByAt).OpenAsync(contract, reached), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4460"));
    }

    [Test]
    public async Task Every_difference_between_contract_and_table_is_named()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, a numeric(10,2), b text NOT NULL, c text, at timestamptz)");
        var contract = await db.ContractAsync("s");
        await db.RunAsync("ALTER TABLE s ALTER a TYPE numeric(12,4), ALTER b DROP NOT NULL, DROP c, ADD d int");
        Assert.That(async () => await db.Table("s").OpenAsync(contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4457").And.Message.EqualTo(
            "public.s is not what its contract says: column 'a' is numeric(12,4), the contract says numeric(10,2); column 'b' can be NULL, the contract says required; column 'c' is not there"));
    }

    [Test]
    public async Task A_view_is_read_by_its_cursor_with_an_overlap_as_old_as_the_oldest_transaction()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()); INSERT INTO s SELECT g, now() - g * interval '1 day' FROM generate_series(1, 100) g; CREATE VIEW w AS SELECT * FROM s");
        var contract = await db.ContractAsync("w", "id");
        await using var late = await db.OpenAsync();
        await using var begin = late.CreateCommand();
        begin.CommandText = "BEGIN; INSERT INTO s VALUES (-1)";
        await begin.ExecuteNonQueryAsync();
        await db.RunAsync("INSERT INTO s VALUES (-2)");
        var reached = await ReadAsync(db.Table("w", ByAt), contract, null, 101);
        begin.CommandText = "COMMIT";
        await begin.ExecuteNonQueryAsync();
        await ReadAsync(db.Table("w", ByAt), contract, reached, 2);
    }

    [Test]
    public async Task A_query_takes_parameters_and_stays_one_select()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        async Task<long> CountAsync(string query, Dictionary<string, object> parameters)
        {
            var extractor = new PostgresQueryExtractor(new PostgresQueryExtractOptions { Query = query }, db.Connection);
            await using var extraction = await extractor.OpenAsync(new ExtractRequest(contract, extractor.DescribeOutput(contract), null, 1000, 2, parameters), CancellationToken.None);
            return await extraction.CountAsync();
        }

        Assert.That(await CountAsync("select * from s where id <= $n and v <> '$n; )' /* ; ' */ and $tag$;)$tag$ <> '' -- ;", new() { ["n"] = 10L }), Is.EqualTo(10));
        Assert.That(await CountAsync("select id, v, at from s where v = $v or at < $at;", new() { ["v"] = "'; drop table s --", ["at"] = new DateTimeOffset(2024, 1, 1, 0, 0, 5, TimeSpan.Zero) }), Is.EqualTo(4));
        Assert.That(async () => await CountAsync("select * from s; drop table s", []), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4458"));
        Assert.That(async () => await CountAsync("select * from s) to stdout", []), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4458"));
        Assert.That(async () => await CountAsync("select * from nothing", []), Throws.TypeOf<EtlException>().With.Property("OptionPath").EqualTo("query"));
        Assert.That(async () => await CountAsync("select * from s where id = $x", new() { ["y"] = 1L }), Throws.TypeOf<EtlException>().With.Property("Hint").EqualTo("There are: $y."));
    }

    [Test]
    public async Task An_extraction_that_is_given_up_or_cancelled_ends_at_once()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await using (var extraction = await db.Table("s").OpenAsync(contract, parallelism: 1))
        {
            await foreach (var batch in extraction.ReadDisposingAsync(extraction.Splits[0]))
            {
                break;
            }
        }

        var slow = new PostgresQueryExtractor(new PostgresQueryExtractOptions { Query = "select id, v, at from s, pg_sleep(60)" }, db.Connection);
        await using var sleeping = await slow.OpenAsync(new ExtractRequest(contract, slow.DescribeOutput(contract), null, 1000, 1, new Dictionary<string, object>()), CancellationToken.None);
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        Assert.That(async () =>
        {
            await foreach (var batch in sleeping.ReadAsync(sleeping.Splits[0], cancel.Token))
            {
                batch.Dispose();
            }
        }, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await db.TextAsync("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"), Is.EqualTo("0").After(5).Seconds.PollEvery(100).MilliSeconds);
    }

    [Test]
    public async Task Sixteen_writers_with_open_transactions_lose_nothing()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())");
        var contract = await db.ContractAsync("s");
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 16).Select(i => WriteAsync(db, new Random(i), stop.Token)).ToList();
        for (var run = 0; run < 12; run++)
        {
            await Steps.CopyAsync(db.Table("s", ByAt), db.Loader("t", TableLoadMode.Upsert, "id"), contract);
            await Task.Delay(100);
        }

        await stop.CancelAsync();
        var written = (await Task.WhenAll(writers)).Sum();
        await Steps.CopyAsync(db.Table("s", ByAt), db.Loader("t", TableLoadMode.Upsert, "id"), contract);
        Assert.That(written, Is.GreaterThan(100));
        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo(written.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        Assert.That(await db.DifferenceAsync("s", "t"), Is.Zero);
    }

    private static async Task<int> WriteAsync(TestDatabase db, Random random, CancellationToken stop)
    {
        await using var session = await db.OpenAsync();
        await using var command = session.CreateCommand();
        var rows = 0;
        while (!stop.IsCancellationRequested)
        {
            var wait = (random.NextDouble() * 0.4).ToString(System.Globalization.CultureInfo.InvariantCulture);
            command.CommandText = random.Next(2) == 0
                ? $"BEGIN; INSERT INTO s DEFAULT VALUES; SELECT pg_sleep({wait}); COMMIT"
                : $"BEGIN; SAVEPOINT a; INSERT INTO s DEFAULT VALUES; RELEASE a; SELECT pg_sleep({wait}); COMMIT";
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            rows++;
        }

        return rows;
    }

    private static async Task<SourcePosition> ReadAsync(PostgresTableExtractor extractor, DataContract contract, SourcePosition? from, long expected)
    {
        await using var extraction = await extractor.OpenAsync(contract, from);
        Assert.That(await extraction.CountAsync(), Is.EqualTo(expected));
        return extraction.Reached;
    }

    private static async Task<(long Rows, long Sum)> SumAsync(IExtraction extraction, Split split)
    {
        var (rows, sum) = (0L, 0L);
        await foreach (var batch in extraction.ReadDisposingAsync(split))
        {
            rows += batch.Length;
            foreach (var id in ((Int32Array)batch.Column(0)).Values)
            {
                sum += id;
            }
        }

        return (rows, sum);
    }
}
