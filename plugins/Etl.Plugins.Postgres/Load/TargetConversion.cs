using Apache.Arrow.Types;

namespace Etl.Plugins.Postgres.Load;

/// <summary>How a staged column gets into a live one.</summary>
/// <param name="Value">The value as SQL, with <c>{0}</c> for the staged column; null if there is no way that keeps every value or fails loudly.</param>
/// <param name="WidenTo">The type that the live column would have to be widened to first; null if it fits as it is.</param>
internal readonly record struct TargetConversion(string? Value, string? WidenTo = null)
{
    private const string AsIs = "{0}";
    private const uint BitOid = 1560, VarbitOid = 1562, TimetzOid = 1266;

    /// <summary>
    /// The conversion of a staged column of type <paramref name="from"/>. Never one that rounds, cuts or shifts silently: where a value might not fit, the
    /// server's assignment refuses it.
    /// </summary>
    public static TargetConversion Of(IArrowType from, LiveColumn to)
    {
        if (from is ListType list)
        {
            return to switch
            {
                { TypeOid: PostgresTypes.JsonbOid } => new("to_jsonb({0})"),
                { TypeOid: PostgresTypes.JsonOid } => new("to_json({0})"),
                { ElementOid: 0 } => default,
                _ => Scalar(list.ValueDataType, to.ElementOid, to.TypeModifier, to.Declared).Value switch
                {
                    null => default,
                    AsIs => new(AsIs),
                    _ => new($"{{0}}::{to.Declared}"),
                },
            };
        }

        return to.ElementOid != 0 ? default : Scalar(from, to.TypeOid, to.TypeModifier, to.Declared);
    }

    /// <summary>Whether values of the live type are equal exactly when their text is: if not, they are compared as text.</summary>
    public static bool ComparesExactly(LiveColumn column) =>
        (column.ElementOid == 0 ? column.TypeOid : column.ElementOid) is PostgresTypes.BoolOid or PostgresTypes.Int2Oid or PostgresTypes.Int4Oid or PostgresTypes.Int8Oid
            or PostgresTypes.Float4Oid or PostgresTypes.Float8Oid or PostgresTypes.NumericOid or PostgresTypes.ByteaOid or PostgresTypes.TextOid or PostgresTypes.VarcharOid
            or PostgresTypes.BpcharOid or PostgresTypes.DateOid or PostgresTypes.TimeOid or PostgresTypes.TimestampOid or PostgresTypes.TimestamptzOid or PostgresTypes.UuidOid;

    private static TargetConversion Scalar(IArrowType from, uint oid, int modifier, string declared)
    {
        if (oid is PostgresTypes.TextOid or PostgresTypes.VarcharOid && from is not StringType)
        {
            return from is BinaryType ? default : new("{0}::text");
        }

        return from switch
        {
            BooleanType => oid == PostgresTypes.BoolOid ? new(AsIs) : default,
            Int8Type or Int16Type or UInt8Type => oid is PostgresTypes.Float4Oid or PostgresTypes.Float8Oid ? new(AsIs) : Integer(oid, modifier, 2),
            Int32Type or UInt16Type => oid is PostgresTypes.Float8Oid ? new(AsIs) : Integer(oid, modifier, 4),
            Int64Type or UInt32Type => oid == PostgresTypes.OidOid ? new(AsIs) : Integer(oid, modifier, 8),
            UInt64Type => oid == PostgresTypes.Int8Oid || IsNumeric(oid, modifier, 0) ? new(AsIs) : default,
            FloatType => oid is PostgresTypes.Float4Oid or PostgresTypes.Float8Oid ? new(AsIs) : default,
            DoubleType => oid == PostgresTypes.Float8Oid ? new(AsIs) : oid == PostgresTypes.Float4Oid ? new(AsIs, "double precision") : default,
            Decimal128Type d => Decimal(d, oid, modifier),
            StringType => Text(oid, modifier, declared),
            BinaryType => oid == PostgresTypes.ByteaOid ? new(AsIs) : default,
            Date32Type => oid is PostgresTypes.DateOid or PostgresTypes.TimestampOid ? new(AsIs) : default,
            TimestampType { Timezone: null } => oid == PostgresTypes.TimestampOid && KeepsMicroseconds(modifier) ? new(AsIs) : default,
            TimestampType => oid == PostgresTypes.TimestamptzOid && KeepsMicroseconds(modifier) ? new(AsIs)
                : oid == PostgresTypes.TimestampOid && KeepsMicroseconds(modifier) ? new("({0} AT TIME ZONE 'UTC')") : default,
            Time64Type => oid == PostgresTypes.TimeOid && KeepsMicroseconds(modifier) ? new(AsIs) : default,
            _ => default,
        };
    }

    private static TargetConversion Integer(uint oid, int modifier, int bytes) => oid switch
    {
        PostgresTypes.Int2Oid => bytes <= 2 ? new(AsIs) : new(AsIs, bytes == 4 ? "integer" : "bigint"),
        PostgresTypes.Int4Oid => bytes <= 4 ? new(AsIs) : new(AsIs, "bigint"),
        PostgresTypes.Int8Oid => new(AsIs),
        _ => IsNumeric(oid, modifier, 0) ? new(AsIs) : default,
    };

    private static TargetConversion Decimal(Decimal128Type from, uint oid, int modifier)
    {
        if (oid is PostgresTypes.Int2Oid or PostgresTypes.Int4Oid or PostgresTypes.Int8Oid)
        {
            return from.Scale == 0 ? new(AsIs) : default;
        }

        if (oid == PostgresTypes.MoneyOid)
        {
            return from.Scale <= 2 ? new("{0}::money") : default;
        }

        if (oid != PostgresTypes.NumericOid)
        {
            return default;
        }

        if (modifier < 0)
        {
            return new(AsIs);
        }

        int precision = (modifier - 4) >> 16, scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024;
        if (scale >= from.Scale && precision - scale >= from.Precision - from.Scale)
        {
            return new(AsIs);
        }

        var newScale = Math.Max(scale, from.Scale);
        var wider = FormattableString.Invariant($"numeric({Math.Max(precision - scale, from.Precision - from.Scale) + newScale},{newScale})");
        return new(scale >= from.Scale ? AsIs : null, wider);
    }

    // Assignment checks the length of varchar(n) and bit(n); a cast to them would cut. Numbers and times with a modifier round on
    // either way, so text does not go there.
    private static TargetConversion Text(uint oid, int modifier, string declared) => oid switch
    {
        PostgresTypes.TextOid or PostgresTypes.VarcharOid => new(AsIs),
        PostgresTypes.BpcharOid => new("{0}::bpchar"),
        PostgresTypes.NameOid or PostgresTypes.CharOid or PostgresTypes.ByteaOid => default,
        BitOid or VarbitOid => new("{0}::bit varying"),
        PostgresTypes.NumericOid when modifier >= 0 => default,
        PostgresTypes.TimeOid or TimetzOid or PostgresTypes.TimestampOid or PostgresTypes.TimestamptzOid when !KeepsMicroseconds(modifier) => default,
        _ => new($"{{0}}::{declared}"),
    };

    private static bool IsNumeric(uint oid, int modifier, int scale) =>
        oid == PostgresTypes.NumericOid && (modifier < 0 || ((((modifier - 4) & 0x7FF) ^ 1024) - 1024) >= scale);

    private static bool KeepsMicroseconds(int modifier) => modifier is < 0 or 6;
}
