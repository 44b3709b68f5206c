using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>DuckDB's types that a result can have, with the numbers of its C API.</summary>
internal enum DuckTypeId
{
    Boolean = 1,
    TinyInt = 2,
    SmallInt = 3,
    Integer = 4,
    BigInt = 5,
    UTinyInt = 6,
    USmallInt = 7,
    UInteger = 8,
    UBigInt = 9,
    Float = 10,
    Double = 11,
    Timestamp = 12,
    Date = 13,
    Time = 14,
    Interval = 15,
    HugeInt = 16,
    Varchar = 17,
    Blob = 18,
    Decimal = 19,
    TimestampS = 20,
    TimestampMs = 21,
    TimestampNs = 22,
    Enum = 23,
    List = 24,
    Struct = 25,
    Map = 26,
    Uuid = 27,
    Union = 28,
    Bit = 29,
    TimeTz = 30,
    TimestampTz = 31,
    UHugeInt = 32,
    Array = 33,
    Any = 34,
    BigNum = 35,
    Null = 36,
    TimeNs = 39,
}

/// <summary>A result column's type. Owns nothing native.</summary>
/// <param name="Id">The type.</param>
/// <param name="Width">Digits of a decimal.</param>
/// <param name="Scale">Digits after the point.</param>
/// <param name="Item">The item of a list or array.</param>
internal sealed record DuckType(DuckTypeId Id, byte Width = 0, byte Scale = 0, DuckType? Item = null)
{
    /// <summary>Reads a logical type and destroys it.</summary>
    public static DuckType Take(nint type)
    {
        try
        {
            var id = (DuckTypeId)DuckNative.duckdb_get_type_id(type);
            return id switch
            {
                DuckTypeId.Decimal => new DuckType(id, DuckNative.duckdb_decimal_width(type), DuckNative.duckdb_decimal_scale(type)),
                DuckTypeId.List => new DuckType(id, Item: Take(DuckNative.duckdb_list_type_child_type(type))),
                DuckTypeId.Array => new DuckType(id, Item: Take(DuckNative.duckdb_array_type_child_type(type))),
                _ => new DuckType(id),
            };
        }
        finally
        {
            DuckNative.duckdb_destroy_logical_type(ref type);
        }
    }

    /// <summary>The Arrow type that rows move in; null when there is none without a cast.</summary>
    public IArrowType? ToArrow() => Id switch
    {
        DuckTypeId.Boolean => BooleanType.Default,
        DuckTypeId.TinyInt => Int8Type.Default,
        DuckTypeId.SmallInt => Int16Type.Default,
        DuckTypeId.Integer => Int32Type.Default,
        DuckTypeId.BigInt => Int64Type.Default,
        DuckTypeId.Float => FloatType.Default,
        DuckTypeId.Double => DoubleType.Default,
        DuckTypeId.Decimal => new Decimal128Type(Width, Scale),
        DuckTypeId.Varchar => StringType.Default,
        DuckTypeId.Blob => BinaryType.Default,
        DuckTypeId.Date => Date32Type.Default,
        DuckTypeId.Time => Time64Type.Microsecond,
        DuckTypeId.Timestamp => new TimestampType(TimeUnit.Microsecond, (string?)null),
        DuckTypeId.TimestampTz => new TimestampType(TimeUnit.Microsecond, "UTC"),
        DuckTypeId.List when Item!.ToArrow() is { } item => new ListType(new Field("item", item, true)),
        _ => null,
    };

    /// <summary>The type to cast this one to, so that rows move in it; null when none keeps the value.</summary>
    public DuckType? Normalized() => Id switch
    {
        DuckTypeId.HugeInt or DuckTypeId.UHugeInt => new DuckType(DuckTypeId.Decimal, 38),
        DuckTypeId.UTinyInt => new DuckType(DuckTypeId.SmallInt),
        DuckTypeId.USmallInt => new DuckType(DuckTypeId.Integer),
        DuckTypeId.UInteger => new DuckType(DuckTypeId.BigInt),
        DuckTypeId.UBigInt => new DuckType(DuckTypeId.Decimal, 20),
        DuckTypeId.TimestampS or DuckTypeId.TimestampMs => new DuckType(DuckTypeId.Timestamp),
        DuckTypeId.Uuid or DuckTypeId.Enum or DuckTypeId.Bit or DuckTypeId.Interval or DuckTypeId.TimeTz or DuckTypeId.BigNum => new DuckType(DuckTypeId.Varchar),
        DuckTypeId.List or DuckTypeId.Array => Item!.Normalized() is { } item ? new DuckType(DuckTypeId.List, Item: item) : null,
        _ => ToArrow() is null ? null : this,
    };

    /// <summary>As SQL writes it.</summary>
    public override string ToString() => Id switch
    {
        DuckTypeId.Decimal => string.Create(CultureInfo.InvariantCulture, $"DECIMAL({Width},{Scale})"),
        DuckTypeId.TimestampTz => "TIMESTAMP WITH TIME ZONE",
        DuckTypeId.TimestampS => "TIMESTAMP_S",
        DuckTypeId.TimestampMs => "TIMESTAMP_MS",
        DuckTypeId.TimestampNs => "TIMESTAMP_NS",
        DuckTypeId.TimeTz => "TIME WITH TIME ZONE",
        DuckTypeId.TimeNs => "TIME_NS",
        DuckTypeId.List or DuckTypeId.Array => $"{Item}[]",
        DuckTypeId.Null => "\"NULL\"",
        _ => Id.ToString().ToUpperInvariant(),
    };

    /// <summary>The DuckDB type of an Arrow type; ETL3020 for one that rows do not move in.</summary>
    public static DuckType Of(IArrowType type) => type switch
    {
        BooleanType => new(DuckTypeId.Boolean),
        Int8Type => new(DuckTypeId.TinyInt),
        Int16Type => new(DuckTypeId.SmallInt),
        Int32Type => new(DuckTypeId.Integer),
        Int64Type => new(DuckTypeId.BigInt),
        UInt8Type => new(DuckTypeId.UTinyInt),
        UInt16Type => new(DuckTypeId.USmallInt),
        UInt32Type => new(DuckTypeId.UInteger),
        UInt64Type => new(DuckTypeId.UBigInt),
        FloatType => new(DuckTypeId.Float),
        DoubleType => new(DuckTypeId.Double),
        Decimal128Type d => new(DuckTypeId.Decimal, (byte)d.Precision, (byte)d.Scale),
        StringType => new(DuckTypeId.Varchar),
        BinaryType => new(DuckTypeId.Blob),
        Date32Type => new(DuckTypeId.Date),
        Time64Type { Unit: TimeUnit.Microsecond } => new(DuckTypeId.Time),
        TimestampType { Unit: TimeUnit.Microsecond } t => new(t.Timezone is null ? DuckTypeId.Timestamp : DuckTypeId.TimestampTz),
        ListType list => new(DuckTypeId.List, Item: Of(list.ValueDataType)),
        _ => throw new EtlException("ETL3020", $"the Arrow type {type.Name} is not one that rows move in", "Convert it at the source, or declare it as text in the contract."),
    };

    /// <summary>A native logical type, to be destroyed by the caller.</summary>
    public nint Create()
    {
        switch (Id)
        {
            case DuckTypeId.Decimal:
                return DuckNative.duckdb_create_decimal_type(Width, Scale);
            case DuckTypeId.List:
                var item = Item!.Create();
                var list = DuckNative.duckdb_create_list_type(item);
                DuckNative.duckdb_destroy_logical_type(ref item);
                return list;
            default:
                return DuckNative.duckdb_create_logical_type((int)Id);
        }
    }
}
