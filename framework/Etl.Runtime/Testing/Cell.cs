using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;
using Etl.DuckDb;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>
/// A value of a test's row, from YAML and back to the same text. In memory it is null, bool, Int128 (integers, and decimals without their
/// point), double, string, byte[], long (days of a date, microseconds of a time) or object?[] (a list), so that what was read back from Arrow equals what was written.
/// </summary>
internal static partial class Cell
{
    private static readonly string[] WallClock = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFF", "yyyy-MM-dd HH:mm:ss.FFFFFF", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd HH:mm"];
    private static readonly string[] Instant = [.. WallClock.Select(f => f + "K")];

    /// <summary>Reads a value that is no NULL; false when the text is none of the type.</summary>
    public static bool TryParse(YamlNode node, IArrowType type, out object? value)
    {
        value = (type, node) switch
        {
            (ListType list, YamlList items) => Items(list.ValueDataType, items),
            (not ListType, YamlScalar scalar) => Parse(scalar.Value, type),
            _ => null,
        };
        return value is not null;
    }

    /// <summary>Whether the node says NULL.</summary>
    public static bool IsNull(YamlNode node) => node is YamlScalar { IsEmpty: true };

    /// <summary>The value of a text; null when it is none of the type.</summary>
    public static object? Parse(string text, IArrowType type) => type switch
    {
        BooleanType => text switch { "true" => true, "false" => false, _ => null },
        StringType => text,
        BinaryType => text.StartsWith("0x", StringComparison.Ordinal) && text.Length % 2 == 0 && text.Skip(2).All(char.IsAsciiHexDigit) ? Convert.FromHexString(text.AsSpan(2)) : null,
        FloatType => float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var f) ? (double)f : null,
        DoubleType => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) ? d : null,
        Decimal128Type d => Decimal(text, d.Precision, d.Scale),
        Date32Type => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? (long)(date.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber) : null,
        Time64Type => TimeOnly.TryParseExact(text, ["HH:mm:ss.FFFFFF", "HH:mm"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time.Ticks / TimeSpan.TicksPerMicrosecond : null,
        TimestampType { Timezone: null or "" } => DateTime.TryParseExact(text, WallClock, CultureInfo.InvariantCulture, DateTimeStyles.None, out var wall) ? Micros(wall) : null,
        TimestampType => Zoned().IsMatch(text) && DateTimeOffset.TryParseExact(text, Instant, CultureInfo.InvariantCulture, DateTimeStyles.None, out var instant) ? Micros(instant.UtcDateTime) : null,
        _ when Limits(type) is (var least, var most) => Int128.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) && n >= least && n <= most ? n : null,
        _ => null,
    };

    /// <summary>As YAML that <see cref="Parse"/> reads as the same value.</summary>
    public static string Format(object? value, IArrowType type) => (value, type) switch
    {
        (null, _) => "null",
        (bool b, _) => b ? "true" : "false",
        (string s, _) => IsNull(new YamlScalar(s, YamlStyle.Plain, default)) && s.Length > 0 ? $"'{s}'" : OptionText.Of(s)!,
        (byte[] bytes, _) => "0x" + Convert.ToHexStringLower(bytes),
        (double d, FloatType) => ((float)d).ToString("R", CultureInfo.InvariantCulture),
        (double d, _) => d.ToString("R", CultureInfo.InvariantCulture),
        (Int128 n, Decimal128Type { Scale: > 0 } d) => Point(n, d.Scale),
        (long days, Date32Type) => DateOnly.FromDateTime(DateTime.UnixEpoch).AddDays((int)days).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        (long micros, Time64Type) => new TimeOnly(micros * TimeSpan.TicksPerMicrosecond).ToString("HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        (long micros, TimestampType t) => DateTime.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond).ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture) + (string.IsNullOrEmpty(t.Timezone) ? "" : "Z"),
        (object?[] items, ListType list) => $"[{string.Join(", ", items.Select(i => Format(i, list.ValueDataType)))}]",
        _ => string.Create(CultureInfo.InvariantCulture, $"{value}"),
    };

    /// <summary>What a value of the type is called, with an example.</summary>
    public static string Noun(IArrowType type) => type switch
    {
        BooleanType => "true or false",
        StringType => "a text",
        BinaryType => "bytes such as 0x00ff",
        FloatType or DoubleType => "a number",
        Decimal128Type d => string.Create(CultureInfo.InvariantCulture, $"a number that fits decimal({d.Precision},{d.Scale})"),
        Date32Type => "a date such as 2026-01-31",
        Time64Type => "a time of day such as 23:59:59",
        TimestampType { Timezone: null or "" } => "a time such as 2026-01-31T12:00:00, without a zone",
        TimestampType => "a time with a zone, such as 2026-01-31T12:00:00Z",
        ListType list => $"a list, each item {Noun(list.ValueDataType)}",
        _ => $"a whole number that fits {DuckType.Of(type).ToString().ToLowerInvariant()}",
    };

    /// <summary>The least and the greatest value of an integer type; null for another.</summary>
    public static (Int128 Least, Int128 Most)? Limits(IArrowType type) => type switch
    {
        Int8Type => (sbyte.MinValue, sbyte.MaxValue),
        Int16Type => (short.MinValue, short.MaxValue),
        Int32Type => (int.MinValue, int.MaxValue),
        Int64Type => (long.MinValue, long.MaxValue),
        UInt8Type => (0, byte.MaxValue),
        UInt16Type => (0, ushort.MaxValue),
        UInt32Type => (0, uint.MaxValue),
        UInt64Type => (0, ulong.MaxValue),
        _ => null,
    };

    /// <summary>10 to the power of <paramref name="digits"/>.</summary>
    public static Int128 Power(int digits) => digits == 0 ? 1 : 10 * Power(digits - 1);

    /// <summary>Microseconds since 1970.</summary>
    public static long Micros(DateTime time) => (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Whether two values of one type are the same.</summary>
    public static bool Same(object? a, object? b) => (a, b) switch
    {
        (byte[] x, byte[] y) => x.AsSpan().SequenceEqual(y),
        (object?[] x, object?[] y) => x.Length == y.Length && x.Zip(y).All(p => Same(p.First, p.Second)),
        _ => Equals(a, b),
    };

    private static object?[]? Items(IArrowType type, YamlList items)
    {
        var values = new object?[items.Items.Count];
        for (var i = 0; i < values.Length; i++)
        {
            if (!IsNull(items.Items[i]) && !TryParse(items.Items[i], type, out values[i]))
            {
                return null;
            }
        }

        return values;
    }

    // A number with more digits behind the point than the column has would be rounded, which a test must not hide.
    private static Int128? Decimal(string text, int precision, int scale)
    {
        if (Number().Match(text) is not { Success: true } match || match.Groups[3].Value.TrimEnd('0') is var fraction && fraction.Length > scale)
        {
            return null;
        }

        var digits = (match.Groups[2].Value + match.Groups[3].Value.TrimEnd('0').PadRight(scale, '0')).TrimStart('0');
        return digits.Length > precision ? null : Int128.Parse(match.Groups[1].Value + (digits.Length == 0 ? "0" : digits), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
    }

    private static string Point(Int128 unscaled, int scale)
    {
        var digits = Int128.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        return $"{(unscaled < 0 ? "-" : "")}{digits[..^scale]}.{digits[^scale..]}";
    }

    [GeneratedRegex(@"^([+-]?)([0-9]{1,38})(?:\.([0-9]{1,38}))?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Number();

    [GeneratedRegex(@"(?:Z|[+-][0-9]{2}:[0-9]{2})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Zoned();
}
