using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What was reviewed is what runs: <c>etl plan --json FILE</c>, then <c>etl run --plan FILE</c>, and what changed in between.</summary>
public sealed class SealedPlanTests
{
    [Test]
    public async Task A_plan_says_what_it_was_made_from_and_runs()
    {
        using var project = await PlannedAsync();
        Golden.Check("commands/plan.json", project.Read("plan.json"), project);
        var report = await project.ReportAsync("run", "--plan", "plan.json");
        Assert.That(report["plan_hash"]!.GetValue<string>(), Is.EqualTo(JsonNode.Parse(project.Read("plan.json"))!["hash"]!.GetValue<string>()));
        SmallShop.BothEqualTheSource(project, "sqlite");
        Assert.That((await project.ReportAsync("run", "orders.yaml", "--plan", "plan.json"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"), "the pipeline may be named as well");
    }

    [Test]
    public async Task Each_input_that_changed_since_is_told_and_nothing_runs()
    {
        using var project = await PlannedAsync();
        project.Replace("orders.yaml", "amount > 0", "amount > 1");
        project.Replace("connections.yaml", "out/sqlite.db", "out/other.db");
        project.Replace("orders.contract.yaml", "version: \"1.0.0\"", "version: \"1.0.1\"");
        File.Delete(project.PathOf("etl.yaml"));
        project.Write("plugins.lock", """{ "version": 1, "plugins": {} }""");
        var run = await RefusedAsync(project, "run", "--plan", "plan.json", "--date", "2026-03-01");
        Golden.Check("errors/plan_inputs_changed.txt", run, project);

        project.Replace("orders.yaml", "amount > 1", "amuont > 1");
        Golden.Check("errors/plan_does_not_compile.txt", await RefusedAsync(project, "run", "--plan", "plan.json"), project);
        Assert.That(Directory.Exists(project.PathOf("out")), Is.False, "neither connects");
    }

    [Test]
    public async Task A_plan_is_of_its_environment_its_parameters_its_date_and_its_variables()
    {
        using var project = SmallShop.Project("sqlite");
        project.Write("connections.test.yaml", "connections:\n  dwh: { type: sqlite, path: \"out/${NAME}.db\" }\n");
        project.Write("connections.prod.yaml", "connections: {}\n");
        project.Replace("orders.yaml", "stages:", "params:\n  least: { type: decimal, default: 0 }\n  token: { type: string, default: \"\" }\nstages:");
        project.Replace("orders.yaml", "amount > 0", "amount > $least");
        project.Replace("orders.yaml", "- { name: amount_positive", "- { name: \"${RULE}\"");
        (project.Environment["NAME"], project.Environment["RULE"]) = ("test", "good");
        await PlanAsync(project, "--env", "test", "--param", "least=10", "--date", "2026-03-01");

        var others = await RefusedAsync(project, "run", "--plan", "plan.json", "--env", "prod", "--param", "least=11", "--date", "2026-03-02");
        Golden.Check("errors/plan_of_another_run.txt", others, project);
        (project.Environment["NAME"], project.Environment["RULE"]) = ("elsewhere", "fine");
        Golden.Check("errors/plan_variables_changed.txt", await RefusedAsync(project, "run", "--plan", "plan.json"), project);

        (project.Environment["NAME"], project.Environment["RULE"]) = ("test", "good");
        var report = await project.ReportAsync("run", "--plan", "plan.json");
        Assert.That(report["environment"]!.GetValue<string>(), Is.EqualTo("test"));
        Assert.That(project.SqliteRows("out/test.db", "select count(*) from orders where amount <= 10"), Is.EqualTo(new[] { "0" }));
    }

    [Test]
    public async Task No_secret_is_in_a_plan_and_one_that_changed_is_noticed_all_the_same()
    {
        using var project = SmallShop.Project("sqlite");
        project.Write("connections.test.yaml", "connections:\n  dwh: { type: postgres, host: dwh.example, database: dwh, user: etl, password: \"${DWH_PASSWORD}\" }\n");
        project.Replace("orders.yaml", "stages:", "params:\n  note: { type: string }\nstages:");
        project.Environment["DWH_PASSWORD"] = "hunter2-secret";
        await PlanAsync(project, "--env", "test", "--param", "note=hunter2-secret");
        Assert.That(JsonNode.Parse(project.Read("plan.json"))!["inputs"]!["parameters"]!.ToJsonString(), Is.EqualTo("""{"note":null}"""));

        var run = await RefusedAsync(project, "run", "--plan", "plan.json", "--param", "note=another-secret");
        Assert.That(run, Does.Contain("ETL3133").And.Contain("a parameter that is a secret, or a variable, has another value"));
    }

    [TestCase("not_there", null)]
    [TestCase("not_json", "pipeline: orders\n")]
    [TestCase("not_a_plan", """{ "version": 2 }""")]
    [TestCase("another_version", """{ "version": 1, "pipeline": "orders", "nodes": [] }""")]
    [TestCase("without_a_seal", """{ "version": 2, "pipeline": "orders", "nodes": [] }""")]
    public async Task A_file_that_is_no_plan_is_told(string name, string? text)
    {
        using var project = SmallShop.Project("sqlite");
        if (text is not null)
        {
            project.Write("plan.json", text);
        }

        Golden.Check($"errors/plan_{name}.txt", await RefusedAsync(project, "run", "--plan", "plan.json"), project);
    }

    [TestCase("amount > 0", "amount > -9", false)]
    [TestCase("\"pipeline\": \"orders\"", "\"pipeline\": \"other\"", false)]
    [TestCase("\"nodes\":", "\"more\": 1, \"nodes\":", false)]
    [TestCase("\n", " \n", true)]
    public async Task An_edited_plan_does_not_run_and_one_that_is_laid_out_otherwise_does(string old, string now, bool runs)
    {
        using var project = await PlannedAsync();
        project.Replace("plan.json", old, now);
        var run = await project.RunAsync("run", "--plan", "plan.json");
        Assert.That(run.ExitCode, Is.EqualTo(runs ? 0 : 2), run.ToString());
        if (!runs)
        {
            Assert.That(run.Error, Is.EqualTo("error ETL3132: the plan 'plan.json' is not as it was written: its seal does not fit\n  It was edited, merged or cut off. Make it again: etl plan PIPELINE --json FILE.\n"));
        }
    }

    private static async Task<ProjectFolder> PlannedAsync()
    {
        var project = SmallShop.Project("sqlite");
        await PlanAsync(project);
        return project;
    }

    private static async Task PlanAsync(ProjectFolder project, params string[] options)
    {
        var plan = await project.RunAsync(["plan", "orders.yaml", "--json", "plan.json", .. options]);
        Assert.That(plan.ExitCode, Is.Zero, plan.ToString());
    }

    private static async Task<string> RefusedAsync(ProjectFolder project, params string[] arguments)
    {
        var run = await project.RunAsync(arguments);
        Assert.That((run.ExitCode, run.Out), Is.EqualTo((2, "")), run.ToString());
        return run.Error;
    }
}
