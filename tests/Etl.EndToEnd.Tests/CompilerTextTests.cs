using System.Globalization;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What the compiler tells of pipelines that are too long for a folder of examples, or need a stranger's plugin, pinned whole.</summary>
public sealed class CompilerTextTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        var rules = string.Join(", ", Enumerable.Range(1, 63).Select(i => string.Create(CultureInfo.InvariantCulture, $"{{ name: r{i}, expect: \"id <> {i}\", on_fail: warn }}")));
        yield return Case($"transform: check, from: orders, with: {{ rules: [{rules}] }}", "orders.yaml:5:28: error ETL3013: more than 62 rules with on_fail: warn or fail stand next to each other. Split them by a stage that changes columns.");
        yield return Case("transform: sql, from: orders, with: { query: \"select id, {'a': 1} as parts from orders\" }", "orders.yaml:5:28: error ETL3022: column 'parts' has the type STRUCT, in which rows do not move. Cast it: to VARCHAR or JSON, or to TIMESTAMP for a finer time.");
        yield return Case("transform: sql, from: orders, with: { query: \"select id, day, day from orders\" }", "orders.yaml:5:62: error ETL3023: two columns are named 'day'. Give each its own name with AS.");

        static TestCaseData Case(string stage, string told) => new TestCaseData(stage, told).SetArgDisplayNames(told);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_its_place_and_what_to_do(string stage, string told)
    {
        using var project = SmallShop.Project("duckdb");
        project.Write("orders.yaml", $$"""
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: made, {{stage}} }
              - { id: warehouse, load: table, from: made, connection: dwh, with: { table: orders, mode: replace } }
            """);
        Assert.That(Told.By(await project.RunAsync("validate", "orders.yaml"), project), Is.EqualTo(told));
    }

    [Test]
    public async Task A_key_of_floats_is_told()
    {
        using var project = SmallShop.Project("duckdb");
        project.Write("orders.yaml", """
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: made, transform: derive, from: orders, with: { columns: { f: "cast(id as double)" } } }
              - { id: lake, load: parquet, from: made, connection: lake, with: { path: "orders/", mode: upsert, key: [f] } }
            """);
        Assert.That(Told.By(await project.RunAsync("validate", "orders.yaml"), project), Is.EqualTo("orders.yaml:6:107: error ETL4560: the key column 'f' is a float or a list, which cannot identify a row. Use a column of an exact type."));
    }

    [Test]
    public async Task Deletions_that_a_plugin_appends_are_told()
    {
        using var project = SmallShop.Project("duckdb");
        PluginTests.CopySample(project);
        project.Write("orders.yaml", """
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders, incremental: { cursor: updated_at, deleted_when: "deleted_at is not null" } } }
              - { id: counted, load: tally, from: orders, with: { file: tally.json, adds: true } }
            """);
        Assert.That(Told.By(await project.RunAsync("validate", "orders.yaml", "--plugins", "plugins"), project), Is.EqualTo("orders.yaml:5:26: error ETL3048: 'counted' appends rows some of which are deletions. Use mode: upsert, or remove deleted_when."));
    }
}
