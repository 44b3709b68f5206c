using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Redshift;

/// <summary>Redshift's types and Arrow's.</summary>
internal static class RedshiftTypes
{
    /// <summary>The longest VARCHAR, in bytes.</summary>
    public const int MaxVarchar = 65535;

    /// <summary>timestamp without zone.</summary>
    public static readonly TimestampType Timestamp = new(TimeUnit.Microsecond, (string?)null);

    private static readonly TimestampType TimestampUtc = new(TimeUnit.Microsecond, "UTC");

    /// <summary>The type of a column in a new table; null when Redshift, or COPY from Parquet, has none. Texts are VARCHAR of <paramref name="bytes"/>.</summary>
    public static string? SqlType(IArrowType type, int bytes = MaxVarchar) => type switch
    {
        BooleanType => "boolean",
        Int8Type or Int16Type => "smallint",
        Int32Type => "integer",
        Int64Type => "bigint",
        FloatType => "real",
        DoubleType => "double precision",
        Decimal128Type { Precision: <= 38, Scale: >= 0 and <= 37 } d => FormattableString.Invariant($"decimal({d.Precision},{d.Scale})"),
        StringType => FormattableString.Invariant($"varchar({bytes})"),
        Date32Type => "date",
        TimestampType { Unit: TimeUnit.Microsecond, Timezone: null } => "timestamp",
        TimestampType { Unit: TimeUnit.Microsecond } => "timestamptz",
        _ => null,
    };

    /// <summary>
    /// The type in which a column is staged: COPY knows no zone and no byte-wide integer, so a timestamptz is staged as a timestamp in UTC.
    /// </summary>
    public static Field Staged(Field field) => field.DataType switch
    {
        TimestampType => new Field(field.Name, Timestamp, field.IsNullable),
        Int8Type => new Field(field.Name, Int16Type.Default, field.IsNullable),
        _ => field,
    };

    /// <summary>The Arrow type that a live column is read as.</summary>
    public static IArrowType ArrowOf(LiveColumn column) => column.Type switch
    {
        "boolean" => BooleanType.Default,
        "smallint" => Int16Type.Default,
        "integer" => Int32Type.Default,
        "bigint" => Int64Type.Default,
        "real" => FloatType.Default,
        "double precision" => DoubleType.Default,
        "date" => Date32Type.Default,
        "timestamp without time zone" => Timestamp,
        "timestamp with time zone" => TimestampUtc,
        _ => column.Decimal is var (precision, scale) ? new Decimal128Type(precision, scale) : StringType.Default,
    };

    /// <summary>The expression that gives a live column as <paramref name="wanted"/>, without loss, in a type that UNLOAD writes to Parquet; null when there is none.</summary>
    public static string? Select(LiveColumn column, IArrowType wanted)
    {
        var name = SqlText.Quote(column.Name);
        if (wanted is StringType)
        {
            return column.Type == "super" ? $"json_serialize({name})" : column.Bytes is not null ? name : null;
        }

        var live = ArrowOf(column);
        var fits = (live, wanted) switch
        {
            (Int16Type, Int16Type or Int32Type or Int64Type) or (Int32Type, Int32Type or Int64Type) or (Int64Type, Int64Type) => true,
            (FloatType, FloatType or DoubleType) or (DoubleType, DoubleType) or (BooleanType, BooleanType) or (Date32Type, Date32Type) => true,
            (TimestampType from, TimestampType to) => from.Timezone is null == to.Timezone is null,
            (Decimal128Type from, Decimal128Type to) => to.Scale >= from.Scale && to.Precision - to.Scale >= from.Precision - from.Scale,
            _ => false,
        };
        return !fits ? null
            : wanted is TimestampType { Timezone: not null } ? $"({name} AT TIME ZONE 'UTC')"
            : wanted is Decimal128Type or IntegerType or DoubleType ? $"CAST({name} AS {SqlType(wanted)})" : name;
    }

    /// <summary>The type that a query's column is cast to, so that its file has the declared one.</summary>
    public static string Cast(string name, IArrowType wanted) => wanted is TimestampType { Timezone: not null }
        ? $"(CAST({name} AS timestamptz) AT TIME ZONE 'UTC')"
        : $"CAST({name} AS {SqlType(wanted)})";

    /// <summary>A whole number, invariant.</summary>
    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
