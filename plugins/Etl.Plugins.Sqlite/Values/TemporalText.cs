namespace Etl.Plugins.Values;

/// <summary>
/// ISO 8601 dates and times as ASCII bytes, to and from the integers that rows move in: days and microseconds since 1970-01-01 in
/// the proleptic Gregorian calendar, years 0001 to 9999. Exact or refused: a seventh decimal other than 0 is no microsecond.
/// </summary>
internal static class TemporalText
{
    public const long MicrosPerSecond = 1_000_000;
    public const long MicrosPerDay = 86_400 * MicrosPerSecond;

    /// <summary>0001-01-01T00:00:00.</summary>
    public const long LeastMicros = -719_162L * MicrosPerDay;

    /// <summary>9999-12-31T23:59:59.999999.</summary>
    public const long GreatestMicros = (2_932_897L * MicrosPerDay) - 1;

    /// <summary><c>2026-01-31</c>.</summary>
    public static bool TryDate(ReadOnlySpan<byte> text, out int days)
    {
        days = 0;
        return text.Length == 10 && TryLeadingDate(text, out days);
    }

    /// <summary><c>23:59</c>, <c>23:59:59</c> or <c>23:59:59.999999</c>; microseconds since midnight.</summary>
    public static bool TryTime(ReadOnlySpan<byte> text, out long micros) => TryTime(text, out micros, out var used) && used == text.Length;

    /// <summary>
    /// A date, optionally with <c>T</c> or a blank, a time, and <c>Z</c>, <c>+02</c>, <c>+0200</c> or <c>+02:00</c>. With a zone the result is
    /// in UTC.
    /// </summary>
    public static bool TryTimestamp(ReadOnlySpan<byte> text, out long micros, out bool hasZone)
    {
        (micros, hasZone) = (0, false);
        if (text.Length < 10 || !TryLeadingDate(text, out var days))
        {
            return false;
        }

        micros = days * MicrosPerDay;
        if (text.Length == 10)
        {
            return true;
        }

        if (text[10] is not ((byte)'T' or (byte)'t' or (byte)' ') || !TryTime(text[11..], out var time, out var used))
        {
            return false;
        }

        micros += time;
        var zone = text[(11 + used)..];
        hasZone = !zone.IsEmpty;
        if (!hasZone || !TryZone(zone, out var minutes))
        {
            return !hasZone;
        }

        micros -= minutes * 60L * MicrosPerSecond;
        return micros is >= LeastMicros and <= GreatestMicros;
    }

    /// <summary><c>2026-01-31</c>: 10 bytes; 0 for a day outside the years 0001 to 9999.</summary>
    public static int FormatDate(int days, Span<byte> target)
    {
        if (days is < -719_162 or > 2_932_896)
        {
            return 0;
        }

        // http://howardhinnant.github.io/date_algorithms.html#civil_from_days
        var z = days + 719_468;
        var era = (z >= 0 ? z : z - 146_096) / 146_097;
        var dayOfEra = z - (era * 146_097);
        var yearOfEra = (dayOfEra - (dayOfEra / 1460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        var dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        var shifted = ((5 * dayOfYear) + 2) / 153;
        var month = shifted < 10 ? shifted + 3 : shifted - 9;
        Digits(target[..4], yearOfEra + (era * 400) + (month <= 2 ? 1 : 0));
        target[4] = (byte)'-';
        Digits(target[5..7], month);
        target[7] = (byte)'-';
        Digits(target[8..10], dayOfYear - (((153 * shifted) + 2) / 5) + 1);
        return 10;
    }

    /// <summary><c>23:59:59.999999</c>, always with six decimals, so that texts sort as times do; 0 when out of range.</summary>
    public static int FormatTime(long micros, Span<byte> target)
    {
        if (micros is < 0 or >= MicrosPerDay)
        {
            return 0;
        }

        var seconds = (int)(micros / MicrosPerSecond);
        Digits(target[..2], seconds / 3600);
        target[2] = (byte)':';
        Digits(target[3..5], seconds / 60 % 60);
        target[5] = (byte)':';
        Digits(target[6..8], seconds % 60);
        target[8] = (byte)'.';
        Digits(target[9..15], (int)(micros % MicrosPerSecond));
        return 15;
    }

    /// <summary><c>2026-01-31T23:59:59.999999</c>, with <c>Z</c> for UTC; 0 when out of range.</summary>
    public static int FormatTimestamp(long micros, bool utc, Span<byte> target)
    {
        if (micros is < LeastMicros or > GreatestMicros)
        {
            return 0;
        }

        // Floor: the day before 1970 is -1, and its microseconds count up from midnight.
        var (days, rest) = ((int)(micros / MicrosPerDay), micros % MicrosPerDay);
        if (rest < 0)
        {
            (days, rest) = (days - 1, rest + MicrosPerDay);
        }

        FormatDate(days, target);
        target[10] = (byte)'T';
        FormatTime(rest, target[11..]);
        if (!utc)
        {
            return 26;
        }

        target[26] = (byte)'Z';
        return 27;
    }

    private static bool TryLeadingDate(ReadOnlySpan<byte> text, out int days)
    {
        days = 0;
        if (text[4] != '-' || text[7] != '-'
            || !TryDigits(text[..4], out var year) || !TryDigits(text[5..7], out var month) || !TryDigits(text[8..10], out var day)
            || year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        // http://howardhinnant.github.io/date_algorithms.html#days_from_civil
        var shiftedYear = month <= 2 ? year - 1 : year;
        var era = shiftedYear / 400;
        var yearOfEra = shiftedYear - (era * 400);
        var dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9)) + 2) / 5) + day - 1;
        days = (era * 146_097) + (yearOfEra * 365) + (yearOfEra / 4) - (yearOfEra / 100) + dayOfYear - 719_468;
        return true;
    }

    private static bool TryTime(ReadOnlySpan<byte> text, out long micros, out int used)
    {
        (micros, used) = (0, 5);
        if (text.Length < 5 || text[2] != ':' || !TryDigits(text[..2], out var hour) || !TryDigits(text[3..5], out var minute) || hour > 23 || minute > 59)
        {
            return false;
        }

        micros = ((hour * 60L) + minute) * 60 * MicrosPerSecond;
        if (text.Length < 8 || text[5] != ':')
        {
            return text.Length < 6 || text[5] != ':';
        }

        if (!TryDigits(text[6..8], out var second) || second > 59)
        {
            return false;
        }

        micros += second * MicrosPerSecond;
        used = 8;
        if (text.Length == 8 || text[8] is not ((byte)'.' or (byte)','))
        {
            return true;
        }

        var place = MicrosPerSecond / 10;
        for (used = 9; used < text.Length && text[used] is >= (byte)'0' and <= (byte)'9'; used++)
        {
            if (place == 0 && text[used] != '0')
            {
                return false;
            }

            micros += (text[used] - '0') * place;
            place /= 10;
        }

        return used > 9;
    }

    private static bool TryZone(ReadOnlySpan<byte> zone, out int minutes)
    {
        minutes = 0;
        if (zone is [(byte)'Z' or (byte)'z'])
        {
            return true;
        }

        if (zone.Length is not (3 or 5 or 6) || zone[0] is not ((byte)'+' or (byte)'-') || !TryDigits(zone[1..3], out var hours) || hours > 18)
        {
            return false;
        }

        var rest = 0;
        if ((zone.Length == 6 && zone[3] != ':') || (zone.Length > 3 && (!TryDigits(zone[^2..], out rest) || rest > 59)))
        {
            return false;
        }

        minutes = ((hours * 60) + rest) * (zone[0] == '-' ? -1 : 1);
        return true;
    }

    private static bool TryDigits(ReadOnlySpan<byte> text, out int value)
    {
        value = 0;
        foreach (var b in text)
        {
            if (b is < (byte)'0' or > (byte)'9')
            {
                return false;
            }

            value = (value * 10) + (b - '0');
        }

        return true;
    }

    private static void Digits(Span<byte> target, int value)
    {
        for (var i = target.Length - 1; i >= 0; i--)
        {
            target[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}
