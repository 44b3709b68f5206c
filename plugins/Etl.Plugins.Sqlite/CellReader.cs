using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.Values;

namespace Etl.Plugins.Sqlite;

/// <summary>
/// Moves one column's values from a statement into a builder. Columns of SQLite hold values of any type, so each is checked
/// against the contract's and taken only where nothing is lost.
/// </summary>
internal sealed class CellReader
{
    private const long LargestExactInReal = 1L << 53;
    private readonly Field _field;
    private readonly Kind _kind;
    private readonly int _precision;
    private readonly int _scale;

    public CellReader(Field field)
    {
        _field = field;
        _kind = field.DataType switch
        {
            Int8Type or Int16Type or Int32Type or Int64Type => Kind.Integer,
            FloatType => Kind.Single,
            DoubleType => Kind.Double,
            StringType => Kind.Text,
            BinaryType => Kind.Bytes,
            BooleanType => Kind.Boolean,
            Date32Type => Kind.Date,
            Time64Type { Unit: TimeUnit.Microsecond } => Kind.Time,
            TimestampType { Unit: TimeUnit.Microsecond } t => t.Timezone is null ? Kind.Timestamp : Kind.TimestampUtc,
            Decimal128Type => Kind.Decimal,
            _ => throw new EtlException("ETL4508", $"column '{field.Name}' is declared {field.DataType.Name}, which no SQLite value is read as", "Declare another type in the contract."),
        };
        if (field.DataType is Decimal128Type d)
        {
            (_precision, _scale) = (d.Precision, d.Scale);
        }
    }

    private enum Kind
    {
        Integer,
        Single,
        Double,
        Text,
        Bytes,
        Boolean,
        Date,
        Time,
        Timestamp,
        TimestampUtc,
        Decimal,
    }

    /// <summary>Null when the value was taken; else why not.</summary>
    public string? Read(SqliteStatement row, int column, ColumnBuilder target)
    {
        var stored = row.Class(column);
        if (stored == StorageClass.Null)
        {
            if (!_field.IsNullable)
            {
                return "is NULL, and the contract says required";
            }

            target.AppendNull();
            return null;
        }

        var taken = stored switch
        {
            StorageClass.Integer => Take(row.Integer(column), target),
            StorageClass.Real => Take(row.Real(column), target),
            StorageClass.Text => TakeText(row.Text(column), target),
            _ => TakeBlob(row.Blob(column), target),
        };
        return taken ? null : Refused(stored);
    }

    private string Refused(StorageClass stored)
    {
        var expected = _kind switch
        {
            Kind.Decimal => string.Create(CultureInfo.InvariantCulture, $"a decimal({_precision},{_scale})"),
            Kind.Date => "a date (YYYY-MM-DD, or seconds since 1970 of a midnight)",
            Kind.Time => "a time (HH:MM:SS.ffffff)",
            Kind.Timestamp => "a timestamp without a zone (ISO 8601, or seconds since 1970)",
            Kind.TimestampUtc => "a timestamp (ISO 8601, UTC where no zone is given, or seconds since 1970)",
            Kind.Text => "UTF-8 text",
            Kind.Boolean => "a boolean (0, 1, true, false)",
            _ => $"an {_field.DataType.Name}",
        };
        return $"holds {stored.ToString().ToLowerInvariant()} that is not {expected}";
    }

    private bool Take(long value, ColumnBuilder target)
    {
        switch (_kind)
        {
            case Kind.Integer:
                if (!Fits(value))
                {
                    return false;
                }

                target.AppendInteger(value);
                return true;
            case Kind.Single when Math.Abs(value) <= 1 << 24:
                target.Append((float)value);
                return true;
            case Kind.Double when value is >= -LargestExactInReal and <= LargestExactInReal:
                target.Append((double)value);
                return true;
            case Kind.Boolean when value is 0 or 1:
                target.Append(value == 1);
                return true;
            case Kind.Date when value % 86_400 == 0 && InYears(value):
                target.Append((int)(value / 86_400));
                return true;
            case Kind.Timestamp or Kind.TimestampUtc when InYears(value):
                target.Append(value * TemporalText.MicrosPerSecond);
                return true;
            case Kind.Decimal:
                Span<byte> text = stackalloc byte[24];
                value.TryFormat(text, out var written, default, CultureInfo.InvariantCulture);
                return TakeDecimal(text[..written], target);
            default:
                return false;
        }
    }

    private bool Take(double value, ColumnBuilder target)
    {
        switch (_kind)
        {
            case Kind.Integer when value == Math.Truncate(value) && Math.Abs(value) <= LargestExactInReal:
                return Take((long)value, target);
            case Kind.Single when (float)value == value:
                target.Append((float)value);
                return true;
            case Kind.Double:
                target.Append(value);
                return true;
            case Kind.Date when value == Math.Truncate(value) && Math.Abs(value) <= LargestExactInReal:
                return Take((long)value, target);
            case Kind.Timestamp or Kind.TimestampUtc when InYears(value):
                // A float of this size tells quarters of a microsecond apart; the nearest whole one is what was stored.
                target.Append((long)Math.Round(value * TemporalText.MicrosPerSecond));
                return true;
            case Kind.Decimal:
                // The shortest text that gives this float back: 12.1 for what was written as 12.1.
                Span<byte> text = stackalloc byte[32];
                value.TryFormat(text, out var written, default, CultureInfo.InvariantCulture);
                return TakeDecimal(text[..written], target);
            default:
                return false;
        }
    }

    private bool TakeText(ReadOnlySpan<byte> value, ColumnBuilder target)
    {
        switch (_kind)
        {
            case Kind.Text when Utf8.IsValid(value):
            case Kind.Bytes:
                target.Append(value);
                return true;
            case Kind.Boolean when Ascii.EqualsIgnoreCase(value, "true"u8) || Ascii.EqualsIgnoreCase(value, "false"u8):
                target.Append(value.Length == 4);
                return true;
            case Kind.Date when TemporalText.TryTimestamp(value, out var micros, out var hasZone) && !hasZone && micros % TemporalText.MicrosPerDay == 0:
                target.Append((int)(micros / TemporalText.MicrosPerDay));
                return true;
            case Kind.Time when TemporalText.TryTime(value, out var time):
                target.Append(time);
                return true;
            case Kind.Timestamp when TemporalText.TryTimestamp(value, out var local, out var zoned) && !zoned:
                target.Append(local);
                return true;
            case Kind.TimestampUtc when TemporalText.TryTimestamp(value, out var utc, out _):
                target.Append(utc);
                return true;
            case Kind.Decimal:
                return TakeDecimal(value, target);
            default:
                return false;
        }
    }

    private bool TakeBlob(ReadOnlySpan<byte> value, ColumnBuilder target)
    {
        if (_kind != Kind.Bytes)
        {
            return false;
        }

        target.Append(value);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TakeDecimal(ReadOnlySpan<byte> text, ColumnBuilder target)
    {
        if (!DecimalText.TryParse(text, _precision, _scale, out var unscaled))
        {
            return false;
        }

        target.Append(unscaled);
        return true;
    }

    private bool Fits(long value) => _field.DataType switch
    {
        Int32Type => value == (int)value,
        Int16Type => value == (short)value,
        Int8Type => value == (sbyte)value,
        _ => true,
    };

    private static bool InYears(double seconds) =>
        seconds is >= TemporalText.LeastMicros / TemporalText.MicrosPerSecond and <= TemporalText.GreatestMicros / TemporalText.MicrosPerSecond;
}
