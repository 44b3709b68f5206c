using System.Text.Json.Nodes;
using System.Xml.Linq;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Testing;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Cli;

public sealed class TestCommandTests
{
    private static readonly TestFileResult Good = new("a.yaml", "a", [Result("one")], []);

    private static readonly TestFileResult Bad = new(
        "b.yaml", "b", [Result("two"), Result("three", new TestDifference(new SourceSpan("b.yaml", 4, 9), "t: x is \u0001<&>, expected 'y'"))], []);

    private static readonly TestFileResult Wrong = new("c.yaml", null, [], [new Diagnostic(new SourceSpan("c.yaml", 3, 5), Severity.Error, "ETL3082", "there is no column 'x' in 't'", "Columns are: y.")]);

    [Test]
    public async Task Each_ending_has_its_exit_code()
    {
        var good = await CliSession.RunAsync("test a b", _ => (IReadOnlyList<TestFileResult>)[Good]);
        var bad = await CliSession.RunAsync("test", _ => (IReadOnlyList<TestFileResult>)[Good, Bad]);
        var wrong = await CliSession.RunAsync("test", _ => (IReadOnlyList<TestFileResult>)[Good, Bad, Wrong]);
        var none = await CliSession.RunAsync("test", _ => (IReadOnlyList<TestFileResult>)[Good with { Tests = [] }]);

        Assert.That((good.ExitCode, good.Out, good.App.Asked), Is.EqualTo((0, "a.yaml\n  ok    one  (34 ms)\n1 test: 1 passed, 0 failed\n", ("a b", (string?)null))));
        Assert.That(bad.ExitCode, Is.EqualTo(1));
        Assert.That(bad.Out, Does.Contain("  FAIL  three  (34 ms)\n        b.yaml:4:9: t: x is ").And.EndWith("3 tests: 2 passed, 1 failed\n"));
        Assert.That((wrong.ExitCode, wrong.Error), Is.EqualTo((2, "c.yaml:3:5: error ETL3082: there is no column 'x' in 't'. Columns are: y.\n")));
        Assert.That(wrong.Out, Does.EndWith("3 tests: 2 passed, 1 failed; 1 pipeline not tested\n"));
        Assert.That((none.ExitCode, none.Out), Is.EqualTo((0, "0 tests: 0 passed, 0 failed\n")));
    }

    [Test]
    public async Task A_filter_that_finds_nothing_is_wrong_input()
    {
        var call = await CliSession.RunAsync("test --filter x", _ => (IReadOnlyList<TestFileResult>)[Good with { Tests = [] }]);

        Assert.That((call.ExitCode, call.App.Asked), Is.EqualTo((2, (".", "x"))));
        Assert.That(call.Error, Does.StartWith("error ETL4640: no test has 'x' in its name\n"));
    }

    [Test]
    public async Task Json_holds_all()
    {
        var call = await CliSession.RunAsync("test --output json", _ => (IReadOnlyList<TestFileResult>)[Bad, Wrong]);

        var files = JsonNode.Parse(call.Out)!["files"]!;
        Assert.That(files[0]!["tests"]![1]!["differences"]![0]!.ToJsonString(), Does.StartWith("{\"line\":4,\"column\":9,\"message\":\"t: x is "));
        Assert.That(files[0]!["tests"]![0]!["passed"]!.GetValue<bool>(), Is.True);
        Assert.That(files[1]!["problems"]![0]!["code"]!.GetValue<string>(), Is.EqualTo("ETL3082"));
    }

    [Test]
    public async Task Junit_is_xml_whatever_a_row_holds()
    {
        var call = await CliSession.RunAsync("test --format junit", _ => (IReadOnlyList<TestFileResult>)[Bad, Wrong]);

        Assert.That(call.Out, Does.StartWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"3\" failures=\"1\" errors=\"1\" time=\"0.068\">\n"));
        var suites = XDocument.Parse(call.Out).Root!.Elements().ToList();
        Assert.That(suites[0].Elements().Last().Element("failure")!.Value, Is.EqualTo("b.yaml:4:9: t: x is \uFFFD<&>, expected 'y'"));
        Assert.That(suites[1].Attributes().Select(a => $"{a.Name}={a.Value}"), Is.EqualTo(new[] { "name=c", "file=c.yaml", "tests=1", "failures=0", "errors=1", "skipped=0", "time=0.000" }));
    }

    [TestCase("test a --generate --filter x")]
    [TestCase("test a b --generate")]
    [TestCase("test a --param x=1")]
    public async Task What_does_not_go_together_is_refused(string arguments) =>
        Assert.That((await CliSession.RunAsync(arguments, _ => "tests:\n")).Error, Does.StartWith("error ETL4601: "));

    [Test]
    public async Task Generate_prints_what_is_proposed()
    {
        var call = await CliSession.RunAsync("test a --generate", _ => "tests:\n");

        Assert.That((call.ExitCode, call.Out, call.App.Asked), Is.EqualTo((0, "tests:\n", "a")));
    }

    private static TestResult Result(string name, params TestDifference[] differences) =>
        new(new TestDefinition(name, new SourceSpan("a.yaml", 2, 5), [], []), TimeSpan.FromMilliseconds(34), differences);
}
