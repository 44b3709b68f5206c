using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Etl.Contracts;

namespace Etl.Runtime.Options;

/// <summary>Values of options as the YAML that gives them, and names as YAML spells them.</summary>
internal static class OptionText
{
    private static readonly (string Unit, long Ticks)[] TimeUnits =
    [
        ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond),
    ];

    /// <summary>A value as YAML; null for null.</summary>
    public static string? Of(object? value) => value switch
    {
        null => null,
        bool b => b ? "true" : "false",
        string s => Of(s),
        Enum e => SnakeCase(e.ToString()),
        TimeSpan t => Of(t),
        DateOnly d => d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        ByteSize or IFormattable => string.Create(CultureInfo.InvariantCulture, $"{value}"),
        IDictionary { Count: 0 } => "{}",
        IEnumerable items when value.GetType().GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>)) =>
            items.GetEnumerator().MoveNext() ? null : "{}",
        IEnumerable items => $"[{string.Join(", ", items.Cast<object?>().Select(Of))}]",
        _ => value.ToString(),
    };

    // Plain where YAML reads it as it stands, in a list too.
    private static string Of(string text) =>
        text.Length == 0 ? "\"\""
        : text.Any(char.IsControl) ? JsonSerializer.Serialize(text)
        : IsPlain(text) ? text
        : $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    private static bool IsPlain(string text) =>
        !"-?:,[]{}#&*!|>'\"%@` ".Contains(text[0], StringComparison.Ordinal) && text[^1] is not (' ' or ':')
        && !text.AsSpan().ContainsAny(",[]{}") && !text.Contains(": ", StringComparison.Ordinal) && !text.Contains(" #", StringComparison.Ordinal);

    /// <summary>The largest unit of time that gives a whole number.</summary>
    public static string Of(TimeSpan time)
    {
        foreach (var (unit, ticks) in TimeUnits)
        {
            if (time.Ticks % ticks == 0 && time != TimeSpan.Zero)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{time.Ticks / ticks}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds}ms");
    }

    /// <summary><c>MaxRatio</c> is <c>max_ratio</c>; a run of capitals is one word (<c>UseSSLMode</c>: <c>use_ssl_mode</c>).</summary>
    public static string SnakeCase(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            var startsWord = char.IsUpper(name[i]) && i > 0 && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1])));
            if (startsWord && text[^1] != '_')
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }
}
