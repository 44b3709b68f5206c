using System.Text.RegularExpressions;

namespace Etl.Runtime.Tests.Diagnostics;

/// <summary>A text as the source writes it behind its code: the fixed parts of the message and of the hint, between which values stand.</summary>
/// <param name="Code">The code.</param>
/// <param name="Message">Its parts; null where it is no literal.</param>
/// <param name="Hint">Its parts; none where there is no hint, or it is no literal.</param>
internal sealed partial record WrittenText(string Code, IReadOnlyList<string>? Message, IReadOnlyList<string> Hint)
{
    /// <summary>All of a file of C#.</summary>
    public static IEnumerable<WrittenText> In(string source)
    {
        foreach (Match code in CodeBefore().Matches(source))
        {
            var message = Literal(source, code.Index + code.Length, out var end);
            var hint = message is null || Comma().Match(source, end) is not { Success: true } comma ? null : Literal(source, comma.Index + comma.Length, out _);
            yield return new WrittenText(code.Groups["code"].Value, message, hint ?? []);
        }
    }

    /// <summary>Whether a test holds it: the code, and behind it, before any other code, all parts in order.</summary>
    public bool StandsIn(string test)
    {
        for (var at = test.IndexOf(Code, StringComparison.Ordinal); at >= 0; at = test.IndexOf(Code, at + 1, StringComparison.Ordinal))
        {
            var from = at + Code.Length;
            var next = AnyCode().Match(test, from);
            while (next.Success && next.Value == Code)
            {
                next = next.NextMatch();
            }

            var rest = test.AsSpan(from..(next.Success ? next.Index : test.Length));
            if (Message is null ? IsSentence().IsMatch(rest) || IsVerdict(test, at) : HoldsInOrder(rest, [.. Message, .. Hint]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A test's source as its texts read: without comments and escapes, and with the parts of a text that is put together joined.</summary>
    public static string OfTest(string source) =>
        Joined().Replace(CommentLine().Replace(source, "").Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal), "");

    // "fails  ETL1234 what differs", as a plan that looked at the systems prints it.
    private static bool IsVerdict(string test, int at) => Verdict().IsMatch(test.AsSpan(Math.Max(0, at - 8)..at)) && at + 8 < test.Length && test[at + 7] == ' ';

    private static bool HoldsInOrder(ReadOnlySpan<char> text, IEnumerable<string> parts)
    {
        foreach (var part in parts)
        {
            var found = text.IndexOf(part, StringComparison.Ordinal);
            if (found < 0)
            {
                return false;
            }

            text = text[(found + part.Length)..];
        }

        return true;
    }

    // "..." or $"...", alone or as what an invariant text is made of; null for another expression.
    private static List<string>? Literal(string source, int at, out int end)
    {
        end = at;
        if (Opening().Match(source, at) is not { Success: true } opening)
        {
            return null;
        }

        var hasHoles = opening.Value.EndsWith("$\"", StringComparison.Ordinal);
        var parts = new List<string> { "" };
        for (var i = at + opening.Length; ; i++)
        {
            switch (source[i])
            {
                case '"':
                    end = i + 1 + (opening.Value.Contains('(', StringComparison.Ordinal) ? 1 : 0);
                    return parts;
                case '\\':
                    parts[^1] += source[++i] switch { 'n' => '\n', 't' => '\t', var c => c };
                    break;
                case '{' or '}' when hasHoles && source[i + 1] == source[i]:
                    parts[^1] += source[i++];
                    break;
                case '{' when hasHoles:
                    i = EndOfHole(source, i);
                    parts.Add("");
                    break;
                default:
                    parts[^1] += source[i];
                    break;
            }
        }
    }

    // The place of the brace that closes it: there may be texts with braces inside.
    private static int EndOfHole(string source, int open)
    {
        var depth = 0;
        for (var i = open; ; i++)
        {
            switch (source[i])
            {
                case '{':
                    depth++;
                    break;
                case '}' when --depth == 0:
                    return i;
                case '"':
                    Literal(source, source[i - 1] == '$' ? i - 1 : i, out var end);
                    i = end - 1;
                    break;
                case '\'' when source[i + 2] == '\'':
                    i += 2;
                    break;
            }
        }
    }

    [GeneratedRegex("\"(?<code>ETL[0-9]{4})\",\\s*")]
    private static partial Regex CodeBefore();

    [GeneratedRegex("(?:fails|warns|passes) +$")]
    private static partial Regex Verdict();

    [GeneratedRegex("ETL[0-9]{4}")]
    private static partial Regex AnyCode();

    [GeneratedRegex("\\G,\\s*")]
    private static partial Regex Comma();

    [GeneratedRegex("\\G(?:string\\.Create\\(CultureInfo\\.InvariantCulture,\\s*|FormattableString\\.Invariant\\()?\\$?\"(?!\"\")")]
    private static partial Regex Opening();

    [GeneratedRegex("\"\\s*\\+\\s*\\$?\"")]
    private static partial Regex Joined();

    [GeneratedRegex("^\\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex CommentLine();

    // ": a message"; " in stage x: a message"; ", "a message"; or an assertion that a message is equal to it.
    [GeneratedRegex("^(?:(?: in stage [a-z0-9_-]+)?: |\", \\$?@?\"+\\n?\\s*|\"\\)[\\s\\S]{0,100}?essage[\\s\\S]{0,60}?EqualTo\\(\\s*\\$?\")[^\"\\n]{12}")]
    private static partial Regex IsSentence();
}
