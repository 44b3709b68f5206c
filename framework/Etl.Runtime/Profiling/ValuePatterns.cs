using System.Globalization;
using System.Text;

namespace Etl.Runtime.Profiling;

/// <summary>
/// The forms of texts: <c>A</c> for a capital, <c>a</c> for another letter, <c>9</c> for a digit, and other characters for themselves. Where lengths vary so much that
/// there would be a form for nearly every value, a run of one kind is <c>A+</c>; then a plus or a backslash of the text has a backslash before it.
/// </summary>
internal static class ValuePatterns
{
    private const int MostPatterns = 10;

    // More forms than these are those of words, not of codes.
    private const long FewExact = 20;

    // What is longer is prose.
    private const long LongestForm = 64;

    // A regular expression that is a list of forms says little.
    private const int MostAlternatives = 3;
    private const long FewestRows = 5;

    public static ColumnProfile Find(ColumnProfile column, ColumnValues values)
    {
        if (column.MaxLength > LongestForm)
        {
            return column;
        }

        var forms = values.Grouped("etl_forms", Form(values.sql));
        var exact = forms.MostFrequent(MostPatterns);
        // One form is of a code; with several, what they have in common says more of rows to come.
        var runs = exact.Distinct == 1 ? exact : forms.Grouped("etl_runs", Runs(forms.sql)).MostFrequent(MostPatterns);
        var shown = exact.Distinct <= FewExact ? exact : runs;
        var isCode = runs.Distinct <= MostAlternatives && values.rows - column.Nulls >= FewestRows && HoldsAsciiOnly(values);
        return column with
        {
            Patterns = shown.Values,
            PatternCount = shown.Distinct,
            Regex = isCode ? Expression([.. runs.Values.Select(f => f.Value)], exact.Distinct == 1) : null,
        };
    }

    // Of a form: it has the pluses of the text, which are told from those of runs before there are any.
    private static string Runs(string form) => ((string[])["A", "a", "9"]).Aggregate(
        $@"regexp_replace({form}, '([+\\])', '\\\1', 'g')", (runs, c) => $"regexp_replace({runs}, '{c}{{2,}}', '{c}+', 'g')");

    private static string Form(string sql) =>
        $@"regexp_replace(regexp_replace(regexp_replace({sql}, '\p{{Lu}}', 'A', 'g'), '[\p{{Ll}}\p{{Lt}}\p{{Lm}}\p{{Lo}}]', 'a', 'g'), '\p{{Nd}}', '9', 'g')";

    // The letters of an expression are those of English; printable, so that it can be read.
    private static bool HoldsAsciiOnly(ColumnValues values) => values.Aggregate($"bool_and(regexp_full_match({values.sql}, '[ -~]*'))")[0] == "true";

    private static string Expression(IReadOnlyList<string> forms, bool isExact)
    {
        var alternatives = forms.Order(StringComparer.Ordinal).Select(f => Expression(f, isExact)).ToList();
        return alternatives is [var only] ? $"^{only}$" : $"^({string.Join('|', alternatives)})$";
    }

    private static string Expression(string form, bool isExact)
    {
        var text = new StringBuilder();
        for (var i = 0; i < form.Length;)
        {
            var c = form[i];
            var isEscaped = !isExact && c == '\\' && i + 1 < form.Length;
            if (isEscaped || c is not ('A' or 'a' or '9'))
            {
                Append(text, isEscaped ? form[i + 1] : c);
                i += isEscaped ? 2 : 1;
                continue;
            }

            var run = 1;
            while (isExact && i + run < form.Length && form[i + run] == c)
            {
                run++;
            }

            text.Append(c switch { 'A' => "[A-Z]", 'a' => "[a-z]", _ => "[0-9]" });
            var repeats = !isExact && i + 1 < form.Length && form[i + 1] == '+';
            text.Append(repeats ? "+" : run > 1 ? string.Create(CultureInfo.InvariantCulture, $"{{{run}}}") : "");
            i += repeats ? 2 : run;
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, char c)
    {
        if (@"\.+*?()|[]{}^$".Contains(c, StringComparison.Ordinal))
        {
            text.Append('\\');
        }

        text.Append(c);
    }
}
