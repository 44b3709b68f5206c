using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>The <c>quality</c> of contracts: on what an extract reads and on what a load gives.</summary>
public sealed class ContractRuleTests
{
    private const string Connections = """
        connections:
          shop: { type: sqlite, path: shop.db }
          dwh: { type: sqlite, path: out.db }
        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: people
        stages:
          - id: people
            extract: table
            connection: shop
            contract: people.contract.yaml
            with: { table: people }
          - id: named
            transform: filter
            from: people
            with: { where: "people.id > 1" }
          - id: warehouse
            load: table
            from: named
            connection: dwh
            contract: out.contract.yaml
            with: { table: people, mode: replace }
        """;

    private const string Columns = """
        - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: name, logicalType: string }
              - { name: email, logicalType: string }
              - { name: country, logicalType: string }
        """;

    private const string Rows = """
        create table people (id integer primary key, name text, email text, country text);
        insert into people values (1, 'Ann', 'ann@x.org', 'NL'), (2, null, 'bob@x.org', 'NL'), (3, 'Cas', 'no mail', 'BE'), (4, 'Dee', 'dee@x.org', 'XX'), (5, 'Eve', 'bob@x.org', 'DE'), (6, 'Fay', null, null);
        """;

    [Test]
    public async Task A_rule_that_allows_no_row_refuses_rows_where_they_are_read_or_loaded()
    {
        using var project = Project("""
            - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: name, logicalType: string, quality: [{ metric: nullValues, mustBe: 0, description: everybody has one }] }
                  - { name: email, logicalType: string, quality: [{ metric: invalidValues, arguments: { pattern: "@" }, mustBe: 0 }] }
                  - { name: country, logicalType: string, quality: [{ name: countries, metric: invalidValues, arguments: { validValues: [NL, BE, DE] }, mustBe: 0, severity: warning }] }
            """, "- { name: country, logicalType: string, quality: [{ name: known, metric: missingValues, arguments: { missingValues: [null, XX] }, mustBe: 0 }] }");
        var report = await project.ReportAsync("run", "people.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(project.SqliteRows("out.db", "select id from people order by id"), Is.EqualTo(new[] { "5" }));
            Assert.That(Outcomes(report), Is.EqualTo(new[]
            {
                "people.nullValues_name shop.people dead_letter broken 1", "people.invalidValues_email shop.people dead_letter broken 1", "people.countries shop.people warn broken 1",
                "named.filter  exclude broken 1", "warehouse.known out.people dead_letter broken 2",
            }));
            Assert.That(Stages(report), Is.EqualTo(new[] { "people 6>4 -2", "named 4>3 -0", "warehouse 3> -2" }));
        }

        var letters = await project.RunAsync("dead-letters", "show", "people.yaml");
        Assert.That(letters.Out, Does.Contain("people.nullValues_name: name has no value: everybody has one").And.Contain("people.invalidValues_email: email does not match @").And.Contain("warehouse.known: country stands for no value"));
    }

    [Test]
    public async Task A_rule_on_the_whole_is_judged_before_anything_is_published()
    {
        using var project = Project("""
            - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: name, logicalType: string, quality: [{ metric: nullValues, mustBeLessThan: 10, unit: percent }] }
                  - { name: email, logicalType: string, quality: [{ metric: duplicateValues, mustBeBetween: [2, 9] }, { type: sql, query: "SELECT count(*) FROM {object} WHERE {property} IS NULL", mustBeGreaterThan: 1, severity: warning }] }
                  - { name: country, logicalType: string, quality: [{ metric: nullValues, mustBe: 0, severity: critical }] }
                quality:
                  - { metric: rowCount, mustBeGreaterThan: 100 }
                  - { type: sql, name: whole, query: "SELECT max(id) = 7 FROM people", mustBe: true }
            """);
        var refused = await project.RunAsync("run", "people.yaml", "--output", "json");
        var report = JsonNode.Parse(refused.Out)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.ExitCode, Is.EqualTo(3), refused.ToString());
            Assert.That(report["error"]!["code"]!.GetValue<string>(), Is.EqualTo("ETL4330"));
            Assert.That(report["error"]!["message"]!.GetValue<string>(), Is.EqualTo(
                "the data does not keep the contract 'shop.people': people.nullValues_name: mustBeLessThan 10 percent, found 16.6667 percent, 1 of 6 rows; people.duplicateValues_email: mustBeBetween 2 and 9, found 1 of 6 rows; "
                + "people.nullValues_country: 1 rows failed; people.rowCount: rows_passed > 100, found 6 of 6 rows passed; people.whole: value = 1, found value 0.0"));
            Assert.That(report["error"]!["hint"]!.GetValue<string>(), Is.EqualTo("Nothing was published. Mend the data or the contract, or accept it for one run: --accept nullValues_name --reason TEXT."));
            Assert.That(Outcomes(report), Does.Contain("people.sql_email shop.people warn broken "));
            Assert.That(project.SqliteRows("out.db", "select count(*) from sqlite_schema where name = 'people'"), Is.EqualTo(new[] { "0" }));
        }

        var accepted = await project.RunAsync("run", "people.yaml", "--accept", "nullValues_name", "--accept", "duplicateValues_email", "--accept", "people.nullValues_country", "--accept", "rowCount", "--accept", "whole", "--reason", "known");
        Assert.That(accepted.ExitCode, Is.Zero, accepted.ToString());
    }

    [Test]
    public async Task A_rule_on_the_whole_is_not_judged_by_a_part()
    {
        using var project = Project("""
            - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: name, logicalType: string }
                  - { name: email, logicalType: string }
                  - { name: country, logicalType: string }
                quality:
                  - { metric: rowCount, mustBeGreaterThan: 3 }
                  - { metric: duplicateValues, arguments: { properties: [id] }, mustBeLessThan: 2 }
            """);
        project.Replace("people.yaml", "with: { table: people }", "with: { table: people, incremental: { cursor: id } }");
        project.Replace("people.yaml", "mode: replace", "mode: upsert, key: [id]");
        Assert.That(Outcomes(await project.ReportAsync("run", "people.yaml")), Is.EqualTo(new[] { "people.duplicateValues_id shop.people fail passed 0", "people.rowCount shop.people fail passed ", "named.filter  exclude broken 1" }));
        project.Sqlite("shop.db", "insert into people values (7, 'Gus', null, null)");
        Assert.That(Outcomes(await project.ReportAsync("run", "people.yaml")), Is.EqualTo(new[] { "people.duplicateValues_id shop.people fail not_checked ", "people.rowCount shop.people fail not_checked ", "named.filter  exclude passed 0" }));
    }

    [Test]
    public async Task Rows_that_a_contract_refused_are_replayed_when_they_are_mended()
    {
        using var project = Increments();
        await project.ReportAsync("run", "people.yaml");
        project.Sqlite("shop.db", "update people set name = 'Bob' where id = 2");
        var replayed = await project.RunAsync("dead-letters", "replay", "people.yaml");
        Assert.That(replayed.ExitCode, Is.Zero, replayed.ToString());
        Assert.That(project.SqliteRows("out.db", "select name from people where id = 2"), Is.EqualTo(new[] { "Bob" }));
        Assert.That((await project.RunAsync("dead-letters", "list", "people.yaml")).Out, Does.Contain("replayed"));
    }

    [Test]
    public async Task A_pipeline_test_checks_the_contract_too()
    {
        using var project = Project("""
            - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: name, logicalType: string, quality: [{ metric: nullValues, mustBe: 0 }] }
                  - { name: email, logicalType: string, quality: [{ metric: nullValues, mustBeLessThan: 1, unit: percent }] }
                  - { name: country, logicalType: string, quality: [{ metric: nullValues, mustBeLessThan: 3 }] }
                quality: [{ metric: rowCount, mustBeGreaterThan: 1000 }]
            """);
        project.Write("people.yaml", Pipeline.Replace("    contract: out.contract.yaml\n", "", StringComparison.Ordinal) + """

            tests:
              - name: nobody without a name
                given: { people: [{ id: 2, name: null, email: null }, { id: 3, name: Cas, email: null }] }
                expect:
                  warehouse: [{ id: 3 }]
                  dead_letters: [{ rule: nullValues_name, row: { id: 2 } }]
                  rules: { rowCount: not_checked, nullValues_email: not_checked, nullValues_country: passed }
            """);
        var tested = await project.RunAsync("test", "people.yaml");
        Assert.That(tested.ExitCode, Is.Zero, tested.ToString());
    }

    [Test]
    public async Task A_refusal_that_becomes_no_deletion_is_told()
    {
        using var project = Project("""
            - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: name, logicalType: string, quality: [{ metric: nullValues, mustBe: 0 }] }
                  - { name: email, logicalType: string }
                  - { name: country, logicalType: string }
            """);
        project.Replace("people.yaml", "with: { table: people }", "with: { table: people, incremental: { cursor: id } }");
        project.Replace("people.yaml", "transform: filter", "transform: derive");
        project.Replace("people.yaml", "{ where: \"people.id > 1\" }", "{ columns: { label: upper(name) } }");
        project.Replace("people.yaml", "mode: replace", "mode: upsert, key: [id], on_excluded: delete");
        var validated = await project.RunAsync("validate", "people.yaml");
        Assert.That(validated.Out + validated.Error, Does.Contain(
            "people.yaml:14:11: warning ETL3047: a row of 'warehouse' whose newest version 'people' refuses stays there as it was. "
            + "Refuse rows in the last stages before the load, where they become deletions, or say `on_excluded: keep` if they are to stay."));
    }

    [TestCase("amount", "ETL3150: the contract promises the column 'amount', which 'warehouse' does not load. Columns are: id, name, email, country.", "{ metric: nullValues, mustBe: 0 }", "number")]
    [TestCase("id", "ETL3151: 'one' is no bigint, as the column 'id' is. Write a value of that type.", "{ metric: invalidValues, mustBe: 0, arguments: { validValues: [1, one] } }", "integer")]
    [TestCase("id", "ETL3151: the column 'id' is bigint, and a pattern is for texts. Write validValues, or a rule of `type: sql`.", "{ metric: invalidValues, mustBe: 0, arguments: { pattern: x } }", "integer")]
    [TestCase("name", "ETL3151: '(' is no regular expression: missing ): (. Patterns are of RE2, which has neither look-around nor references back.", "{ metric: invalidValues, mustBe: 0, arguments: { pattern: '(' } }", "string")]
    [TestCase("name", "ETL3152: the query of the contract's rule 'sql_name' does not bind: Referenced column \"nam\" not found in FROM clause. Did you mean name, email?", "{ type: sql, query: 'SELECT count(*) FROM {object} WHERE nam = 1', mustBe: 0 }", "string")]
    [TestCase("name", "ETL3152: 'x' is no BIGINT, and is compared or combined with one here. Write a value of that type, or cast the other side to VARCHAR.", "{ type: sql, query: \"SELECT count(*) FROM people WHERE id = 'x'\", mustBe: 0 }", "string")]
    [TestCase("name", "ETL3152: the query gives varchar, and must give one number, or true or false. Count something: SELECT count(*) FROM {object} WHERE ...", "{ type: sql, query: 'SELECT max({property}) FROM {object}', mustBe: 0 }", "string")]
    [TestCase("name", "ETL3152: the query gives several columns, and must give one number, or true or false. Count something: SELECT count(*) FROM {object} WHERE ...", "{ type: sql, query: 'SELECT 1, 2 FROM {object}', mustBe: 0 }", "string")]
    [TestCase("name", "ETL3152: the query of the contract's rule 'sql_name' does not bind: Table with name named does not exist", "{ type: sql, query: 'SELECT count(*) FROM named', mustBe: 0 }", "string")]
    public async Task What_does_not_fit_is_told_without_a_run(string column, string expected, string rule, string type)
    {
        using var project = Project(Columns, $"- {{ name: {column}, logicalType: {type}, quality: [{rule}] }}");
        var validated = await project.RunAsync("validate", "people.yaml");
        Assert.That(validated.ExitCode, Is.EqualTo(2), validated.ToString());
        Assert.That(validated.Out + validated.Error, Does.Match("out\\.contract\\.yaml:10:[0-9]+: error ").And.Contain(expected));
    }

    [Test]
    public async Task The_plan_says_which_rules_run_where_and_which_do_not()
    {
        using var project = Project("""
            - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                  - { name: name, logicalType: string, quality: [{ metric: nullValues, mustBe: 0 }, { type: custom, engine: soda, implementation: x }] }
                  - { name: email, logicalType: string, quality: [{ metric: nullValues, mustBeLessThan: 10 }] }
                  - { name: country, logicalType: string, quality: [{ metric: nullValues, mustBe: 0 }] }
            """);
        project.Replace("people.yaml", "with: { table: people }", "with: { table: people, columns: [id, name, email] }");
        var plan = (await project.RunAsync("plan", "people.yaml")).Out;
        Assert.That(plan, Does.Contain("  not run   soda: a rule for soda\n  not run   nullValues_country: column 'country' is not read\n")
            .And.Contain("query named  people (contract shop.people) + named (filter), from people\n")
            .And.Contain("  stops     people.nullValues_name: name has no value -> dead letter\n")
            .And.Contain("  watches   people.nullValues_email: mustBeLessThan 10 -> fails the run\n")
            .And.Contain("  column    name   varchar not null\n"));
    }

    [TestCase("{ name: email, logicalType: string, quality: [{ metric: duplicateValues, mustBe: 0 }] }", "named")]
    [TestCase("{ name: email, logicalType: string }", "checked")]
    public async Task A_value_that_is_shared_with_a_row_that_was_taken_out_before_is_no_duplicate(string loaded, string from)
    {
        using var project = Project(Columns, $"- {loaded}");
        project.Replace("people.yaml", "people.id > 1", "people.id > 2");
        project.Replace("people.yaml", "  - id: warehouse", "  - { id: checked, transform: check, from: named, with: { rules: [{ unique: [email], null: pass }] } }\n  - id: warehouse");
        project.Replace("people.yaml", "    from: named\n    connection", $"    from: {from}\n    connection");
        if (from == "named")
        {
            project.Replace("people.yaml", "  - { id: checked, transform: check, from: named, with: { rules: [{ unique: [email], null: pass }] } }\n", "");
        }

        await project.ReportAsync("run", "people.yaml");
        Assert.That(project.SqliteRows("out.db", "select id from people order by id"), Is.EqualTo(new[] { "3", "4", "5", "6" }), "2, which had the email of 5, was filtered out");
    }

    [Test]
    public async Task An_increment_that_is_refused_as_a_whole_is_an_epoch_with_its_dead_letters()
    {
        using var project = Increments();
        await project.ReportAsync("run", "people.yaml");
        project.Sqlite("shop.db", "insert into people values (7, null, null, null)");
        Assert.That(Stages(await project.ReportAsync("run", "people.yaml")), Does.Contain("people 1>0 -1"));
        Assert.That(Stages(await project.ReportAsync("run", "people.yaml")), Is.Empty, "its position has moved");
        Assert.That((await project.RunAsync("dead-letters", "show", "people.yaml")).Out, Does.Contain("\"id\":7"));
    }

    // Who has no name is refused; rows are read by increments.
    private static ProjectFolder Increments()
    {
        var project = Project(Columns.Replace("name: name, logicalType: string", "name: name, logicalType: string, quality: [{ metric: nullValues, mustBe: 0 }]", StringComparison.Ordinal));
        project.Replace("people.yaml", "with: { table: people }", "with: { table: people, incremental: { cursor: id } }");
        project.Replace("people.yaml", "mode: replace", "mode: upsert, key: [id]");
        return project;
    }

    private static ProjectFolder Project(string columns, string? loaded = null)
    {
        var project = ProjectFolder.With(("etl.yaml", "time_zone: UTC\n"), ("connections.yaml", Connections), ("people.contract.yaml", Contract("shop.people", columns)), ("people.yaml", Pipeline));
        project.Write("out.contract.yaml", Contract("out.people", loaded ?? "- { name: id, logicalType: integer }"));
        project.Sqlite("shop.db", Rows);
        return project;
    }

    private static string Contract(string id, string columns) => $"apiVersion: v3.1.0\nkind: DataContract\nid: {id}\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: people\n    logicalType: object\n    properties:\n      {columns}\n";

    private static IEnumerable<string> Outcomes(JsonNode report) =>
        report["rules"]!.AsArray().Select(r => $"{r!["stage"]}.{r["rule"]} {r["contract"]} {r["action"]} {r["outcome"]} {r["failed_rows"]}");

    private static IEnumerable<string> Stages(JsonNode report) =>
        report["stages"]!.AsArray().Select(s => $"{s!["stage"]} {s["rows_in"]}>{s["rows_out"]} -{s["dead_lettered"]}");
}
