using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>
/// A value of an option as SQL of its column's type. DuckDB would take <c>amount &lt; 'x'</c> without complaint, and round
/// <c>0.005</c> to a column's two decimals, so the value is checked here against the type that it meets.
/// </summary>
internal static partial class TypedLiteral
{
    /// <summary>A value to compare a column with: it may be finer or larger than the column can hold. ETL3106.</summary>
    public static string ToCompare(Field column, string value, string optionPath) => column.DataType switch
    {
        _ when IsNumber(column.DataType) => Number().IsMatch(value) ? value : throw Unfit(column, value, "a number such as 12 or 0.5", optionPath),
        _ => ToStore(column, value, optionPath),
    };

    /// <summary>A value that can stand in the column, in exactly its type. ETL3106 when it does not fit, ETL3102 for a type that has no literal.</summary>
    public static string ToStore(Field column, string value, string optionPath)
    {
        var (sqlType, fits, wanted) = column.DataType switch
        {
            Int8Type => ("TINYINT", Whole(value, sbyte.MinValue, sbyte.MaxValue), "a whole number from -128 to 127"),
            Int16Type => ("SMALLINT", Whole(value, short.MinValue, short.MaxValue), "a whole number of 16 bits"),
            Int32Type => ("INTEGER", Whole(value, int.MinValue, int.MaxValue), "a whole number of 32 bits"),
            Int64Type => ("BIGINT", Whole(value, long.MinValue, long.MaxValue), "a whole number of 64 bits"),
            UInt8Type => ("UTINYINT", Whole(value, 0, byte.MaxValue), "a whole number from 0 to 255"),
            UInt16Type => ("USMALLINT", Whole(value, 0, ushort.MaxValue), "a whole number of 16 bits, without sign"),
            UInt32Type => ("UINTEGER", Whole(value, 0, uint.MaxValue), "a whole number of 32 bits, without sign"),
            UInt64Type => ("UBIGINT", Whole(value, 0, ulong.MaxValue), "a whole number of 64 bits, without sign"),
            Decimal128Type d => (Invariant($"DECIMAL({d.Precision},{d.Scale})"), Decimal(value, d), Invariant($"a number with at most {d.Precision - d.Scale} digits before and {d.Scale} after the point")),
            FloatType => ("REAL", Number().IsMatch(value), "a number"),
            DoubleType => ("DOUBLE", Number().IsMatch(value), "a number"),
            BooleanType => ("BOOLEAN", value is "true" or "false", "true or false"),
            Date32Type => ("DATE", DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _), "a date such as 2024-01-31"),
            TimestampType { Timezone: null } => ("TIMESTAMP", Moment().IsMatch(value) && IsDay(value), "a time such as 2024-01-31 12:00:00"),
            TimestampType => ("TIMESTAMPTZ", ZonedMoment().IsMatch(value) && IsDay(value), "a time with its zone, such as 2024-01-31 12:00:00Z"),
            _ when InputShape.IsText(column.DataType) => ("VARCHAR", true, "text"),
            _ => throw new EtlException("ETL3102", $"column '{column.Name}' is {column.DataType.Name}, for which no value can be written here", "Use `expect` or `derive` with SQL instead.") { OptionPath = optionPath },
        };
        return fits ? $"CAST({SqlText.Literal(value)} AS {sqlType})" : throw Unfit(column, value, wanted, optionPath);
    }

    private static bool IsNumber(IArrowType type) => type is IntegerType or Decimal128Type or FloatType or DoubleType;

    private static bool Whole(string value, BigInteger min, BigInteger max) =>
        BigInteger.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max;

    private static bool Decimal(string value, Decimal128Type type)
    {
        if (!PlainNumber().IsMatch(value))
        {
            return false;
        }

        var parts = value.TrimStart('-', '+').Split('.');
        var fraction = parts.Length > 1 ? parts[1].TrimEnd('0').Length : 0;
        return parts[0].TrimStart('0').Length <= type.Precision - type.Scale && fraction <= type.Scale;
    }

    private static bool IsDay(string value) =>
        DateOnly.TryParseExact(value.AsSpan(0, 10), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static EtlException Unfit(Field column, string value, string wanted, string optionPath) => new(
        "ETL3106", $"'{value}' does not fit column '{column.Name}', which is {column.DataType.Name}", $"Write {wanted}.") { OptionPath = optionPath };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[+-]?[0-9]+(\.[0-9]+)?\z")]
    private static partial Regex PlainNumber();

    [GeneratedRegex(@"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?\z")]
    private static partial Regex Number();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?)?\z")]
    private static partial Regex Moment();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-5][0-9])\z")]
    private static partial Regex ZonedMoment();
}
