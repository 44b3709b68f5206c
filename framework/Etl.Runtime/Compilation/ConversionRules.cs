using Apache.Arrow.Types;

namespace Etl.Runtime.Compilation;

/// <summary>Which types hold every value of another, unchanged.</summary>
internal static class ConversionRules
{
    // Decimal digits that a double keeps of any integer.
    private const int DoubleDigits = 15;

    /// <summary>Whether each value of one type is a value of the other, and the types are not the same.</summary>
    public static bool Widens(IArrowType from, IArrowType to) => (from, to) switch
    {
        (Decimal128Type f, Decimal128Type t) => (f.Precision, f.Scale) != (t.Precision, t.Scale) && t.Scale >= f.Scale && t.Precision - t.Scale >= f.Precision - f.Scale,
        (_, Decimal128Type t) when Digits(from) is { } digits => t.Precision - t.Scale >= digits,
        (_, DoubleType) when Digits(from) is { } digits => digits <= DoubleDigits,
        (FloatType, DoubleType) => true,
        (Date32Type, TimestampType { Timezone: null or "" }) => true,
        _ => Digits(from) is { } narrow && Digits(to) is { } wide && wide > narrow,
    };

    /// <summary>Of two types of which the one does not hold the other's values: whether some of them are values of both.</summary>
    public static bool Loses(IArrowType from, IArrowType to) => Widens(to, from) || (IsNumber(from) && IsNumber(to));

    private static bool IsNumber(IArrowType type) => type is Decimal128Type or FloatType or DoubleType || Digits(type) is not null;

    // Of the greatest value of an integer type.
    private static int? Digits(IArrowType type) => type switch
    {
        Int8Type => 3,
        Int16Type => 5,
        Int32Type => 10,
        Int64Type => 19,
        _ => null,
    };
}
