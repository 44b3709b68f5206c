using System.Globalization;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Etl.Plugins.Tests.Postgres.Types;

/// <summary>The column <c>v</c> as text that is equal where the value is, in each system's SQL and from Arrow's buffers. NULL stays NULL.</summary>
internal static class ValueText
{
    /// <summary>In PostgreSQL, to be compared with <see cref="Duck"/>.</summary>
    public static string Postgres(IArrowType type) => type switch
    {
        StringType => "encode(convert_to(format('%s', v), 'UTF8'), 'hex')",
        BinaryType => "encode(v, 'hex')",
        Date32Type => "(v - date '1970-01-01')::text",
        TimestampType => "(extract(epoch FROM v) * 1000000)::numeric(30,0)::text",
        Time64Type => "to_char(v, 'HH24:MI:SS.US')",
        Decimal128Type => "v::numeric::text",
        ListType => "cardinality(v) || ':' || array_to_string(v, '|', '∅')",
        _ => "v::text",
    };

    /// <summary>In PostgreSQL, to be compared with <see cref="Sqlite"/>: dates and times are text there.</summary>
    public static string PostgresForSqlite(IArrowType type) => type switch
    {
        Date32Type => "v::text",
        TimestampType { Timezone: null } => """to_char(v, 'YYYY-MM-DD"T"HH24:MI:SS.US')""",
        TimestampType => """to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
        _ => Postgres(type),
    };

    public static string Duck(IArrowType type) => type switch
    {
        StringType or BinaryType => "lower(hex(v))",
        Date32Type => "date_diff('day', DATE '1970-01-01', v)::VARCHAR",
        TimestampType => "epoch_us(v)::VARCHAR",
        Time64Type => "printf('%s.%06d', left(v::VARCHAR, 8), date_part('microsecond', v) % 1000000)",
        // DuckDB writes no zero before the point of a decimal that has no room for one.
        Decimal128Type => @"regexp_replace(v::VARCHAR, '^(-?)\.', '\10.')",
        FloatType or DoubleType => "CASE WHEN isnan(v) THEN 'NaN' WHEN isinf(v) THEN if(v > 0, 'Infinity', '-Infinity') ELSE v::VARCHAR END",
        ListType => "len(v) || ':' || array_to_string(list_transform(v, lambda x: coalesce(x::VARCHAR, '∅')), '|')",
        _ => "v::VARCHAR",
    };

    public static string Sqlite(IArrowType type) => type switch
    {
        StringType or BinaryType => "CASE WHEN v IS NOT NULL THEN lower(hex(v)) END",
        BooleanType => "CASE v WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v END",
        Decimal128Type { Precision: <= 15 } d => string.Create(CultureInfo.InvariantCulture, $"printf('%.{d.Scale}f', v)"),
        FloatType or DoubleType => "v",
        _ => "CAST(v AS TEXT)",
    };

    /// <summary>Shortest text that gives a float back, whatever digits the system showed; other types as they are.</summary>
    public static string? Same(IArrowType type, object? text)
    {
        var value = Convert.ToString(text, CultureInfo.InvariantCulture);
        return text is null or DBNull ? null : type switch
        {
            FloatType => float.Parse(value!, CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture),
            DoubleType => double.Parse(value!, CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture),
            _ => value,
        };
    }

    /// <summary>From Arrow's buffers, whoever filled them.</summary>
    public static string? Arrow(IArrowArray array, int row) => array.IsNull(row) ? null : array switch
    {
        BooleanArray a => a.GetValue(row)!.Value ? "true" : "false",
        StringArray a => Convert.ToHexString(a.GetBytes(row)),
        BinaryArray a => Convert.ToHexString(a.GetBytes(row)),
        Decimal128Array a => MemoryMarshal.Read<Int128>(a.ValueBuffer.Span[((a.Offset + row) * 16)..]).ToString(CultureInfo.InvariantCulture) + "e-" + a.Scale,
        ListArray a => string.Join('|', Enumerable.Range(a.ValueOffsets[row], a.ValueOffsets[row + 1] - a.ValueOffsets[row]).Select(i => Arrow(a.Values, i) ?? "∅")),
        Int16Array a => Text(a.Values[row]),
        Int32Array a => Text(a.Values[row]),
        Int64Array a => Text(a.Values[row]),
        FloatArray a => Text(BitConverter.SingleToInt32Bits(a.Values[row])),
        DoubleArray a => Text(BitConverter.DoubleToInt64Bits(a.Values[row])),
        Date32Array a => Text(a.Values[row]),
        Time64Array a => Text(a.Values[row]),
        TimestampArray a => Text(a.Values[row]) + ((TimestampType)a.Data.DataType).Timezone,
        _ => throw new NotSupportedException(array.GetType().Name),
    };

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
