using System.Buffers.Binary;
using Apache.Arrow.Types;
using ColumnMetaData = Parquet.Meta.ColumnMetaData;
using ConvertedType = Parquet.Meta.ConvertedType;
using SchemaElement = Parquet.Meta.SchemaElement;
using ArrowField = Apache.Arrow.Field;
using PhysicalType = Parquet.Meta.Type;

namespace Etl.Parquet;

/// <summary>
/// The statistics that a file keeps of a column chunk, as values of the column's type. They are taken only where the reader of columns would take the values, so that what is skipped by
/// them is no column of another type; only the newer ones (<c>min_value</c>, <c>max_value</c>), as writers did not agree on the order of the older; and not where the writer is known to
/// be wrong about them.
/// </summary>
internal static class StoredStatistics
{
    /// <summary>The range of a chunk.</summary>
    /// <param name="chunk">The chunk.</param>
    /// <param name="element">Its column in the file's schema.</param>
    /// <param name="field">The column that is wanted.</param>
    /// <param name="rows">Of its row group.</param>
    /// <param name="writer">The program that wrote the file, as the file says; null for one of ours, whose statistics are right.</param>
    public static ValueRange RangeOf(ColumnMetaData chunk, SchemaElement element, ArrowField field, long rows, string? writer)
    {
        if (chunk.Statistics is not { } statistics || (writer is not null && IsWrong(writer, field.DataType)))
        {
            return ValueRange.Unknown;
        }

        if (statistics.NullCount == rows && chunk.NumValues == rows)
        {
            return ValueRange.Empty;
        }

        var (min, max) = (Read(statistics.MinValue, element, field.DataType), Read(statistics.MaxValue, element, field.DataType));
        // Where one is NaN, or the least is greater than the greatest, the writer did not keep to the format, and the other says nothing.
        return (min, max) is (double.NaN, _) or (_, double.NaN) || IsReversed(min, max) ? ValueRange.Unknown : new(min, max);
    }

    private static bool IsReversed(object? min, object? max) => (min, max) switch
    {
        (Int128 a, Int128 b) => a > b,
        (double a, double b) => a > b,
        (byte[] a, byte[] b) => a.AsSpan().SequenceCompareTo(b) > 0,
        _ => false,
    };

    // Parquet.Net tells times in milliseconds whatever the column's unit (its issue 769), and the order of texts by their UTF-16; the older writers in Rust lost the greatest text
    // (arrow-rs, issue 641).
    private static bool IsWrong(string writer, IArrowType type) =>
        (type is TimestampType or StringType && writer.Contains("Parquet.Net", StringComparison.OrdinalIgnoreCase))
        || (type is StringType && writer.Contains("parquet-rs", StringComparison.OrdinalIgnoreCase));

    private static object? Read(byte[]? stored, SchemaElement element, IArrowType type) => (type, element.Type, stored?.Length) switch
    {
        (BooleanType, PhysicalType.BOOLEAN, 1) => (Int128)stored![0],
        (Int8Type or Int16Type or Int32Type or Int64Type, PhysicalType.INT32, 4) when IsSigned(element) => Integer(stored!),
        (Int64Type, PhysicalType.INT64, 8) when IsSigned(element) => Integer(stored!),
        (Date32Type, PhysicalType.INT32, 4) when element.LogicalType?.DATE is not null || element.ConvertedType == ConvertedType.DATE => Integer(stored!),
        (TimestampType t, _, _) when t.Timezone is not null != (element.LogicalType?.TIMESTAMP?.IsAdjustedToUTC ?? true) => null,
        (TimestampType, PhysicalType.INT64, 8) when element.LogicalType?.TIMESTAMP?.Unit.MICROS is not null || element.ConvertedType == ConvertedType.TIMESTAMP_MICROS => Integer(stored!),
        (TimestampType, PhysicalType.INT64, 8) when element.LogicalType?.TIMESTAMP?.Unit.MILLIS is not null || element.ConvertedType == ConvertedType.TIMESTAMP_MILLIS => Integer(stored!) * 1000,
        (Time64Type, PhysicalType.INT64, 8) when element.LogicalType?.TIME?.Unit.MICROS is not null || element.ConvertedType == ConvertedType.TIME_MICROS => Integer(stored!),
        (FloatType or DoubleType, PhysicalType.FLOAT, 4) => (double)BinaryPrimitives.ReadSingleLittleEndian(stored),
        (DoubleType, PhysicalType.DOUBLE, 8) => BinaryPrimitives.ReadDoubleLittleEndian(stored),
        (Decimal128Type d, PhysicalType.INT32 or PhysicalType.INT64, 4 or 8) when IsDecimal(element, d) => Integer(stored!),
        (Decimal128Type d, PhysicalType.FIXED_LEN_BYTE_ARRAY, <= 16) when IsDecimal(element, d) => ParquetColumnReader.BigEndian(stored),
        (StringType, PhysicalType.BYTE_ARRAY, not null) when element.ConvertedType is ConvertedType.UTF8 || element.LogicalType?.STRING is not null => stored,
        _ => null,
    };

    private static Int128 Integer(byte[] stored) => stored.Length == 4 ? BinaryPrimitives.ReadInt32LittleEndian(stored) : BinaryPrimitives.ReadInt64LittleEndian(stored);

    private static bool IsSigned(SchemaElement element) =>
        element.LogicalType is null or { INTEGER.IsSigned: true } && element.ConvertedType is null or ConvertedType.INT_8 or ConvertedType.INT_16 or ConvertedType.INT_32 or ConvertedType.INT_64;

    private static bool IsDecimal(SchemaElement element, Decimal128Type type) => (element.Scale ?? 0) == type.Scale && element.Precision <= type.Precision;
}
