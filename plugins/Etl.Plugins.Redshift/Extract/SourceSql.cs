using System.Globalization;
using System.Text;
using Etl.Contracts;

namespace Etl.Plugins.Redshift.Extract;

/// <summary>
/// SQL that a pipeline's author wrote, made fit to stand inside of UNLOAD: <c>$name</c> becomes a typed literal, as UNLOAD takes no parameters, and text that would
/// leave its place is refused. Literals, quoted names and comments are left as they are.
/// </summary>
internal static class SourceSql
{
    /// <summary>The SQL with its parameters. ETL4635 for what cannot stand there, ETL4687 for a parameter that is not there.</summary>
    public static string Bind(string sql, IReadOnlyDictionary<string, object> parameters, string optionPath)
    {
        var (result, depth) = (new StringBuilder(), 0);
        for (var i = 0; i < sql.Length;)
        {
            var end = i + 1;
            switch (sql[i])
            {
                case '\'' or '"':
                    end = EndOfQuote(sql, i) ?? throw Refused("a quote does not end", optionPath, i);
                    break;
                case '-' when At(sql, i + 1) == '-':
                    end = sql.IndexOf('\n', i) is var line && line < 0 ? sql.Length : line + 1;
                    break;
                case '/' when At(sql, i + 1) == '*':
                    end = sql.IndexOf("*/", i + 2, StringComparison.Ordinal) is var close && close < 0 ? throw Refused("a comment does not end", optionPath, i) : close + 2;
                    break;
                case '(':
                    depth++;
                    break;
                case ')' when --depth < 0:
                    throw Refused("a parenthesis is closed that was not opened", optionPath, i);
                case ';' when string.IsNullOrWhiteSpace(sql[(i + 1)..]):
                    i = sql.Length;
                    continue;
                case ';':
                    throw Refused("there are several statements; one SELECT is expected", optionPath, i);
                case '$' when i == 0 || !IsNamePart(sql[i - 1]):
                    while (IsNamePart(At(sql, end)))
                    {
                        end++;
                    }

                    result.Append(parameters.TryGetValue(sql[(i + 1)..end], out var value)
                        ? Literal(value)
                        : throw new EtlException("ETL4687", $"there is no parameter {sql[i..end]}", $"There are: {string.Join(", ", parameters.Keys.Order(StringComparer.Ordinal).Select(k => "$" + k))}.") { OptionPath = optionPath, OptionOffset = i });
                    i = end;
                    continue;
            }

            result.Append(sql, i, end - i);
            i = end;
        }

        return depth == 0 ? result.ToString() : throw Refused("a parenthesis is not closed", optionPath, sql.Length);
    }

    private static string Literal(object value) => value switch
    {
        string s => $"{RedshiftText.Literal(s)}::varchar",
        bool b => b ? "true" : "false",
        int or long => $"'{Convert.ToString(value, CultureInfo.InvariantCulture)}'::bigint",
        decimal n when n.ToString(CultureInfo.InvariantCulture) is var text => $"'{text}'::decimal(38,{text.SkipWhile(c => c != '.').Skip(1).Count()})",
        DateOnly d => $"'{d.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}'::date",
        DateTimeOffset t => $"'{t.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}+00'::timestamptz",
        _ => throw new InvalidOperationException($"{value.GetType().Name} is no type of a parameter"),
    };

    // A backslash escapes in Redshift's literals, and not in its names.
    private static int? EndOfQuote(string sql, int start)
    {
        for (var i = start + 1; i < sql.Length; i++)
        {
            if (sql[i] == '\\' && sql[start] == '\'')
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

        return null;
    }

    private static EtlException Refused(string why, string optionPath, int offset) => new(
        "ETL4635", $"the SQL cannot run: {why}", "It is put into UNLOAD: its quotes, comments and parentheses must be closed, and it must be one SELECT or one condition.") { OptionPath = optionPath, OptionOffset = offset };

    private static char At(string text, int index) => index < text.Length ? text[index] : '\0';

    private static bool IsNamePart(char c) => char.IsLetterOrDigit(c) || c == '_';
}
