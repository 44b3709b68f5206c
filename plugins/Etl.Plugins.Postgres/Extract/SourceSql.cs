using System.Globalization;
using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// SQL that a pipeline's author wrote, made fit to stand inside a statement: <c>$name</c> becomes a typed literal (COPY takes no
/// parameters), and text that would leave its place (a second statement, a parenthesis too many) is refused. Strings, quoted
/// names, comments and dollar quotes are left as they are.
/// </summary>
internal static class SourceSql
{
    /// <summary>The SQL with its parameters. ETL4458 for what cannot stand there.</summary>
    public static string Bind(string sql, IReadOnlyDictionary<string, object> parameters, string optionPath)
    {
        var result = new StringBuilder(sql.Length + 32);
        var depth = 0;
        for (var i = 0; i < sql.Length;)
        {
            var end = i + 1;
            switch (sql[i])
            {
                case '\'':
                    end = EndOfQuote(sql, i, IsEscapeString(sql, i));
                    break;
                case '"':
                    end = EndOfQuote(sql, i, false);
                    break;
                case '-' when At(sql, i + 1) == '-':
                    end = sql.IndexOf('\n', i) is var line && line < 0 ? sql.Length : line + 1;
                    break;
                case '/' when At(sql, i + 1) == '*':
                    end = EndOfComment(sql, i);
                    break;
                case '(':
                    depth++;
                    break;
                case ')' when --depth < 0:
                    throw Refused("a parenthesis is closed that was not opened", optionPath, i);
                case ';':
                    if (!string.IsNullOrWhiteSpace(sql[(i + 1)..]))
                    {
                        throw Refused("there are several statements", optionPath, i);
                    }

                    return depth == 0 ? result.ToString() : throw Refused("a parenthesis is not closed", optionPath, i);
                case '$' when i == 0 || !IsNamePart(sql[i - 1]):
                    var after = i + 1;
                    while (after < sql.Length && IsNamePart(sql[after]))
                    {
                        after++;
                    }

                    if (At(sql, after) == '$' && !char.IsAsciiDigit(At(sql, i + 1)))
                    {
                        var tag = sql[i..(after + 1)];
                        var close = sql.IndexOf(tag, after + 1, StringComparison.Ordinal);
                        end = close < 0 ? throw Refused($"the text that starts with {tag} does not end", optionPath, i) : close + tag.Length;
                        break;
                    }

                    var name = sql[(i + 1)..after];
                    if (name.Length == 0 || !parameters.TryGetValue(name, out var value))
                    {
                        var known = parameters.Count == 0 ? "There are none here." : $"There are: {string.Join(", ", parameters.Keys.Order(StringComparer.Ordinal).Select(k => "$" + k))}.";
                        throw new EtlException("ETL4459", $"there is no parameter ${name}", known) { OptionPath = optionPath, OptionOffset = i };
                    }

                    result.Append(Literal(value));
                    i = after;
                    continue;
            }

            if (end < 0)
            {
                throw Refused("a quote or comment does not end", optionPath, i);
            }

            result.Append(sql, i, end - i);
            i = end;
        }

        return depth == 0 ? result.ToString() : throw Refused("a parenthesis is not closed", optionPath, sql.Length);
    }

    private static EtlException Refused(string why, string optionPath, int offset) => new("ETL4458", $"the SQL cannot run: {why}", "Write one SELECT that stands by itself.") { OptionPath = optionPath, OptionOffset = offset };

    private static string Literal(object value) => value switch
    {
        string s => SqlText.Literal(s) + "::text",
        bool b => b ? "true" : "false",
        int n => $"'{n.ToString(CultureInfo.InvariantCulture)}'::integer",
        // Quoted, as -9223372036854775808::bigint casts before it negates and overflows.
        long n => $"'{n.ToString(CultureInfo.InvariantCulture)}'::bigint",
        decimal n => $"'{n.ToString(CultureInfo.InvariantCulture)}'::numeric",
        DateOnly d => $"'{d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}'::date",
        DateTimeOffset t => $"'{t.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}+00'::timestamptz",
        _ => throw new EtlException("ETL4459", $"a parameter of type {value.GetType().Name} has no SQL form", "A parameter is a text, a boolean, a number, a date or a time."),
    };

    private static char At(string text, int index) => index < text.Length ? text[index] : '\0';

    private static bool IsNamePart(char c) => char.IsLetterOrDigit(c) || c == '_';

    // E'...' : a backslash escapes the next character.
    private static bool IsEscapeString(string sql, int quote) =>
        quote > 0 && sql[quote - 1] is 'E' or 'e' && (quote == 1 || !IsNamePart(sql[quote - 2]));

    private static int EndOfQuote(string sql, int start, bool backslash)
    {
        for (var i = start + 1; i < sql.Length; i++)
        {
            if (backslash && sql[i] == '\\')
            {
                i++;
            }
            else if (sql[i] == sql[start])
            {
                if (At(sql, i + 1) != sql[start])
                {
                    return i + 1;
                }

                i++;
            }
        }

        return -1;
    }

    private static int EndOfComment(string sql, int start)
    {
        var depth = 0;
        for (var i = start; i < sql.Length - 1; i++)
        {
            if (sql[i] == '/' && sql[i + 1] == '*')
            {
                depth++;
                i++;
            }
            else if (sql[i] == '*' && sql[i + 1] == '/')
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
}
