using System.Text;

namespace Etl.Redshift.StandIn;

/// <summary>What a token is.</summary>
internal enum TokenKind
{
    /// <summary>A keyword or a name without quotes, in lower case.</summary>
    Word,

    /// <summary>A name in double quotes, without them.</summary>
    Quoted,

    /// <summary>A literal in single quotes, its value.</summary>
    Literal,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A parameter such as $1.</summary>
    Parameter,

    /// <summary>Anything else: one character, or ::.</summary>
    Symbol,
}

/// <summary>A piece of a statement, with its place in the text.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Start, int End)
{
    public bool Is(string word) => Kind is TokenKind.Word or TokenKind.Symbol && Text == word;

    public bool IsName => Kind is TokenKind.Word or TokenKind.Quoted;
}

/// <summary>What Redshift would refuse, with its reason.</summary>
internal sealed class RefusedException(string reason, string sqlState = "0A000") : Exception(reason)
{
    public string SqlState { get; } = sqlState;
}

/// <summary>SQL as tokens. Literals follow Redshift: a backslash escapes.</summary>
internal static class Sql
{
    /// <summary>The statements of a text, each as tokens.</summary>
    public static List<List<Token>> Statements(string sql)
    {
        var statements = new List<List<Token>> { new() };
        foreach (var token in Tokens(sql))
        {
            if (token.Is(";"))
            {
                statements.Add([]);
            }
            else
            {
                statements[^1].Add(token);
            }
        }

        statements.RemoveAll(s => s.Count == 0);
        return statements;
    }

    private static IEnumerable<Token> Tokens(string sql)
    {
        for (var i = 0; i < sql.Length;)
        {
            var start = i;
            var c = sql[i];
            if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c == '-' && Next(sql, i) == '-')
            {
                i = sql.IndexOf('\n', i) is var end && end < 0 ? sql.Length : end + 1;
            }
            else if (c == '/' && Next(sql, i) == '*')
            {
                i = sql.IndexOf("*/", i + 2, StringComparison.Ordinal) is var end && end < 0 ? throw Unclosed("comment") : end + 2;
            }
            else if (c is '\'' or '"')
            {
                var text = Quoted(sql, ref i);
                yield return new Token(c == '"' ? TokenKind.Quoted : TokenKind.Literal, text, start, i);
            }
            else if (char.IsAsciiLetter(c) || c == '_' || c > 127)
            {
                while (i < sql.Length && (char.IsAsciiLetterOrDigit(sql[i]) || sql[i] is '_' or '$' || sql[i] > 127))
                {
                    i++;
                }

                yield return new Token(TokenKind.Word, sql[start..i].ToLowerInvariant(), start, i);
            }
            else if (char.IsAsciiDigit(c) || (c == '$' && char.IsAsciiDigit(Next(sql, i))))
            {
                i++;
                while (i < sql.Length && (char.IsAsciiDigit(sql[i]) || sql[i] == '.'))
                {
                    i++;
                }

                yield return new Token(c == '$' ? TokenKind.Parameter : TokenKind.Number, sql[start..i], start, i);
            }
            else if (c == '$')
            {
                throw new RefusedException("dollar-quoted text is for the bodies of functions only", "42601");
            }
            else
            {
                i += c == ':' && Next(sql, i) == ':' ? 2 : 1;
                yield return new Token(TokenKind.Symbol, sql[start..i], start, i);
            }
        }
    }

    private static char Next(string sql, int i) => i + 1 < sql.Length ? sql[i + 1] : '\0';

    private static string Quoted(string sql, ref int i)
    {
        var quote = sql[i++];
        var text = new StringBuilder();
        while (i < sql.Length)
        {
            var c = sql[i++];
            if (c == quote && i < sql.Length && sql[i] == quote)
            {
                i++;
            }
            else if (c == quote)
            {
                return text.ToString();
            }
            else if (c == '\\' && quote == '\'' && i < sql.Length)
            {
                c = sql[i++] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var other => other };
            }

            text.Append(c);
        }

        throw Unclosed("literal or name");
    }

    private static RefusedException Unclosed(string what) => new($"unterminated {what}", "42601");
}
