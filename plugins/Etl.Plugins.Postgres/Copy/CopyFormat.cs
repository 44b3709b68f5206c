using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Copy;

/// <summary>What a value looks like in binary COPY: a big-endian length, then its bytes (https://www.postgresql.org/docs/current/sql-copy.html).</summary>
internal enum CopyKind
{
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Numeric,
    Bytes,
    Date,
    Timestamp,
    Time,
    List,
}

/// <summary>Constants and kinds that both directions share.</summary>
internal static class CopyFormat
{
    /// <summary>Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.</summary>
    public const int DaysTo2000 = 10_957;

    /// <summary>The same in microseconds.</summary>
    public const long MicrosecondsTo2000 = 946_684_800_000_000;

    /// <summary>Signature, flags and an empty extension.</summary>
    public static ReadOnlySpan<byte> Header => [(byte)'P', (byte)'G', (byte)'C', (byte)'O', (byte)'P', (byte)'Y', 10, 255, 13, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>How values of an Arrow type travel.</summary>
    public static CopyKind KindOf(IArrowType type) => type switch
    {
        BooleanType => CopyKind.Bool,
        Int8Type => CopyKind.Int8,
        Int16Type => CopyKind.Int16,
        Int32Type => CopyKind.Int32,
        Int64Type => CopyKind.Int64,
        UInt8Type => CopyKind.UInt8,
        UInt16Type => CopyKind.UInt16,
        UInt32Type => CopyKind.UInt32,
        UInt64Type => CopyKind.UInt64,
        FloatType => CopyKind.Float32,
        DoubleType => CopyKind.Float64,
        Decimal128Type => CopyKind.Numeric,
        StringType or BinaryType => CopyKind.Bytes,
        Date32Type => CopyKind.Date,
        TimestampType { Unit: TimeUnit.Microsecond } => CopyKind.Timestamp,
        Time64Type { Unit: TimeUnit.Microsecond } => CopyKind.Time,
        ListType { ValueDataType: not ListType } => CopyKind.List,
        _ => throw new EtlException("ETL4470", $"PostgreSQL has no type for Arrow's {type.Name}", "Convert it on the way (transform: derive)."),
    };

    /// <summary>Object id of the type that an Arrow type travels as, which the header of an array names.</summary>
    public static uint OidOf(IArrowType type) => KindOf(type) switch
    {
        CopyKind.Bool => PostgresTypes.BoolOid,
        CopyKind.Int8 or CopyKind.Int16 or CopyKind.UInt8 => PostgresTypes.Int2Oid,
        CopyKind.Int32 or CopyKind.UInt16 => PostgresTypes.Int4Oid,
        CopyKind.Int64 or CopyKind.UInt32 => PostgresTypes.Int8Oid,
        CopyKind.UInt64 or CopyKind.Numeric => PostgresTypes.NumericOid,
        CopyKind.Float32 => PostgresTypes.Float4Oid,
        CopyKind.Float64 => PostgresTypes.Float8Oid,
        CopyKind.Bytes => type is BinaryType ? PostgresTypes.ByteaOid : PostgresTypes.TextOid,
        CopyKind.Date => PostgresTypes.DateOid,
        CopyKind.Timestamp => type is TimestampType { Timezone: null } ? PostgresTypes.TimestampOid : PostgresTypes.TimestamptzOid,
        CopyKind.Time => PostgresTypes.TimeOid,
        _ => throw new EtlException("ETL4470", $"PostgreSQL has no array of Arrow's {type.Name}", "Convert it on the way (transform: derive)."),
    };

    /// <summary>10 to the power of 0 to 38.</summary>
    public static readonly UInt128[] PowersOfTen = MakePowers();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe short Int16At(byte* p) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<short>(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe int Int32At(byte* p) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<int>(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe long Int64At(byte* p) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<long>(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Put(byte* p, short value) => Unsafe.WriteUnaligned(p, BinaryPrimitives.ReverseEndianness(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Put(byte* p, int value) => Unsafe.WriteUnaligned(p, BinaryPrimitives.ReverseEndianness(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Put(byte* p, long value) => Unsafe.WriteUnaligned(p, BinaryPrimitives.ReverseEndianness(value));

    private static UInt128[] MakePowers()
    {
        var powers = new UInt128[39];
        powers[0] = UInt128.One;
        for (var i = 1; i < powers.Length; i++)
        {
            powers[i] = powers[i - 1] * 10;
        }

        return powers;
    }
}
