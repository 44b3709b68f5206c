using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Transforms;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Transforms;

[TestFixture]
internal sealed class CleanTests
{
    private static readonly string[] Value = ["value"];

    [TestCase("  a\t", "a")]
    [TestCase("\u00a0\u3000a b\r\n", "a b")]
    [TestCase("\ufeffa\v", "a")]
    [TestCase(" \t ", "")]
    [TestCase(null, "NULL")]
    public void Trim_strips_all_of_Unicodes_white_space(string? given, string expected) =>
        Assert.That(Cleaned(new CleanOptions { Trim = Value }, given).Passed, Is.EqualTo([expected]));

    [TestCase("a \t\u00a0 b", "a b")]
    [TestCase(" a  b ", " a b ")]
    public void Collapse_whitespace_makes_one_space_of_each_run(string given, string expected) =>
        Assert.That(Cleaned(new CleanOptions { CollapseWhitespace = Value }, given).Passed, Is.EqualTo([expected]));

    [Test]
    public void Steps_are_applied_in_the_documented_order()
    {
        var options = new CleanOptions { Upper = Value, Trim = Value, CollapseWhitespace = Value, EmptyToNull = Value, Fill = Map("value", "NONE") };

        Assert.That(Cleaned(options, "  new   york ").Passed, Is.EqualTo(["NEW YORK"]));
        Assert.That(Cleaned(options, "   ").Passed, Is.EqualTo(["NONE"]));
    }

    [TestCase(" Ada@Example.COM ", "ada@example.com", null)]
    [TestCase("ada@example", null, "email_value: ada@example")]
    [TestCase("a b@example.com", null, "email_value: a b@example.com")]
    [TestCase("a@b@example.com", null, "email_value: a@b@example.com")]
    [TestCase("ada@example.com.", null, "email_value: ada@example.com.")]
    [TestCase("  ", "NULL", null)]
    [TestCase(null, "NULL", null)]
    public void Emails_are_put_in_one_form_and_others_refused(string? given, string? passed, string? refused) =>
        AssertOutcome(Cleaned(new CleanOptions { Emails = Value }, given), passed, refused);

    [TestCase("+31 (0)20 123-45.67", "+31201234567", null)]
    [TestCase("0031 20 1234567", "+31201234567", null)]
    [TestCase("020 1234567", null, "phone_value: 020 1234567")]
    [TestCase("+31 20 call", null, "phone_value: +31 20 call")]
    [TestCase("", "NULL", null)]
    public void Phones_are_put_in_international_form_and_national_ones_refused(string given, string? passed, string? refused) =>
        AssertOutcome(Cleaned(new CleanOptions { Phones = Value }, given), passed, refused);

    [TestCase("2024-02-29", "2024-02-29", null)]
    [TestCase(" 29/02/2024 ", "2024-02-29", null)]
    [TestCase("29/02/2023", null, "date_value: 29/02/2023")]
    [TestCase("soon", null, "date_value: soon")]
    [TestCase("", "NULL", null)]
    public void Dates_are_read_in_any_of_their_formats(string given, string? passed, string? refused)
    {
        var outcome = Cleaned(new CleanOptions { Dates = Formats("%Y-%m-%d", "%d/%m/%Y") }, given);

        AssertOutcome(outcome, passed, refused);
        Assert.That(outcome.Types[0], Is.EqualTo("Date"));
    }

    [TestCase("%Y-%q")]
    [TestCase("%")]
    [TestCase("")]
    public void A_format_that_DuckDB_does_not_know_is_told_before_the_run(string format)
    {
        var error = Assert.Throws<EtlException>(() => Step(new CleanOptions { Dates = Formats("%Y", format) }))!;

        Assert.That(WholeText.Of(error), Is.EqualTo($"dates.value[1]: ETL3111: '{format}' is not a format of dates. Write one of strptime's, such as %Y-%m-%d, %d/%m/%Y or %-d %b %Y."));
    }

    [Test]
    public void Formats_that_are_accepted_are_known_to_DuckDB()
    {
        var formats = "a A b B c d -d f g G h H -H I -I j -j m -m M -M n p S -S T u U V w W x X y -y Y z Z %".Split(' ').Select(f => $"%Y %{f}");

        foreach (var format in formats)
        {
            Assert.That(() => Cleaned(new CleanOptions { Dates = Formats(format) }, "x"), Throws.Nothing, format);
        }
    }

    private static readonly TestCaseData[] Contradictions =
    [
        new(new CleanOptions { Lower = Value, Upper = Value }, "Upper[0]"),
        new(new CleanOptions { Upper = Value, Emails = Value }, "Emails[0]"),
        new(new CleanOptions { Phones = Value, Emails = Value }, "Phones[0]"),
        new(new CleanOptions { DropNulls = Value, RefuseNulls = ["VALUE"] }, "RefuseNulls[0]"),
        new(new CleanOptions { Emails = Value, Dates = Formats("%Y") }, "Dates"),
        new(new CleanOptions { Dates = Formats() }, "Dates"),
        new(new CleanOptions { Mask = Map("value", new MaskOptions()), Hash = Map("value", new HashOptions()) }, "Hash"),
        new(new CleanOptions { Mask = Map("value", new MaskOptions { With = "xx" }) }, "Mask"),
    ];

    [TestCaseSource(nameof(Contradictions))]
    public void Options_that_contradict_each_other_are_told_at_their_place(CleanOptions options, string property) =>
        Assert.That(new CleanRules().Validate(options).Errors.Select(e => e.PropertyName), Is.EqualTo([property]));

    [TestCase(CastFailure.DeadLetter, RefusalAction.DeadLetter)]
    [TestCase(CastFailure.Exclude, RefusalAction.Exclude)]
    [TestCase(CastFailure.Fail, RefusalAction.Fail)]
    public void On_invalid_says_what_becomes_of_the_row(CastFailure option, RefusalAction expected)
    {
        var step = Step(new CleanOptions { Emails = Value, OnInvalid = option });

        Assert.That(step.Refusals.Select(r => (r.Rule, r.Action, r.Reason)), Is.EqualTo([("email_value", expected, "value is not an e-mail address")]));
    }

    [Test]
    public void On_invalid_null_keeps_the_row_without_the_value() =>
        AssertOutcome(Cleaned(new CleanOptions { Emails = Value, OnInvalid = CastFailure.Null }, "nobody"), "NULL", null);

    [Test]
    public void Null_checks_look_at_the_cleaned_value()
    {
        AssertOutcome(Cleaned(new CleanOptions { Trim = Value, EmptyToNull = Value, RefuseNulls = Value }, "  "), null, "refuse_nulls_value:   ");
        AssertOutcome(Cleaned(new CleanOptions { EmptyToNull = Value, DropNulls = Value }, ""), null, "drop_nulls_value: ");
        AssertOutcome(Cleaned(new CleanOptions { DropNulls = Value, Fill = Map("value", "x") }, null), "x", null);
    }

    [Test]
    public void Nullability_follows_the_steps()
    {
        Assert.That(Nullable(new CleanOptions { Trim = Value }, nullable: false), Is.False);
        Assert.That(Nullable(new CleanOptions { Trim = Value }, nullable: true), Is.True);
        Assert.That(Nullable(new CleanOptions { EmptyToNull = Value }, nullable: false), Is.True);
        Assert.That(Nullable(new CleanOptions { Fill = Map("value", "x") }, nullable: true), Is.False);
        Assert.That(Nullable(new CleanOptions { RefuseNulls = Value }, nullable: true), Is.False);
        Assert.That(Nullable(new CleanOptions { DropNulls = Value, Hash = Map("value", new HashOptions()) }, nullable: true), Is.False);
    }

    [Test]
    public void Fill_keeps_the_columns_type()
    {
        using var runner = new StepRunner().With("rows", [Fields.Money("amount"), Fields.Long("n"), Fields.Date("day")], "(NULL, NULL, NULL)");

        var outcome = runner.Run(new Clean(new CleanOptions { Fill = new Dictionary<string, string> { ["amount"] = "0.5", ["n"] = "7", ["day"] = "2024-01-31" } }));

        Assert.That(outcome.Passed, Is.EqualTo(["0.50|7|2024-01-31"]));
    }

    [TestCase("amount", "0.005", "ETL3106: '0.005' does not fit column 'amount', which is decimal128. Write a number with at most 10 digits before and 2 after the point.")]
    [TestCase("amount", "12345678901", "ETL3106: '12345678901' does not fit column 'amount', which is decimal128. Write a number with at most 10 digits before and 2 after the point.")]
    [TestCase("n", "1.5", "ETL3106: '1.5' does not fit column 'n', which is int64. Write a whole number of 64 bits.")]
    [TestCase("n", "1) or (1=1", "ETL3106: '1) or (1=1' does not fit column 'n', which is int64. Write a whole number of 64 bits.")]
    [TestCase("day", "31-01-2024", "ETL3106: '31-01-2024' does not fit column 'day', which is date32. Write a date such as 2024-01-31.")]
    [TestCase("nothing", "1", "ETL3010: there is no column 'nothing' here. Columns are: amount, n, day.")]
    public void A_fill_that_does_not_fit_is_refused_at_its_option(string column, string value, string told)
    {
        using var runner = new StepRunner().With("rows", [Fields.Money("amount"), Fields.Long("n"), Fields.Date("day")], "");

        var error = Assert.Throws<EtlException>(() => runner.Run(new Clean(new CleanOptions { Fill = Map(column, value) })))!;

        Assert.That(WholeText.Of(error), Is.EqualTo($"fill.{column}: {told}"));
    }

    [TestCase("4111111111111111", "************1111")]
    [TestCase("1111", "****")]
    [TestCase("é😀abcd", "**abcd")]
    [TestCase("", "")]
    public void Mask_hides_all_but_what_is_to_be_kept_and_short_values_whole(string given, string expected) =>
        Assert.That(Cleaned(new CleanOptions { Mask = Map("value", new MaskOptions { KeepLast = 4 }) }, given).Passed, Is.EqualTo([expected]));

    [Test]
    public void Hash_is_sha256_of_salt_and_value_in_hex()
    {
        var plain = Cleaned(new CleanOptions { Hash = Map("value", new HashOptions()) }, "a");
        Assert.That(plain.Passed, Is.EqualTo(["ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"]));

        using var runner = Runner("b").WithParameter("salt", "a");
        Assert.That(runner.Run(new Clean(new CleanOptions { Hash = Map("value", new HashOptions { Salt = "salt" }) })).Passed,
            Is.EqualTo(["fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"]));
    }

    [Test]
    public void A_step_for_text_refuses_another_type()
    {
        using var runner = new StepRunner().With("rows", [Fields.Long("id"), Fields.Text("value")], "");

        var error = Assert.Throws<EtlException>(() => runner.Run(new Clean(new CleanOptions { Trim = ["value", "id"] })))!;

        Assert.That(WholeText.Of(error), Is.EqualTo("trim[1]: ETL3102: column 'id' is int64; this is for text only. Put a `cast` to varchar before it, or leave the column out."));
    }

    [Test]
    public void Quotes_in_names_and_values_stay_data()
    {
        using var runner = new StepRunner().With("rows", [Fields.Text("a\"b'c")], "(NULL)");

        Assert.That(runner.Run(new Clean(new CleanOptions { Trim = ["a\"b'c"], Fill = Map("a\"b'c", "it's") })).Passed, Is.EqualTo(["it's"]));
    }

    [Test]
    public void Cleaning_twice_is_cleaning_once()
    {
        var options = new[]
        {
            new CleanOptions { Trim = Value, CollapseWhitespace = Value, Lower = Value, EmptyToNull = Value },
            new CleanOptions { CollapseWhitespace = Value, Upper = Value, Fill = Map("value", "X") },
            new CleanOptions { Emails = Value, OnInvalid = CastFailure.Null },
            new CleanOptions { Phones = Value, OnInvalid = CastFailure.Null },
            new CleanOptions { Dates = Formats("%d/%m/%Y"), OnInvalid = CastFailure.Null },
            new CleanOptions { Trim = Value, Mask = Map("value", new MaskOptions { KeepFirst = 1, KeepLast = 2 }) },
        };
        var text = Gen.OneOf(Gen.String[Gen.Char[" \t\u00a0\nAbéßİ@.+0123/-()"], 0, 14], Gen.Const("+31 (0)20 1234567"), Gen.Const(" A@b.co"), Gen.Const("01/02/2024"));

        Gen.Select(text.Array[100], Gen.Int[0, options.Length - 1]).Sample((given, which) =>
        {
            using var runner = new StepRunner().With("rows", [Fields.Text("value")], string.Join(", ", given.Select(g => $"({SqlText.Literal(g)})")));
            var once = Materialised(runner, options[which], "once", "rows");
            var twice = Materialised(runner, options[which], "twice", "once");
            Assert.That(twice, Is.EqualTo(once), $"option set {which}");
        }, iter: 12, threads: 1);
    }

    // Runs on a table that a former run has made, so that the type of its column counts.
    private static IReadOnlyList<string> Materialised(StepRunner runner, CleanOptions options, string into, string from)
    {
        var field = from == "once" && options.Dates.Count > 0 ? Fields.Date("value") : Fields.Text("value");
        var step = (RowLocalStep)new Clean(options).Describe([new RelationalInput(from, new RowSchema(new Apache.Arrow.Schema([field], null)))]);
        runner.Execute($"CREATE TABLE {into} AS SELECT {step.Columns![0].Expression.Text} AS value FROM {from} ORDER BY {from}.rowid");
        return runner.Read($"SELECT value FROM {into} ORDER BY rowid");
    }

    private static Outcome Cleaned(CleanOptions options, string? given)
    {
        using var runner = Runner(given);
        return runner.Run(new Clean(options));
    }

    private static StepRunner Runner(string? given) =>
        new StepRunner().With("rows", [Fields.Text("value")], $"({(given is null ? "NULL" : SqlText.Literal(given))})");

    private static RowLocalStep Step(CleanOptions options, bool nullable = true) => (RowLocalStep)new Clean(options).Describe(
        [new RelationalInput("rows", new RowSchema(new Apache.Arrow.Schema([Fields.Text("value", nullable)], null)))]);

    private static bool? Nullable(CleanOptions options, bool nullable) => Step(options, nullable).Columns![0].Nullable;

    private static void AssertOutcome(Outcome outcome, string? passed, string? refused)
    {
        Assert.That(outcome.Passed, Is.EqualTo(passed is null ? System.Array.Empty<string>() : [passed]));
        Assert.That(outcome.Refused, Is.EqualTo(refused is null ? System.Array.Empty<string>() : [refused]));
    }

    private static Dictionary<string, T> Map<T>(string column, T value) => new() { [column] = value };

    private static Dictionary<string, IReadOnlyList<string>> Formats(params string[] formats) => new() { ["value"] = formats };
}
