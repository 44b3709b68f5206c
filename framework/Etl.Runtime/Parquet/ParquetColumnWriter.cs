using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Parquet;
using Parquet.Data;

namespace Etl.Parquet;

/// <summary>
/// One column chunk: the Arrow array as packed values (NULLs left out) with definition and repetition levels, as the format's
/// Dremel encoding has it. All buffers are pooled; text goes from Arrow to the file as bytes.
/// </summary>
internal sealed class ParquetColumnWriter(ParquetRowGroupWriter group, ParquetColumn column, IArrowArray array)
{
    private readonly IArrowArray _leaf = array is ListArray list ? list.Values : array;
    private int[]? _definitions;
    private int[]? _repetitions;
    private int _levels;

    // Positions in the leaf array of the values to write; null when they are all of it, in order.
    private int[]? _positions;
    private int _count;

    /// <summary>Writes the chunk.</summary>
    public async ValueTask WriteAsync(CancellationToken cancel)
    {
        if (!column.Field.IsNullable && array.NullCount > 0)
        {
            throw new EtlException("ETL4573", $"column '{column.Field.Name}' is declared not null and holds {array.NullCount} NULLs", "Declare it nullable, or refuse the rows before they are loaded.");
        }

        if (array is ListArray lists)
        {
            ShapeOfList(lists);
        }
        else
        {
            ShapeOfFlat();
        }

        try
        {
            await (column.LeafType switch
            {
                BooleanType => WriteBooleansAsync(cancel),
                Int8Type => WriteFixedAsync<sbyte>(cancel),
                Int16Type => WriteFixedAsync<short>(cancel),
                Int32Type or Date32Type => WriteFixedAsync<int>(cancel),
                Int64Type or TimestampType or Time64Type => WriteFixedAsync<long>(cancel),
                FloatType => WriteFixedAsync<float>(cancel),
                DoubleType => WriteFixedAsync<double>(cancel),
                Decimal128Type { Precision: <= 9 } => WriteConvertedAsync<Int128, int>(static v => (int)v, cancel),
                Decimal128Type { Precision: <= 18 } => WriteConvertedAsync<Int128, long>(static v => (long)v, cancel),
                Decimal128Type d => WriteConvertedAsync<Int128, BigDecimal>(v => new BigDecimal((BigInteger)v, d.Precision, d.Scale), cancel),
                _ => WriteBytesAsync(cancel),
            });
        }
        finally
        {
            Return(_definitions);
            Return(_repetitions);
            Return(_positions);
        }
    }

    private static void Return(int[]? rented)
    {
        if (rented is not null)
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    private void ShapeOfFlat()
    {
        (_levels, _count) = (array.Length, array.Length - array.NullCount);
        if (!column.Field.IsNullable)
        {
            return;
        }

        _definitions = ArrayPool<int>.Shared.Rent(array.Length);
        if (array.NullCount == 0)
        {
            _definitions.AsSpan(0, array.Length).Fill(1);
            return;
        }

        _positions = ArrayPool<int>.Shared.Rent(array.Length);
        for (int i = 0, n = 0; i < array.Length; i++)
        {
            var valid = array.IsValid(i);
            _definitions[i] = valid ? 1 : 0;
            if (valid)
            {
                _positions[n++] = i;
            }
        }
    }

    // Definition levels of an optional list: 0 the list is NULL, 1 it is empty, 2 the item is NULL (if it can be), the greatest: there is a value.
    private void ShapeOfList(ListArray lists)
    {
        var most = lists.Length + _leaf.Length;
        _definitions = ArrayPool<int>.Shared.Rent(most);
        _repetitions = ArrayPool<int>.Shared.Rent(most);
        _positions = ArrayPool<int>.Shared.Rent(Math.Max(1, _leaf.Length));
        var defined = column.Raw.MaxDefinitionLevel;
        for (var row = 0; row < lists.Length; row++)
        {
            var (start, end) = (lists.ValueOffsets[row], lists.ValueOffsets[row + 1]);
            if (lists.IsNull(row) || start == end)
            {
                _repetitions[_levels] = 0;
                _definitions[_levels++] = lists.IsNull(row) ? 0 : 1;
                continue;
            }

            for (var item = start; item < end; item++)
            {
                _repetitions[_levels] = item == start ? 0 : 1;
                if (_leaf.IsNull(item))
                {
                    if (!column.Raw.IsNullable)
                    {
                        throw new EtlException("ETL4573", $"column '{column.Field.Name}' holds a NULL item, and its items are declared not null", "Refuse such rows before they are loaded.");
                    }

                    _definitions[_levels++] = defined - 1;
                }
                else
                {
                    _definitions[_levels++] = defined;
                    _positions[_count++] = item;
                }
            }
        }
    }

    private ValueTask WriteFixedAsync<T>(CancellationToken cancel) where T : unmanaged => WriteConvertedAsync<T, T>(static v => v, cancel);

    private async ValueTask WriteConvertedAsync<TFrom, T>(Func<TFrom, T> convert, CancellationToken cancel) where TFrom : unmanaged where T : struct
    {
        var values = ArrayPool<T>.Shared.Rent(Math.Max(1, _count));
        try
        {
            Fill();
            await WriteAsync(values, cancel);
        }
        finally
        {
            ArrayPool<T>.Shared.Return(values);
        }

        void Fill()
        {
            var source = MemoryMarshal.Cast<byte, TFrom>(_leaf.Data.Buffers[1].Span).Slice(_leaf.Data.Offset, _leaf.Length);
            if (_positions is null && typeof(TFrom) == typeof(T))
            {
                source[.._count].CopyTo((TFrom[])(object)values);
                return;
            }

            for (var i = 0; i < _count; i++)
            {
                values[i] = convert(source[_positions is null ? i : _positions[i]]);
            }
        }
    }

    private async ValueTask WriteBooleansAsync(CancellationToken cancel)
    {
        var values = ArrayPool<bool>.Shared.Rent(Math.Max(1, _count));
        try
        {
            Fill();
            await WriteAsync(values, cancel);
        }
        finally
        {
            ArrayPool<bool>.Shared.Return(values);
        }

        void Fill()
        {
            var bits = _leaf.Data.Buffers[1].Span;
            for (var i = 0; i < _count; i++)
            {
                values[i] = BitUtility.GetBit(bits, _leaf.Data.Offset + (_positions is null ? i : _positions[i]));
            }
        }
    }

    private async ValueTask WriteBytesAsync(CancellationToken cancel)
    {
        var values = ArrayPool<ReadOnlyMemory<byte>>.Shared.Rent(Math.Max(1, _count));
        try
        {
            Fill();
            await WriteAsync(values, cancel);
        }
        finally
        {
            ArrayPool<ReadOnlyMemory<byte>>.Shared.Return(values, clearArray: true);
        }

        void Fill()
        {
            var offsets = MemoryMarshal.Cast<byte, int>(_leaf.Data.Buffers[1].Span)[_leaf.Data.Offset..];
            var data = _leaf.Data.Buffers[2].Memory;
            for (var i = 0; i < _count; i++)
            {
                var at = _positions is null ? i : _positions[i];
                values[i] = data[offsets[at]..offsets[at + 1]];
            }
        }
    }

    private Task WriteAsync<T>(T[] values, CancellationToken cancel) where T : struct => group.WriteAllPartsAsync<T>(
        column.Raw,
        values.AsMemory(0, _count),
        Levels(_definitions),
        Levels(_repetitions),
        cancel);

    // No conditional expression with null: an array converts to memory, and so null to empty memory, which means another thing here.
    private ReadOnlyMemory<int>? Levels(int[]? rented)
    {
        if (rented is null)
        {
            return null;
        }

        return rented.AsMemory(0, _levels);
    }
}
