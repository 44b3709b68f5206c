using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>What is told of a PostgreSQL target that cannot take rows as a pipeline says, pinned whole.</summary>
public sealed class TargetTextTests
{
    // The source and the target before, how rows are loaded, and what is told.
    private static IEnumerable<TestCaseData> Cases()
    {
        const string One = "CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s VALUES (1, 'text')";
        yield return Case(One, new() { Table = "t", Mode = TableLoadMode.Append, Schema = new SchemaPolicy { Create = false } }, "schema.create: ETL4472: there is no table public.t, and schema.create is false. Create it, or allow it.");
        yield return Case(One + "; CREATE VIEW t AS SELECT * FROM s", new() { Table = "t", Mode = TableLoadMode.Append }, "table: ETL4479: public.t is a view or a foreign table; rows are loaded into tables only. Name a table, such as the one that the view reads.");
        yield return Case(One + "; CREATE TABLE t (id int, v uuid)", new() { Table = "t", Mode = TableLoadMode.Append }, "ETL4478: public.t refused the rows: a text is not a value of the column's type, SQLSTATE 22P02. Nothing was published. Add a check before the load that refuses such rows, or change the column.");
        yield return Case(One + "; CREATE TABLE t (id int, v varchar(3))", new() { Table = "t", Mode = TableLoadMode.Append }, "ETL4478: public.t refused the rows: a text is longer than its column, SQLSTATE 22001. Nothing was published. Add a check before the load that refuses such rows, or change the column.");
        yield return Case("CREATE TABLE s (id int); CREATE TABLE t (id int); INSERT INTO t VALUES (1)", new() { Table = "t", Mode = TableLoadMode.Replace }, "allow_empty: ETL4474: no rows came, and publishing them would empty public.t, which holds 1. If that is meant: allow_empty: true.");
        yield return Case("CREATE TABLE s (k int, v text); INSERT INTO s VALUES (1, 'a'), (1, 'b'), (2, 'c')", new() { Table = "t", Mode = TableLoadMode.Upsert, Key = ["k"] }, "key: ETL4475: 1 keys (k) come more than once in the rows for public.t, and which row counts is not known. Add transform: deduplicate before the load, or correct the key; if the contract calls it the primary key, correct the contract.");
        yield return Case("CREATE TABLE s (k int, v text); INSERT INTO s VALUES (NULL, 'a')", new() { Table = "t", Mode = TableLoadMode.Upsert, Key = ["k"] }, "key: ETL4476: the key of 1 rows for public.t is NULL in k. Filter such rows out, or send them to the dead letters with a check.");
        yield return Case("CREATE TABLE s (k real); INSERT INTO s VALUES (1)", new() { Table = "t", Mode = TableLoadMode.Upsert, Key = ["k"] }, "key[0]: ETL4481: the key column 'k' is a floating point number, which no two systems compare alike. Use a decimal, or a hash of it.");

        static TestCaseData Case(string tables, PostgresTableLoadOptions options, string told) => new TestCaseData(tables, options, told).SetArgDisplayNames(told);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_its_code_and_what_to_do(string tables, PostgresTableLoadOptions options, string told)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(tables);
        var contract = await db.ContractAsync("s");
        Assert.That(await WholeText.OfAsync(() => Steps.CopyAsync(db.Table("s"), new PostgresTableLoader(options, db.Connection), contract)), Is.EqualTo(told));
    }

    [Test]
    public async Task A_table_that_is_gone_is_not_made_again_with_what_is_new_only()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY); INSERT INTO s VALUES (1)");
        var contract = await db.ContractAsync("s");
        await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), contract);
        await db.RunAsync("DROP TABLE t");
        Assert.That(await WholeText.OfAsync(() => Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), contract)), Is.EqualTo("ETL4308: the table public.t is gone, and the checkpoint says that rows were loaded into it. Restore it from a copy, or run with --full-refresh to load it anew."));
    }

    [Test]
    public async Task State_that_may_not_be_made_is_told_with_the_statement_to_run()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE s (id int PRIMARY KEY)");
        await using var reader = await db.ReaderAsync();
        var loader = new PostgresTableLoader(new() { Table = "t", Mode = TableLoadMode.Append }, reader);
        Assert.That(await WholeText.OfAsync(async () => await Steps.CopyAsync(db.Table("s"), loader, await db.ContractAsync("s"))), Is.EqualTo($"ETL4480: the tables of the target's state (_etl.checkpoint, _etl.epoch) are missing and may not be created: permission denied for database {db.Name}. Let an owner of the database run: CREATE SCHEMA _etl AUTHORIZATION the_user_of_this_connection."));
    }

    [Test]
    public async Task Rows_that_no_table_of_PostgreSQL_can_have_are_told_before_anything_is_connected()
    {
        await using var db = await TestDatabase.CreateAsync();
        var wide = Enumerable.Range(0, 1600).Select(i => new Field(FormattableString.Invariant($"c{i}"), Int32Type.Default, true));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await DescribeAsync(wide), Is.EqualTo("ETL4471: the rows have 1600 columns; 1 to 1599 can be loaded into PostgreSQL. Leave columns out on the way (transform: select)."));
            Assert.That(await DescribeAsync([new Field(new string('é', 32), Int32Type.Default, true)]), Is.EqualTo("ETL4471: the column name 'éééééééééééééééééééééééééééééééé' has 64 bytes; PostgreSQL takes 1 to 63. Rename it; the server would cut it silently."));
            Assert.That(await DescribeAsync([new Field("tags", new ListType(new ListType(Int32Type.Default)), true)]), Is.EqualTo("ETL4470: column 'tags' has the Arrow type list, for which PostgreSQL has none. Convert it on the way (transform: derive)."));
        }

        Task<string> DescribeAsync(IEnumerable<Field> fields) =>
            WholeText.OfAsync(() => Task.FromResult(db.Loader("t", TableLoadMode.Append).Describe(new RowSchema(new Schema(fields, null), []))));
    }
}
