using System.Text;

namespace Etl.Plugins.Transforms;

/// <summary>Makes the name of a rule that has none: the same condition gives the same name, wherever the rule stands in the list.</summary>
internal static class RuleName
{
    private const int Longest = 60;

    private static readonly (string Operator, string Word)[] Operators =
        [("<>", "ne"), ("!=", "ne"), (">=", "ge"), ("<=", "le"), ("==", "eq"), (">", "gt"), ("<", "lt"), ("=", "eq")];

    /// <summary><c>expect</c>, <c>amount > 0</c> gives <c>expect_amount_gt_0</c>; cut at 60 characters.</summary>
    public static string Of(string form, string condition)
    {
        var name = new StringBuilder(form);
        var gap = true;
        for (var i = 0; i < condition.Length;)
        {
            var word = Operators.FirstOrDefault(o => condition.AsSpan(i).StartsWith(o.Operator));
            if (word.Word is not null)
            {
                name.Append('_').Append(word.Word);
                (gap, i) = (true, i + word.Operator.Length);
            }
            else if (char.IsAsciiLetterOrDigit(condition[i]))
            {
                name.Append(gap ? "_" : "").Append(char.ToLowerInvariant(condition[i++]));
                gap = false;
            }
            else
            {
                (gap, i) = (true, i + 1);
            }
        }

        return name.Length > Longest ? name.ToString(0, Longest).TrimEnd('_') : name.ToString();
    }
}
