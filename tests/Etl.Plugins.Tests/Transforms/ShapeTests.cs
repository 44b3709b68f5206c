using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Transforms;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Transforms;

/// <summary>select, derive and filter: what they do to columns and keys.</summary>
[TestFixture]
internal sealed class ShapeTests
{
    private static readonly Field[] Orders = [Fields.Long("id", nullable: false), Fields.Money("amount"), Fields.Text("note")];

    private static readonly Field Op = Fields.Text(RowSchema.OpColumn, nullable: false);

    [Test]
    public void Select_keeps_in_the_order_given_and_renames_first()
    {
        var outcome = Run(new Select(new SelectOptions { Columns = ["total", "id"], Rename = new Dictionary<string, string> { ["total"] = "amount" } }));

        Assert.That(outcome.Columns, Is.EqualTo(["total", "id"]));
        Assert.That(outcome.Passed, Is.EqualTo(["1.50|1", "NULL|2"]));
    }

    [Test]
    public void Select_drops_and_can_swap_two_names()
    {
        Assert.That(Run(new Select(new SelectOptions { Drop = ["AMOUNT"] })).Columns, Is.EqualTo(["id", "note"]));
        var swapped = Run(new Select(new SelectOptions { Rename = new Dictionary<string, string> { ["note"] = "amount", ["amount"] = "note" } }));
        Assert.That(swapped.Columns, Is.EqualTo(["id", "note", "amount"]));
        Assert.That(swapped.Passed, Is.EqualTo(["1|1.50|a", "2|NULL|NULL"]));
    }

    [Test]
    public void Select_follows_the_key_through_its_new_name()
    {
        Assert.That(Step(new Select(new SelectOptions { Rename = new Dictionary<string, string> { ["order_id"] = "id" } })).Key, Is.EqualTo(["order_id"]));
        Assert.That(Step(new Select(new SelectOptions { Columns = ["note"] })).Key, Is.Empty);
    }

    [Test]
    public void The_engines_column_is_never_listed()
    {
        Assert.That(Step(new Select(new SelectOptions { Drop = ["note"] })).Columns!.Select(c => c.Name), Is.EqualTo(["id", "amount"]));
        Assert.That(Step(new Derive(new DeriveOptions { Columns = Map("x", "1") })).Columns!.Select(c => c.Name), Is.EqualTo(["id", "amount", "note", "x"]));
        Assert.That(Step(new Cast(new CastOptions { Columns = Map("amount", "double") })).Columns!.Select(c => c.Name), Is.EqualTo(["id", "amount", "note"]));
        Assert.That(Step(new Clean(new CleanOptions { Trim = ["note"] })).Columns!.Select(c => c.Name), Is.EqualTo(["id", "amount", "note"]));
    }

    private static readonly TestCaseData[] SelectMistakes =
    [
        new(new SelectOptions { Columns = ["nothing"] }, "ETL3010", "columns[0]"),
        new(new SelectOptions { Columns = ["amount"], Rename = Map("total", "amount") }, "ETL3010", "columns[0]"),
        new(new SelectOptions { Columns = ["id", "ID"] }, "ETL3103", "columns[1]"),
        new(new SelectOptions { Rename = Map("note", "amount") }, "ETL3103", "rename.note"),
        new(new SelectOptions { Rename = new Dictionary<string, string> { ["a"] = "id", ["b"] = "id" } }, "ETL3103", "rename.b"),
        new(new SelectOptions { Rename = Map("_a", "id") }, "ETL3104", "rename._a"),
        new(new SelectOptions { Drop = ["id", "amount", "note"] }, "ETL3110", "drop"),
    ];

    [TestCaseSource(nameof(SelectMistakes))]
    public void A_mistake_in_select_is_told_at_its_option(SelectOptions options, string code, string path)
    {
        var error = Assert.Throws<EtlException>(() => Step(new Select(options)))!;

        Assert.That((error.Code, error.OptionPath), Is.EqualTo((code, path)));
    }

    [Test]
    public void Select_keeps_or_drops_but_not_both_and_not_nothing()
    {
        Assert.That(Broken(new SelectOptions { Columns = ["id"], Drop = ["note"] }), Is.EqualTo(["Drop"]));
        Assert.That(Broken(new SelectOptions()), Is.EqualTo(["Columns"]));
        Assert.That(Broken(new SelectOptions { Drop = ["note"] }), Is.Empty);

        static IEnumerable<string> Broken(SelectOptions options) => new SelectRules().Validate(options).Errors.Select(e => e.PropertyName);
    }

    [Test]
    public void Derive_replaces_in_place_appends_and_sees_the_input_only()
    {
        var outcome = Run(new Derive(new DeriveOptions
        {
            Columns = new Dictionary<string, string> { ["twice"] = "amount * 2 -- as it came", ["amount"] = "coalesce(amount, 9)", ["Note"] = "upper(note)" },
        }));

        Assert.That(outcome.Columns, Is.EqualTo(["id", "amount", "Note", "twice"]));
        Assert.That(outcome.Passed, Is.EqualTo(["1|1.50|A|3.00", "2|9.00|NULL|NULL"]));
    }

    [TestCase("a; drop table x", 1)]
    [TestCase("a) from x --", 1)]
    [TestCase("(a", 0)]
    [TestCase("'a", 0)]
    [TestCase("a /* b /* c */", 2)]
    [TestCase("[a)", 2)]
    [TestCase("$tag$ a $$", 0)]
    [TestCase("  ", 0)]
    public void Derive_refuses_what_is_not_one_expression_where_it_breaks(string sql, int offset)
    {
        var error = Assert.Throws<EtlException>(() => Step(new Derive(new DeriveOptions { Columns = Map("x", sql) })))!;

        Assert.That((error.Code, error.OptionPath, error.OptionOffset), Is.EqualTo(("ETL3101", "columns.x", (int?)offset)));
    }

    [TestCase("'a;)' || \"note\"")]
    [TestCase("e'it\\'s;('")]
    [TestCase("'it''s)'")]
    [TestCase("$$;)$$")]
    [TestCase("$t$;)$$($t$")]
    [TestCase("coalesce(note, ';') /* ; ( */")]
    [TestCase("[1, 2][1] -- )")]
    public void Derive_takes_brackets_and_semicolons_inside_of_quotations(string sql) =>
        Assert.That(Run(new Derive(new DeriveOptions { Columns = Map("x", sql) })).Columns, Has.Member("x"));

    [TestCase("amount > 1", new[] { "filter: 2" }, new[] { "1" })]
    [TestCase("amount > 1 or id = 2", new string[0], new[] { "1", "2" })]
    [TestCase("false -- none", new[] { "filter: 1", "filter: 2" }, new string[0])]
    public void Filter_excludes_rows_for_which_the_condition_is_not_true(string where, string[] refused, string[] passed)
    {
        var outcome = Run(new Filter(new FilterOptions { Where = where }));

        Assert.That(outcome.Refused.Select(r => r.Split('|')[0]), Is.EqualTo(refused));
        Assert.That(outcome.Passed.Select(r => r.Split('|')[0]), Is.EqualTo(passed));
    }

    [Test]
    public void Filter_points_to_where_the_options_text_starts()
    {
        var when = Step(new Filter(new FilterOptions { Where = "amount > 1" })).Refusals.Single().When;

        Assert.That((when.OptionPath, when.Text[when.Offset..(when.Offset + 10)]), Is.EqualTo(("where", "amount > 1")));
    }

    [Test]
    public void A_transformer_of_one_input_refuses_two()
    {
        using var runner = new StepRunner().With("a", Orders, "").With("b", Orders, "");

        var error = Assert.Throws<EtlException>(() => runner.Run(new Filter(new FilterOptions { Where = "true" })))!;

        Assert.That((error.Code, error.Message), Is.EqualTo(("ETL3108", "filter takes one input; it has a, b")));
    }

    private static Outcome Run(IRelationalTransformer transformer)
    {
        using var runner = new StepRunner().With("orders", Orders, "(1, 1.5, 'a'), (2, NULL, NULL)", "id");
        return runner.Run(transformer);
    }

    private static RowLocalStep Step(IRelationalTransformer transformer) =>
        (RowLocalStep)transformer.Describe([new RelationalInput("orders", new RowSchema(new Schema([.. Orders, Op], null), ["id"]))]);

    private static Dictionary<string, string> Map(string key, string value) => new() { [key] = value };
}
