using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>
/// SQL of an option that is put inside a larger text. A fragment such as <c>a) or (b</c> would change the meaning of what is around
/// it, and a second statement after a semicolon would never be typed; both are told here, where their place in the option is
/// known. Whether the fragment is good SQL, DuckDB's binder says later.
/// </summary>
internal static class SqlFragment
{
    /// <summary>An expression over the input, ready to be followed by more SQL. ETL3101 when it does not stand by itself.</summary>
    public static Sql Expression(string text, string optionPath)
    {
        Check(text, optionPath, what: "an expression");
        return new Sql(Closed(text), optionPath);
    }

    /// <summary>The same, wrapped: <c>before (text) after</c>.</summary>
    public static Sql Within(string before, string text, string after, string optionPath)
    {
        Check(text, optionPath, what: "an expression");
        return new Sql($"{before}({Closed(text)}){after}", optionPath, before.Length + 1);
    }

    /// <summary>A query; a last semicolon is taken off.</summary>
    public static Sql Query(string text, string optionPath)
    {
        var query = text.TrimEnd();
        query = query.EndsWith(';') ? query[..^1] : query;
        Check(query, optionPath, what: "one SELECT");
        return new Sql(query, optionPath);
    }

    // A comment to the end of the line would take along what follows.
    private static string Closed(string text) => text.Contains("--", StringComparison.Ordinal) ? text + "\n" : text;

    private static void Check(string text, string optionPath, string what)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            throw Broken("it is empty", 0);
        }

        var open = new Stack<(char Bracket, int At)>();
        for (var i = 0; i < text.Length;)
        {
            var c = text[i];
            var next = SkipQuoted(text, i);
            if (next < 0)
            {
                throw Broken("what is opened here has no end", i);
            }

            if (next > i)
            {
                i = next;
                continue;
            }

            if (c == ';')
            {
                throw Broken("there is a semicolon", i);
            }

            if (c is '(' or '[' or '{')
            {
                open.Push((c, i));
            }
            else if (c is ')' or ']' or '}' && (!open.TryPop(out var opened) || Closing(opened.Bracket) != c))
            {
                throw Broken($"nothing is open that this '{c}' closes", i);
            }

            i++;
        }

        if (open.TryPeek(out var left))
        {
            throw Broken($"this '{left.Bracket}' is not closed", left.At);
        }

        EtlException Broken(string why, int at) => new("ETL3101", $"the SQL is not {what}: {why}", $"Write {what}, without a semicolon.")
        {
            OptionPath = optionPath, OptionOffset = at,
        };
    }

    private static char Closing(char bracket) => bracket switch { '(' => ')', '[' => ']', _ => '}' };

    /// <summary>The end of the quotation or comment that starts at <paramref name="i"/>; <paramref name="i"/> when none does, -1 when it has no end.</summary>
    private static int SkipQuoted(string text, int i)
    {
        switch (text[i])
        {
            case '\'':
                var escapes = i > 0 && text[i - 1] is 'e' or 'E' && (i < 2 || !IsWord(text[i - 2]));
                return AfterQuote(text, i, '\'', escapes);
            case '"':
                return AfterQuote(text, i, '"', escapes: false);
            case '-' when text.AsSpan(i).StartsWith("--"):
                var line = text.IndexOf('\n', i);
                return line < 0 ? text.Length : line + 1;
            case '/' when text.AsSpan(i).StartsWith("/*"):
                return AfterBlockComment(text, i);
            case '$' when i == 0 || !IsWord(text[i - 1]):
                var tag = i + 1;
                while (tag < text.Length && IsWord(text[tag]))
                {
                    tag++;
                }

                // $name is a parameter, $tag$ opens a quotation.
                if (tag >= text.Length || text[tag] != '$')
                {
                    return i;
                }

                var mark = text[i..(tag + 1)];
                var end = text.IndexOf(mark, tag + 1, StringComparison.Ordinal);
                return end < 0 ? -1 : end + mark.Length;
            default:
                return i;
        }
    }

    private static int AfterQuote(string text, int start, char quote, bool escapes)
    {
        for (var i = start + 1; i < text.Length; i++)
        {
            if (escapes && text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == quote)
            {
                if (i + 1 < text.Length && text[i + 1] == quote)
                {
                    i++;
                }
                else
                {
                    return i + 1;
                }
            }
        }

        return -1;
    }

    private static int AfterBlockComment(string text, int start)
    {
        var depth = 0;
        for (var i = start; i + 1 < text.Length; i++)
        {
            var pair = text.AsSpan(i, 2);
            if (pair.SequenceEqual("/*"))
            {
                depth++;
                i++;
            }
            else if (pair.SequenceEqual("*/"))
            {
                i++;
                if (--depth == 0)
                {
                    return i + 1;
                }
            }
        }

        return -1;
    }

    private static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
}
