using System.Diagnostics;
using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Sql;

[TestFixture]
internal sealed class DuckFailureTests : DuckFixture
{
    [TestCase("SELECT 'ééé 😀' || nope FROM (SELECT 1 AS nopee)", "nope", "Binder")]
    [TestCase("SELECT 1 FROM WHERE", "WHERE", "Parser")]
    [TestCase("SELECT lowwer('x')", "lowwer", "Catalog")]
    [TestCase("SELECT * FROM nowhere", "nowhere", "Catalog")]
    public void An_error_has_its_position_in_characters(string sql, string at, string type)
    {
        var error = Assert.Throws<DuckException>(() => Duck.DescribeColumns(sql))!.Error;
        Assert.That((error.Type, error.Position), Is.EqualTo((type, (int?)sql.IndexOf(at, StringComparison.Ordinal))));
    }

    [Test]
    public void An_error_names_candidates() =>
        Assert.That(Assert.Throws<DuckException>(() => Duck.DescribeColumns("SELECT amuont FROM (SELECT 1 AS amount)"))!.Error.Candidates, Is.EqualTo(new[] { "amount" }));

    [Test]
    public void An_exception_of_a_source_is_thrown_as_it_was()
    {
        var thrown = new InvalidDataException("broken pipe {");
        Duck.RegisterSource("orders", DuckBatches.Orders, new BatchQueue(i => i < 3 ? DuckBatches.Make(0, 5000) : throw thrown));
        Assert.That(() => Duck.Query("SELECT lower(email) AS e FROM orders()").Sum(b => b.Length), Throws.Exception.SameAs(thrown));
        Assert.That(Duck.QueryText("SELECT 1"), Is.EqualTo("1"), "the connection goes on");
    }

    [Test]
    public void Cancelling_stops_a_long_query()
    {
        using var cancel = new CancellationTokenSource(200);
        var clock = Stopwatch.StartNew();
        Assert.That(() => Duck.Query("SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7", cancel: cancel.Token).Count(), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(Duck.QueryText("SELECT 1"), Is.EqualTo("1"));
    }

    [Test]
    public void Cancelling_wakes_a_source_that_waits()
    {
        using var cancel = new CancellationTokenSource(200);
        Duck.RegisterSource("orders", DuckBatches.Orders, new Stuck());
        Assert.That(() => Duck.Query("SELECT id FROM orders()", cancel: cancel.Token).Count(), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void A_reader_that_stops_early_wakes_its_source()
    {
        var stuck = new Stuck(open: true);
        Duck.RegisterSource("orders", DuckBatches.Orders, stuck);
        foreach (var batch in Duck.Query("SELECT id FROM orders()", batchRows: 2048))
        {
            batch.Dispose();
            stuck.Close();
            Thread.Sleep(100);
            break;
        }

        Assert.That(Duck.QueryText("SELECT 1"), Is.EqualTo("1"));
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
    public void Sql_has_no_way_out(string sql) => Assert.That(() => Duck.Execute(sql), Throws.InstanceOf<DuckException>());

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
