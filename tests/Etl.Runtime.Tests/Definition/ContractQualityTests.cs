using Etl.Runtime.Definition;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Definition;

public class ContractQualityTests
{
    private const string Head = "apiVersion: v3.1.0\nkind: DataContract\nid: shop.orders\nversion: 1.2.0\nstatus: active\nschema:\n  - name: orders\n";
    private const string Columns = "    properties:\n      - { name: id, logicalType: integer }\n      - { name: mail, physicalName: email, logicalType: string }\n";

    [TestCase("{ metric: nullValues, mustBe: 0 }", "nullValues_email: NullValues of email mustBe 0, Error")]
    [TestCase("{ type: library, metric: nullValues, mustBeLessThan: 1.5, unit: percent, severity: warning }", "nullValues_email: NullValues of email mustBeLessThan 1.5 percent, Warning")]
    [TestCase("{ name: mails, metric: invalidValues, mustBeBetween: [0, 10], arguments: { pattern: x }, severity: critical }", "mails: InvalidValues of email mustBeBetween 0 and 10, Critical")]
    [TestCase("{ metric: missingValues, mustNotBe: 4, arguments: { missingValues: [null, ''] } }", "missingValues_email: MissingValues of email mustNotBe 4, Error")]
    [TestCase("{ id: one, metric: duplicateValues, mustBeGreaterOrEqualTo: 0 }", "one: DuplicateValues of email mustBeGreaterOrEqualTo 0, Error")]
    [TestCase("{ rule: duplicateCount, mustBeLessOrEqualTo: 3, severity: info }", "duplicateCount_email: DuplicateValues of email mustBeLessOrEqualTo 3, Warning")]
    [TestCase("{ rule: validValues, validValues: [a, b] }", "validValues_email: InvalidValues of email mustBe 0, Error")]
    [TestCase("{ rule: nullCheck, description: never }", "nullCheck_email: NullValues of email mustBe 0, Error")]
    [TestCase("{ type: sql, query: 'SELECT 1', mustBe: true, unit: seconds }", "sql_email: Sql of email mustBe 1, Error")]
    [TestCase("{ type: text, description: nice }", "")]
    public void A_rule_of_a_column_is_read(string rule, string expected)
    {
        using var files = new Workspace();
        var contract = ContractReader.ReadFile(files.Write("c.yaml", $"{Head}{Columns}        quality: [{rule}]\n".Replace("logicalType: string }\n        quality", "logicalType: string, quality").Replace("]\n", "] }\n")), files.Bag);
        Assert.That(files.Told, Is.Empty);
        Assert.That(string.Join('\n', contract!.Rules.Select(r => $"{r.Name}: {r.Metric} of {string.Join(',', r.Columns.Select(c => c.Name))} {r.Limit}, {r.Severity}")), Is.EqualTo(expected));
    }

    [Test]
    public void A_rule_of_the_table_is_read_and_rules_without_a_name_get_different_ones()
    {
        using var files = new Workspace();
        var contract = ContractReader.ReadFile(files.Write("c.yaml", Head + Columns + """
                quality:
                  - { metric: rowCount, mustBeGreaterThan: 10 }
                  - { metric: duplicateValues, mustBe: 0, arguments: { properties: [id, mail] } }
                  - { type: sql, query: SELECT 1, mustBe: 1 }
                  - { type: sql, query: SELECT 2, mustBe: 2 }
                  - { type: custom, engine: soda, implementation: x, name: theirs }
            """), files.Bag);
        Assert.That(files.Told, Is.EqualTo("c.yaml:16:17: warning ETL1065: this rule is for soda, and is not run. Write it as `type: library` or `type: sql` to have it run here."));
        Assert.That(contract!.Rules.Select(r => $"{r.Name} {string.Join(',', r.Columns.Select(c => c.Name))}"), Is.EqualTo(new[] { "rowCount ", "duplicateValues_id_email id,email", "sql ", "sql_2 " }));
        Assert.That(contract.Notes, Is.EqualTo(new[] { new QualityNote("theirs", "a rule for soda") }));
    }

    [TestCase("{ metric: nulValues, mustBe: 0 }", "c.yaml:12:19: error ETL1060: there is no metric 'nulValues'. Did you mean 'nullValues'? Metrics are: nullValues, missingValues, invalidValues, duplicateValues, rowCount.")]
    [TestCase("{ type: sqll, query: x, mustBe: 0 }", "c.yaml:12:17: error ETL1060: there is no type of quality rule 'sqll'. Did you mean 'sql'? Types are: library, sql, text, custom.")]
    [TestCase("{ metric: rowCount }", "c.yaml:12:9: error ETL1061: the rule does not say what its number must be. Operators are: mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween, mustNotBeBetween.")]
    [TestCase("{ metric: rowCount, mustBe: 1, mustNotBe: 2 }", "c.yaml:12:9: error ETL1061: the rule says mustBe and mustNotBe; it must say one of them. Operators are: mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween, mustNotBeBetween.")]
    [TestCase("{ metric: rowCount, mustBe: many }", "c.yaml:12:37: error ETL1061: 'mustBe' needs a number, and 'many' is none. Write mustBe: 0.")]
    [TestCase("{ metric: rowCount, mustBeBetween: [9, 1] }", "c.yaml:12:44: error ETL1061: 'mustBeBetween' needs two numbers, the smaller first. Write mustBeBetween: [1, 100].")]
    [TestCase("{ metric: rowCount, mustBe: 9, unit: percent }", "c.yaml:12:46: error ETL1062: 'rowCount' is a number of rows, and no percentage. Remove `unit`.")]
    [TestCase("{ metric: rowCount, mustBe: 9, unit: row }", "c.yaml:12:46: error ETL1062: there is no unit 'row'. Did you mean 'rows'? Units are: rows, percent.")]
    [TestCase("{ metric: nullValues, mustBe: 0 }", "c.yaml:12:19: error ETL1062: this metric is of a column, and stands at the table here. Move it to the `quality` of a property.")]
    [TestCase("{ metric: duplicateValues, mustBe: 0 }", "c.yaml:12:19: error ETL1062: 'duplicateValues' of a table does not say which columns are unique together. Write arguments: { properties: [tenant_id, order_id] }.")]
    [TestCase("{ metric: duplicateValues, mustBe: 0, arguments: { properties: [mial] } }", "c.yaml:12:73: error ETL1063: the contract has no column 'mial'. Did you mean 'mail'? Columns are: id, mail.")]
    [TestCase("{ name: a, metric: rowCount, mustBe: 9 }, { name: A, metric: rowCount, mustBe: 9 }", "c.yaml:12:59: error ETL1064: two rules of the contract have the name 'A'. Names tell rules apart in reports, dead letters and --accept: give this one another.")]
    [TestCase("{ metric: rowCount, mustBe: 9, severity: sever }", "c.yaml:12:50: warning ETL1065: the severity 'sever' is not known here, and is taken as error. Known are: info, low, minor, medium, warn, warning, error, high, major, critical, blocker, fatal.")]
    [TestCase("{ metric: rowCount, mustBe: 9, dimention: accuracy }", "c.yaml:12:40: warning ETL1066: the standard has no key 'dimention' for a rule, and nothing obeys it. Did you mean 'dimension'? What is your own belongs into customProperties.")]
    public void What_is_wrong_with_a_rule_is_told(string rules, string expected)
    {
        using var files = new Workspace();
        ContractReader.ReadFile(files.Write("c.yaml", $"{Head}{Columns}    quality: [\n        {rules}\n    ]\n"), files.Bag);
        Assert.That(files.Told, Is.EqualTo(expected));
    }

    [Test]
    public void A_misspelt_operator_is_meant_to_be_one()
    {
        using var files = new Workspace();
        ContractReader.ReadFile(files.Write("c.yaml", $"{Head}{Columns}    quality: [{{ metric: rowCount, mustBeLesThan: 9 }}]\n"), files.Bag);
        Assert.That(files.Told, Does.Contain("c.yaml:11:35: error ETL1061: the rule does not say what its number must be. Did you mean 'mustBeLessThan'? Operators are: "));
    }

    [Test]
    public void Metrics_that_lack_their_arguments_are_told()
    {
        using var files = new Workspace();
        ContractReader.ReadFile(files.Write("c.yaml", Head + """
                properties:
                  - name: email
                    logicalType: string
                    quality:
                      - { metric: invalidValues, mustBe: 0 }
                      - { metric: missingValues, mustBe: 0 }
                      - { metric: rowCount, mustBe: 0 }
            """), files.Bag);
        Assert.That(files.Told, Is.EqualTo("""
            c.yaml:12:23: error ETL1062: 'invalidValues' does not say which values are valid. Write arguments: { validValues: [a, b] } or arguments: { pattern: "^[A-Z]+$" }.
            c.yaml:13:23: error ETL1062: 'missingValues' does not say which values stand for none. Write arguments: { missingValues: [null, "", n/a] }.
            c.yaml:14:23: error ETL1062: 'rowCount' is of the whole table, and stands at a column here. Move it to the `quality` of the object in `schema`.
            """));
    }

    [Test]
    public void Keys_that_the_standard_does_not_have_are_kept_and_told()
    {
        using var files = new Workspace();
        var contract = ContractReader.Read(files.Write("c.yaml", """
            apiVersion: v3.1.0
            kind: DataContract
            id: shop.orders
            version: 1.2.0
            statuz: active
            x-mine: { a: 1 }
            team: [{ username: ann, anything: goes }]
            slaProperties: [{ property: latency, value: 4, unit: d, element: orders.at }]
            schema:
              - name: orders
                grain: one row for each order
                customProperties: [{ property: what, value: ever }]
                properties:
                  - { name: id, logicalType: integer, requierd: true, partitioned: false, x-own: 1 }
            """), files.Bag);
        Assert.That(contract, Is.Not.Null);
        Assert.That(files.Told, Is.EqualTo("""
            c.yaml:5:1: warning ETL1066: the standard has no key 'statuz' for a contract, and nothing obeys it. Did you mean 'status'? What is your own belongs into customProperties.
            c.yaml:11:5: warning ETL1066: the standard has no key 'grain' for a table, and nothing obeys it. What is your own belongs into customProperties.
            c.yaml:14:43: warning ETL1066: the standard has no key 'requierd' for a column, and nothing obeys it. Did you mean 'required'? What is your own belongs into customProperties.
            """));
    }
}
