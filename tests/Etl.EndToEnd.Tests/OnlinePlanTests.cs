using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary><c>etl plan --online</c> on files: what differs, column by column, and that a run does what the plan says.</summary>
public sealed class OnlinePlanTests
{
    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: items
        version: "1.0.0"
        status: active
        schema:
          - name: items
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: name, logicalType: string, required: true }
              - { name: amount, logicalType: number, physicalType: "decimal(10,2)", logicalTypeOptions: { precision: 10, scale: 2 } }
              - { name: size, logicalType: integer, customProperties: [{ property: arrowType, value: int32 }] }

        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: items
        stages:
          - { id: small, extract: table, connection: shop, contract: items.contract.yaml, with: { table: items } }
          - { id: large, extract: table, connection: stock, contract: items.contract.yaml, with: { table: items } }
          - { id: listed, extract: csv, connection: files, contract: items.contract.yaml, with: { path: "in/*.csv" } }
          - { id: asked, extract: query, connection: stock, contract: items.contract.yaml, with: { query: "select * from items" } }
          - { id: to_file, load: table, from: small, connection: out, with: { table: items, mode: upsert, key: [id] } }
          - { id: to_duck, load: table, from: large, connection: dwh, with: { table: items, mode: upsert, key: [id], schema: { widen: false } } }
          - { id: to_both, load: table, from: listed, connection: dwh, with: { table: listed, mode: replace } }
          - { id: to_csv, load: csv, from: asked, connection: files, with: { path: asked, mode: replace } }

        """;

    private const string Table = "create table items (id bigint primary key not null, name varchar not null, amount decimal(10,2), size integer); insert into items values (1, 'one', 1.5, 10);";

    [Test]
    public async Task What_is_as_declared_has_no_difference_and_what_is_not_is_told_by_column()
    {
        using var project = Project();
        var fine = await project.RunAsync("plan", "items.yaml", "--online");
        Assert.That(fine.ExitCode, Is.Zero, fine.ToString());
        Golden.Check("commands/online_same.txt", Live(fine.Out), project);
        Assert.That(File.Exists(project.PathOf("out.db")) || File.Exists(project.PathOf("dwh.db")), Is.False, "nothing is made");

        Assert.That((await project.RunAsync("run", "items.yaml")).ExitCode, Is.Zero);
        project.Sqlite("shop.db", "drop table items; create table items (id integer, title text, amount decimal(12,3), size text, at timestamptz)");
        project.Duck("stock.db", "drop table items; create table items (id integer primary key, name varchar, amount decimal(12,3), size varchar, note text)");
        project.Write("in/b.csv", "id,amount,size,more\n");
        project.Sqlite("out.db", "alter table items drop column size; alter table items drop column name; alter table items add column name integer");
        project.Duck("dwh.db", "alter table items alter column amount type decimal(5,2); alter table items drop column size");
        var drifted = await project.RunAsync("plan", "items.yaml", "--online");
        Assert.That(drifted.ExitCode, Is.EqualTo(3), drifted.ToString());
        Golden.Check("commands/online_drifted.txt", Live(drifted.Out), project);
        var json = await project.RunAsync("plan", "items.yaml", "--online", "--output", "json", "--json", "plan.json");
        Assert.That(json.ExitCode, Is.EqualTo(3), json.ToString());
        Golden.Check("commands/online_drifted.json", JsonNode.Parse(json.Out)!["live"]!.ToJsonString(new() { WriteIndented = true }) + "\n", project);
        Assert.That((await project.RunAsync("run", "--plan", "plan.json")).Error, Does.Not.Contain("ETL313"), "what is there is no input of the plan");
    }

    [Test]
    public async Task An_end_that_cannot_be_asked_is_told_and_the_others_are_compared()
    {
        using var project = Project();
        File.Delete(project.PathOf("shop.db"));
        project.Duck("stock.db", "drop table items");
        var plan = await project.RunAsync("plan", "items.yaml", "--online");
        Assert.That(plan.ExitCode, Is.EqualTo(1), plan.ToString());
        Golden.Check("commands/online_unreachable.txt", Live(plan.Out), project);
    }

    [TestCase("sqlite", "alter table items drop column name", "warn", 3)]
    [TestCase("sqlite", "alter table items rename column amount to price", "ignore", 3)]
    [TestCase("sqlite", "alter table items add column note text", "warn", 0)]
    [TestCase("sqlite", "alter table items add column note text", "fail", 3)]
    [TestCase("sqlite", "alter table items add column note text", "ignore", 0)]
    [TestCase("duckdb", "alter table items drop column name", "warn", 3)]
    [TestCase("duckdb", "alter table items alter column amount type decimal(8,1)", "warn", 0)]
    [TestCase("duckdb", "alter table items alter column amount type decimal(8,3)", "warn", 3)]
    [TestCase("duckdb", "alter table items alter column size type bigint", "ignore", 3)]
    [TestCase("duckdb", "alter table items alter column size type varchar", "ignore", 3)]
    [TestCase("duckdb", "alter table items add column note varchar", "fail", 3)]
    public async Task A_run_does_what_the_plan_says(string system, string change, string onDrift, int exit)
    {
        using var project = Project();
        project.Write("connections.yaml", $"connections:\n  shop: {{ type: {system}, path: s.db }}\n  out: {{ type: sqlite, path: out.db }}\n");
        project.Write("items.yaml", $$"""
            apiVersion: etl/v1
            pipeline: items
            stages:
              - { id: items, extract: table, connection: shop, contract: items.contract.yaml, with: { table: items, on_drift: {{onDrift}} } }
              - { id: copy, load: table, from: items, connection: out, with: { table: items, mode: upsert, key: [id] } }
            """);
        foreach (var sql in (string[])[Table, change])
        {
            if (system == "sqlite")
            {
                project.Sqlite("s.db", sql);
            }
            else
            {
                project.Duck("s.db", sql);
            }
        }

        var plan = await project.RunAsync("plan", "items.yaml", "--online");
        Assert.That(plan.ExitCode, Is.EqualTo(exit), plan.ToString());
        var run = await project.RunAsync("run", "items.yaml");
        Assert.That(run.ExitCode, Is.EqualTo(exit == 0 ? 0 : 1), run.ToString());
    }

    private static ProjectFolder Project()
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", """
                connections:
                  shop: { type: sqlite, path: shop.db }
                  stock: { type: duckdb, path: stock.db }
                  files: { type: file, root: . }
                  out: { type: sqlite, path: out.db }
                  dwh: { type: duckdb, path: dwh.db }
                """),
            ("items.contract.yaml", Contract),
            ("items.yaml", Pipeline),
            ("in/a.csv", "id,name,amount,size\n1,one,1.5,10\n"));
        project.Sqlite("shop.db", Table);
        project.Duck("stock.db", Table);
        return project;
    }

    private static string Live(string plan) => plan[plan.IndexOf("source ", StringComparison.Ordinal)..];
}
