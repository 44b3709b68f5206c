using System.Globalization;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Transforms;

/// <summary>
/// Refuses rows that break rules, and runs that break rules on the whole. Columns do not change. Rules that only warn stand after all
/// others, so that a row that warns is still refused by the rule that refuses it.
/// </summary>
[Transformer("check", "Checks rules on each row and on the whole, and says what becomes of what breaks them.")]
public sealed class Check(CheckOptions options) : IRelationalTransformer
{
    /// <inheritdoc/>
    public RelationalStep Describe(IReadOnlyList<RelationalInput> inputs)
    {
        var input = InputShape.One(inputs, "check").Schema;
        var refusals = new List<Refusal>();
        var tableRules = new List<TableRule>();
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        IReadOnlyList<string>? key = null;
        for (var i = 0; i < options.Rules.Count; i++)
        {
            var (rule, path) = (options.Rules[i], InputShape.Path("rules", i));
            if (rule.OnWhole)
            {
                tableRules.Add(WholeRule(input, rule, i, path));
                RequireNew(tableRules[^1].Rule, names, path);
                continue;
            }

            var made = RowRules.From(input, rule, path).ToList();
            made.ForEach(r => RequireNew(r.Rule, names, path));
            refusals.AddRange(made);
            if (rule is { Unique: { } unique, Null: NullRule.Fail, OnFail: not RefusalAction.Warn })
            {
                key ??= [.. unique.Select(c => InputShape.NameOf(input, c))];
            }
        }

        return new RowLocalStep([.. refusals.OrderBy(r => r.Action == RefusalAction.Warn)], Columns: null)
        {
            TableRules = tableRules,
            Key = key,
        };
    }

    private static TableRule WholeRule(RowSchema input, CheckRule rule, int position, string path)
    {
        var action = rule.OnFail ?? RefusalAction.Fail;
        var none = new Dictionary<string, Sql>();
        if (rule.ExpectTable is { } condition)
        {
            return new TableRule(rule.Name ?? RuleName.Of("expect", condition), action, SqlFragment.Expression(condition, $"{path}.expect_table"), rule.MinRows ?? 0, none);
        }

        if (rule.RowCount is { } count)
        {
            string?[] limits = [Limit("rows_passed >= ", count.Min), Limit("rows_passed <= ", count.Max)];
            return new TableRule(rule.Name ?? "row_count", action, string.Join(" AND ", limits.OfType<string>()), 0, none);
        }

        var freshness = rule.Freshness!;
        var field = input.Require(freshness.Column, $"{path}.freshness.column");
        if (field.DataType is not (TimestampType or Date32Type))
        {
            throw new EtlException("ETL3102", $"column '{field.Name}' is {field.DataType.Name}; freshness needs a date or a timestamp", "Name a column with a time, or `cast` it before.") { OptionPath = $"{path}.freshness.column" };
        }

        // As microseconds since 1970, times with and without zone compare without asking the session's zone.
        var newest = string.Create(CultureInfo.InvariantCulture, $"newest_{position}");
        var age = (freshness.MaxAge.Ticks / TimeSpan.TicksPerMicrosecond).ToString(CultureInfo.InvariantCulture);
        return new TableRule(
            rule.Name ?? $"freshness_{field.Name}", action, $"{newest} >= epoch_us($run_started_at) - {age}", rule.MinRows ?? 1,
            new Dictionary<string, Sql> { [newest] = $"epoch_us(max({SqlText.Quote(field.Name)}))" });
    }

    private static string? Limit(string comparison, long? limit) =>
        limit is { } number ? string.Create(CultureInfo.InvariantCulture, $"{comparison}{number}") : null;

    private static void RequireNew(string name, HashSet<string> names, string path)
    {
        if (!names.Add(name))
        {
            throw new EtlException("ETL3105", $"two rules have the name '{name}'", "Give the rule a `name` of its own.") { OptionPath = path };
        }
    }
}
