using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Transforms;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Transforms;

[TestFixture]
internal sealed class CastTests
{
    [TestCase("12", "integer", "12")]
    [TestCase(" 12 ", "integer", "12")]
    [TestCase("12.50", "decimal(12,2)", "12.50")]
    [TestCase("12.5000", "decimal(12,2)", "12.50")]
    [TestCase("1e3", "decimal(12, 2)", "1000.00")]
    [TestCase("9999999999.99", "decimal(12,2)", "9999999999.99")]
    [TestCase("9223372036854775807", "bigint", "9223372036854775807")]
    [TestCase("2024-02-29", "date", "2024-02-29")]
    [TestCase("true", "boolean", "True")]
    [TestCase("perhaps", "boolean", null)]
    [TestCase("1.005", "decimal(12,2)", null)]
    [TestCase("0.00000000001", "decimal(12,2)", null)]
    [TestCase("12345678901", "decimal(12,2)", null)]
    [TestCase("1.5", "integer", null)]
    [TestCase("9223372036854775808", "bigint", null)]
    [TestCase("", "integer", null)]
    [TestCase("x", "date", null)]
    [TestCase("2023-02-29", "date", null)]
    public void A_text_converts_exactly_or_is_refused(string given, string type, string? expected)
    {
        var outcome = Run(Fields.Text("v"), SqlText.Literal(given), type);

        Assert.That(outcome.Passed, Is.EqualTo(expected is null ? System.Array.Empty<string>() : [expected]));
        Assert.That(outcome.Refused, Is.EqualTo(expected is null ? [$"cast_v: {given}"] : System.Array.Empty<string>()));
    }

    [TestCase("2.0", "integer", "2")]
    [TestCase("1.5", "integer", null)]
    [TestCase("0.1", "decimal(12,2)", "0.10")]
    [TestCase("1e300", "bigint", null)]
    public void A_binary_fraction_is_not_rounded_to_a_whole_number(string given, string type, string? expected) =>
        Assert.That(Run(Fields.Double("v"), given, type).Passed, Is.EqualTo(expected is null ? System.Array.Empty<string>() : [expected]));

    [TestCase("1.50", "decimal(5,1)", "1.5")]
    [TestCase("1.55", "decimal(5,1)", null)]
    [TestCase("2.00", "smallint", "2")]
    [TestCase("2.01", "smallint", null)]
    public void A_decimal_is_not_rounded(string given, string type, string? expected) =>
        Assert.That(Run(Fields.Money("v"), given, type).Passed, Is.EqualTo(expected is null ? System.Array.Empty<string>() : [expected]));

    [Test]
    public void NULL_stays_NULL_and_passes() => Assert.That(Run(Fields.Text("v"), "NULL", "integer").Passed, Is.EqualTo(["NULL"]));

    [Test]
    public void Allow_rounding_takes_the_rounded_value() =>
        Assert.That(Run(Fields.Text("v"), "'1.005'", "decimal(12,2)", new CastOptions { Columns = new Dictionary<string, string>(), AllowRounding = true }).Passed, Is.EqualTo(["1.01"]));

    [TestCase("'1.5'")]
    [TestCase("'x'")]
    public void On_fail_null_keeps_the_row_without_the_value(string given) =>
        Assert.That(Run(Fields.Text("v"), given, "integer", new CastOptions { Columns = new Dictionary<string, string>(), OnFail = CastFailure.Null }).Passed, Is.EqualTo(["NULL"]));

    [Test]
    public void Nullability_stays_unless_failures_become_NULL()
    {
        Assert.That(Step("integer", CastFailure.Exclude).Columns![0].Nullable, Is.False);
        Assert.That(Step("integer", CastFailure.Null).Columns![0].Nullable, Is.True);
    }

    [Test]
    public void A_key_of_whole_numbers_stays_one_in_a_type_that_keeps_them_apart()
    {
        Assert.That(Step("bigint", CastFailure.DeadLetter, Fields.Long("v", false)).Key, Is.EqualTo(["v"]));
        Assert.That(Step("varchar", CastFailure.DeadLetter, Fields.Long("v", false)).Key, Is.EqualTo(["v"]));
        Assert.That(Step("smallint", CastFailure.Null, Fields.Long("v", false)).Key, Is.Empty);
        Assert.That(Step("integer", CastFailure.DeadLetter).Key, Is.Empty);
    }

    [TestCase("integer) --")]
    [TestCase("decimal(12,2); drop")]
    [TestCase("decimal(12,2")]
    [TestCase("\"x\"")]
    [TestCase("")]
    public void Only_the_name_of_a_type_enters_the_SQL(string type)
    {
        var error = Assert.Throws<EtlException>(() => Step(type, CastFailure.Fail))!;

        Assert.That((error.Code, error.OptionPath), Is.EqualTo(("ETL3109", "columns.v")));
    }

    [Test]
    public void SQL_points_to_where_the_type_stands()
    {
        var step = Step("integr", CastFailure.DeadLetter);

        Assert.That(step.Columns![0].Expression.Text[step.Columns[0].Expression.Offset..], Does.StartWith("integr"));
        Assert.That(step.Refusals[0].When.Text[step.Refusals[0].When.Offset..], Does.StartWith("integr"));
    }

    private static Outcome Run(Field field, string value, string type, CastOptions? options = null)
    {
        using var runner = new StepRunner().With("rows", [field], $"({value})");
        return runner.Run(new Cast((options ?? new CastOptions { Columns = new Dictionary<string, string>() }) with { Columns = new Dictionary<string, string> { ["v"] = type } }));
    }

    private static RowLocalStep Step(string type, CastFailure onFail, Field? field = null) =>
        (RowLocalStep)new Cast(new CastOptions { Columns = new Dictionary<string, string> { ["v"] = type }, OnFail = onFail })
            .Describe([new RelationalInput("rows", new RowSchema(new Schema([field ?? Fields.Text("v", false)], null), ["v"]))]);
}
