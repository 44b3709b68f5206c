using System.Text;

namespace Etl.Runtime.Sql;

/// <summary>
/// Gives each <c>$name</c> in a user's SQL its declared type (<c>CAST($name AS DATE)</c>), so that the binder can type the query before any
/// value is known. Strings, quoted names and comments are left alone.
/// </summary>
internal static class SqlParameters
{
    /// <summary>A run of the rewritten text that stands in the original too.</summary>
    internal readonly record struct Piece(int Start, int Length, int Original);

    public static (string Text, IReadOnlyList<Piece> Pieces, IReadOnlyList<string> Names) Rewrite(string sql, IReadOnlyDictionary<string, string> types)
    {
        var text = new StringBuilder(sql.Length);
        var pieces = new List<Piece>();
        var names = new List<string>();
        var copied = 0;
        void CopyTo(int end)
        {
            if (end > copied)
            {
                pieces.Add(new Piece(text.Length, end - copied, copied));
                text.Append(sql, copied, end - copied);
                copied = end;
            }
        }

        for (var i = 0; i < sql.Length;)
        {
            if (SkipQuoted(sql, i) is var after && after > i)
            {
                i = after;
            }
            else if (sql[i] == '$' && i + 1 < sql.Length && (char.IsAsciiLetter(sql[i + 1]) || sql[i + 1] == '_'))
            {
                var end = i + 1;
                while (end < sql.Length && (char.IsAsciiLetterOrDigit(sql[end]) || sql[end] == '_'))
                {
                    end++;
                }

                var name = sql[(i + 1)..end];
                names.Add(name);
                if (types.TryGetValue(name, out var type))
                {
                    CopyTo(i);
                    pieces.Add(new Piece(text.Length, 5 + end - i, i));
                    text.Append("CAST(").Append(sql, i, end - i).Append(" AS ").Append(type).Append(')');
                    copied = end;
                }

                i = end;
            }
            else
            {
                i++;
            }
        }

        CopyTo(sql.Length);
        return (text.ToString(), pieces, names);
    }

    // The end of a string, a quoted name or a comment that starts here; otherwise the same position.
    private static int SkipQuoted(string sql, int at)
    {
        var c = sql[at];
        if (c is '\'' or '"')
        {
            var end = sql.IndexOf(c, at + 1);
            return end < 0 ? sql.Length : end + 1; // a doubled quote is two strings in a row
        }

        if (c == '-' && at + 1 < sql.Length && sql[at + 1] == '-')
        {
            var end = sql.IndexOf('\n', at);
            return end < 0 ? sql.Length : end + 1;
        }

        if (c == '/' && at + 1 < sql.Length && sql[at + 1] == '*')
        {
            var end = sql.IndexOf("*/", at + 2, StringComparison.Ordinal);
            return end < 0 ? sql.Length : end + 2;
        }

        return at;
    }
}
