using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow.Types;

namespace Etl.Plugins.Transforms;

/// <summary>
/// Finds values that a cast to a number would round: DuckDB makes 1.01 of '1.005' as decimal(12,2), and 2 of 1.5 as integer, without a
/// word. A value is compared with itself at the finest scale that leaves room for the digits before the point.
/// </summary>
internal static partial class Rounding
{
    private const int Digits = 38;

    /// <summary>SQL that is TRUE where <paramref name="cast"/> is not <paramref name="value"/> exactly; null where the types leave nothing to round.</summary>
    /// <param name="source">The type of the value. Binary fractions to decimals are always rounded, so they are not looked at.</param>
    /// <param name="target">The name of the type that it is cast to.</param>
    /// <param name="value">SQL of the value.</param>
    /// <param name="cast">SQL of the cast value.</param>
    public static string? Condition(IArrowType source, string target, string value, string cast)
    {
        if (Whole(target) is { } wholeDigits)
        {
            return source is FloatType or DoubleType ? $"{value} <> trunc({value})" : Differs(source, wholeDigits, value, cast);
        }

        if (DecimalName().Match(target.Trim()) is not { Success: true } name)
        {
            return null;
        }

        // DuckDB's DECIMAL without numbers is DECIMAL(18,3), with one its scale is 0.
        var (precision, scale) = !name.Groups["precision"].Success ? (18, 3)
            : (Number(name.Groups["precision"].Value), name.Groups["scale"].Success ? Number(name.Groups["scale"].Value) : 0);
        return Differs(source, precision - scale, value, cast);
    }

    private static string? Differs(IArrowType source, int wholeDigits, string value, string cast) =>
        source is Decimal128Type || InputShape.IsText(source)
            ? string.Create(CultureInfo.InvariantCulture, $"TRY_CAST({value} AS DECIMAL({Digits},{Math.Max(0, Digits - wholeDigits)})) <> {cast}")
            : null;

    // The digits that a whole type can have.
    private static int? Whole(string target) => target.Trim().ToLowerInvariant() switch
    {
        "tinyint" or "int1" or "utinyint" => 3,
        "smallint" or "int2" or "short" or "usmallint" => 5,
        "integer" or "int" or "int4" or "signed" or "uinteger" => 10,
        "bigint" or "int8" or "long" => 19,
        "ubigint" => 20,
        _ => null,
    };

    private static int Number(string digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(decimal|numeric|dec)( ?\( ?(?<precision>[0-9]{1,2})( ?, ?(?<scale>[0-9]{1,2}))? ?\))?\z", RegexOptions.IgnoreCase)]
    private static partial Regex DecimalName();
}
