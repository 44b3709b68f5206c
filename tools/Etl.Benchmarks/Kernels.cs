using Apache.Arrow;
using Apache.Arrow.Types;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.DuckDb;
using Etl.Plugins.Postgres.Copy;

namespace Etl.Benchmarks;

/// <summary>The inner loops of a batch's way, a batch at a time: <c>--kernels '*'</c>. In this process, as the project's own build settings are not for generated ones.</summary>
[MemoryDiagnoser]
public class Kernels
{
    /// <summary>Of a batch, as the engine makes them.</summary>
    public const int Rows = 65_536;

    private RecordBatch _batch = null!;
    private byte[] _copy = [];
    private int[] _every = [];
    private DuckDatabase _database = null!;
    private int _bridged;

    private static Schema Schema { get; } = new(
        [
            new Field("order_id", Int64Type.Default, false),
            new Field("customer_id", Int32Type.Default, false),
            new Field("amount", new Decimal128Type(12, 2), false),
            new Field("created_at", new TimestampType(TimeUnit.Microsecond, "UTC"), false),
            new Field("email", StringType.Default, false),
            new Field("note", StringType.Default, true),
            new Field("is_gift", BooleanType.Default, false),
        ],
        null);

    /// <summary>Runs those whose names match.</summary>
    public static void Run(string pattern) => BenchmarkSwitcher.FromTypes([typeof(Kernels)]).Run(
        ["--filter", $"*{pattern}*"],
        DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(3).WithIterationCount(15)));

    /// <summary>One batch, its COPY form, and a database.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        using var builder = new RecordBatchBuilder(Schema, Rows);
        for (var i = 0; i < Rows; i++)
        {
            builder[0].Append((long)i);
            builder[1].Append(i * 7919 % 400_000);
            builder[2].Append((Int128)(i * 104_729L % 200_000_000));
            builder[3].Append(1_767_225_600_000_000 + (i * 1_000_003L));
            builder[4].Append($"user{i * 7919 % 400_000}@example.com".AsSpan());
            if (i % 5 < 2)
            {
                builder[5].AppendNull();
            }
            else
            {
                builder[5].Append($"left at the door, bell {i % 100}".AsSpan());
            }

            builder[6].Append(i % 7 == 0);
        }

        _batch = builder.Build();
        _copy = Encode(new MemoryStream()).ToArray();
        // Rows of 180 partitions, one behind the other.
        _every = [.. Enumerable.Range(0, Rows).OrderBy(i => i % 180)];
        _database = DuckDatabase.Open(null, new DuckSettings { MemoryLimit = new ByteSize(1L << 30) });
    }

    /// <summary>Closes the database.</summary>
    [GlobalCleanup]
    public void Close()
    {
        _database.Dispose();
        _batch.Dispose();
    }

    /// <summary>Binary COPY to a batch.</summary>
    [Benchmark]
    public int Decode()
    {
        using var builder = new RecordBatchBuilder(Schema, Rows);
        var decoder = new CopyDecoder(builder, Rows, long.MaxValue);
        var taken = decoder.Decode(_copy);
        using var batch = decoder.Take();
        return batch.Length == Rows ? taken : throw new InvalidOperationException($"{batch.Length} rows were decoded");
    }

    /// <summary>A batch to binary COPY, thrown away.</summary>
    [Benchmark]
    public void Encode() => Encode(Stream.Null);

    /// <summary>Rows picked into another batch, in the order of 180 partitions.</summary>
    [Benchmark]
    public int Gather()
    {
        using var builder = new RecordBatchBuilder(Schema, Rows);
        builder.Append(_batch, _every);
        using var batch = builder.Build();
        return batch.Length;
    }

    /// <summary>A batch into DuckDB and out of it.</summary>
    [Benchmark]
    public int Bridge()
    {
        using var connection = _database.Connect();
        // A name stays taken for the database's life.
        var name = $"batches_{_bridged++}";
        using var source = connection.RegisterSource(name, Schema, new Once(_batch));
        var rows = 0;
        foreach (var batch in connection.Query($"SELECT * FROM {name}()"))
        {
            rows += batch.Length;
            batch.Dispose();
        }

        return rows == Rows ? rows : throw new InvalidOperationException($"{rows} rows came back");
    }

    private T Encode<T>(T stream) where T : Stream
    {
        using var encoder = new CopyEncoder(stream);
        encoder.Write(_batch);
        encoder.Complete();
        return stream;
    }

    private sealed class Once(RecordBatch batch) : IBatchSource
    {
        private int _given;

        public RecordBatch? Next(CancellationToken cancel) => Interlocked.Exchange(ref _given, 1) == 0 ? batch.SliceShared(0, batch.Length) : null;
    }
}
