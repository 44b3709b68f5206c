using System.Diagnostics;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.DuckDb;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

[TestFixture]
internal sealed class DuckFailureTests
{
    private DuckDatabase _database;
    private DuckConnection _duck;

    [SetUp]
    public void Open()
    {
        _database = DuckDatabase.Open(null, new DuckSettings { Threads = 2 });
        _duck = _database.Connect();
    }

    [TearDown]
    public void Close()
    {
        _duck.Dispose();
        _database.Dispose();
    }

    [TestCase("SELECT 'ééé 😀' || nope FROM (SELECT 1 AS nopee)", "nope", "Binder")]
    [TestCase("SELECT 1 FROM WHERE", "WHERE", "Parser")]
    [TestCase("SELECT lowwer('x')", "lowwer", "Catalog")]
    [TestCase("SELECT * FROM nowhere", "nowhere", "Catalog")]
    public void An_error_has_its_position_in_characters(string sql, string at, string type)
    {
        var error = Assert.Throws<DuckException>(() => _duck.Describe(sql))!.Error;
        Assert.That((error.Type, error.Position), Is.EqualTo((type, (int?)sql.IndexOf(at, StringComparison.Ordinal))));
    }

    [Test]
    public void An_error_names_candidates() =>
        Assert.That(Assert.Throws<DuckException>(() => _duck.Describe("SELECT amuont FROM (SELECT 1 AS amount)"))!.Error.Candidates, Is.EqualTo(new[] { "amount" }));

    [TestCase("SELECT sum(range) AS total FROM range(3)", "column 'total' has DuckDB's type HUGEINT, which rows do not move in", "Cast it: CAST(\"total\" AS DECIMAL(38,0)).")]
    [TestCase("SELECT uuid() AS u", "column 'u' has DuckDB's type UUID, which rows do not move in", "Cast it: CAST(\"u\" AS VARCHAR).")]
    public void A_type_that_rows_do_not_move_in_is_refused(string sql, string message, string hint)
    {
        var error = Assert.Throws<EtlException>(() => _duck.Describe(sql))!;
        Assert.That((error.Code, error.Message, error.Hint), Is.EqualTo(("ETL4405", message, hint)));
    }

    [Test]
    public void Only_a_select_is_described() =>
        Assert.That(() => _duck.Describe("CREATE TABLE t (a INTEGER)"), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4403"));

    [Test]
    public void Normalizing_casts_what_rows_do_not_move_in()
    {
        var sql = DuckSelect.Normalize(_duck, """
            SELECT 170141183460469231731687303715884105727 // 2000000::HUGEINT AS huge, '550e8400-e29b-41d4-a716-446655440000'::UUID AS u, 'a'::ENUM('a') AS e, INTERVAL 1 DAY AS i, '101'::BIT AS bits,
              TIMESTAMP_MS '2024-01-01 00:00:00.123' AS ms, TIMETZ '10:00:00+01' AS tt, 255::UTINYINT AS u8, 4294967295::UINTEGER AS u32, 18446744073709551615::UBIGINT AS u64, [1::HUGEINT] AS l, 'x' AS s, '{"a":1}'::JSON AS j;
            """);
        var batch = _duck.Query(sql).Single();
        Assert.That(batch.Schema.FieldsList.Select(f => f.DataType.TypeId), Is.EqualTo(new[]
        {
            ArrowTypeId.Decimal128, ArrowTypeId.String, ArrowTypeId.String, ArrowTypeId.String, ArrowTypeId.String, ArrowTypeId.Timestamp, ArrowTypeId.String,
            ArrowTypeId.Int16, ArrowTypeId.Int64, ArrowTypeId.Decimal128, ArrowTypeId.List, ArrowTypeId.String, ArrowTypeId.String,
        }));
        Assert.That(((StringArray)batch.Column(1)).GetString(0), Is.EqualTo("550e8400-e29b-41d4-a716-446655440000"));
        Assert.That(((Decimal128Array)batch.Column(9)).GetString(0), Is.EqualTo("18446744073709551615"));
        Assert.That(DuckSelect.Normalize(_duck, "SELECT 1 AS a"), Is.EqualTo("SELECT 1 AS a"));
        Assert.That(() => DuckSelect.Normalize(_duck, "SELECT TIMESTAMP_NS '2024-01-01' AS a"), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4405"));
        Assert.That(() => DuckSelect.Normalize(_duck, "SELECT 1 AS a, 2 AS A"), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4406"));
    }

    [Test]
    public void An_exception_of_a_source_is_thrown_as_it_was()
    {
        var thrown = new InvalidDataException("broken pipe {");
        _duck.RegisterSource("orders", DuckBatches.Orders, new BatchQueue(i => i < 3 ? DuckBatches.Make(0, 5000) : throw thrown));
        Assert.That(() => _duck.Query("SELECT lower(email) AS e FROM orders()").Sum(b => b.Length), Throws.Exception.SameAs(thrown));
        Assert.That(_duck.QueryText("SELECT 1"), Is.EqualTo("1"), "the connection goes on");
    }

    [Test]
    public void A_second_reading_of_a_source_is_refused()
    {
        _duck.RegisterSource("orders", DuckBatches.Orders, new BatchQueue(DuckBatches.Make(0, 10)));
        _duck.Execute("CREATE VIEW orders AS SELECT * FROM orders()");
        var error = Assert.Throws<EtlException>(() => _duck.QueryText("SELECT count(*) FROM orders a JOIN orders b USING (id)"))!;
        Assert.That(error.Code, Is.EqualTo("ETL4409"));
    }

    [Test]
    public void A_batch_of_another_layout_is_refused()
    {
        var schema = new Schema([new Field("id", StringType.Default, true)], null);
        _duck.RegisterSource("orders", schema, new BatchQueue(DuckBatches.Make(0, 10)));
        Assert.That(() => _duck.QueryText("SELECT max(id) FROM orders()"), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4408"));
    }

    [Test]
    public void Cancelling_stops_a_long_query()
    {
        using var cancel = new CancellationTokenSource(200);
        var clock = Stopwatch.StartNew();
        Assert.That(() => _duck.Query("SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7", cancel: cancel.Token).Count(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(_duck.QueryText("SELECT 1"), Is.EqualTo("1"));
    }

    [Test]
    public void Cancelling_wakes_a_source_that_waits()
    {
        using var cancel = new CancellationTokenSource(200);
        _duck.RegisterSource("orders", DuckBatches.Orders, new Stuck());
        Assert.That(() => _duck.Query("SELECT id FROM orders()", cancel: cancel.Token).Count(), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void A_reader_that_stops_early_wakes_its_source()
    {
        var stuck = new Stuck(open: true);
        _duck.RegisterSource("orders", DuckBatches.Orders, stuck);
        foreach (var batch in _duck.Query("SELECT id FROM orders()", batchRows: 2048))
        {
            batch.Dispose();
            stuck.Close();
            Thread.Sleep(100);
            break;
        }

        Assert.That(_duck.QueryText("SELECT 1"), Is.EqualTo("1"));
    }

    [Test]
    public void Deduplication_spills_at_a_low_memory_limit()
    {
        var folder = Directory.CreateTempSubdirectory("etl-spill-").FullName;
        try
        {
            using var database = DuckDatabase.Open(null, new DuckSettings { Threads = 2, MemoryLimit = new ByteSize(80 << 20), TempDirectory = folder });
            using var duck = database.Connect();
            duck.RegisterSource("orders", DuckBatches.Orders, new BatchQueue(i => i < 30 ? DuckBatches.Make(i * 50_000, 50_000) : null));
            long rows = 0;
            foreach (var batch in duck.Query("SELECT * EXCLUDE r FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY changed DESC, email) AS r FROM orders()) WHERE r = 1"))
            {
                rows += batch.Length;
                batch.Dispose();
            }

            Assert.That(rows, Is.EqualTo(1_500_000));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("SELECT * FROM read_text('/etc/hostname')")]
    [TestCase("SET enable_external_access = true")]
    [TestCase("COPY (SELECT 1) TO '/tmp/x.csv'")]
    [TestCase("ATTACH '/tmp/x.duckdb'")]
    public void Sql_has_no_way_out(string sql) => Assert.That(() => _duck.Execute(sql), Throws.InstanceOf<DuckException>());

    // Gives batches while it is open, then waits until it is cancelled.
    private sealed class Stuck(bool open = false) : IBatchSource
    {
        private volatile bool _open = open;

        public void Close() => _open = false;

        public RecordBatch? Next(CancellationToken cancel)
        {
            if (_open)
            {
                return DuckBatches.Make(0, 5000);
            }

            cancel.WaitHandle.WaitOne();
            cancel.ThrowIfCancellationRequested();
            return null;
        }
    }
}
