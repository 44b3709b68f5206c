using System.Buffers;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Memory;
using Apache.Arrow.Types;
using Etl.Contracts.Arrow;
using Etl.DuckDb;

namespace Etl.Runtime.Tests.Sql;

/// <summary>Batches made up front, or by a function.</summary>
internal sealed class BatchQueue(Func<int, RecordBatch?> make) : IBatchSource
{
    private int _next = -1;

    public BatchQueue(params RecordBatch[] batches) : this(i => i < batches.Length ? batches[i] : null) { }

    public RecordBatch? Next(CancellationToken cancel) => make(Interlocked.Increment(ref _next));
}

internal static class DuckBatches
{
    public static Schema Orders { get; } = new(
        [new Field("id", Int64Type.Default, false), new Field("email", StringType.Default, true), new Field("amount", new Decimal128Type(12, 2), true), new Field("changed", new TimestampType(TimeUnit.Microsecond, "UTC"), true)], null);

    public static RecordBatch Make(int first, int rows)
    {
        using var builder = new RecordBatchBuilder(Orders, rows);
        Span<byte> text = stackalloc byte[40];
        for (var i = first; i < first + rows; i++)
        {
            builder[0].Append((long)i);
            if (i % 7 == 0)
            {
                builder[1].AppendNull();
            }
            else
            {
                Encoding.UTF8.TryGetBytes($"  User{i}@Example.com", text, out var length);
                builder[1].Append((ReadOnlySpan<byte>)text[..length]);
            }

            builder[2].Append((Int128)(i * 3));
            builder[3].Append(1_700_000_000_000_000L + i);
        }

        return builder.Build();
    }

    /// <summary>A copy in memory that turns to 0xDD when it is disposed, so that a late reader is seen.</summary>
    public static RecordBatch Poisoned(RecordBatch batch)
    {
        var copy = new RecordBatch(batch.Schema, batch.Arrays.Select(a => ArrowArrayFactory.BuildArray(Copy(a.Data))), batch.Length);
        batch.Dispose();
        return copy;
    }

    private static ArrayData Copy(ArrayData data) => new(
        data.DataType, data.Length, data.NullCount, data.Offset,
        data.Buffers.Select(b => b.IsEmpty ? ArrowBuffer.Empty : new ArrowBuffer.Builder<byte>(b.Length).Append(b.Span).Build(PoisonAllocator.Instance)).ToArray(),
        data.Children?.Select(Copy).ToArray());

    private sealed class PoisonAllocator : MemoryAllocator
    {
        public static readonly PoisonAllocator Instance = new();

        public static int Poisoned;

        protected override IMemoryOwner<byte> AllocateInternal(int length, out int bytesAllocated)
        {
            bytesAllocated = length;
            return new PoisonedMemory(length);
        }
    }

    private sealed class PoisonedMemory(int length) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = GC.AllocateArray<byte>(length, pinned: true);

        public void Dispose()
        {
            Memory.Span.Fill(0xDD);
            Interlocked.Increment(ref PoisonAllocator.Poisoned);
        }
    }

    /// <summary>Buffers that were poisoned so far: proves that batches are disposed at all.</summary>
    public static int PoisonedBuffers => PoisonAllocator.Poisoned;
}
