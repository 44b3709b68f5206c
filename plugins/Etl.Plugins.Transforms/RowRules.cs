using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>
/// Makes refusals of a rule on rows. A form names one column or several: with a name the rule is one, broken by any of them;
/// without one, each column has its own, which tells more.
/// </summary>
internal static class RowRules
{
    /// <summary>What one column must fulfil.</summary>
    /// <param name="Column">Its name.</param>
    /// <param name="Holds">SQL that is TRUE for a good value.</param>
    /// <param name="Otherwise">What is said of a bad one.</param>
    /// <param name="Path">The option, for an error that only DuckDB can find, such as in a regular expression.</param>
    /// <param name="Offset">Where the option's text starts in <paramref name="Holds"/>.</param>
    private sealed record Expectation(string Column, string Holds, string Otherwise, string? Path = null, int Offset = 0);

    /// <summary>The refusals of a rule. ETL3010, ETL3102, ETL3106 for columns and values that do not fit.</summary>
    public static IEnumerable<Refusal> From(RowSchema input, CheckRule rule, string path)
    {
        var action = rule.OnFail ?? RefusalAction.DeadLetter;
        var broken = rule.Null == NullRule.Pass ? " IS FALSE" : " IS NOT TRUE";
        if (rule.Expect is { } condition)
        {
            yield return new Refusal(rule.Name ?? RuleName.Of("expect", condition), action,
                SqlFragment.Within("", condition, broken, $"{path}.expect"), $"not: {condition.Trim()}");
            yield break;
        }

        if (rule.NotNull is { } notNull)
        {
            foreach (var refusal in NotNull(input, rule.Name, notNull, action, $"{path}.not_null"))
            {
                yield return refusal;
            }

            yield break;
        }

        if (rule.Unique is { } unique)
        {
            yield return Unique(input, rule, unique, action, $"{path}.unique");
            yield break;
        }

        var (form, expectations) = Expectations(input, rule, path);
        if (rule.Name is { } name)
        {
            yield return new Refusal(name, action, string.Join(" OR ", expectations.Select(e => $"({e.Holds}){broken}")), string.Join("; or ", expectations.Select(e => e.Otherwise)));
            yield break;
        }

        foreach (var e in expectations)
        {
            yield return new Refusal($"{form}_{e.Column}", action, new Sql($"({e.Holds}){broken}", e.Path, e.Offset + 1), e.Otherwise);
        }
    }

    // NULLs would form a group of their own and so break the rule when there are two; whether they do is for `null` to say.
    private static Refusal Unique(RowSchema input, CheckRule rule, IReadOnlyList<string> columns, RefusalAction action, string path)
    {
        InputShape.RequireDistinct(input, columns, path);
        List<string> names = [.. columns.Select(c => InputShape.NameOf(input, c))];
        var quoted = names.Select(SqlText.Quote).ToList();
        var repeated = $"count(*) OVER (PARTITION BY {string.Join(", ", quoted)}) > 1";
        var when = rule.Null == NullRule.Pass
            ? $"{string.Join(" AND ", quoted.Select(q => $"{q} IS NOT NULL"))} AND {repeated}"
            : $"{string.Join(" OR ", quoted.Select(q => $"{q} IS NULL"))} OR {repeated}";
        return new Refusal(rule.Name ?? $"unique_{string.Join('_', names)}", action, when, $"{string.Join(", ", names)} is not unique", Windowed: true);
    }

    // In the form by which the engine knows that a column has values from here on: "a" IS NULL OR "b" IS NULL.
    private static IEnumerable<Refusal> NotNull(RowSchema input, string? rule, IReadOnlyList<string> columns, RefusalAction action, string path)
    {
        InputShape.RequireDistinct(input, columns, path);
        List<string> names = [.. columns.Select(c => InputShape.NameOf(input, c))];
        return rule is null
            ? names.Select(c => new Refusal($"not_null_{c}", action, $"{SqlText.Quote(c)} IS NULL", $"{c} has no value"))
            : [new Refusal(rule, action, string.Join(" OR ", names.Select(c => $"{SqlText.Quote(c)} IS NULL")), string.Join("; or ", names.Select(c => $"{c} has no value")))];
    }

    private static (string Form, IReadOnlyList<Expectation> Expectations) Expectations(RowSchema input, CheckRule rule, string path)
    {
        if (rule.Accepted is { } accepted)
        {
            return ("accepted", Each(accepted, "accepted", input.Require, (field, values, at) => (
                $"IN ({string.Join(", ", values.Select(v => TypedLiteral.ToCompare(field, v, at)))})",
                $"is not one of {string.Join(", ", values)}")));
        }

        if (rule.Range is { } range)
        {
            return ("range", Each(range, "range", input.Require, (field, limits, at) => (Between(field, limits, at), $"is not {Words(limits)}")));
        }

        return ("matches", Each(rule.Matches!, "matches", (c, at) => InputShape.RequireText(input, c, at!), (_, pattern, _) => (
            SqlText.Literal(pattern), $"does not match {pattern}")));

        IReadOnlyList<Expectation> Each<T>(IReadOnlyDictionary<string, T> byColumn, string form, Func<string, string?, Field> require, Func<Field, T, string, (string Test, string Otherwise)> make)
        {
            return [.. byColumn.Select(pair =>
            {
                var at = $"{path}.{form}.{pair.Key}";
                var field = require(pair.Key, at);
                var (test, otherwise) = make(field, pair.Value, at);
                var (before, after) = form == "matches" ? ($"regexp_matches({SqlText.Quote(field.Name)}, ", ")") : ($"{SqlText.Quote(field.Name)} ", "");
                return new Expectation(field.Name, before + test + after, $"{field.Name} {otherwise}", at, before.Length);
            })];
        }
    }

    private static string Between(Field field, RangeLimits limits, string path) => limits switch
    {
        { Min: { } min, Max: { } max } => $"BETWEEN {TypedLiteral.ToCompare(field, min, $"{path}.min")} AND {TypedLiteral.ToCompare(field, max, $"{path}.max")}",
        { Min: { } min } => $">= {TypedLiteral.ToCompare(field, min, $"{path}.min")}",
        _ => $"<= {TypedLiteral.ToCompare(field, limits.Max!, $"{path}.max")}",
    };

    private static string Words(RangeLimits limits) => limits switch
    {
        { Min: { } min, Max: { } max } => $"from {min} to {max}",
        { Min: { } min } => $"at least {min}",
        _ => $"at most {limits.Max}",
    };
}
