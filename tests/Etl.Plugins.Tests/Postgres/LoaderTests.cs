using Etl.Contracts;
using Etl.Plugins.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

public sealed class LoaderTests
{
    private const string Source =
        "CREATE TABLE s (id int PRIMARY KEY, v text, deleted boolean NOT NULL DEFAULT false, at timestamptz NOT NULL DEFAULT now()); INSERT INTO s (id, v) SELECT g, 'v' || g FROM generate_series(1, 5000) g;";

    private static readonly PostgresIncrementalOptions ByAt = new() { Cursor = "at", DeletedWhen = "deleted" };

    [Test]
    public async Task Upsert_inserts_updates_and_deletes_what_changed_and_nothing_else()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        var loader = db.Loader("t", TableLoadMode.Upsert, "id");
        Assert.That(await Steps.CopyAsync(db.Table("s", ByAt), loader, contract), Is.EqualTo(new PublishResult(5000, 0, 0, 0)));
        await db.RunAsync(
            "UPDATE s SET v = 'new' WHERE id <= 10; UPDATE s SET v = v WHERE id BETWEEN 11 AND 20; UPDATE s SET deleted = true WHERE id BETWEEN 21 AND 25; INSERT INTO s (id) VALUES (9001), (9002), (9003); INSERT INTO s (id, deleted) VALUES (9004, true)");
        Assert.That(await Steps.CopyAsync(db.Table("s", ByAt), loader, contract), Is.EqualTo(new PublishResult(3, 10, 5, 10)));
        Assert.That(await db.DifferenceAsync("(SELECT * FROM s WHERE NOT deleted)", "t"), Is.Zero);
        Assert.That(await Steps.CopyAsync(db.Table("s", ByAt), loader, contract), Is.EqualTo(new PublishResult(0, 0, 0, 0)));
        Assert.That(await db.TextAsync("SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"), Is.EqualTo("id,v,deleted,at"));
    }

    [Test]
    public async Task The_checkpoint_and_the_audit_say_what_was_published_and_no_staging_is_left()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await Steps.CopyAsync(db.Table("s", ByAt), db.Loader("t", TableLoadMode.Upsert, "id"), contract);
        await Steps.CopyAsync(db.Table("s", ByAt), db.Loader("t", TableLoadMode.Upsert, "id"), contract);
        Assert.That(await db.TextAsync("SELECT string_agg(concat_ws('/', n, fence, staged, inserted, updated, deleted, unchanged), ' ' ORDER BY n) FROM _etl.epoch"), Is.EqualTo("1/1/5000/5000/0/0/0 2/2/0/0/0/0/0"));
        Assert.That(await db.TextAsync("SELECT concat_ws('/', environment, pipeline, stage, n, fence, lease_owner) FROM _etl.checkpoint"), Is.EqualTo("default/p/load/2/2"));
        Assert.That(Checkpoint.Parse((await db.TextAsync("SELECT checkpoint FROM _etl.checkpoint"))!).N, Is.EqualTo(2));
        Assert.That(await db.TextAsync("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'stg%'"), Is.EqualTo("0"));
    }

    [Test]
    public async Task Append_adds_rows()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), contract);
        Assert.That(await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), contract), Is.EqualTo(new PublishResult(5000, 0, 0, 0)));
        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("10000"));
    }

    [Test]
    public async Task Append_refuses_deletions_before_anything_runs()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var schema = db.Table("s", ByAt).DescribeOutput(await db.ContractAsync("s"));
        Assert.That(() => db.Loader("t", TableLoadMode.Append).Describe(schema), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL3021"));
    }

    [Test]
    public async Task Replace_and_full_refresh_leave_these_rows_only_and_keep_grants_and_views()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source + "CREATE TABLE t (id int PRIMARY KEY, v text, deleted boolean, at timestamptz, extra int DEFAULT 7); INSERT INTO t (id) VALUES (-1), (-2); CREATE VIEW w AS SELECT id, extra FROM t; GRANT SELECT ON t TO PUBLIC;");
        var contract = await db.ContractAsync("s");
        Assert.That(await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Replace), contract), Is.EqualTo(new PublishResult(5000, 0, 2, 0, "replaced")));
        await db.RunAsync("INSERT INTO t (id) VALUES (-3)");
        Assert.That(await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "id"), contract, fullRefresh: true), Is.EqualTo(new PublishResult(5000, 0, 5001, 0, "replaced")));
        Assert.That(await db.TextAsync("SELECT count(*) || '/' || min(extra) FROM w"), Is.EqualTo("5000/7"));
        Assert.That(await db.TextAsync("SELECT relacl FROM pg_class WHERE relname = 't'"), Does.Contain("=r/"));
    }

    [Test]
    public async Task Replace_empties_a_table_only_when_allowed()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int); CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
        var contract = await db.ContractAsync("s");
        Assert.That(async () => await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Replace), contract),
            Throws.TypeOf<EtlException>().With.Message.EqualTo("no rows came, and publishing them would empty public.t, which holds 1").And.Property("Code").EqualTo("ETL4474"));
        var allowed = new PostgresTableLoader(new PostgresTableLoadOptions { Table = "t", Mode = TableLoadMode.Replace, AllowEmpty = true }, db.Connection);
        Assert.That((await Steps.CopyAsync(db.Table("s"), allowed, contract)).Deleted, Is.EqualTo(1));
    }

    [Test]
    public async Task The_target_grows_and_widens_as_allowed()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(
            """
            CREATE TABLE s (id int PRIMARY KEY, a bigint, b numeric(12,4), c double precision, d text);
            INSERT INTO s VALUES (1, 9223372036854775807, 12345678.9999, 1e300, 'x');
            CREATE TABLE t (id int PRIMARY KEY, a smallint, b numeric(10,2), c real);
            INSERT INTO t VALUES (7, 1, 1.5, 0.5);
            """);
        await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "id"), await db.ContractAsync("s"));
        Assert.That(await db.TextAsync("SELECT string_agg(t::text, ' ' ORDER BY id) FROM t"), Is.EqualTo("(1,9223372036854775807,12345678.9999,1e+300,x) (7,1,1.5000,0.5,)"));
    }

    [Test]
    public async Task Every_column_that_does_not_fit_is_named()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, a numeric(12,4), b timestamptz, c text, d int); INSERT INTO s VALUES (1); CREATE TABLE t (id int PRIMARY KEY, a integer, b date, c bytea)");
        var strict = new PostgresTableLoader(new PostgresTableLoadOptions { Table = "t", Mode = TableLoadMode.Upsert, Key = ["id"], Schema = new SchemaPolicy { AddColumns = false } }, db.Connection);
        var contract = await db.ContractAsync("s");
        Assert.That(await WholeText.OfAsync(() => Steps.CopyAsync(db.Table("s"), strict, contract)), Is.EqualTo(
            "ETL4473: rows do not fit public.t: column 'a' is integer and cannot take numeric(12,4) without loss; column 'b' is date and cannot take timestamptz without loss; "
            + "column 'c' is bytea and cannot take text without loss; column 'd' is not there, and schema.add_columns is false. Change the column, convert the value on the way (transform: derive), or allow the change in schema."));
    }

    [Test]
    public async Task Refused_rows_are_told_without_their_values()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s VALUES (1, 'CANARY-value'); CREATE TABLE t (id int PRIMARY KEY, v varchar(3)); CREATE TABLE u (id int PRIMARY KEY, v uuid)");
        var contract = await db.ContractAsync("s");
        foreach (var (table, why) in new[] { ("t", "a text is longer than its column, SQLSTATE 22001"), ("u", "a text is not a value of the column's type, SQLSTATE 22P02") })
        {
            var error = await Assert.CatchAsync<EtlException>(async () => await Steps.CopyAsync(db.Table("s"), db.Loader(table, TableLoadMode.Upsert, "id"), contract));
            Assert.That(error?.Message, Is.EqualTo($"public.{table} refused the rows: {why}"));
        }

        Assert.That(await db.TextAsync("SELECT count(*) FROM _etl.epoch"), Is.EqualTo("0"));
    }

    [Test]
    public async Task Keys_that_repeat_or_are_null_are_refused()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (k int, v text); INSERT INTO s VALUES (1, 'a'), (1, 'b'), (2, 'c')");
        var contract = await db.ContractAsync("s");
        Assert.That(async () => await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "k"), contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4475"));
        await db.RunAsync("DELETE FROM s; INSERT INTO s VALUES (NULL, 'a')");
        Assert.That(async () => await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "k"), contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4476"));
    }

    [Test]
    public async Task A_key_that_the_contract_calls_unique_and_is_not_is_refused_rather_than_doubled()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (k int PRIMARY KEY, v text); CREATE TABLE t (k int, v text)");
        var contract = await db.ContractAsync("s");
        await db.RunAsync("ALTER TABLE s DROP CONSTRAINT s_pkey; INSERT INTO s VALUES (1, 'a'), (1, 'b')");
        Assert.That(async () => await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "k"), contract), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4475"));
        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("0"));
    }

    [Test]
    public async Task A_plan_shows_the_statements()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var plan = db.Loader("t", TableLoadMode.Upsert, "id").Describe(db.Table("s", ByAt).DescribeOutput(await db.ContractAsync("s")));
        Assert.That(plan.Statements, Is.EqualTo(new[]
        {
            """CREATE TABLE "public"."t" ("id" integer, "v" text, "deleted" boolean, "at" timestamptz)""",
            """LOCK TABLE "public"."t" IN SHARE ROW EXCLUSIVE MODE""",
            """DELETE FROM "public"."t" AS t USING staged AS s WHERE t."id" = s."id" AND s."_op" = 'delete'""",
            """CREATE UNLOGGED TABLE differences WITH (autovacuum_enabled = false) AS SELECT s.*, t.ctid IS NULL AS "_etl_missing" FROM staged AS s LEFT JOIN "public"."t" AS t ON t."id" = s."id" WHERE s."_op" <> 'delete' AND (t.ctid IS NULL OR ROW(t."v", t."deleted", t."at") IS DISTINCT FROM ROW(s."v", s."deleted", s."at"))""",
            """UPDATE "public"."t" AS t SET "v" = s."v", "deleted" = s."deleted", "at" = s."at" FROM differences AS s WHERE t."id" = s."id" AND NOT s."_etl_missing" """.TrimEnd(),
            """INSERT INTO "public"."t" ("id", "v", "deleted", "at") SELECT s."id", s."v", s."deleted", s."at" FROM differences AS s WHERE s."_etl_missing" """.TrimEnd(),
            """ALTER TABLE "public"."t" ADD PRIMARY KEY ("id")""",
        }));
    }

    [Test]
    public async Task Names_with_quotes_spaces_and_sql_arrive_as_they_are()
    {
        await using var db = await TestDatabase.CreateAsync();
        const string Odd = """a"; drop table s--""";
        await db.RunAsync($"""CREATE TABLE s ("{Odd.Replace("\"", "\"\"", StringComparison.Ordinal)}" int PRIMARY KEY, "select" text, "ü.{"{"}0{"}"}" text); INSERT INTO s VALUES (1, 'x', 'y')""");
        await Steps.CopyAsync(db.Table("s"), db.Loader("o\"dd", TableLoadMode.Upsert, Odd), await db.ContractAsync("s"));
        Assert.That(await db.DifferenceAsync("s", "\"o\"\"dd\""), Is.Zero);
    }
}
