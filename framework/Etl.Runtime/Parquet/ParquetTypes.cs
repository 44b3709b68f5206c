using Apache.Arrow.Types;
using Parquet.Meta;
using Parquet.Schema;
using ArrowField = Apache.Arrow.Field;
using ParquetField = Parquet.Schema.Field;
using ListType = Apache.Arrow.Types.ListType;
using PhysicalType = Parquet.Meta.Type;
using StringType = Apache.Arrow.Types.StringType;
using TimestampType = Apache.Arrow.Types.TimestampType;
using TimeUnit = Apache.Arrow.Types.TimeUnit;

namespace Etl.Parquet;

/// <summary>The Arrow types that a file's own columns have, of those that <see cref="ParquetColumnReader"/> reads.</summary>
internal static class ParquetTypes
{
    /// <summary>The field of a column; null for one that is not read.</summary>
    public static ArrowField? FieldOf(ParquetField stored) => stored switch
    {
        DataField { IsArray: false, SchemaElement: { } element } plain when Of(element) is { } type => new ArrowField(plain.Name, type, plain.IsNullable),
        ListField { Item: DataField { SchemaElement: { } element } item } list when Of(element) is { } type => new ArrowField(list.Name, new ListType(new ArrowField("item", type, item.IsNullable)), true),
        _ => null,
    };

    private static IArrowType? Of(SchemaElement e) => e.Type switch
    {
        PhysicalType.BOOLEAN => BooleanType.Default,
        PhysicalType.FLOAT => FloatType.Default,
        PhysicalType.DOUBLE => DoubleType.Default,
        PhysicalType.INT32 when e.LogicalType?.DATE is not null || e.ConvertedType == ConvertedType.DATE => Date32Type.Default,
        PhysicalType.INT64 when e.LogicalType?.TIMESTAMP is { } timestamp => new TimestampType(TimeUnit.Microsecond, timestamp.IsAdjustedToUTC ? "UTC" : null),
        PhysicalType.INT64 when e.ConvertedType is ConvertedType.TIMESTAMP_MICROS or ConvertedType.TIMESTAMP_MILLIS => new TimestampType(TimeUnit.Microsecond, "UTC"),
        PhysicalType.INT64 when e.LogicalType?.TIME?.Unit.MICROS is not null || e.ConvertedType == ConvertedType.TIME_MICROS => new Time64Type(TimeUnit.Microsecond),
        PhysicalType.INT32 or PhysicalType.INT64 or PhysicalType.FIXED_LEN_BYTE_ARRAY or PhysicalType.BYTE_ARRAY when IsDecimal(e) => e.Precision is >= 1 and <= 38 and var precision ? new Decimal128Type(precision, e.Scale ?? 0) : null,
        PhysicalType.INT32 or PhysicalType.INT64 when IsSigned(e) => Integer(e),
        PhysicalType.BYTE_ARRAY when e.LogicalType is { STRING: not null } or { ENUM: not null } or { JSON: not null } || e.ConvertedType is ConvertedType.UTF8 or ConvertedType.ENUM or ConvertedType.JSON => StringType.Default,
        PhysicalType.BYTE_ARRAY when e.LogicalType is null && e.ConvertedType is null => BinaryType.Default,
        _ => null,
    };

    private static IArrowType Integer(SchemaElement e) => (e.LogicalType?.INTEGER?.BitWidth, e.ConvertedType) switch
    {
        (8, _) or (null, ConvertedType.INT_8) => Int8Type.Default,
        (16, _) or (null, ConvertedType.INT_16) => Int16Type.Default,
        _ => e.Type == PhysicalType.INT32 ? Int32Type.Default : Int64Type.Default,
    };

    private static bool IsDecimal(SchemaElement e) => e.LogicalType?.DECIMAL is not null || e.ConvertedType == ConvertedType.DECIMAL;

    private static bool IsSigned(SchemaElement e) => e.LogicalType is null or { INTEGER.IsSigned: true } && e.ConvertedType is null or ConvertedType.INT_8 or ConvertedType.INT_16 or ConvertedType.INT_32 or ConvertedType.INT_64;
}
