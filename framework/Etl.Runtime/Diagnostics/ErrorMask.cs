using System.Text;
using System.Text.RegularExpressions;

namespace Etl.Runtime.Diagnostics;

/// <summary>
/// Takes out of an error's text what may be a value of a row: what is quoted and is no name that the pipeline uses, what a database says a key or a row holds, and numbers and
/// addresses in words that are not the framework's own. It would rather take a file's name too than leave a value.
/// </summary>
/// <param name="names">Names that may stand: of stages, columns, tables, connections.</param>
/// <param name="hidden">Columns whose values are hidden.</param>
internal sealed partial class ErrorMask(IReadOnlyList<string> names, IReadOnlyList<string> hidden)
{
    private readonly HashSet<string> _words = [.. names.Concat(hidden).SelectMany(Words)];
    private readonly HashSet<string> _shown = names.Except(hidden, StringComparer.OrdinalIgnoreCase).ToHashSet(StringComparer.OrdinalIgnoreCase);
    private readonly Regex _named = new($"(?<!\\w)((?:{string.Join('|', hidden.Select(Regex.Escape))}) = )[^,:]+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

    /// <summary>The text without values.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isForeign">Whether it has words of a database, in which anything may stand.</param>
    public string Mask(string text, bool isForeign)
    {
        text = Held().Replace(text, m => $"{m.Groups[1].Value}({Redactor.Mask})");
        text = Quoted(text);
        text = _named.Replace(text, m => m.Groups[1].Value + Redactor.Mask);
        return isForeign ? Values().Replace(text, m => IsKnown(m.Value) || Term().IsMatch(m.Value) || IsState(text, m) || IsOfShown(text.AsSpan(0, m.Index)) ? m.Value : Redactor.Mask) : text;
    }

    // A value may hold quotes itself: from the first quote around what is no name, all up to the last one goes.
    private string Quoted(string text)
    {
        var (masked, at) = (new StringBuilder(), 0);
        while (at < text.Length)
        {
            var quote = text[at];
            var end = quote is '\'' or '"' && (at == 0 || !char.IsLetterOrDigit(text[at - 1])) ? text.IndexOf(quote, at + 1) : -1;
            if (end < 0)
            {
                masked.Append(quote);
                at++;
                continue;
            }

            if (!IsKnown(text[(at + 1)..end]))
            {
                end = text.LastIndexOf(quote);
                masked.Append(quote).Append(Redactor.Mask).Append(quote);
            }
            else
            {
                masked.Append(text, at, end + 1 - at);
            }

            at = end + 1;
        }

        return masked.ToString();
    }

    private bool IsKnown(string text) => Words(text).ToList() is { Count: > 0 } words && words.TrueForAll(_words.Contains);

    // What kind of error it is: (23505).
    private static bool IsState(string text, Match match) =>
        match is { Length: 5, Index: > 0 } && text[match.Index - 1] == '(' && match.Index + 5 < text.Length && text[match.Index + 5] == ')' && match.Value.All(c => char.IsAsciiDigit(c) || char.IsAsciiLetterUpper(c));

    // Which row it was is told by the key: id = 12.
    private bool IsOfShown(ReadOnlySpan<char> before) =>
        before.EndsWith(" = ") && before[..^3] is var name && _shown.Contains(name[(name.LastIndexOfAny(' ', ',') + 1)..].Trim('"').ToString());

    private static IEnumerable<string> Words(string text) => Word().Matches(text).Select(m => m.Value.ToLowerInvariant());

    // PostgreSQL: Key (email)=(a@b.c) already exists; Failing row contains (1, Ann, null). The engine: 2 rows for (id) = (1).
    [GeneratedRegex(@"(=\s*|contains\s+)\(.*\)", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Held();

    // With two digits or more, or an @.
    [GeneratedRegex(@"[^\s'""`(),;:=]*(?:\d[^\s'""`(),;:=]*\d|@)[^\s'""`(),;:=]*", RegexOptions.CultureInvariant)]
    private static partial Regex Values();

    [GeneratedRegex(@"^(ETL\d{4}|u?int\d+|float\d+|utf8)\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Term();

    [GeneratedRegex(@"\w+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
