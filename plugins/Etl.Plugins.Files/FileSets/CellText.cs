using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts.Arrow;
using Etl.Plugins.Values;

namespace Etl.Plugins.FileSets;

/// <summary>One column's values as text and back: numbers without grouping, a point for decimals, ISO 8601 dates and times, true and false.</summary>
internal static class CellText
{
    /// <summary>Room for the text of any value that is no text itself.</summary>
    public const int LongestText = DecimalText.LongestText;

    /// <summary>Whether the type's values have a text.</summary>
    public static bool Holds(IArrowType type) => type is Int8Type or Int16Type or Int32Type or Int64Type or FloatType or DoubleType or BooleanType or StringType or Decimal128Type
        or Date32Type or Time64Type { Unit: TimeUnit.Microsecond } or TimestampType { Unit: TimeUnit.Microsecond };

    /// <summary>What a person calls the type in an error.</summary>
    public static string Describe(IArrowType type) => type switch
    {
        Decimal128Type d => string.Create(CultureInfo.InvariantCulture, $"decimal({d.Precision},{d.Scale})"),
        StringType => "UTF-8 text",
        Date32Type => "date (YYYY-MM-DD)",
        Time64Type => "time (HH:MM:SS.ffffff)",
        TimestampType { Timezone: null } => "timestamp without a zone (ISO 8601)",
        TimestampType => "timestamp (ISO 8601, UTC where no zone is given)",
        BooleanType => "boolean (true, false, 1, 0)",
        _ => type.Name,
    };

    /// <summary>False when the text is no value of the column's type.</summary>
    public static bool TryAppend(ReadOnlySpan<byte> text, ColumnBuilder target)
    {
        switch (target.Type)
        {
            case StringType when Utf8.IsValid(text):
                target.Append(text);
                return true;
            case Int8Type or Int16Type or Int32Type or Int64Type when Utf8Parser.TryParse(text, out long value, out var used) && used == text.Length && Fits(value, target.Type):
                target.AppendInteger(value);
                return true;
            case DoubleType when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && !IsTooGreat(value, text):
                target.Append(value);
                return true;
            case FloatType when float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && !IsTooGreat(value, text):
                target.Append(value);
                return true;
            case BooleanType when IsTrue(text) is { } flag:
                target.Append(flag);
                return true;
            case Decimal128Type d when DecimalText.TryParse(text, d.Precision, d.Scale, out var unscaled):
                target.Append(unscaled);
                return true;
            case Date32Type when TemporalText.TryDate(text, out var days):
                target.Append(days);
                return true;
            case Time64Type when TemporalText.TryTime(text, out var micros):
                target.Append(micros);
                return true;
            case TimestampType t when TemporalText.TryTimestamp(text, out var micros, out var hasZone) && (t.Timezone is not null || !hasZone):
                target.Append(micros);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The text of a value that is not null and no text itself, in <paramref name="target"/>; its length, or 0 when there is none.</summary>
    public static int Format(IArrowArray array, int row, Span<byte> target)
    {
        var written = 0;
        switch (array)
        {
            case Int64Array a: a.Values[row].TryFormat(target, out written, default, CultureInfo.InvariantCulture); break;
            case Int32Array a: a.Values[row].TryFormat(target, out written, default, CultureInfo.InvariantCulture); break;
            case Int16Array a: a.Values[row].TryFormat(target, out written, default, CultureInfo.InvariantCulture); break;
            case Int8Array a: a.Values[row].TryFormat(target, out written, default, CultureInfo.InvariantCulture); break;
            case DoubleArray a: a.Values[row].TryFormat(target, out written, default, CultureInfo.InvariantCulture); break;
            case FloatArray a: a.Values[row].TryFormat(target, out written, default, CultureInfo.InvariantCulture); break;
            case BooleanArray a: written = Copy(a.GetValue(row) == true ? "true"u8 : "false"u8, target); break;
            case Date32Array a: written = TemporalText.FormatDate(a.Values[row], target); break;
            case Time64Array a: written = TemporalText.FormatTime(a.Values[row], target); break;
            case TimestampArray a: written = TemporalText.FormatTimestamp(a.Values[row], ((TimestampType)a.Data.DataType).Timezone is not null, target); break;
            case Decimal128Array a:
                written = DecimalText.Format(MemoryMarshal.Read<Int128>(a.ValueBuffer.Span[((a.Offset + row) * 16)..]), a.Scale, target);
                break;
        }

        return written;
    }

    // A number beyond the type's range is parsed as infinity, which has no digits when it is meant.
    private static bool IsTooGreat(double value, ReadOnlySpan<byte> text) => double.IsInfinity(value) && text.IndexOfAnyInRange((byte)'0', (byte)'9') >= 0;

    private static int Copy(ReadOnlySpan<byte> text, Span<byte> target)
    {
        text.CopyTo(target);
        return text.Length;
    }

    private static bool? IsTrue(ReadOnlySpan<byte> text) =>
        text.SequenceEqual("1"u8) || Ascii.EqualsIgnoreCase(text, "true"u8) ? true
        : text.SequenceEqual("0"u8) || Ascii.EqualsIgnoreCase(text, "false"u8) ? false
        : null;

    private static bool Fits(long value, IArrowType type) => type switch
    {
        Int32Type => value == (int)value,
        Int16Type => value == (short)value,
        Int8Type => value == (sbyte)value,
        _ => true,
    };
}
