using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.Postgres;
using Etl.Plugins.Postgres.Copy;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>What is told of a PostgreSQL source that cannot be read as a pipeline says, pinned whole.</summary>
[TestFixture]
internal sealed class SourceTextTests
{
    private const string Table = "CREATE TABLE s (id int PRIMARY KEY, v text NOT NULL, ok boolean, n int, plain timestamp, at timestamptz); INSERT INTO s VALUES (1, 'a', true, 1, now(), now()); CREATE VIEW w AS SELECT * FROM s;";

    private static readonly PostgresIncrementalOptions ByAt = new() { Cursor = "at" };

    // What is done to the table after its contract was written, how it is read, and what is told. DATABASE is where it is.
    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("DROP TABLE s CASCADE", db => db.Table("s"), "table: ETL4456: there is no table public.s in DATABASE, or the user may not see its schema. Check the name and the connection's schema.");
        yield return Case("SELECT 1", db => db.Table(new string('s', 64)), "table: ETL4471: the table name 'ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss' has 64 bytes; PostgreSQL takes 1 to 63. Rename it; the server would cut it silently.");
        yield return Case("SELECT 1", db => db.Query("select * from s; select 1"), "query+15: ETL4458: the SQL cannot run: there are several statements. Write one SELECT that stands by itself.");
        yield return Case("SELECT 1", db => db.Query("select * from (select 1"), "query+23: ETL4458: the SQL cannot run: a parenthesis is not closed. Write one SELECT that stands by itself.");
        yield return Case("SELECT 1", db => db.Query("select idd as id from s"), "query: ETL4458: the SQL cannot run: column \"idd\" does not exist (42703). Perhaps you meant to reference the column \"s.id\".");
        yield return Case("SELECT 1", db => db.Query("select id, , v from s"), "query: ETL4458: the SQL cannot run: syntax error at or near \",\" (42601). Nothing was read. Try the SELECT in psql, with values in place of $name.");
        yield return Case("SELECT 1", db => db.Query("select * from s where id > $least"), "query+27: ETL4459: there is no parameter $least. There are none here.");
        yield return Case("SELECT 1", db => db.Query("select id, null::text as v, ok, n, plain, at from s"), "ETL4465: column 'v' is NULL in a row, and the contract says that it never is. Correct the source, or say required: false in the contract.");
        yield return Case("UPDATE s SET at = NULL", db => db.Table("s", ByAt), "incremental.cursor: ETL4110: the cursor 'at' of public.s is NULL in some rows, so nobody can tell whether they are new. Fill it in the source, or decide: null_cursor: include (read them in every run) or skip (never).");
        yield return Case("SELECT 1", db => db.Table("s", ByAt with { Cursor = "ok" }), "incremental.cursor: ETL4467: the cursor 'ok' is boolean. A cursor is a time, a date, a whole or decimal number, or a text.");
        yield return Case("SELECT 1", db => db.Table("s", ByAt with { Cursor = "n", Exact = PostgresExact.HoldBack }), "incremental.exact: ETL4487: the cursor 'n' is integer, which says nothing about when its transaction began. window and hold_back go by the clock: take a timestamptz, or exact: scan, which any cursor will do for.");
        yield return Case("SELECT 1", db => db.Table("s", ByAt with { Cursor = "plain", Exact = PostgresExact.Window }), "incremental.exact: ETL4487: the cursor 'plain' is timestamp: how far it is from the server's clock depends on the time zones of those who write it. Say by late_window how far it can be behind UTC (1h if all write UTC; 24h for a date), or take a timestamptz.");
        yield return Case("SELECT 1", db => db.Table("w", ByAt with { Exact = PostgresExact.Window }), "incremental.exact: ETL4488: public.w is a view, whose rows have no transaction ids, by which scan and window go. Say exact: hold_back, or leave exact out to read with an overlap.");
        yield return Case("SELECT 1", db => db.Query("select * from s", ByAt with { Exact = PostgresExact.Scan }), "incremental.exact: ETL4488: the rows of a query have no transaction ids, by which scan and window go. Say exact: hold_back, or leave exact out to read with an overlap.");

        static TestCaseData Case(string change, Func<TestDatabase, IExtractor> extractor, string told) => new TestCaseData(change, extractor, told).SetArgDisplayNames(told);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_its_code_and_what_to_do(string change, Func<TestDatabase, IExtractor> extractor, string told)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        var contract = await db.ContractAsync("s");
        await db.RunAsync(change);
        Assert.That(await WholeText.OfAsync(() => ReadAsync(extractor(db), contract)), Is.EqualTo(told.Replace("DATABASE", db.Connection.Display, StringComparison.Ordinal)));
    }

    [Test]
    public async Task A_view_that_is_read_with_an_overlap_is_not_appended()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        var contract = await db.ContractAsync("w", "id");
        Assert.That(await WholeText.OfAsync(() => ReadAsync(db.Table("w", ByAt), contract, once: true)), Is.EqualTo("incremental: ETL4486: public.w is read with an overlap, whose rows would be appended again in each run. Say exact: hold_back, which reads each row once, or use mode: upsert."));
    }

    [Test]
    public async Task A_position_of_something_else_is_told_with_both()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        var contract = await db.ContractAsync("s");
        var reached = await ReadAsync(db.Table("s", ByAt), contract);
        var xid = reached.Position["xid"]!.GetValue<long>();
        var future = reached with { Position = new() { ["xid"] = xid + 1_000_000 } };
        await db.RunAsync("ALTER TABLE s RENAME TO old; CREATE TABLE s AS TABLE old; ALTER TABLE s ALTER id SET NOT NULL, ALTER v SET NOT NULL");
        var other = await ReadAsync(db.Table("s", ByAt), contract);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await WholeText.OfAsync(() => ReadAsync(db.Table("s", ByAt), contract, reached)), Is.EqualTo($"ETL4460: public.s is not the source that the stored position is of: it was {reached.Identity}, it is {other.Identity} (server/database/table). The table was made anew, or the connection leads to another server. If that is meant, run with --full-refresh."));
            Assert.That(await WholeText.OfAsync(() => ReadAsync(db.Table("s", ByAt with { Exact = PostgresExact.HoldBack }), contract, other)), Is.EqualTo("ETL4462: the stored position is of kind postgres.table/1; this extraction reads postgres.table.hold_back/1. Run with --full-refresh."));
            Assert.That(await WholeText.OfAsync(() => ReadAsync(db.Table("s", ByAt), contract, other with { Position = [] })), Is.EqualTo("ETL4462: the stored position holds no transaction id. Run with --full-refresh."));
            Assert.That(
                WholeText.Unnumbered(await WholeText.OfAsync(() => ReadAsync(db.Table("s", ByAt), contract, future with { Identity = other.Identity }))),
                Is.EqualTo("ETL4461: the stored position is at transaction N, and public.s is only at N. The database was restored from an older copy. Changes may be missing on either side: run with --full-refresh."));
        }
    }

    [Test]
    public async Task Text_of_no_encoding_is_not_read()
    {
        await using var server = new NpgsqlConnection(PostgresServer.ConnectionString);
        await server.OpenAsync();
        var name = $"ascii_{Environment.ProcessId}";
        await ExecuteAsync(server, $"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
        try
        {
            await using var db = await TestDatabase.CreateAsync();
            await db.RunAsync(Table);
            await using var ascii = new PostgresConnection(db.Options with { Database = name });
            Assert.That(await WholeText.OfAsync(async () => await ReadAsync(db.Table("s", connection: ascii), await db.ContractAsync("s"))), Is.EqualTo($"ETL4454: the database of {ascii.Display} has the encoding SQL_ASCII: nobody knows what its text means. Move it to a database in UTF8."));
        }
        finally
        {
            await ExecuteAsync(server, $"DROP DATABASE {name} WITH (FORCE)");
        }
    }

    [Test]
    public async Task More_sessions_than_the_pool_has_are_told()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Table);
        await using var small = new PostgresConnection(db.Options with { PoolSize = 2, ConnectTimeout = TimeSpan.FromSeconds(1) });
        var contract = await db.ContractAsync("s");
        await using var one = await db.Table("s", connection: small).OpenAsync(contract);
        await using var two = await db.Table("s", connection: small).OpenAsync(contract);
        Assert.That(await WholeText.OfAsync(() => ReadAsync(db.Table("s", connection: small), contract)), Is.EqualTo($"ETL4455: all 2 sessions to {small.Display} are in use. Raise pool_size of the connection, or lower the parallelism."));
    }

    [Test]
    public async Task A_script_that_fails_is_told_with_the_servers_words()
    {
        await using var db = await TestDatabase.CreateAsync();
        Assert.That(await WholeText.OfAsync(async () => await db.Connection.ExecuteScriptAsync("create table a (id int); insert into nowhere values (1)", default)), Is.EqualTo("ETL4498: the script failed: relation \"nowhere\" does not exist (42P01). Nothing of the script is left, unless it commits by itself. Correct it and run it again."));
        Assert.That(await db.TextAsync("SELECT to_regclass('a')"), Is.Null, "nothing of it is left");
    }

    [Test]
    public async Task A_type_that_PostgreSQL_does_not_have_is_told_by_the_contract_and_by_a_batch()
    {
        await using var db = await TestDatabase.CreateAsync();
        var lists = new ListType(new ListType(Int32Type.Default));
        var contract = new DataContract("test", "1", "s", [new(new Field("tags", lists, true), "integer[][]", null, false, null)], "test.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await WholeText.OfAsync(() => Task.FromResult(db.Table("s").DescribeOutput(contract))), Is.EqualTo("ETL4470: column 'tags' is declared as list, which PostgreSQL does not have. Correct the contract."));
            Assert.That(await WholeText.OfAsync(() => Task.FromResult(CopyFormat.KindOf(lists))), Is.EqualTo("ETL4470: PostgreSQL has no type for Arrow's list. Convert it on the way (transform: derive)."));
        }
    }

    [Test]
    public async Task Bytes_that_are_no_copy_are_told()
    {
        var schema = new Schema([new Field("id", Int32Type.Default, false)], null);
        using var builder = new RecordBatchBuilder(schema);
        Assert.That(await WholeText.OfAsync(() => Task.FromResult(new CopyDecoder(builder, 10, long.MaxValue).Decode(new byte[64]))), Is.EqualTo("ETL4468: the server's COPY stream cannot be read: it does not start with the signature of binary COPY. This is a defect of this program or of something between it and the server."));
    }

    private static async Task<SourcePosition> ReadAsync(IExtractor extractor, DataContract contract, SourcePosition? from = null, bool once = false)
    {
        await using var extraction = await extractor.OpenAsync(contract, from, once: once);
        await extraction.CountAsync();
        return extraction.Reached;
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }
}
