using System.Globalization;
using System.Text.RegularExpressions;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Options;

/// <summary>
/// Turns the text of a scalar into the value that an option expects, without YAML's guesses: <c>no</c> is no boolean, <c>010</c> no
/// number, and a duration without a unit is an error, not seconds.
/// </summary>
internal static partial class ScalarOption
{
    /// <summary>Why a text is not a value of the type.</summary>
    /// <param name="Code">ETL2002, 2003 or 2004.</param>
    /// <param name="Expected">The end of the sentence <c>'x' is 'y'; it must be</c>.</param>
    /// <param name="Hint">What to write.</param>
    public readonly record struct Problem(string Code, string Expected, string? Hint);

    /// <summary>A value, or why there is none.</summary>
    public readonly record struct Reading(object? Value, Problem? Problem)
    {
        /// <summary>No value.</summary>
        public static implicit operator Reading(Problem problem) => new(null, problem);

        /// <summary>A value.</summary>
        public static Reading Of(object value) => new(value, null);
    }

    /// <summary>The value, or the problem. Text is always a value.</summary>
    public static Reading Read(YamlScalar scalar, OptionType type, OptionAttribute attribute)
    {
        var text = scalar.Value;

        // Within { } a reference must stand in quotes, so those of a substituted value say nothing.
        if (scalar.IsQuoted && scalar.Substituted == Substitution.None && type.Kind is OptionKind.Boolean or OptionKind.Integer or OptionKind.Number)
        {
            return new Problem("ETL2002", $"{Noun(type)}, and quotes make it text", "Remove the quotes.");
        }

        return type.Kind switch
        {
            OptionKind.Text => Reading.Of(text),
            OptionKind.Boolean => Boolean(text),
            OptionKind.Integer => Integer(text, type, attribute),
            OptionKind.Number => Number(text, type, attribute),
            OptionKind.Choice => Choice(text, type),
            OptionKind.Duration => Duration(text, attribute),
            OptionKind.Size => Size(text, attribute),
            _ => Date(text),
        };
    }

    /// <summary>A type with its article.</summary>
    public static string Noun(OptionType type) => type.Kind switch
    {
        OptionKind.Text => "a text",
        OptionKind.Boolean => "true or false",
        OptionKind.Integer => "a whole number",
        OptionKind.Number => "a number",
        OptionKind.Choice => $"one of: {type.Display}",
        OptionKind.Duration => "a duration such as 30s",
        OptionKind.Size => "a size such as 256MB",
        OptionKind.Date => "a date such as 2026-01-31",
        OptionKind.List => "a list",
        _ => "a mapping",
    };

    private static Reading Boolean(string text)
    {
        var meant = text.ToLowerInvariant() switch { "yes" or "y" or "on" or "true" or "1" => "true", "no" or "n" or "off" or "false" or "0" => "false", _ => null };
        return text is "true" or "false"
            ? Reading.Of(text == "true")
            : new Problem("ETL2002", "true or false", meant is null ? null : $"Write {meant}.");
    }

    private static Reading Integer(string text, OptionType type, OptionAttribute attribute)
    {
        if (!WholeNumber().IsMatch(text))
        {
            return new Problem("ETL2002", "a whole number", NumberHint(text));
        }

        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            return new Problem("ETL2004", "a whole number of at most 18 digits", null);
        }

        if (type.Clr == typeof(int))
        {
            return value is >= int.MinValue and <= int.MaxValue && InRange(value, attribute)
                ? Reading.Of((int)value)
                : new Problem("ETL2004", Range(attribute, int.MinValue, int.MaxValue, Plain), null);
        }

        return InRange(value, attribute) ? Reading.Of(value) : new Problem("ETL2004", Range(attribute, null, null, Plain), null);
    }

    private static Reading Number(string text, OptionType type, OptionAttribute attribute)
    {
        if (text.TrimStart('+', '-').ToLowerInvariant() is ".nan" or ".inf" or "nan" or "inf" or "infinity")
        {
            return new Problem("ETL2004", "a finite number", null);
        }

        var isDecimal = type.Clr == typeof(decimal);
        if (!AnyNumber().IsMatch(text) || (isDecimal && text.AsSpan().IndexOfAny('e', 'E') >= 0))
        {
            return new Problem("ETL2002", "a number", NumberHint(text));
        }

        var number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (!double.IsFinite(number))
        {
            return new Problem("ETL2004", "a finite number", null);
        }

        if (!InRange(number, attribute))
        {
            return new Problem("ETL2004", Range(attribute, null, null, Plain), null);
        }

        if (!isDecimal)
        {
            return Reading.Of(number);
        }

        // System.Decimal would round more digits than it has, silently.
        return text.Count(char.IsAsciiDigit) <= 28
            ? Reading.Of(decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture))
            : new Problem("ETL2004", "a number of at most 28 digits", null);
    }

    private static Reading Choice(string text, OptionType type)
    {
        for (var i = 0; i < type.Choices.Count; i++)
        {
            if (type.Choices[i] == text)
            {
                return Reading.Of(Enum.Parse(type.Clr, Enum.GetNames(type.Clr)[i]));
            }
        }

        var hint = Suggest.Closest(text.ToLowerInvariant(), type.Choices) is { } closest ? $"Did you mean '{closest}'?" : null;
        return new Problem("ETL2003", $"one of: {type.Display}", hint);
    }

    private static Reading Duration(string text, OptionAttribute attribute)
    {
        const string units = "Units are ms, s, m, h and d: 200ms, 30s, 5m, 1h, 2d.";
        var match = Quantity().Match(text);
        var ticks = match.Groups["unit"].Value switch
        {
            "ms" => TimeSpan.TicksPerMillisecond,
            "s" => TimeSpan.TicksPerSecond,
            "m" => TimeSpan.TicksPerMinute,
            "h" => TimeSpan.TicksPerHour,
            "d" => TimeSpan.TicksPerDay,
            _ => 0,
        };
        if (ticks == 0)
        {
            return new Problem("ETL2002", match.Success && match.Groups["unit"].Length > 0 ? "a duration with a known unit" : "a duration with a unit", units);
        }

        if (Amount(match) is not { } amount || amount > TimeSpan.MaxValue.Ticks / ticks)
        {
            return new Problem("ETL2004", "a shorter duration", null);
        }

        var time = new TimeSpan((long)(amount * ticks));
        return InRange(time.TotalSeconds, attribute)
            ? Reading.Of(time)
            : new Problem("ETL2004", Range(attribute, 0, null, s => OptionText.Of(TimeSpan.FromSeconds(s))), null);
    }

    private static Reading Size(string text, OptionAttribute attribute)
    {
        var match = Quantity().Match(text);
        var shift = match.Groups["unit"].Value switch { "B" => 0, "KB" => 10, "MB" => 20, "GB" => 30, "TB" => 40, _ => -1 };
        if (shift < 0)
        {
            return new Problem("ETL2002", "a size with a unit", "Units are B, KB, MB, GB and TB, each 1024 times the one before: 64KB, 256MB, 1GB.");
        }

        if (Amount(match) is not { } amount || amount > long.MaxValue >> shift)
        {
            return new Problem("ETL2004", "a smaller size", null);
        }

        var size = new ByteSize((long)(amount * (1L << shift)));
        return InRange(size.Bytes, attribute)
            ? Reading.Of(size)
            : new Problem("ETL2004", Range(attribute, 0, null, b => new ByteSize((long)b).ToString()), null);
    }

    private static decimal? Amount(Match quantity) =>
        decimal.TryParse(quantity.Groups["number"].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static Reading Date(string text) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            ? Reading.Of(date)
            : new Problem("ETL2002", "a date such as 2026-01-31", null);

    private static string? NumberHint(string text)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) || text.StartsWith("0o", StringComparison.OrdinalIgnoreCase))
        {
            return "Write it in decimal digits.";
        }

        var plain = text.Replace("_", "", StringComparison.Ordinal).Replace(",", "", StringComparison.Ordinal);
        var digits = plain.TrimStart('0');
        var meant = digits.Length == 0 || !char.IsAsciiDigit(digits[0]) ? $"0{digits}" : digits;
        return plain.Length > 0 && plain.All(char.IsAsciiDigit) ? $"Write {meant}." : null;
    }

    private static bool InRange(double value, OptionAttribute attribute) => !(value < attribute.Min) && !(value > attribute.Max);

    private static string Plain(double value) => value.ToString("0.############", CultureInfo.InvariantCulture);

    private static string Range(OptionAttribute attribute, double? least, double? greatest, Func<double, string> show)
    {
        var min = double.IsNaN(attribute.Min) ? least : attribute.Min;
        var max = double.IsNaN(attribute.Max) ? greatest : attribute.Max;
        return (min, max) switch
        {
            ({ } a, { } b) => $"from {show(a)} to {show(b)}",
            ({ } a, null) => $"{show(a)} or more",
            (null, { } b) => $"{show(b)} or less",
            _ => "smaller",
        };
    }

    [GeneratedRegex(@"^[-+]?(0|[1-9][0-9]*)$", RegexOptions.CultureInvariant)]
    private static partial Regex WholeNumber();

    [GeneratedRegex(@"^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex AnyNumber();

    [GeneratedRegex(@"^(?<number>[0-9]+(\.[0-9]+)?) ?(?<unit>[A-Za-z]*)$", RegexOptions.CultureInvariant)]
    private static partial Regex Quantity();
}
