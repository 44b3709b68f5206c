using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

[TestFixture]
internal sealed class DuckQueryTests : DuckFixture
{
    [Test]
    public void Every_type_that_rows_move_in_comes_out_and_goes_in_again()
    {
        Duck.Execute("""
            CREATE TABLE t AS SELECT * FROM (VALUES
              (true, 1::TINYINT, 2::SMALLINT, 3::INTEGER, 4::BIGINT, 1.5::FLOAT, 2.5::DOUBLE, 1.23::DECIMAL(4,2), 1.23::DECIMAL(9,2), 1.23::DECIMAL(18,2), -1.23::DECIMAL(38,2),
               'hello 😀, a text that is longer than twelve bytes', ''::BLOB, DATE '1969-12-31', TIMESTAMP '2024-02-29 12:00:00.123456', TIMESTAMPTZ '2024-02-29 12:00:00.123456+02', TIME '23:59:59.999999', ['a', NULL, '', 'längeres Wort als zwölf'], [[1, NULL], [], NULL]),
              (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
              (false, -128, -32768, -2147483648, -9223372036854775808, 'NaN', 'Infinity', -99.99, 9999999.99, 9999999999999999.99, 999999999999999999999999999999999999.99,
               '', '\x00\xFF'::BLOB, DATE '9999-12-31', TIMESTAMP '0001-01-01', TIMESTAMPTZ '0001-01-01 00:00:00+00', TIME '00:00', [], []))
            AS v(b, i8, i16, i32, i64, f, d, d4, d9, d18, d38, s, x, dt, ts, tz, tm, l, ll)
            """);

        var schema = SchemaOf("SELECT * FROM t");
        Assert.That(schema.FieldsList.Select(f => f.DataType.TypeId), Is.EqualTo(new[]
        {
            ArrowTypeId.Boolean, ArrowTypeId.Int8, ArrowTypeId.Int16, ArrowTypeId.Int32, ArrowTypeId.Int64, ArrowTypeId.Float, ArrowTypeId.Double, ArrowTypeId.Decimal128, ArrowTypeId.Decimal128,
            ArrowTypeId.Decimal128, ArrowTypeId.Decimal128, ArrowTypeId.String, ArrowTypeId.Binary, ArrowTypeId.Date32, ArrowTypeId.Timestamp, ArrowTypeId.Timestamp, ArrowTypeId.Time64, ArrowTypeId.List, ArrowTypeId.List,
        }));
        Assert.That(((TimestampType)schema.GetFieldByName("tz").DataType).Timezone, Is.EqualTo("UTC"));
        Assert.That(((TimestampType)schema.GetFieldByName("ts").DataType).Timezone, Is.Null);

        var batch = Duck.Query("SELECT * FROM t").Single();
        Assert.That(((Decimal128Array)batch.Column(10)).GetString(2), Is.EqualTo("999999999999999999999999999999999999.99"));
        Assert.That(((StringArray)batch.Column(11)).GetString(0), Does.StartWith("hello 😀"));
        Duck.RegisterSource("back", schema, new BatchQueue(batch));
        Duck.Execute("CREATE TABLE u AS SELECT * FROM back()");
        Assert.That(Duck.QueryText("SELECT count(*) FROM (FROM t EXCEPT ALL FROM u)"), Is.EqualTo("0"));
        Assert.That(Duck.QueryText("SELECT count(*) FROM u"), Is.EqualTo("3"));
        Assert.That(Duck.QueryText("SELECT u::VARCHAR FROM u LIMIT 1"), Is.EqualTo(Duck.QueryText("SELECT t::VARCHAR FROM t LIMIT 1")));
    }

    [Test]
    public void Slices_are_read_from_their_offset([Values(1, 3, 64, 2047, 2049)] int offset)
    {
        using var whole = DuckBatches.Make(0, 6000);
        var slice = whole.SliceShared(offset, 3000);
        Duck.RegisterSource("orders", DuckBatches.Orders, new BatchQueue(slice));
        var row = Duck.QueryRows("SELECT count(*), min(id), max(id), count(email), sum(amount), bool_and(email IS NULL OR email = '  User' || id || '@Example.com') FROM orders()")[0];
        var ids = Enumerable.Range(offset, 3000).ToArray();
        Assert.That(row, Is.EqualTo(new[]
        {
            "3000", Text(offset), Text(offset + 2999), Text(ids.Count(i => i % 7 != 0)), (ids.Sum(i => i * 3L) / 100m).ToString("F2", CultureInfo.InvariantCulture), "true",
        }));
    }

    [TestCase("SELECT count(*) FROM orders", "100000")]
    [TestCase("SELECT id FROM orders WHERE id = 777", "777")]
    [TestCase("SELECT amount FROM orders WHERE id = 50000", "1500.00")]
    [TestCase("SELECT count(*) FROM orders WHERE email LIKE '%User99%'", "953")]
    [TestCase("SELECT max(lower(trim(email))) FROM orders", "user9@example.com")]
    [TestCase("SELECT sum(amount) FROM orders", "149998500.00")]
    [TestCase("SELECT count(*) FROM (SELECT id, row_number() OVER (PARTITION BY id % 100 ORDER BY id DESC) AS r FROM orders) WHERE r = 1", "100")]
    [TestCase("SELECT email FROM (SELECT email, id FROM orders ORDER BY id DESC LIMIT 1)", "  User99999@Example.com")]
    [TestCase("SELECT count(DISTINCT changed) FROM orders", "100000")]
    public void A_view_over_a_source_is_queried_like_a_table(string sql, string expected)
    {
        Duck.RegisterSource("etl_source_0", DuckBatches.Orders, new BatchQueue(i => i < 20 ? DuckBatches.Poisoned(DuckBatches.Make(i * 5000, 5000)) : null), estimatedRows: 100_000);
        Duck.Execute("CREATE VIEW orders AS SELECT * FROM etl_source_0()");
        Assert.That(Duck.QueryText(sql), Is.EqualTo(expected));
    }

    [Test]
    public void Results_are_cut_by_rows_and_by_bytes()
    {
        var batches = Duck.Query("SELECT range AS n, repeat('x', 100) AS s FROM range(10000)", batchRows: 3000).ToList();
        Assert.That(batches.Select(b => b.Length), Is.EqualTo(new[] { 3000, 3000, 3000, 1000 }));
        Assert.That(Duck.Query("SELECT repeat('x', 1000) AS s FROM range(10000)", batchBytes: 4_000_000).Select(b => b.Length).First(), Is.EqualTo(4096));
        Assert.That(Duck.Query("SELECT 1 AS n WHERE false"), Is.Empty);
    }

    [Test]
    public void Freed_batches_are_not_read_by_a_streamed_result()
    {
        var poisoned = DuckBatches.PoisonedBuffers;
        Duck.RegisterSource("orders", DuckBatches.Orders, new BatchQueue(i => i < 60 ? DuckBatches.Poisoned(DuckBatches.Make(i * 5000, 5000)) : null));
        long rows = 0, ids = 0;
        foreach (var batch in Duck.Query("SELECT email, substring(email, 3) AS name, trim(email) AS t, amount, id FROM orders() WHERE id % 7 <> 0"))
        {
            var (email, name, trimmed, id) = ((StringArray)batch.Column(0), (StringArray)batch.Column(1), (StringArray)batch.Column(2), (Int64Array)batch.Column(4));
            for (var i = 0; i < batch.Length; i++)
            {
                var expected = $"User{id.GetValue(i)}@Example.com";
                if (email.GetString(i) != "  " + expected || name.GetString(i) != expected || trimmed.GetString(i) != expected)
                {
                    Assert.Fail($"row {id.GetValue(i)} is '{email.GetString(i)}', '{name.GetString(i)}', '{trimmed.GetString(i)}'");
                }

                ids += id.GetValue(i)!.Value;
            }

            rows += batch.Length;
            batch.Dispose();
        }

        Assert.That(DuckBatches.PoisonedBuffers - poisoned, Is.GreaterThanOrEqualTo(60 * 6), "all batches were disposed");
        var passed = Enumerable.Range(0, 300_000).Where(i => i % 7 != 0).ToArray();
        Assert.That((rows, ids), Is.EqualTo((passed.LongLength, passed.Sum(i => (long)i))));
    }

    [Test]
    public void A_million_rows_cost_less_than_sixteen_managed_bytes_each()
    {
        Run("warm", 2);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Run("measured", 16);
        var each = (GC.GetTotalAllocatedBytes(precise: true) - before) / (16.0 * 65536);
        TestContext.Out.WriteLine($"{each:F2} bytes per row");
        Assert.That(each, Is.LessThan(16));

        void Run(string name, int count)
        {
            using var made = new ReusedBatches(count);
            using var registered = Duck.RegisterSource(name, DuckBatches.Orders, made);
            foreach (var batch in Duck.Query($"SELECT id, lower(trim(email)) AS email, amount * 2 AS amount, changed FROM {name}() WHERE id >= 0"))
            {
                batch.Dispose();
            }
        }
    }

    [Test]
    public void Parameters_are_typed()
    {
        var parameters = new Dictionary<string, object>
        {
            ["s"] = "it's 😀", ["b"] = true, ["n"] = 7L, ["d"] = -0.21m, ["day"] = new DateOnly(1969, 12, 31), ["at"] = new DateTimeOffset(2024, 2, 29, 14, 0, 0, 123, 456, TimeSpan.FromHours(2)), ["unused"] = 1L,
        };
        const string Sql = "SELECT $s AS s, $b AS b, $n AS n, $d AS d, $day AS day, $at::VARCHAR AS at, typeof($d) AS t, 10.00 * $d AS p -- end";
        Assert.That(Duck.QueryRows(Sql, parameters)[0], Is.EqualTo(new[] { "it's 😀", "true", "7", "-0.21", "1969-12-31", "2024-02-29 12:00:00.123456+00", "DECIMAL(3,2)", "-2.1000" }));
        Assert.That(SchemaOf(Sql, parameters).GetFieldByName("p").DataType, Is.InstanceOf<Decimal128Type>().With.Property("Precision").EqualTo(7));
        Assert.That(() => Duck.QueryRows("SELECT $vat"), Throws.InstanceOf<DuckException>());
        Assert.That(() => Duck.QueryRows("SELECT $vat", parameters), Throws.InstanceOf<EtlException>().With.Message.EqualTo("the parameter $vat has no value"));
    }

    private Schema SchemaOf(string sql, IReadOnlyDictionary<string, object>? parameters = null)
    {
        using var stream = new DuckStream(Duck, sql, parameters, null, CancellationToken.None);
        return stream.Schema;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    // Slices of one batch, so that making the input is not what is measured.
    private sealed class ReusedBatches(int count) : IBatchSource, IDisposable
    {
        private readonly RecordBatch _batch = DuckBatches.Make(0, 65536);
        private int _left = count;

        public RecordBatch? Next(CancellationToken cancel) => Interlocked.Decrement(ref _left) >= 0 ? _batch.SliceShared(0, _batch.Length) : null;

        public void Dispose() => _batch.Dispose();
    }
}
