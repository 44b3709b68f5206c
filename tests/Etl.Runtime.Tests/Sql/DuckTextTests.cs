using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.DuckDb;
using Etl.Plugins.Tests;
using Etl.Runtime.Sql;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

/// <summary>What is told of SQL, types and sources that the engine's DuckDB cannot take, pinned whole.</summary>
[TestFixture]
internal sealed class DuckTextTests : DuckFixture
{
    private static readonly Schema Untold = new([new Field("a", NullType.Default, true)], null);

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case(_ => DuckDatabase.Open("/nowhere/x.duckdb", new DuckSettings()), "ETL4401: DuckDB cannot open /nowhere/x.duckdb: Cannot open file \"/nowhere/x.duckdb\": No such file or directory. A DuckDB file belongs to one process at a time; look for another one that has it open, and at the permissions of its folder.");
        yield return Case(d => d.Execute("SELECT amuont FROM (SELECT 1 AS amount)"), "ETL4402: Referenced column \"amuont\" not found in FROM clause. Did you mean amount?");
        yield return Case(d => d.Execute("SELECT 1 FROM WHERE"), "ETL4402: syntax error at or near \"WHERE\".");
        yield return Case(d => d.DescribeColumns("CREATE TABLE t (a INTEGER)"), "ETL4403: the SQL is not a SELECT. Write one SELECT.");
        yield return Case(d => d.QueryRows("SELECT $vat", new Dictionary<string, object> { ["rate"] = 1L }), "ETL4404: the parameter $vat has no value. Parameters are: rate.");
        yield return Case(d => d.QueryRows("SELECT $vat", new Dictionary<string, object> { ["vat"] = 'c' }), "ETL4404: a parameter cannot be a Char. It is a string, bool, long, decimal, DateOnly or DateTimeOffset.");
        yield return Case(d => Run(d, "SELECT sum(range) AS total FROM range(3)"), "ETL4405: column 'total' has DuckDB's type HUGEINT, which rows do not move in. Cast it: CAST(\"total\" AS DECIMAL(38,0)).");
        yield return Case(d => Run(d, "SELECT TIMESTAMP_NS '2024-01-01' AS at"), "ETL4405: column 'at' has DuckDB's type TIMESTAMP_NS, which rows do not move in. Cast it to a type that keeps what you need, such as VARCHAR, or take its parts as columns.");
        yield return Case(d => d.RegisterSource("", DuckBatches.Orders, new BatchQueue()), "ETL4407: DuckDB could not register the source . This is an error of the framework; please report it.");
        yield return Case(d => Read(d, "SELECT max(id) FROM orders()", new Schema([new Field("id", StringType.Default, true)], null)), "ETL4408: a batch has the columns (id int64, email utf8, amount decimal128, changed timestamp) where (id utf8) were declared. The component that made the batch broke its declared schema.");
        yield return Case(d => Run(d, "SELECT 1 AS id", DuckBatches.Orders), "ETL4408: the query yields (id INTEGER) where (id BIGINT, email VARCHAR, amount DECIMAL(12,2), changed TIMESTAMP WITH TIME ZONE) was expected. Cast the columns that differ.");
        yield return Case(d => Read(d, "SELECT count(*) FROM orders() a JOIN orders() b USING (id)", DuckBatches.Orders), "ETL4409: the source orders would be read a second time, and its rows are gone. Read it once: put it in a CTE AS MATERIALIZED, or in a table.");
        yield return Case(_ => DuckType.Of(Untold.FieldsList[0].DataType), "ETL3020: the Arrow type null is not one that rows move in. Convert it at the source, or declare it as text in the contract.");
        yield return Case(_ => new RecordBatchBuilder(Untold).Dispose(), "ETL3020: the Arrow type null is not one that rows move in. Convert it at the source, or declare it as text in the contract.");
        yield return Case(_ => Bind("SELECT TIMESTAMP_NS '2024-01-01' AS at"), "ETL3022: column 'at' has the type TIMESTAMP_NS, in which rows do not move. Cast it: to VARCHAR or JSON, or to TIMESTAMP for a finer time.");
        yield return Case(_ => SqlText.Quote("a\0b"), "ETL3011: a name holds the character U+0000. Remove it: no database can keep it in a name.");
        yield return Case(_ => SqlText.Literal("a\0b"), "ETL3011: a text literal holds the character U+0000. Remove it: no SQL can hold it.");
        yield return Case(_ => new RecordBatchBuilder(new Schema([new Field("a", Int8Type.Default, true)], null))[0].AppendInteger(1000), "ETL4120: 1000 does not fit int8. Declare a wider integer in the contract, or correct the source.");
        yield return Case(_ => TooLarge(), "ETL4121: a column of one batch would pass 2 GiB. A component that makes batches ends them sooner; in a pipeline, leave the column out.");

        static TestCaseData Case(Action<DuckConnection> act, string told) => new TestCaseData(act, told).SetArgDisplayNames(told);
    }

    [TestCaseSource(nameof(Cases))]
    public void It_is_told_with_its_code_and_what_to_do(Action<DuckConnection> act, string told) => Assert.That(WholeText.Of(() => act(Duck)), Is.EqualTo(told));

    [Test]
    public void What_rows_do_not_move_in_is_cast_to_what_keeps_it()
    {
        const string Sql = """
            SELECT 170141183460469231731687303715884105727 // 2000000::HUGEINT AS huge, '550e8400-e29b-41d4-a716-446655440000'::UUID AS u, 'a'::ENUM('a') AS e, INTERVAL 1 DAY AS i, '101'::BIT AS bits,
              TIMESTAMP_MS '2024-01-01 00:00:00.123' AS ms, TIMETZ '10:00:00+01' AS tt, 255::UTINYINT AS u8, 4294967295::UINTEGER AS u32, 18446744073709551615::UBIGINT AS u64, [1::HUGEINT] AS l, 'x' AS s, '{"a":1}'::JSON AS j
            """;
        using var binder = new TypeBinder();
        var (schema, select) = binder.Bind(Sql, new Dictionary<string, object>());
        var batch = Duck.Query($"SELECT {select} FROM (\n{Sql}\n)").Single();
        Assert.That(batch.Schema.FieldsList.Select(f => f.DataType.TypeId), Is.EqualTo(schema.FieldsList.Select(f => f.DataType.TypeId)).And.EqualTo(new[]
        {
            ArrowTypeId.Decimal128, ArrowTypeId.String, ArrowTypeId.String, ArrowTypeId.String, ArrowTypeId.String, ArrowTypeId.Timestamp, ArrowTypeId.String,
            ArrowTypeId.Int16, ArrowTypeId.Int64, ArrowTypeId.Decimal128, ArrowTypeId.List, ArrowTypeId.String, ArrowTypeId.String,
        }));
        Assert.That(((StringArray)batch.Column(1)).GetString(0), Is.EqualTo("550e8400-e29b-41d4-a716-446655440000"));
        Assert.That(((Decimal128Array)batch.Column(9)).GetString(0), Is.EqualTo("18446744073709551615"));
    }

    private static void Run(DuckConnection duck, string sql, Schema? schema = null)
    {
        foreach (var batch in duck.Query(sql, schema: schema))
        {
            batch.Dispose();
        }
    }

    private static void Bind(string sql)
    {
        using var binder = new TypeBinder();
        binder.Bind(sql, new Dictionary<string, object>());
    }

    private static void Read(DuckConnection duck, string sql, Schema declared)
    {
        duck.RegisterSource("orders", declared, new BatchQueue(DuckBatches.Make(0, 10)));
        duck.QueryText(sql);
    }

    // Of the last text only the length is looked at before it is refused.
    private static void TooLarge()
    {
        using var builder = new RecordBatchBuilder(new Schema([new Field("a", StringType.Default, true)], null));
        var one = (byte)'x';
        builder[0].Append(MemoryMarshal.CreateReadOnlySpan(in one, 1));
        builder[0].Append(MemoryMarshal.CreateReadOnlySpan(in one, int.MaxValue));
    }
}
