using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Etl.Plugins.Postgres.Copy;

/// <summary>
/// Encodes batches as binary COPY into a stream, straight from Arrow's buffers. Values of any size: a large one is written through,
/// not buffered. Not thread-safe.
/// </summary>
internal sealed unsafe class CopyEncoder : IDisposable
{
    private const int BufferBytes = 512 * 1024;

    private readonly Stream _stream;
    private readonly byte* _buffer;
    private byte* _at;

    /// <summary>Writes to <paramref name="stream"/>, which stays the caller's.</summary>
    public CopyEncoder(Stream stream)
    {
        _stream = stream;
        _buffer = (byte*)NativeMemory.Alloc(BufferBytes);
        CopyFormat.Header.CopyTo(new Span<byte>(_buffer, BufferBytes));
        _at = _buffer + CopyFormat.Header.Length;
    }

    /// <summary>Encodes all rows of a batch.</summary>
    public void Write(RecordBatch batch)
    {
        var columns = new Column[batch.ColumnCount];
        for (var i = 0; i < columns.Length; i++)
        {
            columns[i] = new Column(batch.Column(i).Data);
        }

        for (var row = 0; row < batch.Length; row++)
        {
            Reserve(2);
            CopyFormat.Put(_at, (short)columns.Length);
            _at += 2;
            foreach (var column in columns)
            {
                Value(column, row);
            }
        }

        GC.KeepAlive(batch);
    }

    /// <summary>Writes the trailer and what is buffered.</summary>
    public void Complete()
    {
        Reserve(2);
        CopyFormat.Put(_at, (short)-1);
        _at += 2;
        Flush();
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.Free(_buffer);

    private void Value(Column column, int row)
    {
        var at = column.Offset + row;
        Reserve(CopyNumeric.MaxEncodedBytes);
        if (column.IsNull(at))
        {
            CopyFormat.Put(_at, -1);
            _at += 4;
            return;
        }

        switch (column.Kind)
        {
            case CopyKind.Int64: Fixed(((long*)column.Values)[at]); break;
            case CopyKind.Int32: Fixed(((int*)column.Values)[at]); break;
            case CopyKind.Bytes: Bytes(column.Data + column.Offsets[at], column.Offsets[at + 1] - column.Offsets[at]); break;
            case CopyKind.Timestamp: Fixed(checked(((long*)column.Values)[at] - CopyFormat.MicrosecondsTo2000)); break;
            case CopyKind.Numeric: _at = CopyNumeric.Encode(_at, Unsafe.ReadUnaligned<Int128>(column.Values + (16L * at)), column.Scale); break;
            case CopyKind.Date: Fixed(checked(((int*)column.Values)[at] - CopyFormat.DaysTo2000)); break;
            case CopyKind.Bool:
                CopyFormat.Put(_at, 1);
                _at[4] = (byte)((column.Values[at >> 3] >> (at & 7)) & 1);
                _at += 5;
                break;
            case CopyKind.Time: Fixed(((long*)column.Values)[at]); break;
            case CopyKind.Float64: Fixed(((long*)column.Values)[at]); break;
            case CopyKind.Float32: Fixed(((int*)column.Values)[at]); break;
            case CopyKind.Int16: Fixed(((short*)column.Values)[at]); break;
            case CopyKind.Int8: Fixed((short)((sbyte*)column.Values)[at]); break;
            case CopyKind.UInt8: Fixed((short)column.Values[at]); break;
            case CopyKind.UInt16: Fixed((int)((ushort*)column.Values)[at]); break;
            case CopyKind.UInt32: Fixed((long)((uint*)column.Values)[at]); break;
            case CopyKind.UInt64: _at = CopyNumeric.Encode(_at, (UInt128)((ulong*)column.Values)[at], false, 0); break;
            default: List(column, at); break;
        }
    }

    private void Fixed(short value)
    {
        CopyFormat.Put(_at, 2);
        CopyFormat.Put(_at + 4, value);
        _at += 6;
    }

    private void Fixed(int value)
    {
        CopyFormat.Put(_at, 4);
        CopyFormat.Put(_at + 4, value);
        _at += 8;
    }

    private void Fixed(long value)
    {
        CopyFormat.Put(_at, 8);
        CopyFormat.Put(_at + 4, value);
        _at += 12;
    }

    private void Bytes(byte* bytes, int length)
    {
        CopyFormat.Put(_at, length);
        _at += 4;
        if (length <= BufferBytes - (_at - _buffer))
        {
            Unsafe.CopyBlockUnaligned(_at, bytes, (uint)length);
            _at += length;
        }
        else
        {
            Flush();
            _stream.Write(new ReadOnlySpan<byte>(bytes, length));
        }
    }

    private void List(Column column, int at)
    {
        var item = column.Item!;
        int first = column.Offsets[at], count = column.Offsets[at + 1] - first;
        long size = count == 0 ? 12 : 20;
        var hasNulls = false;
        for (var i = first; i < first + count; i++)
        {
            var bytes = item.SizeAt(item.Offset + i);
            hasNulls |= bytes < 0;
            size += 4 + Math.Max(0, bytes);
        }

        CopyFormat.Put(_at, checked((int)size));
        CopyFormat.Put(_at + 4, count == 0 ? 0 : 1);
        CopyFormat.Put(_at + 8, hasNulls ? 1 : 0);
        CopyFormat.Put(_at + 12, (int)item.Oid);
        _at += 16;
        if (count > 0)
        {
            CopyFormat.Put(_at, count);
            CopyFormat.Put(_at + 4, 1);
            _at += 8;
        }

        for (var i = first; i < first + count; i++)
        {
            Value(item, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Reserve(int bytes)
    {
        if (BufferBytes - (_at - _buffer) < bytes)
        {
            Flush();
        }
    }

    private void Flush()
    {
        _stream.Write(new ReadOnlySpan<byte>(_buffer, (int)(_at - _buffer)));
        _at = _buffer;
    }

    // Pointers into native buffers that the batch keeps alive while it is written.
    private sealed class Column
    {
        public readonly CopyKind Kind;
        public readonly int Offset;
        public readonly int Scale;
        public readonly uint Oid;
        public readonly byte* Values;
        public readonly int* Offsets;
        public readonly byte* Data;
        public readonly Column? Item;
        private readonly byte* _validity;

        public Column(ArrayData data)
        {
            Kind = CopyFormat.KindOf(data.DataType);
            Offset = data.Offset;
            Scale = data.DataType is Decimal128Type d ? d.Scale : 0;
            _validity = data.NullCount == 0 ? null : Pointer(data.Buffers[0]);
            Values = Pointer(data.Buffers[1]);
            if (Kind is CopyKind.Bytes or CopyKind.List)
            {
                Offsets = (int*)Values;
                Data = Kind == CopyKind.Bytes ? Pointer(data.Buffers[2]) : null;
                Item = Kind == CopyKind.List ? new Column(data.Children[0]) : null;
            }

            Oid = Kind == CopyKind.List ? 0 : CopyFormat.OidOf(data.DataType);
        }

        public bool IsNull(int at) => _validity is not null && ((_validity[at >> 3] >> (at & 7)) & 1) == 0;

        // Bytes of the encoded value without its length; -1 for NULL.
        public int SizeAt(int at)
        {
            if (IsNull(at))
            {
                return -1;
            }

            switch (Kind)
            {
                case CopyKind.Bool: return 1;
                case CopyKind.Int8 or CopyKind.Int16 or CopyKind.UInt8: return 2;
                case CopyKind.Int32 or CopyKind.UInt16 or CopyKind.Float32 or CopyKind.Date: return 4;
                case CopyKind.Bytes: return Offsets[at + 1] - Offsets[at];
                case CopyKind.Numeric or CopyKind.UInt64:
                    var scratch = stackalloc byte[CopyNumeric.MaxEncodedBytes];
                    var end = Kind == CopyKind.Numeric
                        ? CopyNumeric.Encode(scratch, Unsafe.ReadUnaligned<Int128>(Values + (16L * at)), Scale)
                        : CopyNumeric.Encode(scratch, (UInt128)((ulong*)Values)[at], false, 0);
                    return (int)(end - scratch) - 4;
                default: return 8;
            }
        }

        private static byte* Pointer(ArrowBuffer buffer) => buffer.Length == 0 ? null : (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer.Span));
    }
}
