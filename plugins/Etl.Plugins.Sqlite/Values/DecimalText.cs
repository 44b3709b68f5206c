namespace Etl.Plugins.Values;

/// <summary>Decimal numbers as ASCII bytes, to and from unscaled 128-bit integers. Exact or refused; nothing is rounded.</summary>
internal static class DecimalText
{
    /// <summary>Sign, 38 digits, leading zero and point.</summary>
    public const int LongestText = 48;

    // 10^19, the greatest power of ten below 2^64.
    private const ulong HalfOfDigits = 10_000_000_000_000_000_000;

    private static readonly UInt128[] Powers = MakePowers();

    /// <summary><c>-12.50</c> or <c>1.25E+3</c>; false when it is no number or not a multiple of 10^-scale with at most <paramref name="precision"/> digits.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, int precision, int scale, out Int128 unscaled)
    {
        unscaled = 0;
        var at = 0;
        var negative = text.Length > 0 && text[0] == '-';
        if (text.Length > 0 && text[0] is (byte)'-' or (byte)'+')
        {
            at = 1;
        }

        // Zeros after the last other digit are counted, not multiplied in: 1.500 has one decimal too many for nobody.
        UInt128 value = 0;
        var (digits, zeros, decimals, seen, point) = (0, 0, 0, 0, false);
        for (; at < text.Length; at++)
        {
            var b = text[at];
            if (b == '.' && !point)
            {
                point = true;
                continue;
            }

            if (b is < (byte)'0' or > (byte)'9')
            {
                break;
            }

            seen++;
            decimals += point ? 1 : 0;
            if (b == '0')
            {
                zeros += value == 0 ? 0 : 1;
                continue;
            }

            digits = value == 0 ? 1 : digits + zeros + 1;
            if (digits > 38)
            {
                return false;
            }

            value = (value * Powers[value == 0 ? 0 : zeros + 1]) + (UInt128)(b - '0');
            zeros = 0;
        }

        if (seen == 0 || !TryExponent(text[at..], out var exponent))
        {
            return false;
        }

        if (value == 0)
        {
            return true;
        }

        var shift = (long)scale + zeros - decimals + exponent;
        if (shift < 0 || digits + shift > precision)
        {
            return false;
        }

        unscaled = (Int128)(value * Powers[(int)shift]);
        unscaled = negative ? -unscaled : unscaled;
        return true;
    }

    /// <summary>All of <paramref name="scale"/>'s decimals, no exponent. Returns the bytes written.</summary>
    public static int Format(Int128 unscaled, int scale, Span<byte> target)
    {
        Span<byte> reversed = stackalloc byte[LongestText];
        var value = (UInt128)(unscaled < 0 ? -unscaled : unscaled);
        var count = 0;
        // Digits by halves that fit 64 bits: a 128-bit division for each digit would be most of the cost.
        while (value != 0 || count <= scale)
        {
            var (quotient, low) = value >= HalfOfDigits ? UInt128.DivRem(value, HalfOfDigits) : (UInt128.Zero, value);
            var part = (ulong)low;
            for (var i = 0; i < 19 && (quotient != 0 || part != 0 || count <= scale); i++)
            {
                reversed[count++] = (byte)('0' + (part % 10));
                part /= 10;
            }

            value = quotient;
        }

        var written = 0;
        if (unscaled < 0)
        {
            target[written++] = (byte)'-';
        }

        for (var i = count - 1; i >= 0; i--)
        {
            target[written++] = reversed[i];
            if (i == scale && scale > 0)
            {
                target[written++] = (byte)'.';
            }
        }

        return written;
    }

    private static bool TryExponent(ReadOnlySpan<byte> text, out int exponent)
    {
        exponent = 0;
        if (text.IsEmpty)
        {
            return true;
        }

        if (text[0] is not ((byte)'e' or (byte)'E'))
        {
            return false;
        }

        var negative = text.Length > 1 && text[1] == '-';
        var digits = text.Length > 1 && text[1] is (byte)'-' or (byte)'+' ? text[2..] : text[1..];
        if (digits.Length is 0 or > 4)
        {
            return false;
        }

        foreach (var b in digits)
        {
            if (b is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            exponent = (exponent * 10) + (b - '0');
        }

        exponent = negative ? -exponent : exponent;
        return true;
    }

    private static UInt128[] MakePowers()
    {
        var powers = new UInt128[39];
        powers[0] = 1;
        for (var i = 1; i < powers.Length; i++)
        {
            powers[i] = powers[i - 1] * 10;
        }

        return powers;
    }
}
