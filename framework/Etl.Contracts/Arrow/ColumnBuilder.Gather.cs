using System.Runtime.CompilerServices;
using Apache.Arrow;

namespace Etl.Contracts.Arrow;

// Rows picked from another array: what partitioning and routing spend most of their time on.
public sealed unsafe partial class ColumnBuilder
{
    /// <summary>The values at <paramref name="rows"/> of another array of the same type.</summary>
    public void Append(ArrayData source, ReadOnlySpan<int> rows)
    {
        var from = new SourceColumn(source, this);
        Reserve(rows.Length);
        switch (_width)
        {
            case 1: Gather<byte>(from, rows); break;
            case 2: Gather<short>(from, rows); break;
            case 4: Gather<int>(from, rows); break;
            case 8: Gather<long>(from, rows); break;
            case 16: Gather<Int128>(from, rows); break;
            case 0 when _hasOffsets && Items is null: GatherText(from, rows); break;
            default: GatherOne(from, rows); break;
        }

        GC.KeepAlive(source);
    }

    // Each width has a loop of its own: a copy of unknown length for each value costs several times as much.
    private void Gather<T>(SourceColumn from, ReadOnlySpan<int> rows) where T : unmanaged
    {
        var values = (T*)from.Values + from.Source.Offset;
        var target = (T*)_values + Length;
        for (var i = 0; i < rows.Length; i++)
        {
            target[i] = Unsafe.ReadUnaligned<T>(values + rows[i]);
        }

        if (from.Validity is not null)
        {
            for (var i = 0; i < rows.Length; i++)
            {
                if (!GetBit(from.Validity, from.Source.Offset + rows[i]))
                {
                    SetBit(_validity, Length + i, false);
                    target[i] = default;
                    _nulls++;
                }
            }
        }

        Length += rows.Length;
    }

    // Room for all of them is made first: to look for it value by value costs as much as copying a short text.
    private void GatherText(SourceColumn from, ReadOnlySpan<int> rows)
    {
        long bytes = 0;
        foreach (var row in rows)
        {
            var at = from.Source.Offset + row;
            bytes += from.Offsets[at + 1] - from.Offsets[at];
        }

        ReserveData(bytes);
        var end = _offsets[Length];
        var values = _values;
        for (var i = 0; i < rows.Length; i++)
        {
            var at = from.Source.Offset + rows[i];
            if (from.Validity is not null && !GetBit(from.Validity, at))
            {
                SetBit(_validity, Length + i, false);
                _nulls++;
            }
            else
            {
                var length = from.Offsets[at + 1] - from.Offsets[at];
                CopyText(from.Values + from.Offsets[at], values + end, length);
                end += length;
            }

            _offsets[Length + i + 1] = end;
        }

        Length += rows.Length;
    }

    // Bits and lists.
    private void GatherOne(SourceColumn from, ReadOnlySpan<int> rows)
    {
        foreach (var row in rows)
        {
            var at = from.Source.Offset + row;
            if (from.Validity is not null && !GetBit(from.Validity, at))
            {
                AppendNull();
            }
            else if (Items is not null)
            {
                Items.Append(from.Source.Children[0], from.Offsets[at], from.Offsets[at + 1] - from.Offsets[at]);
                EndList();
            }
            else
            {
                Append(GetBit(from.Values, at));
            }
        }
    }

    // Most text is short, and eight bytes at a time are then faster than a call; the last eight may overlap those before.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyText(byte* source, byte* target, int length)
    {
        if (length is >= 8 and <= 64)
        {
            for (var i = 0; i < length - 8; i += 8)
            {
                Unsafe.WriteUnaligned(target + i, Unsafe.ReadUnaligned<long>(source + i));
            }

            Unsafe.WriteUnaligned(target + length - 8, Unsafe.ReadUnaligned<long>(source + length - 8));
        }
        else
        {
            Buffer.MemoryCopy(source, target, length, length);
        }
    }
}
