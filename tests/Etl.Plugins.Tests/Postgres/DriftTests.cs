using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>A source or a target whose columns change between two runs, or while one is between its batches.</summary>
public sealed class DriftTests
{
    private const string Source = "CREATE TABLE s (id bigint PRIMARY KEY, a int, b text); INSERT INTO s SELECT g, g * 2, 'r' || g FROM generate_series(1, 500) g;";

    [TestCase("ALTER TABLE s ALTER a TYPE bigint")]
    [TestCase("ALTER TABLE s DROP a")]
    [TestCase("ALTER TABLE s RENAME a TO c")]
    [TestCase("TRUNCATE s")]
    public async Task The_columns_of_a_source_cannot_change_while_it_is_read(string change)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        await using var extraction = await db.Table("s").OpenAsync(await db.ContractAsync("s"), batchRows: 100);
        var before = await Assert.ThrowsAsync<PostgresException>(() => db.RunAsync($"SET lock_timeout = '200ms'; {change}"));
        Assert.That(before!.SqlState, Is.EqualTo(PostgresErrorCodes.LockNotAvailable), "before the first batch");

        var sums = (Id: 0L, A: 0L);
        await foreach (var batch in extraction.ReadDisposingAsync(extraction.Splits.Single()))
        {
            if (sums.Id == 0)
            {
                var between = await Assert.ThrowsAsync<PostgresException>(() => db.RunAsync($"SET lock_timeout = '200ms'; {change}"));
                Assert.That(between!.SqlState, Is.EqualTo(PostgresErrorCodes.LockNotAvailable), "between batches");
            }

            for (var row = 0; row < batch.Length; row++)
            {
                sums = (sums.Id + ((Int64Array)batch.Column(0)).Values[row], sums.A + ((Int32Array)batch.Column(1)).Values[row]);
            }
        }

        Assert.That(sums, Is.EqualTo((125_250L, 250_500L)));
    }

    [TestCase("ALTER TABLE s DROP a", "column 'a' is not there")]
    [TestCase("ALTER TABLE s RENAME a TO c", "column 'a' is not there")]
    [TestCase("ALTER TABLE s ALTER a TYPE bigint", "column 'a' is bigint, the contract says integer")]
    [TestCase("ALTER TABLE s ALTER a TYPE numeric(10,2)", "column 'a' is numeric(10,2), the contract says integer")]
    [TestCase("ALTER TABLE s ALTER b TYPE bytea USING b::bytea", null, TestName = "{m}: what can be shown as text still is")]
    [TestCase("ALTER TABLE s ALTER a TYPE smallint", null, TestName = "{m}: narrower still fits")]
    [TestCase("ALTER TABLE s ADD c int, DROP b; ALTER TABLE s ADD b text DEFAULT 'new'", null, TestName = "{m}: another order is no change")]
    public async Task Between_runs_a_change_of_the_source_is_named_before_a_row_is_read_or_does_not_matter(string change, string? difference)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await db.RunAsync(change);
        if (difference is not null)
        {
            Assert.That(await WholeText.OfAsync(async () => await db.Table("s").OpenAsync(contract)), Is.EqualTo(
                $"ETL4457: public.s is not what its contract says: {difference}. Import the contract again (etl contract import) and look at the difference, or correct the source."));
            return;
        }

        await using var extraction = await db.Table("s").OpenAsync(contract);
        Assert.That(await extraction.CountAsync(), Is.EqualTo(500));
    }

    [Test]
    public async Task A_column_that_the_source_gains_is_told_or_ends_the_run_as_on_drift_says()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        await db.RunAsync("ALTER TABLE s ADD more int, ADD \"and more\" text");
        await using (var told = await db.Table("s").OpenAsync(contract))
        {
            Assert.That(told.Warnings, Is.EqualTo(new[] { "public.s has columns that its contract does not: 'more', 'and more'; they are not read" }));
            Assert.That(await told.CountAsync(), Is.EqualTo(500));
        }

        PostgresTableExtractor With(OnDrift onDrift) => new(new PostgresTableExtractOptions { Table = "s", OnDrift = onDrift }, db.Connection);
        await using var ignored = await With(OnDrift.Ignore).OpenAsync(contract);
        Assert.That(ignored.Warnings, Is.Empty);
        var error = await Assert.ThrowsAsync<EtlException>(async () => await With(OnDrift.Fail).OpenAsync(contract));
        Assert.That((error!.Code, error.Message), Is.EqualTo(("ETL4123", "public.s has columns that its contract does not: 'more', 'and more'")));
    }

    [Test]
    public async Task A_label_that_an_enum_of_the_source_gains_is_refused_by_an_enum_that_lacks_it()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TYPE mood AS ENUM ('ok'); CREATE TYPE old_mood AS ENUM ('ok'); CREATE TABLE s (id int PRIMARY KEY, m mood); CREATE TABLE t (id int PRIMARY KEY, m old_mood); INSERT INTO s VALUES (1, 'ok')");
        await db.RunAsync("ALTER TYPE mood ADD VALUE 'new'");
        await db.RunAsync("INSERT INTO s VALUES (2, 'new')");
        var error = await Assert.ThrowsAsync<EtlException>(async () => await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "id"), await db.ContractAsync("s")));
        Assert.That(error!.Code, Is.EqualTo("ETL4478"));
        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("0"));
    }

    [TestCase("ALTER TABLE t DROP b", null, TestName = "{m}: dropped, it is added again as schema.add_columns allows")]
    [TestCase("ALTER TABLE t RENAME b TO c", null, TestName = "{m}: renamed")]
    [TestCase("ALTER TABLE t ALTER b TYPE int USING length(b)", "ETL4478")]
    [TestCase("ALTER TABLE t ALTER a TYPE bigint", null, TestName = "{m}: wider")]
    [TestCase("ALTER TABLE t ADD more int NOT NULL DEFAULT 7, DROP a; ALTER TABLE t ADD a int", null, TestName = "{m}: another order")]
    public async Task A_target_that_changes_while_rows_are_staged_gets_them_in_the_right_columns_or_nothing(string change, string? code)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source + "CREATE TABLE t (LIKE s INCLUDING ALL)");
        var run = Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Upsert, "id"), await db.ContractAsync("s"), failPoint: p =>
        {
            if (p == "postgres.staged")
            {
                db.RunAsync(change).GetAwaiter().GetResult();
            }
        });
        if (code is not null)
        {
            var error = await Assert.ThrowsAsync<EtlException>(() => run);
            Assert.That(error!.Code, Is.EqualTo(code));
            Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("0"));
            return;
        }

        await run;
        Assert.That(await db.TextAsync("SELECT count(*) FROM s JOIN t USING (id) WHERE t.a = s.a AND t.b = s.b"), Is.EqualTo("500"));
    }
}
