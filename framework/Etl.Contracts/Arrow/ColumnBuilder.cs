using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Etl.Contracts.Arrow;

/// <summary>
/// One growing column in native memory: fixed-width values, utf8 or binary, or a list of these. The caller appends values of the width
/// that the type has (timestamps in microseconds since 1970, dates in days, decimals as the unscaled 128-bit integer).
/// </summary>
public sealed unsafe partial class ColumnBuilder : IDisposable
{
    private readonly int _width;
    private readonly bool _isBits;
    private readonly bool _hasOffsets;
    private byte* _validity;
    private byte* _values;
    private int* _offsets;
    private long _valueCapacity;
    private int _capacity;
    private int _nulls;

    internal ColumnBuilder(IArrowType type, int capacity)
    {
        Type = type;
        _isBits = type is BooleanType;
        _hasOffsets = type is StringType or BinaryType or ListType;
        _width = type switch
        {
            BooleanType or StringType or BinaryType or ListType => 0,
            FixedWidthType fixedWidth => fixedWidth.BitWidth / 8,
            _ => throw new EtlException("ETL3020", $"the Arrow type {type.Name} is not one that rows move in", "Convert it at the source, or declare it as text in the contract."),
        };
        if (type is ListType list)
        {
            Items = new ColumnBuilder(list.ValueDataType, capacity);
        }

        _capacity = Math.Max(64, capacity);
    }

    /// <summary>The column's type.</summary>
    public IArrowType Type { get; }

    /// <summary>Values so far.</summary>
    public int Length { get; private set; }

    /// <summary>For a list column: its items; call <see cref="EndList"/> after the items of each row.</summary>
    public ColumnBuilder? Items { get; }

    /// <summary>Bytes of values so far.</summary>
    public long ByteLength => (_hasOffsets ? (Items?.ByteLength ?? DataLength) + (4L * Length) : _isBits ? Length / 8 : (long)Length * _width) + (Length / 8);

    private long DataLength => Length == 0 || _offsets is null ? 0 : _offsets[Length];

    /// <summary>A NULL.</summary>
    public void AppendNull()
    {
        Reserve();
        _validity[Length >> 3] &= (byte)~(1 << (Length & 7));
        _nulls++;
        if (_hasOffsets)
        {
            _offsets[Length + 1] = _offsets[Length];
        }
        else if (_isBits)
        {
            SetBit(_values, Length, false);
        }
        else
        {
            NativeMemory.Clear(_values + ((long)Length * _width), (nuint)_width);
        }

        Length++;
    }

    /// <summary>A fixed-width value; <typeparamref name="T"/> has the type's width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append<T>(T value) where T : unmanaged
    {
        if (sizeof(T) != _width)
        {
            throw new InvalidOperationException($"{typeof(T).Name} does not fit {Type.Name}");
        }

        Reserve();
        Unsafe.WriteUnaligned(_values + ((long)Length * sizeof(T)), value);
        Length++;
    }

    /// <summary>A boolean.</summary>
    public void Append(bool value)
    {
        if (!_isBits)
        {
            throw new InvalidOperationException($"a boolean does not fit {Type.Name}");
        }

        Reserve();
        SetBit(_values, Length, value);
        Length++;
    }

    /// <summary>An integer into a column of any integer width, checked; ETL4120 when it does not fit.</summary>
    public void AppendInteger(long value)
    {
        switch (Type)
        {
            case Int64Type: Append(value); break;
            case Int32Type when value == (int)value: Append((int)value); break;
            case Int16Type when value == (short)value: Append((short)value); break;
            case Int8Type when value == (sbyte)value: Append((sbyte)value); break;
            default: throw new EtlException("ETL4120", $"{value} does not fit {Type.Name}", "Declare a wider integer in the contract, or correct the source.");
        }
    }

    /// <summary>The bytes of a utf8 or binary value (utf8 is not checked here), or the exact bytes of a fixed-width one.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        Reserve();
        if (!_hasOffsets)
        {
            if (bytes.Length != _width)
            {
                throw new InvalidOperationException($"{bytes.Length} bytes do not fit {Type.Name}");
            }

            bytes.CopyTo(new Span<byte>(_values + ((long)Length * _width), _width));
        }
        else
        {
            var end = ReserveData(bytes.Length);
            bytes.CopyTo(new Span<byte>(_values + _offsets[Length], bytes.Length));
            _offsets[Length + 1] = end;
        }

        Length++;
    }

    /// <summary>Text, as UTF-8; a lone surrogate is an error.</summary>
    public void Append(ReadOnlySpan<char> text)
    {
        Reserve();
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        ReserveData(most);
        var written = Strict.GetBytes(text, new Span<byte>(_values + _offsets[Length], most));
        _offsets[Length + 1] = _offsets[Length] + written;
        Length++;
    }

    /// <summary>Closes a row of a list column: the items appended since the last one are its list.</summary>
    public void EndList()
    {
        Reserve();
        _offsets[Length + 1] = Items!.Length;
        Length++;
    }

    /// <summary>Values of another array of the same type.</summary>
    public void Append(ArrayData source, int offset, int length)
    {
        var from = new SourceColumn(source, this);
        var start = source.Offset + offset;
        Reserve(length);
        if (_hasOffsets)
        {
            AppendRange(from, start, length);
        }
        else if (_isBits)
        {
            for (var i = 0; i < length; i++)
            {
                SetBit(_values, Length + i, GetBit(from.Values, start + i));
            }
        }
        else
        {
            Buffer.MemoryCopy(from.Values + ((long)start * _width), _values + ((long)Length * _width), (long)length * _width, (long)length * _width);
        }

        if (from.Validity is not null)
        {
            for (var i = 0; i < length; i++)
            {
                if (!GetBit(from.Validity, start + i))
                {
                    SetBit(_validity, Length + i, false);
                    _nulls++;
                }
            }
        }

        Length += length;
        GC.KeepAlive(source);
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_validity);
        NativeMemory.AlignedFree(_values);
        NativeMemory.AlignedFree(_offsets);
        Items?.Dispose();
        Forget();
    }

    internal void MoveTo(NativeArray* target)
    {
        EnsureBuffers();
        NativeArray.Init(target, Length, _nulls, _hasOffsets && Items is null ? 3 : 2, Items is null ? 0 : 1);
        if (_nulls == 0)
        {
            NativeMemory.AlignedFree(_validity);
        }
        else
        {
            target->Buffers[0] = _validity;
        }

        if (_hasOffsets)
        {
            target->Buffers[1] = _offsets;
            if (Items is null)
            {
                target->Buffers[2] = _values is null ? NativeArray.Allocate(0) : _values;
            }
            else
            {
                Items.MoveTo(target->Children[0]);
            }
        }
        else
        {
            target->Buffers[1] = _values;
        }

        Forget();
    }

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private void Forget()
    {
        _validity = null;
        _values = null;
        _offsets = null;
        _valueCapacity = 0;
        _nulls = 0;
        Length = 0;
    }

    private void AppendRange(SourceColumn from, int start, int length)
    {
        var (first, last) = (from.Offsets[start], from.Offsets[start + length]);
        if (Items is not null)
        {
            var shift = Items.Length - first;
            Items.Append(from.Source.Children[0], first, last - first);
            CopyOffsets(from.Offsets + start + 1, length, shift);
            return;
        }

        ReserveData(last - first);
        Buffer.MemoryCopy(from.Values + first, _values + _offsets[Length], last - first, last - first);
        CopyOffsets(from.Offsets + start + 1, length, _offsets[Length] - first);
    }

    private void CopyOffsets(int* source, int length, int shift)
    {
        for (var i = 0; i < length; i++)
        {
            _offsets[Length + 1 + i] = source[i] + shift;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Reserve()
    {
        if (Length >= _capacity || _validity is null)
        {
            Reserve(1);
        }
    }

    private void Reserve(int rows)
    {
        EnsureBuffers();
        if (Length + rows <= _capacity)
        {
            return;
        }

        var capacity = (int)Math.Min(int.MaxValue - 64, Math.Max((long)_capacity * 2, Length + (long)rows));
        var usedBits = (Length + 7) / 8;
        _validity = (byte*)NativeArray.Grow(_validity, usedBits, (capacity + 7) / 8);
        new Span<byte>(_validity + usedBits, ((capacity + 7) / 8) - usedBits).Fill(0xFF);
        if (_hasOffsets)
        {
            _offsets = (int*)NativeArray.Grow(_offsets, 4L * (Length + 1), 4L * (capacity + 1));
        }
        else
        {
            _values = (byte*)NativeArray.Grow(_values, _isBits ? usedBits : (long)Length * _width, _isBits ? (capacity + 7) / 8 : (long)capacity * _width);
        }

        _capacity = capacity;
    }

    private void EnsureBuffers()
    {
        if (_validity is not null)
        {
            return;
        }

        var bits = (_capacity + 7) / 8;
        _validity = (byte*)NativeArray.Allocate(bits);
        new Span<byte>(_validity, bits).Fill(0xFF);
        if (_hasOffsets)
        {
            _offsets = (int*)NativeArray.Allocate(4L * (_capacity + 1));
            _offsets[0] = 0;
        }
        else
        {
            _values = (byte*)NativeArray.Allocate(_isBits ? bits : (long)_capacity * _width);
        }
    }

    // Returns where the data will end; 2 GiB is the most that 32-bit offsets reach.
    private int ReserveData(long bytes)
    {
        if (Items is not null || !_hasOffsets)
        {
            throw new InvalidOperationException($"bytes do not fit {Type.Name}");
        }

        var end = _offsets[Length] + bytes;
        if (end > int.MaxValue)
        {
            throw new EtlException("ETL4121", "a column of one batch would pass 2 GiB", "A component that makes batches ends them sooner; in a pipeline, leave the column out.");
        }

        if (end > _valueCapacity)
        {
            _valueCapacity = Math.Max(Math.Max(1024, end), Math.Min(int.MaxValue, _valueCapacity * 2));
            _values = (byte*)NativeArray.Grow(_values, _offsets[Length], _valueCapacity);
        }

        return (int)end;
    }

    private static bool GetBit(byte* bits, int index) => (bits[index >> 3] >> (index & 7) & 1) != 0;

    private static void SetBit(byte* bits, int index, bool value)
    {
        if (value)
        {
            bits[index >> 3] |= (byte)(1 << (index & 7));
        }
        else
        {
            bits[index >> 3] &= (byte)~(1 << (index & 7));
        }
    }

    // Pointers into an array that the caller keeps alive: native memory, as all batches here have.
    private readonly struct SourceColumn
    {
        public SourceColumn(ArrayData source, ColumnBuilder target)
        {
            if (source.DataType.TypeId != target.Type.TypeId)
            {
                throw new InvalidOperationException($"{source.DataType.Name} does not fit {target.Type.Name}");
            }

            Source = source;
            Validity = source.NullCount == 0 ? null : Pointer(source.Buffers[0]);
            if (target._hasOffsets)
            {
                Offsets = (int*)Pointer(source.Buffers[1]);
                Values = target.Items is null ? Pointer(source.Buffers[2]) : null;
            }
            else
            {
                Values = Pointer(source.Buffers[1]);
                Offsets = null;
            }
        }

        public readonly ArrayData Source;
        public readonly byte* Validity;
        public readonly byte* Values;
        public readonly int* Offsets;

        private static byte* Pointer(ArrowBuffer buffer) => buffer.Length == 0 ? null : (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer.Span));
    }
}
