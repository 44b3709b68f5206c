using System.Text.Json.Nodes;
using System.Xml.Linq;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary><c>etl test</c>, as users call it: what it says of good tests, of bad ones, and of tests that are wrong.</summary>
public sealed class PipelineTestsTests
{
    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: orders
        params:
          floor: { type: integer, default: 0 }
        stages:
          - id: orders
            extract: table
            connection: shop
            contract: orders.contract.yaml
            with: { table: orders, incremental: { cursor: updated_at } }
          - id: checked
            transform: check
            from: orders
            with:
              rules:
                - { name: amount_positive, expect: "amount > $floor", on_fail: dead_letter }
                - { name: named, not_null: [name], on_fail: exclude }
                - { name: not_too_much, expect: "amount < 1000", on_fail: fail }
          - id: warehouse
            load: table
            from: checked
            connection: dwh
            with: { table: orders, mode: upsert, key: [id], on_excluded: delete }
        policies:
          dead_letters: { max_ratio: 0.01 }
        tests:

        """;

    private const string Passing = """
          - name: rows that stop passing leave the target
            existing: { warehouse: [{ id: 1, name: old }, { id: 2, name: kept }] }
            given: { orders: [{ id: 1, amount: 4 }] }
            expect: { warehouse: [{ id: 2, name: kept }] }
          - name: a run that is refused changes nothing, and the next reads again
            clock: 2026-03-29T00:30:00Z
            given: { orders: [{ id: 1, name: a, amount: 4000 }, { id: 2, name: b, amount: 1 }] }
            expect: { status: refused, error: ETL4210, warehouse: [] }
            then:
              given: { orders: [{ id: 1, name: a, amount: 400 }] }
              expect: { warehouse: [{ id: 1, amount: 400 }, { id: 2 }] }
              then:
                expect: { status: nothing_new, warehouse: [{ id: 1 }, { id: 2 }] }
          - name: a parameter decides
            params: { floor: 10 }
            given: { orders: [{ name: a, amount: 10 }, { name: b, amount: 10.01 }] }
            expect: { warehouse: [{ name: b }], dead_letters: [{ rule: amount_positive, row: { name: a } }] }

        """;

    private const string Failing = """
          - name: everything differs
            given:
              orders:
                - { id: 1, name: a, amount: 1.5 }
                - { id: 2, name: b, amount: 2 }
                - { id: 3, name: c, amount: -3 }
                - { id: 4, amount: 3 }
            expect:
              warehouse:
                - { id: 1, name: x, amount: 1.50 }
                - { name: z }
                - { id: 7 }
              dead_letters: []
              rules: { amount_positive: 2, not_too_much: broken }
              stages: { checked: { excluded: 0, in: 4 } }
          - name: the second run differs
            given: { orders: [{ id: 1, name: a, amount: 1 }] }
            expect: { warehouse: [{ id: 1 }] }
            then:
              given: { orders: [{ id: 1, name: b, amount: 1 }] }
              expect: { warehouse: [{ id: 1, name: a }] }
          - name: nobody expects a refusal
            given: { orders: [{ id: 1, name: a, amount: 4000 }] }
            expect: { warehouse: [] }

        """;

    private const string Wrong = """
          - name: a
            clock: yesterday
            date: 2026-02-30
            params: { flor: 0, floor: x }
            given:
              ordrs: [{}]
              warehouse: []
              orders:
                - { id: 1.5, amuont: 1, amount: 1.555, day: null, updated_at: 2026-01-01 }
                - { ID: 1, id: 2 }
                - nothing
            existing: { warehous: [] }
            expect:
              warehouse: { id: 1 }
              werehouse: []
              dead_letters: [{ rule: named }, { rule: amount_positiv }, { rule: amount_positive, row: { nam: x } }, { row: {} }]
              rules: { amount_positive: many, x: 1 }
              stages: { chekced: { in: 1 }, checked: { inn: 1, out: few } }
              status: fine
          - name: a
            given: { orders: [{ id: 1 }, { id: 1 }] }
            expect: {}
          - given: {}
          - name: no expectation
            givne: {}

        """;

    [Test]
    public async Task The_quickstart_passes_its_own_tests_without_touching_anything()
    {
        using var project = ProjectFolder.Quickstart();
        var before = Directory.GetFileSystemEntries(project.Folder);
        var tested = await project.RunAsync("test", "--output", "json");
        Assert.That(tested.ExitCode, Is.Zero, tested.ToString());
        Assert.That(JsonNode.Parse(tested.Out)!["files"]![0]!["tests"]!.AsArray().Select(t => t!["passed"]!.GetValue<bool>()), Is.All.True.And.Exactly(5).Items);
        Assert.That(Directory.GetFileSystemEntries(project.Folder), Is.EquivalentTo(before));
    }

    // The warehouse is on a machine that does not exist, and its password is not set.
    [Test]
    public async Task Tests_need_neither_a_server_nor_a_secret()
    {
        using var project = Project(Passing);
        var tested = await project.RunAsync("test");
        Assert.That(tested.ExitCode, Is.Zero, tested.ToString());
        Assert.That(tested.Out, Does.EndWith("3 tests: 3 passed, 0 failed\n"));
        Assert.That(tested.Error, Is.Empty);
    }

    [Test]
    public async Task What_differs_is_told_row_by_row_at_the_place_of_the_expectation()
    {
        using var project = Project(Failing);
        var tested = await project.RunAsync("test", "orders.yaml");
        Assert.That(tested.ExitCode, Is.EqualTo(1), tested.ToString());
        Golden.Check("commands/test_differences.txt", Milliseconds(tested.Out), project);
    }

    [Test]
    public async Task Wrong_tests_are_told_by_validate_and_by_test_and_do_not_stop_a_run()
    {
        using var project = Project(Wrong);
        var tested = await project.RunAsync("test", "orders.yaml");
        var validated = await project.RunAsync("validate", "orders.yaml");
        var planned = await project.RunAsync("plan", "orders.yaml");
        Assert.That(tested.ExitCode, Is.EqualTo(2), tested.ToString());
        Golden.Check("commands/test_wrong.txt", tested.Out + tested.Error, project);
        Assert.That(validated.ExitCode, Is.EqualTo(2));
        Assert.That(validated.Out.Split('\n').Where(l => l.Contains(": error ", StringComparison.Ordinal)), Is.EqualTo(tested.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.That(planned.ExitCode, Is.Zero, planned.ToString());
    }

    [Test]
    public async Task Junit_tells_failures_and_errors_apart()
    {
        using var project = Project(Failing);
        project.Write("wrong.yaml", (Pipeline + Wrong).Replace("pipeline: orders", "pipeline: wrong", StringComparison.Ordinal));
        var tested = await project.RunAsync("test", "--format", "junit");
        Assert.That(tested.ExitCode, Is.EqualTo(2), tested.ToString());
        var root = XDocument.Parse(tested.Out).Root!;
        Assert.That(root.Attributes().Select(a => a.ToString()), Is.EqualTo(new[] { "tests=\"4\"", "failures=\"3\"", "errors=\"1\"" }));
        var suites = root.Elements("testsuite").ToDictionary(s => s.Attribute("name")!.Value);
        Assert.That(suites["orders"].Elements("testcase").Select(c => (c.Attribute("name")!.Value, (string?)c.Element("failure")?.Attribute("message"))), Is.EqualTo(new[]
        {
            ("everything differs", "warehouse, row id = 1: name is a, expected x"),
            ("the second run differs", "after `then`: warehouse, row id = 1: name is b, expected a"),
            ("nobody expects a refusal", "the run ended as refused: ETL4210: data quality refused the run: checked.not_too_much: 1 rows failed. Nothing was published. Mend the data, or accept it for one run: --accept not_too_much --reason TEXT."),
        }));
        Assert.That(suites["wrong"].Element("testcase")!.Element("error")!.Value, Does.Contain("wrong.yaml:28:12: error ETL3086"));
        Assert.That(root.Descendants().Select(e => e.Name.LocalName).Distinct(), Is.EquivalentTo(new[] { "testsuite", "testcase", "failure", "error" }));
    }

    [Test]
    public async Task A_filter_chooses_by_a_part_of_the_name()
    {
        using var project = Project(Passing + Failing);
        var one = await project.RunAsync("test", "--filter", "PARAMETER");
        var none = await project.RunAsync("test", "--filter", "nonsense");
        Assert.That((one.ExitCode, one.Out), Is.EqualTo((0, one.Out)), one.ToString());
        Assert.That(one.Out, Does.Contain("ok    a parameter decides").And.EndWith("1 test: 1 passed, 0 failed\n"));
        Assert.That((none.ExitCode, none.Error), Is.EqualTo((2, "error ETL4640: no test has 'nonsense' in its name\n  Without --filter all run, and their names are shown.\n")));
    }

    [Test]
    public async Task What_generate_proposes_is_pinned_and_passes()
    {
        using var project = Project("");
        project.Replace("orders.yaml", "tests:\n", "");
        var proposed = await project.RunAsync("test", "orders.yaml", "--generate", "--param", "floor=10");
        Assert.That(proposed.ExitCode, Is.Zero, proposed.ToString());
        Golden.Check("commands/test_generate.yaml", proposed.Out, project);
        project.Write("orders.yaml", project.Read("orders.yaml") + "\n" + proposed.Out);
        var tested = await project.RunAsync("test");
        Assert.That(tested.ExitCode, Is.Zero, tested.ToString());
        Assert.That(tested.Out, Does.EndWith("5 tests: 5 passed, 0 failed\n"));
    }

    private static ProjectFolder Project(string tests) => ProjectFolder.With(
        ("etl.yaml", "time_zone: Europe/Amsterdam\n"),
        ("connections.yaml", """
            connections:
              shop: { type: sqlite, path: shop.db }
              dwh: { type: postgres, host: nowhere.example.com, database: x, user: u, password: "${NOT_SET}" }
            """),
        ("orders.contract.yaml", SmallShop.Contract),
        ("orders.yaml", Pipeline + tests));

    private static string Milliseconds(string text) => System.Text.RegularExpressions.Regex.Replace(text, @"\([0-9]+ ms\)", "(MS)");
}
