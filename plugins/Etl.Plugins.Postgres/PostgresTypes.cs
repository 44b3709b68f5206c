using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Postgres;

/// <summary>
/// PostgreSQL's types and Arrow's. Every Arrow type that rows move in has one PostgreSQL type (<see cref="SqlType"/>), whose binary form
/// is what COPY carries in both directions; other types of a source are cast to it in the SELECT, without loss, or read as text.
/// </summary>
internal static class PostgresTypes
{
    public const uint BoolOid = 16, ByteaOid = 17, NameOid = 19, Int8Oid = 20, Int2Oid = 21, Int4Oid = 23, TextOid = 25, OidOid = 26, XidOid = 28, JsonOid = 114,
        Float4Oid = 700, Float8Oid = 701, MoneyOid = 790, BpcharOid = 1042, VarcharOid = 1043, DateOid = 1082, TimeOid = 1083, TimestampOid = 1114,
        TimestamptzOid = 1184, NumericOid = 1700, UuidOid = 2950, JsonbOid = 3802, CharOid = 18, Int2VectorOid = 22, OidVectorOid = 30;

    /// <summary>timestamp without zone.</summary>
    public static readonly TimestampType Timestamp = new(TimeUnit.Microsecond, (string?)null);

    /// <summary>timestamp with time zone.</summary>
    public static readonly TimestampType TimestampUtc = new(TimeUnit.Microsecond, "UTC");

    /// <summary>time without zone.</summary>
    public static readonly Time64Type Time = new(TimeUnit.Microsecond);

    /// <summary>The Arrow type that a column is read as when nothing else is declared.</summary>
    public static IArrowType ArrowOf(LiveColumn column)
    {
        if (column.ElementOid == 0 || column.TypeOid is Int2VectorOid or OidVectorOid)
        {
            return ArrowOf(column.TypeOid, column.TypeModifier);
        }

        // Of several dimensions there is no list type that says how many: they are read as JSON.
        return column.Dimensions > 1 ? StringType.Default : new ListType(new Field("item", ArrowOf(column.ElementOid, column.TypeModifier), true));
    }

    private static IArrowType ArrowOf(uint oid, int modifier) => oid switch
    {
        BoolOid => BooleanType.Default,
        Int2Oid => Int16Type.Default,
        Int4Oid => Int32Type.Default,
        Int8Oid or OidOid or XidOid => Int64Type.Default,
        Float4Oid => FloatType.Default,
        Float8Oid => DoubleType.Default,
        MoneyOid => new Decimal128Type(19, 2),
        NumericOid when modifier >= 0 => NumericOf(modifier) is (var precision, var scale) && precision <= 38 ? new Decimal128Type(precision, scale) : StringType.Default,
        ByteaOid => BinaryType.Default,
        DateOid => Date32Type.Default,
        TimeOid => Time,
        TimestampOid => Timestamp,
        TimestamptzOid => TimestampUtc,
        _ => StringType.Default,
    };

    // numeric(5,-2) holds 12300: seven digits and no fraction. numeric(2,5) holds 0.00012: five digits, all fraction.
    private static (int Precision, int Scale) NumericOf(int modifier)
    {
        var precision = (modifier - 4) >> 16;
        var scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024;
        return scale < 0 ? (precision - scale, 0) : (Math.Max(precision, scale), scale);
    }

    /// <summary>
    /// The SELECT expression that gives a live column as <paramref name="wanted"/> without loss, or null when there is none. Values of an
    /// unbounded numeric are checked one by one when they are read.
    /// </summary>
    public static string? Select(LiveColumn column, IArrowType wanted)
    {
        var name = SqlText.Quote(column.Name);
        var isArray = column.ElementOid != 0 && column.TypeOid is not (Int2VectorOid or OidVectorOid);
        if (wanted is ListType list)
        {
            return !isArray ? null : Cast(column.ElementOid, column.TypeModifier, list.ValueDataType) switch
            {
                null => null,
                "" => name,
                _ => $"{name}::{SqlType(wanted)}",
            };
        }

        if (isArray)
        {
            return wanted is StringType ? $"to_json({name})::text" : null;
        }

        var cast = Cast(column.TypeOid, column.TypeModifier, wanted);
        return cast is null ? null : name + cast;
    }

    // "" for as it is; null for no way without loss.
    private static string? Cast(uint oid, int modifier, IArrowType wanted) => (wanted, oid) switch
    {
        (BooleanType, BoolOid) or (Int16Type, Int2Oid) or (Int32Type, Int4Oid) or (Int64Type, Int8Oid) or (FloatType, Float4Oid) or (DoubleType, Float8Oid)
            or (BinaryType, ByteaOid) or (Date32Type, DateOid) or (Time64Type, TimeOid) => "",
        (TimestampType { Timezone: null }, TimestampOid) or (TimestampType { Timezone: not null }, TimestamptzOid) => "",
        (Int32Type, Int2Oid) => "::integer",
        (Int64Type, Int2Oid or Int4Oid or OidOid) => "::bigint",
        (Int64Type, XidOid) => "::text::bigint",
        (DoubleType, Float4Oid or Int2Oid or Int4Oid) => "::double precision",
        (Decimal128Type to, NumericOid) => modifier < 0 || (NumericOf(modifier) is (var precision, var scale) && to.Scale >= scale && to.Precision - to.Scale >= precision - scale) ? "" : null,
        (Decimal128Type to, MoneyOid) => to.Scale >= 2 && to.Precision - to.Scale >= 17 ? "::numeric" : null,
        (Decimal128Type to, Int2Oid) => to.Precision - to.Scale >= 5 ? "::numeric" : null,
        (Decimal128Type to, Int4Oid) => to.Precision - to.Scale >= 10 ? "::numeric" : null,
        (Decimal128Type to, Int8Oid) => to.Precision - to.Scale >= 19 ? "::numeric" : null,
        // The padding of char(n) is part of its binary form, and lost by a cast.
        (StringType, TextOid or VarcharOid or BpcharOid or NameOid) => "",
        (StringType, _) => "::text",
        _ => null,
    };

    /// <summary>What storing makes of a column: PostgreSQL has no integers of one byte, and none without sign.</summary>
    public static ColumnConversion Stored(Field field) => new(
        field.Name, SqlType(field.DataType)!, field.DataType is Int8Type or UInt8Type or UInt16Type or UInt32Type or UInt64Type ? ConversionVerdict.Widening : ConversionVerdict.Exact);

    /// <summary>The PostgreSQL type whose binary form COPY carries for an Arrow type; null when PostgreSQL has none.</summary>
    public static string? SqlType(IArrowType type) => type switch
    {
        BooleanType => "boolean",
        Int8Type or Int16Type or UInt8Type => "smallint",
        Int32Type or UInt16Type => "integer",
        Int64Type or UInt32Type => "bigint",
        UInt64Type => "numeric(20,0)",
        FloatType => "real",
        DoubleType => "double precision",
        Decimal128Type d => FormattableString.Invariant($"numeric({d.Precision},{d.Scale})"),
        StringType => "text",
        BinaryType => "bytea",
        Date32Type => "date",
        TimestampType { Unit: TimeUnit.Microsecond, Timezone: null } => "timestamp",
        TimestampType { Unit: TimeUnit.Microsecond } => "timestamptz",
        Time64Type { Unit: TimeUnit.Microsecond } => "time",
        ListType { ValueDataType: not ListType } l => SqlType(l.ValueDataType) is { } item ? item + "[]" : null,
        _ => null,
    };
}
