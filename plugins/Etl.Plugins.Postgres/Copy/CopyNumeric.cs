namespace Etl.Plugins.Postgres.Copy;

/// <summary>
/// PostgreSQL's binary numeric (digits of base 10000, weight, sign, display scale) and Arrow's decimal128 (the unscaled 128-bit
/// integer), exactly, both ways.
/// </summary>
internal static unsafe class CopyNumeric
{
    private const int Positive = 0x0000, Negative = 0x4000;

    /// <summary>More than any encoded decimal128 or unsigned 64-bit integer takes, with its length in front.</summary>
    public const int MaxEncodedBytes = 4 + 8 + (2 * 12);

    private static readonly long[] SmallPowers = [.. Enumerable.Range(0, 19).Select(i => (long)CopyFormat.PowersOfTen[i])];

    /// <summary>
    /// The unscaled value at a precision and scale. False when the value is NaN or infinite, has more digits after the point than the
    /// scale, or more digits than the precision.
    /// </summary>
    public static bool TryDecode(byte* p, int length, int precision, int scale, out Int128 value)
    {
        value = default;
        int digits = CopyFormat.Int16At(p), weight = CopyFormat.Int16At(p + 2), sign = (ushort)CopyFormat.Int16At(p + 4);
        if ((sign != Positive && sign != Negative) || length != 8 + (2 * digits))
        {
            return false;
        }

        p += 8;
        while (digits > 0 && CopyFormat.Int16At(p + (2 * (digits - 1))) == 0)
        {
            digits--;
        }

        if (digits == 0)
        {
            return true;
        }

        // What the integer made of all digits must be multiplied by, as a power of ten.
        var exponent = (4 * (weight - digits + 1)) + scale;
        if (exponent <= -4 || (4 * weight) + 1 + scale > 38)
        {
            return false;
        }

        if (digits <= 4 && exponent <= 2)
        {
            // Nearly every value: at most 18 decimal digits, in 64 bits.
            long small = 0;
            for (var i = 0; i < digits; i++)
            {
                small = (small * 10_000) + CopyFormat.Int16At(p + (2 * i));
            }

            if (exponent < 0)
            {
                var (quotient, remainder) = Math.DivRem(small, SmallPowers[-exponent]);
                if (remainder != 0)
                {
                    return false;
                }

                small = quotient;
            }
            else
            {
                small *= SmallPowers[exponent];
            }

            value = sign == Negative ? -small : small;
            return precision >= 18 || small < SmallPowers[precision];
        }

        if (!TryMagnitude(p, digits, exponent, out var magnitude) || magnitude >= CopyFormat.PowersOfTen[precision])
        {
            return false;
        }

        value = sign == Negative ? -(Int128)magnitude : (Int128)magnitude;
        return true;
    }

    private static bool TryMagnitude(byte* p, int digits, int exponent, out UInt128 magnitude)
    {
        magnitude = UInt128.Zero;
        for (var i = 0; i < digits - 1; i++)
        {
            if (!TryScale(ref magnitude, 4))
            {
                return false;
            }

            magnitude += (UInt128)CopyFormat.Int16At(p + (2 * i));
        }

        // The last digit may reach behind the scale, by zeros only: 38 decimal digits can take 11 groups of four, which is more than 128 bits.
        int last = CopyFormat.Int16At(p + (2 * (digits - 1)));
        if (exponent < 0)
        {
            if (last % SmallPowers[-exponent] != 0 || !TryScale(ref magnitude, 4 + exponent))
            {
                return false;
            }

            magnitude += (UInt128)(last / SmallPowers[-exponent]);
            return true;
        }

        if (!TryScale(ref magnitude, 4))
        {
            return false;
        }

        magnitude += (UInt128)last;
        return TryScale(ref magnitude, exponent);
    }

    // Less than 10^38 afterwards, which leaves room for one more digit group to be added.
    private static bool TryScale(ref UInt128 value, int exponent)
    {
        if (value == UInt128.Zero)
        {
            return true;
        }

        if (exponent > 38 || value >= CopyFormat.PowersOfTen[38 - exponent])
        {
            return false;
        }

        value *= CopyFormat.PowersOfTen[exponent];
        return true;
    }

    /// <summary>Writes length and value; returns the end. At most <see cref="MaxEncodedBytes"/> bytes.</summary>
    public static byte* Encode(byte* to, Int128 value, int scale)
    {
        var isNegative = Int128.IsNegative(value);
        return Encode(to, isNegative ? (UInt128)(-value) : (UInt128)value, isNegative, scale);
    }

    /// <summary>Writes length and value; returns the end.</summary>
    public static byte* Encode(byte* to, UInt128 magnitude, bool isNegative, int scale)
    {
        var groups = stackalloc short[12];
        var count = 0;

        // Aligns the point with a border between groups of four: only the lowest group can need zeros behind it.
        var fractionGroups = (scale + 3) / 4;
        var padding = (fractionGroups * 4) - scale;
        if (padding > 0 && magnitude != UInt128.Zero)
        {
            var unit = (uint)SmallPowers[4 - padding];
            var (rest, low) = DivRem(magnitude, unit);
            groups[count++] = (short)(low * (uint)SmallPowers[padding]);
            magnitude = rest;
        }

        while (magnitude > ulong.MaxValue)
        {
            var (rest, low) = DivRem(magnitude, 10_000);
            groups[count++] = (short)low;
            magnitude = rest;
        }

        for (var rest = (ulong)magnitude; rest > 0; rest /= 10_000)
        {
            groups[count++] = (short)(rest % 10_000);
        }

        var lowest = 0;
        while (lowest < count && groups[lowest] == 0)
        {
            lowest++;
        }

        var digits = count - lowest;
        CopyFormat.Put(to, 8 + (2 * digits));
        CopyFormat.Put(to + 4, (short)digits);
        CopyFormat.Put(to + 6, (short)(digits == 0 ? 0 : count - 1 - fractionGroups));
        CopyFormat.Put(to + 8, (short)(isNegative ? Negative : Positive));
        CopyFormat.Put(to + 10, (short)scale);
        to += 12;
        for (var i = count - 1; i >= lowest; i--)
        {
            CopyFormat.Put(to, groups[i]);
            to += 2;
        }

        return to;
    }

    // Division of 128 bits by a small number, in two steps of 64-bit arithmetic: UInt128's own is several times slower.
    private static (UInt128 Quotient, uint Remainder) DivRem(UInt128 value, uint divisor)
    {
        var high = (ulong)(value >> 64);
        var low = (ulong)value;
        var (highQuotient, carry) = Math.DivRem(high, divisor);
        var (middleQuotient, middle) = Math.DivRem((carry << 32) | (low >> 32), divisor);
        var (lowQuotient, remainder) = Math.DivRem((middle << 32) | (low & uint.MaxValue), divisor);
        return (new UInt128(highQuotient, (middleQuotient << 32) | lowQuotient), (uint)remainder);
    }
}
