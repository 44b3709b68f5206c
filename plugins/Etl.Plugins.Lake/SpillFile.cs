using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts.Arrow;
using Microsoft.Win32.SafeHandles;

namespace Etl.Plugins.Lake;

/// <summary>Rows that were put aside, to be read once.</summary>
/// <param name="Offset">Where they begin in the file.</param>
/// <param name="Rows">How many they are.</param>
/// <param name="Arrays">Each array's length, NULLs and buffer lengths: columns in order, a list before its items.</param>
internal sealed record SpilledRows(long Offset, int Rows, IReadOnlyList<SpilledArray> Arrays)
{
    /// <summary>Bytes in the file.</summary>
    public long Bytes => Arrays.Sum(a => a.BufferBytes.Sum(b => (long)b));
}

/// <summary>One array of spilled rows.</summary>
internal sealed record SpilledArray(int Length, int Nulls, int[] BufferBytes);

/// <summary>
/// A file on the local disk that only this process reads, for rows that wait to be written together with others of their partition: the buffers of their arrays,
/// one after the other, as they are in memory. Thread-safe.
/// </summary>
internal sealed class SpillFile(string path, Schema schema) : IDisposable
{
    private readonly Lazy<SafeFileHandle> _file = new(() => File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose));
    private long _end;

    /// <summary>Puts a batch aside, whose arrays begin at their first value.</summary>
    public SpilledRows Write(RecordBatch batch)
    {
        List<SpilledArray> arrays = [];
        List<ReadOnlyMemory<byte>> buffers = [];
        foreach (var column in batch.Arrays)
        {
            Collect(column.Data, arrays, buffers);
        }

        var bytes = buffers.Sum(b => (long)b.Length);
        var offset = Interlocked.Add(ref _end, bytes) - bytes;
        RandomAccess.Write(_file.Value, buffers, offset);
        return new SpilledRows(offset, batch.Length, arrays);
    }

    /// <summary>Appends spilled rows to a builder.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="target">Of the file's schema.</param>
    /// <param name="buffer">Reused from call to call; replaced when it is too small. Pinned, as the builder reads from its address.</param>
    public void AppendTo(SpilledRows rows, RecordBatchBuilder target, ref byte[] buffer)
    {
        var bytes = checked((int)rows.Bytes);
        if (buffer.Length < bytes)
        {
            buffer = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        }

        var read = RandomAccess.Read(_file.Value, buffer.AsSpan(0, bytes), rows.Offset);
        if (read != bytes)
        {
            throw new EndOfStreamException($"{path} was cut short: {read} of {bytes} bytes at {rows.Offset}");
        }

        var (next, at) = (0, 0);
        for (var i = 0; i < schema.FieldsList.Count; i++)
        {
            target[i].Append(Restore(schema.FieldsList[i].DataType, rows.Arrays, buffer, ref next, ref at), 0, rows.Rows);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_file.IsValueCreated)
        {
            _file.Value.Dispose();
        }
    }

    private static void Collect(ArrayData data, List<SpilledArray> arrays, List<ReadOnlyMemory<byte>> buffers)
    {
        arrays.Add(new SpilledArray(data.Length, data.NullCount, [.. data.Buffers.Select(b => b.Length)]));
        buffers.AddRange(data.Buffers.Select(b => b.Memory));
        foreach (var child in data.Children ?? [])
        {
            Collect(child, arrays, buffers);
        }
    }

    private static ArrayData Restore(IArrowType type, IReadOnlyList<SpilledArray> arrays, byte[] bytes, ref int next, ref int at)
    {
        var array = arrays[next++];
        var buffers = new ArrowBuffer[array.BufferBytes.Length];
        for (var i = 0; i < buffers.Length; i++)
        {
            buffers[i] = new ArrowBuffer(bytes.AsMemory(at, array.BufferBytes[i]));
            at += array.BufferBytes[i];
        }

        return new ArrayData(type, array.Length, array.Nulls, 0, buffers, type is ListType list ? [Restore(list.ValueDataType, arrays, bytes, ref next, ref at)] : null);
    }
}
