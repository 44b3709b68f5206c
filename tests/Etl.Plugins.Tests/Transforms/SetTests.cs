using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Transforms;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Transforms;

/// <summary>deduplicate, join, aggregate and sql: the ones that look at several rows.</summary>
[TestFixture]
internal sealed class SetTests
{
    private static readonly Apache.Arrow.Field[] Versions = [Fields.Long("id"), Fields.Long("at"), Fields.Text("v")];

    [TestCase("at desc", "1|3|c 2|NULL|x NULL|1|n")]
    [TestCase("at", "1|1|a 2|NULL|x NULL|1|n")]
    [TestCase("at desc nulls first", "1|NULL|d 2|NULL|x NULL|1|n")]
    [TestCase("coalesce(\"at\", 9) desc", "1|NULL|d 2|NULL|x NULL|1|n")]
    public void Deduplicate_keeps_the_first_in_the_order(string order, string expected)
    {
        using var runner = new StepRunner().With("rows", Versions, "(1, 1, 'a'), (1, 3, 'c'), (1, 2, 'b'), (1, NULL, 'd'), (2, NULL, 'x'), (NULL, 1, 'n'), (NULL, 1, 'o')");

        Assert.That(string.Join(' ', runner.Run(new Deduplicate(new DeduplicateOptions { Key = ["id"], OrderBy = [order] })).Passed), Is.EqualTo(expected));
    }

    [Test]
    public void Deduplicate_ends_in_all_other_columns()
    {
        using var runner = new StepRunner().With("rows", Versions, "");

        var step = (DeduplicateStep)new Deduplicate(new DeduplicateOptions { Key = ["ID"], OrderBy = ["AT desc"] }).Describe(runner.Inputs);

        Assert.That(step.Key, Is.EqualTo(["id"]));
        Assert.That(step.OrderBy.Select(o => o.Text), Is.EqualTo(["\"at\" DESC NULLS LAST", "\"v\" ASC NULLS LAST"]));
    }

    [Test]
    public void Deduplicate_chooses_the_same_row_in_whatever_order_they_come()
    {
        var row = Gen.Select(Gen.Int[1, 3], Gen.Int[1, 2], Gen.String[Gen.Char["ab"], 1, 2]).Select((id, at, v) => $"({id}, {at}, '{v}')");

        Gen.Select(row.Array[5, 60], Gen.Int).Sample((rows, seed) =>
        {
            var shuffled = rows.ToArray();
            new Random(seed).Shuffle(shuffled);
            Assert.That(Kept(shuffled), Is.EqualTo(Kept(rows)));
        }, iter: 15, threads: 1);

        static IReadOnlyList<string> Kept(string[] rows)
        {
            using var runner = new StepRunner().With("rows", Versions, string.Join(", ", rows));
            return runner.Run(new Deduplicate(new DeduplicateOptions { Key = ["id"], OrderBy = ["at desc"] })).Passed;
        }
    }

    [TestCase("nothing", "ETL3010", "order_by[0]")]
    [TestCase("lower(v", "ETL3101", "order_by[0]")]
    public void Deduplicate_tells_a_mistake_in_its_order(string order, string code, string path)
    {
        using var runner = new StepRunner().With("rows", Versions, "");

        var error = Assert.Throws<EtlException>(() => runner.Run(new Deduplicate(new DeduplicateOptions { Key = ["id"], OrderBy = [order] })))!;

        Assert.That((error.Code, error.OptionPath), Is.EqualTo((code, path)));
    }

    [Test]
    public void Join_brings_columns_and_keeps_rows_that_match_nothing()
    {
        using var runner = Shop();

        var outcome = runner.Run(new Join(Lookup(JoinNoMatch.Keep) with { Rename = Map("customer", "name") , Columns = ["customer", "country"] }));

        Assert.That(outcome.Columns, Is.EqualTo(["id", "customer_id", "name", "customer", "country"]));
        Assert.That(outcome.Passed, Is.EqualTo(["1|10|o1|Ada|NL", "2|20|o2|NULL|NULL", "3|NULL|o3|NULL|NULL"]));
    }

    [TestCase(JoinNoMatch.DeadLetter, RefusalAction.DeadLetter)]
    [TestCase(JoinNoMatch.Exclude, RefusalAction.Exclude)]
    [TestCase(JoinNoMatch.Fail, RefusalAction.Fail)]
    public void Join_refuses_rows_that_match_nothing(JoinNoMatch option, RefusalAction expected)
    {
        using var runner = Shop();
        var join = new Join(Lookup(option));

        Assert.That(((LookupStep)join.Describe(runner.Inputs)).OnNoMatch, Is.EqualTo(expected));
        Assert.That(runner.Run(join).Passed, Is.EqualTo(["1|10|o1|NL"]));
        Assert.That(runner.Run(join).Refused, Is.EqualTo(["2|20|o2", "3|NULL|o3"]));
    }

    [Test]
    public void What_a_join_brings_can_be_NULL_only_where_rows_without_a_match_stay()
    {
        using var runner = Shop();

        Assert.That(Brought(JoinNoMatch.Keep), Is.True);
        Assert.That(Brought(JoinNoMatch.Exclude), Is.False);

        bool? Brought(JoinNoMatch option) => ((LookupStep)new Join(Lookup(option)).Describe(runner.Inputs)).Columns[^1].Nullable;
    }

    [TestCase("orders.customer_id = customers.key", "key")]
    [TestCase("customers.key = orders.customer_id and \"orders\".name = \"customers\".\"Name\"", "key,name")]
    [TestCase("orders.customer_id = customers.key and customers.country = orders.name and orders.id > 5", "key,country")]
    [TestCase("orders.customer_id = customers.key or orders.id = customers.key", "")]
    [TestCase("not orders.customer_id = customers.key", "")]
    [TestCase("orders.id between customers.key and orders.id and orders.id = customers.key", "")]
    [TestCase("(orders.customer_id = customers.key)", "")]
    [TestCase("orders.customer_id < customers.key", "")]
    [TestCase("customers.key = customers.key", "")]
    public void Join_on_a_condition_knows_a_key_only_from_plain_equalities(string on, string key)
    {
        using var runner = Shop();

        var step = (LookupStep)new Join(Lookup(JoinNoMatch.Keep) with { On = on }).Describe(runner.Inputs);

        Assert.That(string.Join(',', step.SecondKey), Is.EqualTo(key));
    }

    [Test]
    public void Join_using_compares_the_shared_columns()
    {
        using var runner = Shop();

        var step = (LookupStep)new Join(Lookup(JoinNoMatch.Keep) with { On = null, Using = ["NAME"] }).Describe(runner.Inputs);

        Assert.That((step.On.Text, step.SecondKey.Single()), Is.EqualTo(("\"orders\".\"name\" = \"customers\".\"name\"", "name")));
    }

    [Test]
    public void Join_refuses_a_name_that_both_have_and_says_how_to_rename()
    {
        using var runner = Shop();

        var error = Assert.Throws<EtlException>(() => new Join(Lookup(JoinNoMatch.Keep) with { Columns = ["country", "name"] }).Describe(runner.Inputs))!;

        Assert.That((error.Code, error.OptionPath, error.Hint), Is.EqualTo(("ETL3103", "columns[1]", "Give the one of 'customers' another name: rename: { customers_name: name }.")));
    }

    [Test]
    public void Join_takes_on_or_using()
    {
        var neither = Lookup(JoinNoMatch.Keep) with { On = null };

        Assert.That(Broken(neither), Is.EqualTo(["On"]));
        Assert.That(Broken(neither with { Using = [] }), Is.EqualTo(["On"]));
        Assert.That(Broken(neither with { Using = ["id"] }), Is.Empty);
        Assert.That(Broken(Lookup(JoinNoMatch.Keep) with { Using = ["id"] }), Is.EqualTo(["Using"]));

        static IEnumerable<string> Broken(JoinOptions options) => new JoinRules().Validate(options).Errors.Select(e => e.PropertyName);
    }

    [Test]
    public void Join_needs_two_different_inputs()
    {
        using var runner = Shop();

        Assert.That(() => new Join(Lookup(JoinNoMatch.Keep)).Describe([runner.Inputs[0]]), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL3108"));
        Assert.That(() => new Join(Lookup(JoinNoMatch.Keep)).Describe([runner.Inputs[0], runner.Inputs[0]]), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL3108"));
    }

    [Test]
    public void Aggregate_gives_a_row_for_each_group_and_its_key()
    {
        using var runner = Amounts();
        var aggregate = new Aggregate(new AggregateOptions { GroupBy = ["Country"], Columns = new Dictionary<string, string> { ["n"] = "count(*) -- rows", ["total"] = "sum(amount)" } });

        Assert.That(runner.Run(aggregate).Passed, Is.EqualTo(["BE|1|NULL", "NL|2|3.5", "NULL|1|1"]));
        Assert.That(((SetStep)aggregate.Describe(runner.Inputs)).Key, Is.EqualTo(["country"]));
    }

    [Test]
    public void Aggregate_without_groups_gives_one_row()
    {
        using var runner = Amounts();

        Assert.That(runner.Run(new Aggregate(new AggregateOptions { GroupBy = [], Columns = Map("n", "count(*)") })).Passed, Is.EqualTo(["4"]));
    }

    [Test]
    public void Aggregate_says_where_each_option_stands_in_its_query()
    {
        using var runner = Amounts();
        var columns = new Dictionary<string, string> { ["n"] = "count(*)", ["total"] = "sum(amount)" };

        var step = (SetStep)new Aggregate(new AggregateOptions { GroupBy = ["country"], Columns = columns }).Describe(runner.Inputs);

        Assert.That(step.Parts.Select(p => p.OptionPath), Is.EqualTo(["columns.n", "columns.total"]));
        Assert.That(step.Parts.Select(p => step.Query.Text.Substring(p.Offset, p.Text.Length)), Is.EqualTo(columns.Values));
    }

    [Test]
    public void A_set_over_keyed_changes_would_be_incomplete()
    {
        RelationalInput[] changes = [new("orders", new RowSchema(new Apache.Arrow.Schema([Fields.Long("id"), Fields.Text(RowSchema.OpColumn, false)], null), ["id"]))];
        IRelationalTransformer[] sets = [new Aggregate(new AggregateOptions { GroupBy = ["id"], Columns = Map("n", "count(*)") }), new SqlQuery(new SqlQueryOptions { Query = "select * from orders" })];

        foreach (var set in sets)
        {
            var error = Assert.Throws<EtlException>(() => set.Describe(changes))!;
            Assert.That((error.Code, error.Hint), Is.EqualTo(("ETL3107", "Read the source whole: remove `incremental` from the extract.")));
        }
    }

    [Test]
    public void Sql_runs_the_query_as_it_is_written()
    {
        using var runner = Shop();
        var query = new SqlQuery(new SqlQueryOptions { Query = "select o.id, c.country from orders o join customers c on o.customer_id = c.key; ", Key = ["id"] });

        var step = (SetStep)query.Describe(runner.Inputs);

        Assert.That((step.Query.OptionPath, step.Query.Offset, step.Key.Single()), Is.EqualTo(("query", 0, "id")));
        Assert.That(runner.Run(query).Passed, Is.EqualTo(["1|NL"]));
    }

    [Test]
    public void Sql_is_one_statement()
    {
        var error = Assert.Throws<EtlException>(() => new SqlQuery(new SqlQueryOptions { Query = "select 1; select 2" }).Describe([]))!;

        Assert.That(WholeText.Of(error), Is.EqualTo("query+8: ETL3101: the SQL is not one SELECT: there is a semicolon. Write one SELECT, without a semicolon."));
    }

    private static StepRunner Shop() => new StepRunner()
        .With("orders", [Fields.Long("id", false), Fields.Long("customer_id"), Fields.Text("name")], "(1, 10, 'o1'), (2, 20, 'o2'), (3, NULL, 'o3')")
        .With("customers", [Fields.Long("key", false), Fields.Text("name"), Fields.Text("country", false)], "(10, 'Ada', 'NL'), (11, 'Bob', 'BE')");

    private static StepRunner Amounts() => new StepRunner()
        .With("orders", [Fields.Text("country"), Fields.Money("amount")], "('NL', 1), ('NL', 2.5), ('BE', NULL), (NULL, 1)");

    private static JoinOptions Lookup(JoinNoMatch onNoMatch) => new() { On = "orders.customer_id = customers.key", Columns = ["country"], OnNoMatch = onNoMatch };

    private static Dictionary<string, string> Map(string key, string value) => new() { [key] = value };
}
