using System.Text.Json.Nodes;
using System.Xml.Linq;
using Etl.Cli;
using Etl.Cli.Problems;
using Etl.Runtime.Diagnostics;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Cli;

/// <summary>The forms of <c>validate --format</c>. That SARIF fits its published schema is tested end to end, with the schema itself.</summary>
public sealed class ProblemFormatTests
{
    private static readonly RepositoryPaths Paths = new("/srv/shop");

    private static readonly ValidationResult Found = new(
        ["/srv/shop/pipelines/a.yaml", "/srv/shop/pipelines/fine.yaml"],
        [
            new(new("/srv/shop/pipelines/a.yaml", 3, 5), Severity.Error, "ETL2001", "unknown option 'x'\nhere", "100% sure, <really>: yes."),
            new(new("/srv/shop/pipelines/a.yaml", 9, 1), Severity.Error, "ETL2001", "unknown option 'x'\nhere", null),
            new(new("/srv/shop/pipelines/a.yaml", 9, 2), Severity.Warning, "ETL3047", "rows stay", null),
            new(new("/srv/shop/contracts/o r,d.yaml", 1, 1), Severity.Error, "ETL1050", "no contract \u0007", null),
            new(new("/elsewhere/p.yaml", 2, 2), Severity.Error, "ETL1001", "empty", null),
        ]);

    [Test]
    public void Text_is_a_line_for_each_problem_and_a_sum()
    {
        var lines = ProblemFormat.Write("text", Found).Split('\n');
        Assert.That(lines[2], Is.EqualTo("/srv/shop/pipelines/a.yaml:9:1: error ETL2001: unknown option 'x'"));
        Assert.That(lines[^2], Is.EqualTo("2 pipelines: 4 errors, 1 warning"));
    }

    [Test]
    public void Github_escapes_what_would_end_a_command()
    {
        var lines = GitHubCommands.Write(Found, Paths).Split('\n');
        Assert.That(lines, Is.EqualTo(new[]
        {
            "::error file=pipelines/a.yaml,line=3,col=5,title=ETL2001::unknown option 'x'%0Ahere. 100%25 sure, <really>: yes.",
            "::error file=pipelines/a.yaml,line=9,col=1,title=ETL2001::unknown option 'x'%0Ahere.",
            "::warning file=pipelines/a.yaml,line=9,col=2,title=ETL3047::rows stay.",
            "::error file=contracts/o r%2Cd.yaml,line=1,col=1,title=ETL1050::no contract \u0007.",
            "::error file=/elsewhere/p.yaml,line=2,col=2,title=ETL1001::empty.",
            "2 pipelines: 4 errors, 1 warning",
            "",
        }));
    }

    [Test]
    public void Gitlab_has_what_its_report_format_requires_and_no_fingerprint_twice()
    {
        var findings = JsonNode.Parse(GitLabReport.Write(Found, Paths))!.AsArray();
        Assert.That(findings, Has.Count.EqualTo(5));
        Assert.That(findings.Select(f => f!["fingerprint"]!.GetValue<string>()).Distinct().Count(), Is.EqualTo(5));
        foreach (var finding in findings)
        {
            Assert.That(finding!.AsObject().Select(m => m.Key), Is.EquivalentTo(new[] { "description", "check_name", "fingerprint", "severity", "location" }));
            Assert.That(finding["severity"]!.GetValue<string>(), Is.AnyOf("info", "minor", "major", "critical", "blocker"));
            Assert.That(finding["location"]!["lines"]!["begin"]!.GetValue<int>(), Is.GreaterThan(0));
        }

        Assert.That(findings[2]!["location"]!["path"]!.GetValue<string>(), Is.EqualTo("pipelines/a.yaml"));
    }

    [Test]
    public void A_fingerprint_stays_when_lines_move()
    {
        var moved = new ValidationResult(Found.Files, [.. Found.Diagnostics.Select(d => d with { Span = d.Span with { Line = d.Span.Line + 7 } })]);
        static IEnumerable<string> Fingerprints(ValidationResult r) => JsonNode.Parse(GitLabReport.Write(r, Paths))!.AsArray().Select(f => f!["fingerprint"]!.GetValue<string>());
        Assert.That(Fingerprints(moved), Is.EqualTo(Fingerprints(Found)));
    }

    [Test]
    public void Sarif_names_each_rule_once_with_its_page_and_places_relative_to_the_repository()
    {
        var run = JsonNode.Parse(SarifLog.Write(Found, Paths))!["runs"]![0]!;
        var rules = run["tool"]!["driver"]!["rules"]!.AsArray();
        Assert.That(rules.Select(r => r!["id"]!.GetValue<string>()), Is.EqualTo(new[] { "ETL1001", "ETL1050", "ETL2001", "ETL3047" }));
        Assert.That(rules[2]!["shortDescription"]!["text"]!.GetValue<string>(), Is.EqualTo(DiagnosticCatalog.Find("ETL2001")!.Title));
        var results = run["results"]!.AsArray();
        Assert.That(results.Select(r => r!["ruleIndex"]!.GetValue<int>()), Is.EqualTo(new[] { 2, 2, 3, 1, 0 }));
        static JsonNode File(JsonNode? r) => r!["locations"]![0]!["physicalLocation"]!["artifactLocation"]!;
        Assert.That(File(results[3])["uri"]!.GetValue<string>(), Is.EqualTo("contracts/o%20r%2Cd.yaml"));
        Assert.That(File(results[3])["uriBaseId"]!.GetValue<string>(), Is.EqualTo("%SRCROOT%"));
        Assert.That(File(results[4]).ToJsonString(), Is.EqualTo("""{"uri":"file:///elsewhere/p.yaml"}"""));
    }

    [Test]
    public void Junit_fails_the_pipelines_with_errors_and_passes_the_others()
    {
        var suite = XDocument.Parse(JUnitReport.Write(Found, Paths)).Root!.Element("testsuite")!;
        Assert.That(((int)suite.Attribute("tests")!, (int)suite.Attribute("failures")!), Is.EqualTo((4, 3)));
        var cases = suite.Elements("testcase").ToDictionary(c => (string)c.Attribute("name")!);
        Assert.That(cases.Keys, Is.EqualTo(new[] { "/elsewhere/p.yaml", "contracts/o r,d.yaml", "pipelines/a.yaml", "pipelines/fine.yaml" }));
        Assert.That(cases["pipelines/fine.yaml"].HasElements, Is.False);
        Assert.That((string)cases["pipelines/a.yaml"].Element("failure")!.Attribute("type")!, Is.EqualTo("ETL2001"));
        Assert.That(cases["pipelines/a.yaml"].Element("system-out")!.Value, Does.Contain("ETL3047"));
        Assert.That(cases["contracts/o r,d.yaml"].Element("failure")!.Value, Does.Contain("no contract \uFFFD"));
    }

    [Test]
    public void Paths_are_those_of_the_repository_and_outside_it_absolute()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Paths.Of("/srv/shop/a/b.yaml"), Is.EqualTo("a/b.yaml"));
            Assert.That(Paths.Of("/srv/shop/..odd/b.yaml"), Is.EqualTo("..odd/b.yaml"));
            Assert.That(Paths.Of("/srv/shopping/b.yaml"), Is.EqualTo("/srv/shopping/b.yaml"));
        });
    }
}
