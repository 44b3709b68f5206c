using System.Globalization;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Yaml;

/// <summary>
/// The raw text of a scalar, from its first character (or quote, or block indicator) to its end. Scans it again to find where
/// each character of the value stands, which the parser does not tell.
/// </summary>
/// <remarks>
/// Characters that are no white space come in the same order in the raw text and in the value, in every style, so they are walked
/// in step; what can differ is the white space between them (folding, indentation), the doubled quote and the escapes.
/// </remarks>
internal sealed class ScalarSource(SourceText source, int start, int end)
{
    private int[]? offsets;

    /// <summary>The position of a character of the value as it was parsed.</summary>
    public SourceSpan SpanAt(string value, YamlStyle style, int offset)
    {
        offsets ??= new Walk(source.Text, start, end, value, style).Offsets();
        return source.SpanOf(offsets[Math.Clamp(offset, 0, offsets.Length - 1)]);
    }

    private static bool IsWhite(char c) => c is ' ' or '\t' or '\n' or '\r';

    private sealed class Walk(string raw, int from, int to, string value, YamlStyle style)
    {
        private readonly int[] offsets = new int[value.Length + 1];
        private readonly int begin = from;
        private int at = from;
        private int end = to;
        private int done;

        public int[] Offsets()
        {
            SkipOpening();
            while (done < value.Length && at < end)
            {
                if (IsWhite(raw[at]) || IsEscapedBreak())
                {
                    Gap();
                }
                else if (style == YamlStyle.DoubleQuoted && raw[at] == '\\')
                {
                    Escape();
                }
                else
                {
                    // Something the walk does not know would be found here; the rest then points at the scalar's start.
                    if (raw[at] != value[done])
                    {
                        break;
                    }

                    offsets[done++] = at;
                    at += style == YamlStyle.SingleQuoted && raw[at] == '\'' ? 2 : 1;
                }
            }

            var rest = done == value.Length || AllWhite(value.AsSpan(done)) ? Math.Min(at, end) : begin;
            offsets.AsSpan(done).Fill(rest);
            return offsets;
        }

        private void SkipOpening()
        {
            if (style is YamlStyle.SingleQuoted or YamlStyle.DoubleQuoted)
            {
                (at, end) = (at + 1, end - 1);
            }
            else if (style is YamlStyle.Literal or YamlStyle.Folded)
            {
                // Indicators and a comment end with their line.
                var newline = raw.IndexOf('\n', at, end - at);
                at = newline < 0 ? end : newline + 1;
            }
        }

        private bool IsEscapedBreak() =>
            style == YamlStyle.DoubleQuoted && raw[at] == '\\' && at + 1 < end && raw[at + 1] is '\n' or '\r';

        // A run of raw white space, with escaped line breaks, becomes none, some or all of itself.
        private void Gap()
        {
            var first = at;
            var breaks = new List<int>();
            var escaped = false;
            while (at < end && (IsWhite(raw[at]) || IsEscapedBreak()))
            {
                if (raw[at] == '\n')
                {
                    breaks.Add(at);
                }

                escaped |= raw[at] == '\\';
                at++;
            }

            var made = Made(first, breaks.Count, escaped);
            for (var i = 0; i < made; i++)
            {
                offsets[done + i] = value[done + i] == '\n' && breaks.Count > 0
                    ? breaks[Math.Min(Newlines(i), breaks.Count - 1)]
                    : breaks.Count == 0 || made == 1 ? first + i
                    : i < LeadingSpaces(made) ? first + i : Math.Max(first, at - (made - i));
            }

            done += made;
        }

        // How many characters of the value the gap has become. In block styles all up to the next visible character.
        private int Made(int first, int breaks, bool escaped)
        {
            var white = 0;
            while (done + white < value.Length && IsWhite(value[done + white]))
            {
                white++;
            }

            if (style is YamlStyle.Literal or YamlStyle.Folded)
            {
                return white;
            }

            var kept = escaped ? raw.IndexOf('\\', first) - first + breaks - 1 : breaks switch { 0 => at - first, 1 => 1, _ => breaks - 1 };
            return Math.Min(white, kept);
        }

        private int Newlines(int count) => value.AsSpan(done, count).Count('\n');

        private int LeadingSpaces(int made)
        {
            var newline = value.AsSpan(done, made).IndexOf('\n');
            return newline < 0 ? 0 : newline;
        }

        private void Escape()
        {
            var digits = raw[at + 1] switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            var code = digits == 0 ? 0 : int.Parse(raw.AsSpan(at + 2, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            offsets[done++] = at;
            if (code > char.MaxValue && done < value.Length)
            {
                offsets[done++] = at;
            }

            at += 2 + digits;
        }

        private static bool AllWhite(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(" \t\r\n") < 0;
    }
}
