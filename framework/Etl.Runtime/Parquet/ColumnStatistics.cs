using System.Globalization;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Parquet;

/// <summary>
/// Least and greatest value and NULLs of a column, gathered while it is written. Booleans, floats with NaN and lists have no
/// least and greatest value.
/// </summary>
internal sealed class ColumnStatistics(Field field)
{
    // 0001-01-01 and 9999-12-31 in days and microseconds since 1970: what readers of Parquet take for dates.
    private const long FirstDay = -719162;
    private const long LastDay = 2932896;
    private const long DayMicros = 86_400_000_000;
    private bool _hasNaN;

    // Of a list: its items are checked as values are, and their least and greatest are nobody's business.
    private ColumnStatistics? _items;

    /// <summary>The column.</summary>
    public Field Field { get; } = field;

    /// <summary>How many values are NULL.</summary>
    public long Nulls { get; private set; }

    /// <summary>Values that are not NULL.</summary>
    public long Values { get; private set; }

    /// <summary>
    /// The least value: <see cref="long"/> for integers, dates (days) and times (microseconds), <see cref="double"/>, <see cref="Int128"/> for the unscaled
    /// value of a decimal, bytes for text and binary; null when there is none.
    /// </summary>
    public object? Min { get; private set; }

    /// <summary>The greatest value, of the same type as <see cref="Min"/>.</summary>
    public object? Max { get; private set; }

    /// <summary>Adds an array. ETL4571: a date or timestamp beyond the years 1 to 9999; ETL4572: a decimal beyond its precision.</summary>
    public void Add(IArrowArray array)
    {
        Nulls += array.NullCount;
        Values += array.Length - array.NullCount;
        if (array.Length == array.NullCount)
        {
            return;
        }

        switch (Field.DataType)
        {
            case Int8Type: Integers<sbyte>(array, v => v); break;
            case Int16Type: Integers<short>(array, v => v); break;
            case Int32Type or Date32Type: Integers<int>(array, v => v); break;
            case Int64Type or TimestampType or Time64Type: Integers<long>(array, v => v); break;
            case FloatType: Floats<float>(array, v => v); break;
            case DoubleType: Floats<double>(array, v => v); break;
            case Decimal128Type: Decimals(array); break;
            case StringType or BinaryType: Bytes(array); break;
            case ListType list: (_items ??= new ColumnStatistics(new Field(Field.Name, list.ValueDataType, nullable: true))).Add(((ListArray)array).Values); break;
        }
    }

    private void Integers<T>(IArrowArray array, Func<T, long> widen) where T : unmanaged, IComparable<T>
    {
        var (min, max) = Range<T>(array);
        Min = Min is long low ? Math.Min(low, widen(min)) : widen(min);
        Max = Max is long high ? Math.Max(high, widen(max)) : widen(max);
        if (Field.DataType is Date32Type && ((long)Min < FirstDay || (long)Max > LastDay))
        {
            throw BeyondCalendar((long)Min < FirstDay ? (long)Min : (long)Max, "days");
        }

        if (Field.DataType is TimestampType && ((long)Min < FirstDay * DayMicros || (long)Max >= (LastDay + 1) * DayMicros))
        {
            throw BeyondCalendar((long)Min < FirstDay * DayMicros ? (long)Min : (long)Max, "microseconds");
        }
    }

    private EtlException BeyondCalendar(long value, string unit) => new(
        "ETL4571",
        $"column '{Field.Name}' holds a {(Field.DataType is Date32Type ? "date" : "timestamp")} outside the years 1 to 9999: {value.ToString(CultureInfo.InvariantCulture)} {unit} since 1970-01-01",
        "Such values (also 'infinity') mean different things to different readers of Parquet. Replace them on the way, for example by NULL.");

    private void Floats<T>(IArrowArray array, Func<T, double> widen) where T : unmanaged, IComparable<T>
    {
        var values = Raw<T>(array);
        for (var i = 0; i < array.Length; i++)
        {
            if (!array.IsValid(i))
            {
                continue;
            }

            var value = widen(values[i]);
            if (_hasNaN || double.IsNaN(value))
            {
                (_hasNaN, Min, Max) = (true, null, null);
                return;
            }

            Min = Min is double low ? Math.Min(low, value) : value;
            Max = Max is double high ? Math.Max(high, value) : value;
        }
    }

    private void Decimals(IArrowArray array)
    {
        var (min, max) = Range<Int128>(array);
        Min = Min is Int128 low ? Int128.Min(low, min) : min;
        Max = Max is Int128 high ? Int128.Max(high, max) : max;
        var type = (Decimal128Type)Field.DataType;
        var limit = Int128.Parse("1" + new string('0', type.Precision), CultureInfo.InvariantCulture);
        if ((Int128)Min <= -limit || (Int128)Max >= limit)
        {
            throw new EtlException("ETL4572", $"column '{Field.Name}' holds a number with more digits than decimal({type.Precision},{type.Scale}) has", "Declare a greater precision, up to 38.");
        }
    }

    private void Bytes(IArrowArray array)
    {
        var offsets = MemoryMarshal.Cast<byte, int>(array.Data.Buffers[1].Span)[array.Data.Offset..];
        var data = array.Data.Buffers[2].Span;
        ReadOnlySpan<byte> min = default, max = default;
        var first = true;
        for (var i = 0; i < array.Length; i++)
        {
            if (!array.IsValid(i))
            {
                continue;
            }

            var value = data[offsets[i]..offsets[i + 1]];
            if (first || value.SequenceCompareTo(min) < 0)
            {
                min = value;
            }

            if (first || value.SequenceCompareTo(max) > 0)
            {
                max = value;
            }

            first = false;
        }

        Min = Min is byte[] low && min.SequenceCompareTo(low) >= 0 ? low : min.ToArray();
        Max = Max is byte[] high && max.SequenceCompareTo(high) <= 0 ? high : max.ToArray();
    }

    private static (T Min, T Max) Range<T>(IArrowArray array) where T : unmanaged, IComparable<T>
    {
        var values = Raw<T>(array);
        var i = 0;
        while (!array.IsValid(i))
        {
            i++;
        }

        var (min, max) = (values[i], values[i]);
        for (; i < array.Length; i++)
        {
            if (array.NullCount > 0 && !array.IsValid(i))
            {
                continue;
            }

            if (values[i].CompareTo(min) < 0)
            {
                min = values[i];
            }

            if (values[i].CompareTo(max) > 0)
            {
                max = values[i];
            }
        }

        return (min, max);
    }

    private static ReadOnlySpan<T> Raw<T>(IArrowArray array) where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(array.Data.Buffers[1].Span).Slice(array.Data.Offset, array.Length);
}
