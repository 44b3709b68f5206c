using System.Diagnostics;
using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Plugins.Files;
using Etl.Plugins.Lake;

namespace Etl.Benchmarks;

/// <summary>The lines whose limit is DuckDB's own, on the same rows in this process's memory: the bridge, and the lake's writer.</summary>
internal sealed class MemoryBenchmarks(string folder, Server server, long rows)
{
    private const string Streamed = $"SELECT * FROM ({Orders.Transformed}) WHERE customer_id % 5 > 0";
    private const string Deduplicated = $"SELECT {Orders.Columns} FROM orders QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC) = 1";
    private readonly DuckDatabase _database = DuckDatabase.Open(null, new DuckSettings { MemoryLimit = new ByteSize(4L << 30), TempDirectory = Path.Combine(folder, "duckdb"), AllowedDirectories = [folder] });

    private List<RecordBatch>? _batches;

    /// <summary>All of them.</summary>
    public IReadOnlyList<Benchmark> All =>
    [
        new("stream", "fused query, Arrow in and out, streaming", "the same SQL on a DuckDB table", 1.0, () => OnTable(Streamed), () => OnBatches(Streamed)),
        new("deduplicate", $"fused query, Arrow in and out, deduplicating {rows:N0} keys", "the same SQL on a DuckDB table", 1.3, () => OnTable(Deduplicated), () => OnBatches(Deduplicated)),
        new("parquet", "Parquet from Arrow, with Delta log", "DuckDB COPY of the same batches, synced", 1.0, CopyToParquet, LoadParquet, CheckParquet),
    ];

    // Orders by id, in a table of DuckDB and in batches.
    private List<RecordBatch> Batches()
    {
        if (_batches is null)
        {
            using var connection = _database.Connect();
            var csv = Path.Combine(folder, "orders.csv");
            ChildProcess.Run(folder, server.Environment, "psql", "-qc", $"\\copy (SELECT {Orders.Columns} FROM orders) TO '{csv}' (FORMAT CSV, HEADER, FORCE_QUOTE (note))");
            connection.Execute($"""
                CREATE TABLE orders AS SELECT * FROM read_csv('{csv}', columns = {Types}, force_not_null = []);
                """);
            File.Delete(csv);
            _batches = [.. connection.Query($"SELECT {Orders.Columns} FROM orders")];
        }

        return _batches;
    }

    private const string Types = "{order_id: 'BIGINT', customer_id: 'INTEGER', status: 'VARCHAR', amount: 'DECIMAL(12,2)', currency: 'VARCHAR', created_at: 'TIMESTAMPTZ', updated_at: 'TIMESTAMPTZ', email: 'VARCHAR', note: 'VARCHAR', is_gift: 'BOOLEAN'}";

    private Measurement OnTable(string sql)
    {
        Batches();
        using var connection = _database.Connect();
        return Timed(() => Drain(connection.Query(sql)));
    }

    private Measurement OnBatches(string sql)
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { MemoryLimit = new ByteSize(4L << 30), TempDirectory = Path.Combine(folder, "duckdb") });
        using var connection = database.Connect();
        connection.RegisterSource("orders_in", Batches()[0].Schema, new Replay(Batches()));
        connection.Execute("CREATE TEMP VIEW orders AS SELECT * FROM orders_in()");
        return Timed(() => Drain(connection.Query(sql)));
    }

    private Measurement CopyToParquet()
    {
        using var database = DuckDatabase.Open(null, new DuckSettings { MemoryLimit = new ByteSize(4L << 30), AllowedDirectories = [folder] });
        using var connection = database.Connect();
        connection.RegisterSource("orders_in", Batches()[0].Schema, new Replay(Batches()));
        var copied = Path.Combine(folder, "copied.parquet");
        return Timed(() =>
        {
            connection.Execute($"COPY (SELECT * FROM orders_in()) TO '{copied}' (FORMAT parquet, COMPRESSION snappy)");
            // Ours is on the disk when it is committed.
            using var file = File.OpenHandle(copied, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(file);
        });
    }

    private Measurement LoadParquet()
    {
        if (Directory.Exists(Lake))
        {
            Directory.Delete(Lake, recursive: true);
        }

        var context = new PluginContext(folder, folder, 256L << 20, TimeProvider.System);
        var loader = new ParquetLoader(new ParquetLoaderOptions { Path = "orders/", Mode = LoadMode.Append }, new FileStore(new FileStoreOptions { Root = Lake }, context), context);
        var schema = new RowSchema(Batches()[0].Schema);
        var replay = new Replay(Batches());
        return Timed(() => LoadAsync(loader, schema, replay).GetAwaiter().GetResult());
    }

    private string Lake => Path.Combine(folder, "memory-lake");

    private static async Task LoadAsync(ParquetLoader loader, RowSchema schema, Replay replay)
    {
        var key = new CheckpointKey("benchmark", "parquet", "lake");
        await using var session = await loader.OpenAsync(new LoadRequest(key, schema, "run", false, "benchmark", TimeSpan.FromMinutes(1), _ => { }), default);
        await Task.WhenAll(Enumerable.Range(0, session.Parallelism).Select(_ => Task.Run(() => session.StageAsync(replay.ReadAsync(), default).AsTask())));
        await session.PublishAsync(
            new Checkpoint { Key = key, N = 1, Fence = session.Fence, BatchId = "run-1", RunId = "run", PlanHash = "", Fingerprint = "", Sources = new Dictionary<string, SourcePosition>(), DeadLetters = [], Rows = 0, CommittedAt = DateTimeOffset.UnixEpoch },
            default);
    }

    private void CheckParquet()
    {
        using var connection = _database.Connect();
        string Sums(string relation) => connection.QueryText($"SELECT count(*) || ' ' || sum(amount) || ' ' || sum(hash(t)::HUGEINT) FROM (SELECT {Orders.Columns} FROM {relation}) AS t")!;
        var (expected, copied, loaded) = (Sums("orders"), Sums($"read_parquet('{folder}/copied.parquet')"), Sums($"read_parquet('{Lake}/orders/**/*.parquet')"));
        if (copied != expected || loaded != expected)
        {
            throw new UnreachableException($"the files hold (count, sum, hash) {copied} and {loaded} where the table holds {expected}");
        }
    }

    private static void Drain(IEnumerable<RecordBatch> batches)
    {
        foreach (var batch in batches)
        {
            batch.Dispose();
        }
    }

    private static Measurement Timed(Action work)
    {
        using var self = Process.GetCurrentProcess();
        var (cpu, clock) = (self.TotalProcessorTime, Stopwatch.StartNew());
        work();
        self.Refresh();
        return new Measurement(clock.Elapsed.TotalSeconds, (self.TotalProcessorTime - cpu).TotalSeconds, 0);
    }

    /// <summary>The same batches once more; each reader gets shares of them.</summary>
    private sealed class Replay(List<RecordBatch> batches) : IBatchSource
    {
        private int _next = -1;

        public RecordBatch? Next(CancellationToken cancel) => Interlocked.Increment(ref _next) is var i && i < batches.Count ? batches[i].SliceShared(0, batches[i].Length) : null;

        public async IAsyncEnumerable<RecordBatch> ReadAsync()
        {
            await Task.CompletedTask;
            while (Next(CancellationToken.None) is { } batch)
            {
                using (batch)
                {
                    yield return batch;
                }
            }
        }
    }
}
