using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Parquet;
using Etl.Plugins.Values;

namespace Etl.Plugins.Lake;

/// <summary>Statistics of a file as the log's <c>add.stats</c> holds them, and the use made of them to skip files.</summary>
internal static class DeltaStatistics
{
    // Delta's writers cut text at this many characters: what statistics are for does not need more.
    private const int TextLength = 32;

    /// <summary>The JSON: numRecords, minValues, maxValues and nullCount by column.</summary>
    public static string ToJson(long rows, IEnumerable<ColumnStatistics> columns, IReadOnlyList<string> partitionColumns)
    {
        var (min, max, nulls) = (new JsonObject(), new JsonObject(), new JsonObject());
        foreach (var column in columns.Where(c => !partitionColumns.Contains(c.Field.Name)))
        {
            nulls[column.Field.Name] = column.Nulls;
            if (column.Min is not null && Bound(column.Field, column.Min, upper: false) is { } low && Bound(column.Field, column.Max!, upper: true) is { } high)
            {
                (min[column.Field.Name], max[column.Field.Name]) = (low, high);
            }
        }

        return new JsonObject { ["numRecords"] = rows, ["minValues"] = min, ["maxValues"] = max, ["nullCount"] = nulls }.ToJsonString();
    }

    /// <summary>Rows that a file's statistics tell; null when they tell none.</summary>
    public static long? Rows(string? stats) => stats is null ? null : JsonNode.Parse(stats)?["numRecords"]?.GetValue<long>();

    /// <summary>Whether a file can hold a row with a value between those of <paramref name="wanted"/>. True when nothing is known.</summary>
    public static bool MayHold(JsonNode? stats, ColumnStatistics wanted)
    {
        // Writers may cut timestamps to milliseconds, and keys of that type are rare.
        if (stats is null || wanted.Min is null || wanted.Nulls > 0 || wanted.Field.DataType is TimestampType)
        {
            return true;
        }

        var low = Read(stats["minValues"]?[wanted.Field.Name], wanted.Field.DataType);
        var high = Read(stats["maxValues"]?[wanted.Field.Name], wanted.Field.DataType);
        return low is null || high is null || (Compare(low, wanted.Max!) <= 0 && Compare(high, wanted.Min) >= 0);
    }

    /// <summary>
    /// What a file's statistics tell of a column that is wanted as <paramref name="wanted"/>. Of one that the table holds as another type nothing is taken: that it does not fit is told when
    /// it is read.
    /// </summary>
    public static ValueRange RangeOf(JsonNode? stats, Field stored, Field wanted)
    {
        if (stats is null || !IsSameKind(stored.DataType, wanted.DataType))
        {
            return ValueRange.Unknown;
        }

        if (Count(stats["numRecords"]) is { } rows && Count(stats["nullCount"]?[stored.Name]) == rows)
        {
            return ValueRange.Empty;
        }

        // Writers may cut timestamps to milliseconds.
        var slack = stored.DataType is TimestampType ? 999 : 0;
        return new(Bound("minValues", -slack), Bound("maxValues", slack));

        object? Bound(string bounds, long more) => Read(stats[bounds]?[stored.Name], stored.DataType) is var bound && bound is long number ? (Int128)number + more : bound;
    }

    // Of another shape, such as that of a nested column, it says nothing.
    private static long? Count(JsonNode? count) => count is JsonValue value && value.TryGetValue<long>(out var number) ? number : null;

    private static bool IsSameKind(IArrowType stored, IArrowType wanted) => (stored, wanted) switch
    {
        (TimestampType a, TimestampType b) => a.Timezone is null == b.Timezone is null,
        (Int8Type or Int16Type or Int32Type or Int64Type, Int8Type or Int16Type or Int32Type or Int64Type) => true,
        _ => stored.TypeId == wanted.TypeId,
    };

    private static JsonNode? Bound(Field field, object value, bool upper) => field.DataType switch
    {
        Date32Type => DateTime.UnixEpoch.AddDays((long)value).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        TimestampType t => Moment((long)value) + (string.IsNullOrEmpty(t.Timezone) ? "" : "Z"),
        Decimal128Type d => JsonNode.Parse(Decimal((Int128)value, d.Scale)),
        StringType => Text((byte[])value, upper),
        BinaryType or Time64Type => null,
        FloatType or DoubleType => double.IsFinite((double)value) ? JsonValue.Create((double)value) : null,
        _ => JsonValue.Create((long)value),
    };

    private static string Moment(long micros) =>
        DateTime.UnixEpoch.AddTicks(micros * 10).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture);

    private static string Decimal(Int128 unscaled, int scale)
    {
        var digits = Int128.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        return (unscaled < 0 ? "-" : "") + (scale == 0 ? digits : $"{digits[..^scale]}.{digits[^scale..]}");
    }

    // A prefix is a lower bound as it is; followed by the last character there is, it is an upper one.
    private static JsonNode? Text(byte[] utf8, bool upper)
    {
        var text = Encoding.UTF8.GetString(utf8);
        if (text.Length <= TextLength)
        {
            return text;
        }

        var cut = text[..(char.IsHighSurrogate(text[TextLength - 1]) ? TextLength - 1 : TextLength)];
        const string last = "\U0010FFFF";
        return !upper ? cut : text.Contains(last, StringComparison.Ordinal) ? null : cut + last;
    }

    private static object? Read(JsonNode? bound, IArrowType type)
    {
        if (bound is not JsonValue value)
        {
            return null;
        }

        switch (type)
        {
            case StringType:
                return value.TryGetValue<string>(out var text) ? Encoding.UTF8.GetBytes(text) : null;
            case Date32Type:
                return value.TryGetValue<string>(out var day) && DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
                    ? (long)(date.DayNumber - 719162) : null;
            case Int8Type or Int16Type or Int32Type or Int64Type:
                return value.TryGetValue<long>(out var number) ? number : null;
            case TimestampType:
                return value.TryGetValue<string>(out var moment) && TemporalText.TryTimestamp(Encoding.UTF8.GetBytes(moment), out var micros, out _) ? micros : null;
            default:
                // Writers have several forms for decimals and floats: not used to skip files.
                return null;
        }
    }

    private static int Compare(object a, object b) => a is byte[] x && b is byte[] y ? x.AsSpan().SequenceCompareTo(y) : ((long)a).CompareTo((long)b);
}
