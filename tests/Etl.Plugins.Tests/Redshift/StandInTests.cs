using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>What the stand-in for Redshift takes and refuses, statement by statement, as the manual has it.</summary>
[Category("Integration")]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class StandInTests
{
    private Warehouse _warehouse = null!;

    private static IEnumerable<TestCaseData> Accepted =>
        new (string Name, string Sql)[]
        {
            ("a_query", "SELECT count(*), max(id) FROM orders"),
            ("a_query_with_a_common_table", "WITH recent AS (SELECT id FROM orders WHERE id > 1) SELECT * FROM recent"),
            ("a_window_function", "SELECT id, row_number() OVER (PARTITION BY status ORDER BY id) FROM orders"),
            ("an_insert_of_values", "INSERT INTO orders (id, status) VALUES (100, 'new')"),
            ("an_insert_of_a_query", "INSERT INTO orders (id, status) SELECT id + 1000, status FROM orders"),
            ("an_update", "UPDATE orders SET status = 'paid' WHERE id = 1"),
            ("an_update_from_a_table", "UPDATE orders SET status = s.status FROM staged s WHERE orders.id = s.id"),
            ("a_delete_using_a_table", "DELETE FROM orders USING staged s WHERE orders.id = s.id"),
            ("a_merge_of_both_kinds", "MERGE INTO orders USING staged s ON orders.id = s.id WHEN MATCHED THEN UPDATE SET status = s.status WHEN NOT MATCHED THEN INSERT (id, status) VALUES (s.id, s.status)"),
            ("a_table_with_keys_that_are_not_enforced", "CREATE TABLE keyed (id bigint PRIMARY KEY, code varchar(10) UNIQUE)"),
            ("distribution_and_sort_keys", "CREATE TABLE spread (id bigint, day date) DISTSTYLE KEY DISTKEY (id) COMPOUND SORTKEY (day, id)"),
            ("an_encoding", "CREATE TABLE encoded (id bigint ENCODE az64 NOT NULL)"),
            ("a_temporary_table", "CREATE TEMP TABLE passing (LIKE orders)"),
            ("a_table_of_a_query", "CREATE TABLE copied AS SELECT id FROM orders"),
            ("super", "CREATE TABLE documents (id bigint, body super)"),
            ("json_text_into_super", "SELECT json_serialize(json_parse('{\"a\": 1}'))"),
            ("the_longest_varchar", "CREATE TABLE long (a varchar(65535), b varchar(max))"),
            ("the_widest_decimal", "CREATE TABLE wide (a decimal(38,37))"),
            ("a_schema", "CREATE SCHEMA IF NOT EXISTS _etl"),
            ("one_more_column", "ALTER TABLE altered ADD COLUMN note varchar(20)"),
            ("a_longer_varchar", "ALTER TABLE altered ALTER COLUMN status TYPE varchar(40)"),
            ("truncate", "TRUNCATE TABLE emptied"),
            ("vacuum", "VACUUM orders"),
            ("analyze", "ANALYZE orders"),
            ("a_setting", "SET statement_timeout TO 60000"),
            ("sysdate_without_parentheses", "SELECT sysdate"),
            ("getdate", "SELECT getdate() + interval '60 seconds'"),
            ("a_cast", "SELECT CAST('1' AS decimal(10,2)), '2'::bigint"),
            ("the_count_of_the_last_copy", "SELECT pg_last_copy_count()"),
            ("the_catalog", "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum > 0"),
        }
        .Select(c => new TestCaseData(c.Sql).SetArgDisplayNames(c.Name));

    private static IEnumerable<TestCaseData> Refused =>
        new (string Name, string Sql, string Reason)[]
        {
            ("on_conflict", "INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT is not supported"),
            ("returning", "UPDATE orders SET status = 'x' RETURNING id", "RETURNING is not supported"),
            ("for_update", "SELECT * FROM orders FOR UPDATE", "FOR UPDATE is not supported"),
            ("distinct_on", "SELECT DISTINCT ON (status) id FROM orders", "DISTINCT ON is not supported"),
            ("is_distinct_from", "SELECT id FROM orders WHERE status IS DISTINCT FROM 'x'", "IS DISTINCT FROM is not supported"),
            ("filtered_aggregates", "SELECT count(*) FILTER (WHERE id > 1) FROM orders", "FILTER is not supported"),
            ("lateral", "SELECT * FROM orders, LATERAL (SELECT 1) x", "LATERAL is not supported"),
            ("json", "CREATE TABLE a (x json)", "\"json\" is not supported in Redshift; SUPER"),
            ("jsonb_by_a_cast", "SELECT '{}'::jsonb", "\"jsonb\" is not supported"),
            ("uuid", "CREATE TABLE a (x uuid)", "\"uuid\" is not supported"),
            ("bytea", "CREATE TABLE a (x bytea)", "\"bytea\" is not supported"),
            ("serial", "CREATE TABLE a (x serial)", "\"serial\" is not supported"),
            ("arrays", "CREATE TABLE a (x integer[])", "arrays are not supported"),
            ("array_constructors", "SELECT ARRAY[1, 2]", "arrays are not supported"),
            ("a_varchar_that_is_too_long", "CREATE TABLE a (x varchar(65536))", "cannot exceed 65535"),
            ("a_decimal_that_is_too_wide", "CREATE TABLE a (x decimal(39,0))", "must be between 1 and 38"),
            ("a_timestamp_with_precision", "CREATE TABLE a (x timestamp(3))", "takes no precision"),
            ("check_constraints", "CREATE TABLE a (x integer, CHECK (x > 0))", "CHECK constraints are not supported"),
            ("an_index", "CREATE INDEX i ON orders (id)", "CREATE INDEX is not supported"),
            ("unlogged_tables", "CREATE UNLOGGED TABLE a (x integer)", "UNLOGGED tables are not supported"),
            ("partitions", "CREATE TABLE a (x integer) PARTITION BY RANGE (x)", "PARTITION is not supported"),
            ("storage_parameters", "CREATE TABLE a (x integer) WITH (fillfactor = 70)", "WITH is not supported"),
            ("a_sort_key_that_is_no_column", "CREATE TABLE a (x integer) SORTKEY (y)", "\"y\" named in DISTKEY or SORTKEY does not exist"),
            ("triggers", "CREATE TRIGGER t AFTER INSERT ON orders EXECUTE FUNCTION f()", "CREATE TRIGGER is not supported"),
            ("a_sequence", "CREATE SEQUENCE s", "CREATE SEQUENCE is not supported"),
            ("generate_series_into_a_table", "INSERT INTO orders (id) SELECT * FROM generate_series(1, 10)", "leader node only"),
            ("string_agg", "SELECT string_agg(status, ',') FROM orders", "LISTAGG takes its place"),
            ("now", "INSERT INTO orders (id, made_at) SELECT 1, now()", "GETDATE and SYSDATE"),
            ("advisory_locks", "SELECT pg_advisory_xact_lock(1)", "advisory locks are not supported"),
            ("savepoints", "SAVEPOINT s", "SAVEPOINT is not supported"),
            ("set_local", "SET LOCAL statement_timeout = 1", "SET LOCAL"),
            ("a_lock_with_a_mode", "LOCK TABLE orders IN SHARE MODE", "LOCK takes no mode"),
            ("a_lock_outside_a_transaction", "LOCK TABLE orders", "only be used in transaction blocks"),
            ("another_type_of_a_column", "ALTER TABLE orders ALTER COLUMN id TYPE numeric(20,0)", "length of VARCHAR columns only"),
            ("a_merge_of_one_kind", "MERGE INTO orders USING staged s ON orders.id = s.id WHEN MATCHED THEN DELETE", "WHEN MATCHED and WHEN NOT MATCHED"),
            ("a_merge_from_a_query", "MERGE INTO orders USING (SELECT 1 AS id) s ON orders.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)", "cannot be a view or a subquery"),
            ("a_write_in_a_common_table", "WITH gone AS (DELETE FROM orders WHERE id = 1) SELECT 1", "does not change rows"),
            ("copy_from_the_client", "COPY orders FROM STDIN", "COPY FROM STDIN is not supported"),
            ("copy_without_a_right", "COPY orders FROM 's3://lake/a.parquet' FORMAT PARQUET", "must be authorized"),
            ("copy_with_another_role", "COPY orders FROM 's3://lake/a.parquet' IAM_ROLE 'arn:aws:iam::1:role/other' FORMAT PARQUET", "Access Denied"),
            ("copy_of_parquet_with_errors_allowed", "COPY orders FROM 's3://lake/a' IAM_ROLE 'x' FORMAT PARQUET MAXERROR 5", "MAXERROR argument is not supported for PARQUET"),
            ("copy_from_a_folder_of_this_machine", "COPY orders FROM 'file:///tmp/a' IAM_ROLE 'x' FORMAT PARQUET", "not an address of S3"),
            ("unload_with_a_limit", "UNLOAD ('SELECT id FROM orders LIMIT 5') TO 's3://lake/u' IAM_ROLE 'x' FORMAT PARQUET", "Limit clause is not supported"),
            ("listen", "LISTEN channel", "LISTEN is not supported"),
            ("a_reset_of_the_session", "DISCARD ALL", "DISCARD is not supported"),
            ("an_unknown_statement", "EXPLODE orders", "not known to this stand-in"),
            ("an_unknown_function", "SELECT pg_sleep(1) + frobnicate(2)", "is not known to this stand-in"),
            ("two_statements_at_once", "DELETE FROM orders; DELETE FROM staged", "batches of queries only"),
            ("another_database_s_settings", "SET synchronous_commit TO off", "unrecognized configuration parameter"),
        }
        .Select(c => new TestCaseData(c.Sql, c.Reason).SetArgDisplayNames(c.Name));

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _warehouse = await Warehouse.StartAsync();
        foreach (var table in (string[])["orders", "staged", "emptied", "altered"])
        {
            await _warehouse.RunAsync($"CREATE TABLE {table} (id bigint NOT NULL, status varchar(10), made_at timestamp)");
        }

        await _warehouse.RunAsync("INSERT INTO orders (id, status) VALUES (1, 'new'), (2, 'paid')");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _warehouse.DisposeAsync();

    [TestCaseSource(nameof(Accepted))]
    public void What_Redshift_takes_runs(string sql) => Assert.That(async () => await _warehouse.RunAsync(sql), Throws.Nothing);

    [TestCaseSource(nameof(Refused))]
    public void What_Redshift_refuses_is_refused_with_its_reason(string sql, string reason) =>
        Assert.That(async () => await _warehouse.RunAsync(sql), Throws.TypeOf<PostgresException>().With.Message.Contains(reason));

    [Test]
    public async Task A_declared_key_is_not_enforced()
    {
        await _warehouse.RunAsync("CREATE TABLE doubled (id bigint PRIMARY KEY)");
        await _warehouse.RunAsync("INSERT INTO doubled (id) VALUES (1), (1)");
        Assert.That(await _warehouse.RunAsync("SELECT count(*) FROM doubled"), Is.EqualTo(2L));
    }

    [Test]
    public async Task A_length_is_counted_in_bytes()
    {
        await _warehouse.RunAsync("CREATE TABLE short (a varchar(4))");
        await _warehouse.RunAsync("INSERT INTO short (a) VALUES ('éé')");
        Assert.That(
            async () => await _warehouse.RunAsync("INSERT INTO short (a) VALUES ('ééé')"),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("22001"));
    }

    [Test]
    public async Task Truncate_commits_the_transaction_that_it_is_in()
    {
        await _warehouse.RunAsync("CREATE TABLE before_truncate (id bigint)");
        await _warehouse.RunAsync("CREATE TABLE truncated (id bigint)");
        await using (var session = await _warehouse.OpenAsync())
        {
            await session.RunAsync("BEGIN");
            await session.RunAsync("INSERT INTO before_truncate (id) VALUES (1)");
            await session.RunAsync("TRUNCATE truncated");
            await session.RunAsync("ROLLBACK");
        }

        Assert.That(await _warehouse.RunAsync("SELECT count(*) FROM before_truncate"), Is.EqualTo(1L));
    }

    [Test]
    public async Task Of_two_transactions_that_write_one_table_the_second_ends_in_error_1023()
    {
        await _warehouse.RunAsync("CREATE TABLE contended (id bigint)");
        await using var first = await _warehouse.OpenAsync();
        await using var second = await _warehouse.OpenAsync();
        await first.RunAsync("BEGIN");
        await second.RunAsync("BEGIN");
        await first.RunAsync("SELECT count(*) FROM contended");
        await second.RunAsync("SELECT count(*) FROM contended");
        await first.RunAsync("INSERT INTO contended (id) VALUES (1)");
        var waits = second.RunAsync("INSERT INTO contended (id) VALUES (2)");
        await Task.Delay(50);
        Assert.That(waits.IsCompleted, Is.False, "the second writer waits for the first");
        await first.RunAsync("END");
        Assert.That(async () => await waits, Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("40001").And.Message.Contains("Serializable isolation violation on table"));
        await second.RunAsync("ROLLBACK");
        Assert.That(await _warehouse.RunAsync("SELECT count(*) FROM contended"), Is.EqualTo(1L));
    }

    [Test]
    public async Task Two_transactions_that_write_two_tables_both_commit()
    {
        await _warehouse.RunAsync("CREATE TABLE one (id bigint)");
        await _warehouse.RunAsync("CREATE TABLE other (id bigint)");
        await using var first = await _warehouse.OpenAsync();
        await using var second = await _warehouse.OpenAsync();
        await first.RunAsync("BEGIN");
        await second.RunAsync("BEGIN");
        await first.RunAsync("INSERT INTO one (id) VALUES (1)");
        await second.RunAsync("INSERT INTO other (id) VALUES (1)");
        await first.RunAsync("END");
        Assert.That(async () => await second.RunAsync("END"), Throws.Nothing);
    }

    [Test]
    public async Task A_wrong_password_is_refused()
    {
        await using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_warehouse.ConnectionString) { Password = "wrong" }.ConnectionString);
        Assert.That(async () => await session.OpenAsync(), Throws.TypeOf<PostgresException>().With.Message.Contains("password authentication failed"));
    }
}
