using Etl.Contracts;
using Etl.Plugins.Transforms;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Transforms;

[TestFixture]
internal sealed class CheckTests
{
    private static readonly Apache.Arrow.Field[] Orders = [Fields.Long("id", nullable: false), Fields.Money("amount"), Fields.Text("status"), Fields.Date("day")];

    private const string Rows = "(1, 5, 'new', '2024-01-01'), (2, -5, 'paid', '2024-02-01'), (3, NULL, 'lost', NULL), (4, 0.01, NULL, '2030-01-01')";

    private static readonly TestCaseData[] RowRuleCases =
    [
        Case("expect", new CheckRule { Expect = "amount > 0" }, "expect_amount_gt_0", 2, 3),
        Case("expect, NULL passes", new CheckRule { Expect = "amount > 0", Null = NullRule.Pass }, "expect_amount_gt_0", 2),
        Case("expect with a comment", new CheckRule { Name = "r", Expect = "amount > 0 -- or so" }, "r", 2, 3),
        Case("expect with or", new CheckRule { Name = "r", Expect = "amount > 0 or id = 2" }, "r", 3),
        Case("not_null", new CheckRule { NotNull = ["amount"] }, "not_null_amount", 3),
        Case("not_null, in another case", new CheckRule { NotNull = ["AMOUNT"] }, "not_null_amount", 3),
        Case("not_null of several, named", new CheckRule { Name = "there", NotNull = ["amount", "status"] }, "there", 3, 4),
        Case("accepted", new CheckRule { Accepted = Map<IReadOnlyList<string>>("status", ["new", "paid"]) }, "accepted_status", 3, 4),
        Case("accepted, NULL passes", new CheckRule { Accepted = Map<IReadOnlyList<string>>("status", ["new", "paid"]), Null = NullRule.Pass }, "accepted_status", 3),
        Case("accepted numbers", new CheckRule { Accepted = Map<IReadOnlyList<string>>("id", ["1", "2", "99999999999999999999"]) }, "accepted_id", 3, 4),
        Case("range", new CheckRule { Range = Map("amount", new RangeLimits { Min = "-1", Max = "10" }) }, "range_amount", 2, 3),
        Case("range, NULL passes", new CheckRule { Range = Map("amount", new RangeLimits { Min = "-1" }), Null = NullRule.Pass }, "range_amount", 2),
        Case("range finer than the column", new CheckRule { Range = Map("amount", new RangeLimits { Max = "4.999" }) }, "range_amount", 1, 3),
        Case("range of dates", new CheckRule { Range = Map("day", new RangeLimits { Max = "2024-12-31" }), Null = NullRule.Pass }, "range_day", 4),
        Case("matches", new CheckRule { Matches = Map("status", "^[np]") }, "matches_status", 3, 4),
        Case("matches, NULL passes", new CheckRule { Matches = Map("status", "a") , Null = NullRule.Pass }, "matches_status", 1, 3),
    ];

    [TestCaseSource(nameof(RowRuleCases))]
    public void A_rule_refuses_the_rows_that_break_it(CheckRule rule, string name, int[] ids)
    {
        var outcome = Run(rule);

        Assert.That(outcome.Refused.Select(r => r.Split('|')[0]), Is.EqualTo(ids.Select(id => $"{name}: {id}")));
        Assert.That(outcome.Passed, Has.Count.EqualTo(4 - ids.Length));
    }

    [TestCase(null, RefusalAction.DeadLetter)]
    [TestCase(RefusalAction.Exclude, RefusalAction.Exclude)]
    [TestCase(RefusalAction.Fail, RefusalAction.Fail)]
    public void On_fail_is_dead_letter_unless_said(RefusalAction? given, RefusalAction expected) =>
        Assert.That(Step(new CheckRule { Expect = "amount > 0", OnFail = given }).Refusals.Single().Action, Is.EqualTo(expected));

    [Test]
    public void A_row_that_only_warns_passes_and_is_still_refused_by_a_later_rule()
    {
        var outcome = Run(
            new CheckRule { Name = "soft", Expect = "amount > 1", OnFail = RefusalAction.Warn },
            new CheckRule { Name = "hard", Expect = "amount >= 0" });

        Assert.That(outcome.Refused.Select(r => r.Split('|')[0]), Is.EqualTo(["hard: 2", "hard: 3"]));
        Assert.That(outcome.Warned.Select(r => r.Split('|')[0]), Is.EqualTo(["soft: 4"]));
        Assert.That(outcome.Passed, Has.Count.EqualTo(2));
    }

    [Test]
    public void The_first_rule_that_holds_decides()
    {
        var outcome = Run(new CheckRule { Name = "a", Expect = "amount > 0" }, new CheckRule { Name = "b", NotNull = ["amount"] });

        Assert.That(outcome.Refused.Select(r => r.Split('|')[0]), Is.EqualTo(["a: 2", "a: 3"]));
    }

    [TestCase(NullRule.Fail, "unique_a_b: 1|1 unique_a_b: 1|1 unique_a_b: 2|NULL unique_a_b: 2|NULL unique_a_b: 3|NULL")]
    [TestCase(NullRule.Pass, "unique_a_b: 1|1 unique_a_b: 1|1")]
    public void Unique_refuses_all_rows_that_share_a_value(NullRule nulls, string refused)
    {
        using var runner = new StepRunner().With("rows", [Fields.Long("a"), Fields.Long("b")], "(1, 1), (1, 1), (1, 2), (2, NULL), (2, NULL), (3, NULL)");

        var outcome = runner.Run(new Check(new CheckOptions { Rules = [new CheckRule { Unique = ["a", "b"], Null = nulls }] }));

        Assert.That(string.Join(' ', outcome.Refused), Is.EqualTo(refused));
    }

    [Test]
    public void Unique_proves_a_key_where_none_is_known()
    {
        var rule = new CheckRule { Unique = ["status", "Day"] };

        Assert.That(Step(rule).Key, Is.EqualTo(["status", "day"]));
        Assert.That(Step(rule).Refusals.Single().Windowed, Is.True);
        Assert.That(Step(rule with { Null = NullRule.Pass }).Key, Is.Null);
        Assert.That(Step(rule with { OnFail = RefusalAction.Warn }).Key, Is.Null);
    }

    [TestCase(4L, null, false)]
    [TestCase(5L, null, true)]
    [TestCase(null, 3L, true)]
    [TestCase(1L, 4L, false)]
    public void Row_count_looks_at_the_rows_that_pass(long? min, long? max, bool broken) =>
        Assert.That(Run(new CheckRule { RowCount = new RowCountLimits { Min = min, Max = max } }).BrokenTableRules, Is.EqualTo(broken ? ["row_count"] : System.Array.Empty<string>()));

    [TestCase("refused_ratio < 0.3", 0, true)]
    [TestCase("refused_ratio <= 0.5", 0, false)]
    [TestCase("rows_in = rows_passed + rows_refused", 0, false)]
    [TestCase("null", 0, true)]
    [TestCase("false", 4, true)]
    [TestCase("false", 5, false)]
    public void Expect_table_is_over_the_counts_and_from_min_rows_on(string condition, int minRows, bool broken) =>
        Assert.That(Run(new CheckRule { Expect = "amount > 0" }, new CheckRule { Name = "whole", ExpectTable = condition, MinRows = minRows }).BrokenTableRules,
            Is.EqualTo(broken ? ["whole"] : System.Array.Empty<string>()));

    [TestCase("day", "2024-01-04T00:00:00Z", 1, false)]
    [TestCase("day", "2024-01-04T00:00:01Z", 1, true)]
    [TestCase("at", "2024-01-04T12:00:00Z", 1, false)]
    [TestCase("at", "2024-01-04T12:00:00.000001Z", 1, true)]
    [TestCase("zoned", "2024-01-04T12:00:00Z", 1, false)]
    [TestCase("zoned", "2024-01-04T12:00:00.000001Z", 1, true)]
    public void Freshness_compares_the_newest_value_with_the_start_of_the_run(string column, string startedAt, int days, bool broken)
    {
        using var runner = new StepRunner()
            .With("rows", [Fields.Date("day"), Fields.Moment("at"), Fields.Moment("zoned", "UTC")],
                "('2024-01-03', '2024-01-03 12:00:00', '2024-01-03 12:00:00Z'), ('2020-01-01', '2020-01-01', NULL)")
            .WithParameter("run_started_at", DateTimeOffset.Parse(startedAt, System.Globalization.CultureInfo.InvariantCulture));
        runner.Execute("SET TimeZone = 'America/New_York'");

        var outcome = runner.Run(new Check(new CheckOptions { Rules = [new CheckRule { Freshness = new FreshnessLimit { Column = column, MaxAge = TimeSpan.FromDays(days) } }] }));

        Assert.That(outcome.BrokenTableRules, Is.EqualTo(broken ? [$"freshness_{column}"] : System.Array.Empty<string>()));
    }

    [TestCase(null, false)]
    [TestCase(0L, true)]
    public void Freshness_of_nothing_is_looked_at_only_with_min_rows_0(long? minRows, bool broken)
    {
        using var runner = new StepRunner().With("rows", Orders, "").WithParameter("run_started_at", DateTimeOffset.UnixEpoch);
        var rule = new CheckRule { Freshness = new FreshnessLimit { Column = "day", MaxAge = TimeSpan.FromDays(1) }, MinRows = minRows };

        Assert.That(runner.Run(new Check(new CheckOptions { Rules = [rule] })).BrokenTableRules, Has.Count.EqualTo(broken ? 1 : 0));
    }

    private static readonly TestCaseData[] Mistakes =
    [
        new(new CheckRule { NotNull = ["id", "nothing"] }, "ETL3010", "rules[0].not_null[1]"),
        new(new CheckRule { Accepted = Map<IReadOnlyList<string>>("id", ["x"]) }, "ETL3106", "rules[0].accepted.id"),
        new(new CheckRule { Range = Map("day", new RangeLimits { Min = "yesterday" }) }, "ETL3106", "rules[0].range.day.min"),
        new(new CheckRule { Range = Map("amount", new RangeLimits { Max = "0 or true" }) }, "ETL3106", "rules[0].range.amount.max"),
        new(new CheckRule { Matches = Map("id", "x") }, "ETL3102", "rules[0].matches.id"),
        new(new CheckRule { Expect = "true) or (true" }, "ETL3101", "rules[0].expect"),
        new(new CheckRule { Freshness = new FreshnessLimit { Column = "status", MaxAge = TimeSpan.FromDays(1) } }, "ETL3102", "rules[0].freshness.column"),
    ];

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_told_at_its_option(CheckRule rule, string code, string path)
    {
        var error = Assert.Throws<EtlException>(() => Step(rule))!;

        Assert.That((error.Code, error.OptionPath), Is.EqualTo((code, path)));
    }

    [Test]
    public void A_regular_expression_points_to_where_it_stands()
    {
        var when = Step(new CheckRule { Matches = Map("status", "a(") }).Refusals.Single().When;

        Assert.That((when.OptionPath, when.Text[when.Offset..]), Is.EqualTo(("rules[0].matches.status", "'a(')) IS NOT TRUE")));
    }

    [Test]
    public void Two_rules_of_one_name_are_refused()
    {
        var error = Assert.Throws<EtlException>(() => Step(new CheckRule { Expect = "amount > 0" }, new CheckRule { Expect = "Amount>0" }))!;

        Assert.That((error.Code, error.OptionPath, error.Message), Is.EqualTo(("ETL3105", "rules[1]", "two rules have the name 'expect_amount_gt_0'")));
    }

    private static readonly TestCaseData[] Invalid =
    [
        new(new CheckRule { Expect = "true", NotNull = ["id"] }, "Rules[0]"),
        new(new CheckRule { Name = "nothing" }, "Rules[0]"),
        new(new CheckRule { RowCount = new RowCountLimits { Min = 1 }, OnFail = RefusalAction.DeadLetter }, "Rules[0].OnFail"),
        new(new CheckRule { Expect = "true", MinRows = 1 }, "Rules[0].MinRows"),
        new(new CheckRule { NotNull = ["id"], Null = NullRule.Pass }, "Rules[0].Null"),
        new(new CheckRule { RowCount = new RowCountLimits { Min = 2, Max = 1 } }, "Rules[0].RowCount"),
        new(new CheckRule { RowCount = new RowCountLimits() }, "Rules[0].RowCount"),
        new(new CheckRule { Range = Map("id", new RangeLimits()) }, "Rules[0].Range"),
    ];

    [TestCaseSource(nameof(Invalid))]
    public void Options_that_do_not_go_together_are_told_at_their_place(CheckRule rule, string property) =>
        Assert.That(new CheckOptionsRules().Validate(new CheckOptions { Rules = [rule] }).Errors.Select(e => e.PropertyName), Is.EqualTo([property]));

    private static TestCaseData Case(string name, CheckRule rule, string ruleName, params int[] ids) => new TestCaseData(rule, ruleName, ids).SetArgDisplayNames(name);

    private static Outcome Run(params CheckRule[] rules)
    {
        using var runner = new StepRunner().With("orders", Orders, Rows);
        return runner.Run(new Check(new CheckOptions { Rules = rules }));
    }

    private static RowLocalStep Step(params CheckRule[] rules) => (RowLocalStep)new Check(new CheckOptions { Rules = rules }).Describe(
        [new RelationalInput("orders", new RowSchema(new Apache.Arrow.Schema(Orders, null)))]);

    private static Dictionary<string, T> Map<T>(string column, T value) => new() { [column] = value };
}
