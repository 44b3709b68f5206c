using System.Text.Json.Nodes;
using Etl.Cli;
using Etl.Contracts;
using Etl.Runtime.Compilation.Online;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Execution;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;
using Etl.Runtime.Tests.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Cli;

public sealed class CommandTests
{
    private static readonly DateTimeOffset Eight = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private static readonly RunSummary Summary = new("20261124-080000-1f2e3d4c", "orders", "prod", RunStatus.Succeeded, Eight, 12.4, 1_204_310, 1_203_951, 42, null);

    [Test]
    public async Task Validate_tells_all_problems_and_takes_this_folder_when_none_is_given()
    {
        var result = new ValidationResult(["a.yaml", "b.yaml"], [new Diagnostic(new SourceSpan("a,b.yaml", 3, 5), Severity.Error, "ETL2001", "unknown option 'x'", "Really.")]);

        var text = await CliSession.RunAsync("validate a b", _ => result);
        var json = await CliSession.RunAsync("validate --format json", _ => result);
        var fine = await CliSession.RunAsync("validate", _ => new ValidationResult(["a.yaml"], []));

        Assert.That((text.ExitCode, text.Out), Is.EqualTo((2, "a,b.yaml:3:5: error ETL2001: unknown option 'x'. Really.\n2 pipelines: 1 error, 0 warnings\n")));
        Assert.That(text.App.Asked, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(json.App.Asked, Is.EqualTo(new[] { "." }));
        Assert.That(JsonNode.Parse(json.Out)!["files"]!.GetValue<int>(), Is.EqualTo(2));
        Assert.That((fine.ExitCode, fine.Out), Is.EqualTo((0, "1 pipeline: 0 errors, 0 warnings\n")));
    }

    [Test]
    public async Task Plan_prints_the_plan_and_writes_it()
    {
        var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "plan.json");
        var plan = new PlanDescription("the plan\n", "{}", [new Diagnostic(new SourceSpan("a.yaml", 1, 1), Severity.Warning, "ETL3130", "w", null)]);

        var call = await CliSession.RunAsync(["plan", "orders", "--out", file, "--param", "a=1"], _ => plan);

        Assert.That((call.ExitCode, call.Out, call.Error), Is.EqualTo((0, "the plan\n", "a.yaml:1:1: warning ETL3130: w.\n")));
        Assert.That(await File.ReadAllTextAsync(file), Is.EqualTo("{}\n"));
        Assert.That((await CliSession.RunAsync("plan orders --output json", _ => plan)).Out, Is.EqualTo("{}\n"));
    }

    [TestCase(false, false, 0)]
    [TestCase(true, false, 3)]
    [TestCase(true, true, 1)]
    public async Task A_plan_against_live_schemas_says_by_its_exit_code_what_a_run_would_do(bool fails, bool unreachable, int expected)
    {
        var live = new LiveComparison([new LiveEnd("a", true, "x")
        {
            Drifts = [new Drift(fails ? "ETL3140" : "ETL3141", fails ? DriftFate.Fails : DriftFate.Warns, "c", "differs")],
            Unreachable = unreachable ? ("ETL4450", "refused") : null,
        }]);
        var call = await CliSession.RunAsync("plan orders --online", _ => new PlanDescription("the plan\n", "{}", [], live));
        Assert.That((call.ExitCode, ((PlanRequest)call.App.Asked!).Online), Is.EqualTo((expected, true)));
    }

    [TestCase("2001", "ETL2001")]
    [TestCase("etl2001", "ETL2001")]
    public async Task Explain_takes_a_code_as_people_type_it(string typed, string code)
    {
        var call = await CliSession.RunAsync($"explain {typed}", _ => new DiagnosticPage(code, "Unknown option", "Why.\n"));

        Assert.That((call.ExitCode, call.App.Asked, call.Out), Is.EqualTo((0, code, "ETL2001: Unknown option\n\nWhy.\n")));
    }

    [Test]
    public async Task What_is_not_there_is_the_input_that_is_wrong()
    {
        Assert.That((await CliSession.RunAsync("explain 9999", _ => null)).ExitCode, Is.EqualTo(2));
        Assert.That((await CliSession.RunAsync("runs show abc", _ => null)).ExitCode, Is.EqualTo(2));
        Assert.That((await CliSession.RunAsync("plugins describe abc", _ => Array.Empty<ComponentDetails>())).ExitCode, Is.EqualTo(2));
        Assert.That((await CliSession.RunAsync("new --connection a --tables x --to b", _ => Array.Empty<WrittenFile>())).ExitCode, Is.EqualTo(2));
    }

    [Test]
    public async Task Plugins_are_listed_and_described()
    {
        var table = new ComponentSummary("extract", "table", "postgres", "Reads a table.", "Etl.Plugins.Postgres");
        var list = await CliSession.RunAsync("plugins list", _ => new[] { table });
        var details = await CliSession.RunAsync("plugins describe table", _ => new[]
        {
            new ComponentDetails(table, [new OptionLine("table", "text", true, null, "The table.", "orders"), new OptionLine("columns", "list", false, "[]", "Columns.", null)]),
        });

        Assert.That(list.Out, Is.EqualTo(
            "  kind     name   for                       plugin\n  extract  table  postgres  Reads a table.  Etl.Plugins.Postgres\n"));
        Assert.That(details.Out, Is.EqualTo(
            "extract table for postgres, of Etl.Plugins.Postgres\nReads a table.\n\n  option   type  default\n  table    text  (required)  The table. Example: orders\n  columns  list  []          Columns.\n"));
    }

    [Test]
    public async Task Runs_are_listed_by_filter()
    {
        var call = await CliSession.RunAsync("runs list --pipeline orders --env prod --status nothing_new --limit 5", _ => new[] { Summary });

        Assert.That(call.App.Asked, Is.EqualTo(new RunFilter("orders", "prod", RunStatus.NothingNew, 5)));
        Assert.That(call.Out, Is.EqualTo(
            "  run                       pipeline  env   status     started (UTC)          time       read    written  dead letters\n"
            + "  20261124-080000-1f2e3d4c  orders    prod  succeeded  2026-11-24 08:00:00  12.4 s  1,204,310  1,203,951            42\n"));
        Assert.That((await CliSession.RunAsync("runs list", _ => Array.Empty<RunSummary>())).App.Asked, Is.EqualTo(new RunFilter()));
    }

    [Test]
    public async Task A_run_is_shown_as_its_report_or_as_what_its_rules_found()
    {
        var record = new RunRecord(Summary, ProcessIdentity.Current, SampleReports.Succeeded);
        var text = await CliSession.RunAsync("runs show 2026", _ => record);
        var quality = await CliSession.RunAsync("runs show 2026 --quality", _ => record);
        var json = await CliSession.RunAsync("runs show 2026 --output json", _ => record);
        var rules = await CliSession.RunAsync("runs show 2026 --quality --output json", _ => record);

        Assert.That(text.Out, Is.EqualTo(TextReport.Write(SampleReports.Succeeded)));
        Assert.That(json.Out, Is.EqualTo(JsonReport.Write(SampleReports.Succeeded) + "\n"));
        Assert.That(quality.Out, Does.Contain("checked  amount_positive  dead_letter  broken      42\n").And.Contain("accepted: known bad import of November"));
        Assert.That(JsonNode.Parse(rules.Out)!["rules"]!.AsArray(), Has.Count.EqualTo(4));
    }

    [Test]
    public async Task An_interrupted_run_says_what_to_look_at()
    {
        var record = new RunRecord(Summary with { Status = RunStatus.Interrupted, Seconds = null }, new ProcessIdentity("host", 42, 0), null);

        var text = await CliSession.RunAsync("runs show 2026", _ => record);
        var json = await CliSession.RunAsync("runs show 2026 --output json", _ => record);

        Assert.That(text.Out, Does.StartWith("orders: interrupted\n  run 20261124-080000-1f2e3d4c, environment prod, started 2026-11-24 08:00:00 UTC by process 42 on host\n"));
        Assert.That(JsonNode.Parse(json.Out)!["status"]!.GetValue<string>(), Is.EqualTo("interrupted"));
    }

    [Test]
    public async Task Dead_letters_are_listed_and_shown()
    {
        var list = await CliSession.RunAsync("dead-letters list orders --env prod", _ => new[] { new DeadLetterSummary("checked", "lake:x.jsonl", 42, "r1", Eight, 40, 2) });
        var show = await CliSession.RunAsync("dead-letters show orders --run r1 --stage checked --rule positive --limit 2", _ => new[] { new DeadLetterRow("checked", "positive", "amount > 0", """{"id":1}""") });
        var none = await CliSession.RunAsync("dead-letters show orders", _ => Array.Empty<DeadLetterRow>());

        Assert.That(list.App.Scope!.Environment, Is.EqualTo("prod"));
        Assert.That(list.Out, Does.EndWith("  checked    42  40 open, 2 replayed  r1   2026-11-24 08:00:00  lake:x.jsonl\n"));
        Assert.That(show.App.Asked, Is.EqualTo(new DeadLetterFilter("orders", "r1", "checked", "positive", 2)));
        Assert.That(show.Out, Is.EqualTo("checked.positive: amount > 0\n  {\"id\":1}\n"));
        Assert.That(none.Out, Is.EqualTo("no dead letters\n"));
    }

    [Test]
    public async Task A_replay_is_a_run_of_the_letters_that_were_named()
    {
        var replay = await CliSession.RunAsync("dead-letters replay orders --rule positive --run r1 --param vat=0.2 --wait", _ => SampleReports.Succeeded);
        Assert.That(replay.ExitCode, Is.Zero, replay.Error);
        var asked = (RunRequest)replay.App.Asked!;
        Assert.That((asked.Pipeline, asked.Replay, asked.Wait, asked.Parameters["vat"]), Is.EqualTo(("orders", new LetterSelection("r1", null, "positive"), true, "0.2")));
    }

    [Test]
    public async Task Moving_needs_the_name_of_before()
    {
        var stage = await CliSession.RunAsync("state move orders warehouse --from-stage dwh", _ => new StateEdit("warehouse", 8, 0));
        var both = await CliSession.RunAsync("state move orders warehouse --from-pipeline sales --from-stage dwh --output json", _ => new StateEdit("warehouse", 8, 0));
        var none = await CliSession.RunAsync("state move orders warehouse", _ => new StateEdit("warehouse", 8, 0));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(stage.App.Asked, Is.EqualTo(("orders", "warehouse", (string?)null, "dwh")));
            Assert.That(stage.Out, Is.EqualTo("warehouse: moved in epoch 8\n"));
            Assert.That(both.App.Asked, Is.EqualTo(("orders", "warehouse", "sales", "dwh")));
            Assert.That(both.Out, Does.Contain("\"epoch\": 8"));
            Assert.That((none.ExitCode, none.App.Asked), Is.EqualTo((2, (object?)null)));
            Assert.That(none.Error, Does.Contain("--from-pipeline, --from-stage or both"));
        }
    }

    [Test]
    public async Task Discarding_needs_a_reason_and_resetting_a_yes()
    {
        var discarded = await CliSession.RunAsync("dead-letters discard orders --stage checked --reason tests", _ => new[] { new StateEdit("warehouse", 7, 1200) });
        var noReason = await CliSession.RunAsync("dead-letters discard orders", _ => Array.Empty<StateEdit>());
        var reset = await CliSession.RunAsync("state reset orders warehouse --to-epoch 3 --yes", _ => new StateEdit("warehouse", 8, 0));
        var noYes = await CliSession.RunAsync("state reset orders warehouse", _ => new StateEdit("warehouse", 8, 0));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(discarded.App.Asked, Is.EqualTo(("orders", new LetterSelection(null, "checked"), "tests")));
            Assert.That(discarded.Out, Is.EqualTo("warehouse: 1,200 dead letters discarded in epoch 7\n"));
            Assert.That((noReason.ExitCode, noReason.App.Asked), Is.EqualTo((2, (object?)null)));
            Assert.That(reset.App.Asked, Is.EqualTo(("orders", "warehouse", (long?)3)));
            Assert.That(reset.Out, Is.EqualTo("warehouse: reset in epoch 8\n"));
            Assert.That((noYes.ExitCode, noYes.App.Asked), Is.EqualTo((2, (object?)null)));
            Assert.That(noYes.Error, Does.Contain("would read everything again for 'warehouse'").And.Contain("add --yes"));
        }
    }

    [Test]
    public async Task A_lake_that_is_not_as_its_log_says_is_a_failure_with_a_line_for_each_problem()
    {
        var whole = await CliSession.RunAsync("lake verify orders --deep", _ => new[] { new OfStage<LakeInspection>("lake", new("s3://b/orders/", 7, 1, 10, [])) });
        var broken = await CliSession.RunAsync("lake verify orders --stage lake", _ => new[] { new OfStage<LakeInspection>("lake", new("s3://b/orders/", 7, 1200, 10, ["orders/a: it is not there"])) });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(whole.App.Asked, Is.EqualTo(("orders", (string?)null, true)));
            Assert.That((whole.ExitCode, whole.Out), Is.EqualTo((0, "lake: s3://b/orders/ at version 7, 1 file: as its log says\n")));
            Assert.That(broken.App.Asked, Is.EqualTo(("orders", "lake", false)));
            Assert.That((broken.ExitCode, broken.Out), Is.EqualTo((1, "lake: s3://b/orders/ at version 7, 1,200 files: 1 problem\n  orders/a: it is not there\n")));
        }
    }

    [Test]
    public async Task A_vacuum_keeps_a_week_and_less_than_a_day_must_be_said_twice()
    {
        static OfStage<LakeClearance>[] Cleared(object _) => [new("lake", new("s3://b/orders/", ["part-1.parquet", "part-2.parquet"], 2048, []))];
        var week = await CliSession.RunAsync("lake vacuum orders --dry-run", Cleared);
        var hours = await CliSession.RunAsync("lake vacuum orders --older-than 23h", Cleared);
        var meant = await CliSession.RunAsync("lake vacuum orders --older-than 2h --unsafe-retention --output json", Cleared);
        var wrong = await CliSession.RunAsync("lake vacuum orders --older-than soon", Cleared);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(week.App.Asked, Is.EqualTo(("orders", (string?)null, TimeSpan.FromDays(7), true)));
            Assert.That(week.Out, Is.EqualTo("lake: 2 files, 2,048 bytes, and 0 unfinished uploads would be deleted in s3://b/orders/\n  part-1.parquet\n  part-2.parquet\n"));
            Assert.That((hours.ExitCode, hours.App.Asked), Is.EqualTo((2, (object?)null)));
            Assert.That(hours.Error, Does.Contain("add --unsafe-retention"));
            Assert.That(meant.App.Asked, Is.EqualTo(("orders", (string?)null, TimeSpan.FromHours(2), false)));
            Assert.That(meant.Out, Does.Contain("\"dry_run\": false").And.Contain("part-2.parquet"));
            Assert.That((wrong.ExitCode, wrong.Error), Is.EqualTo((2, wrong.Error)));
            Assert.That(wrong.Error, Does.Contain("such as 7d or 36h"));
        }
    }

    [Test]
    public async Task A_compaction_says_what_became_of_the_files_and_looks_first_when_asked()
    {
        CompactedFolder[] folders = [new("", 2, 20, 1), new("d=1/", 1200, 40_000, 2)];
        var looked = await CliSession.RunAsync("lake compact orders --stage lake --dry-run", _ => new[] { new OfStage<LakeCompaction>("lake", new("s3://b/orders/", 7, folders, 0, 0, null)) });
        var done = await CliSession.RunAsync("lake compact orders --alone", _ => new[] { new OfStage<LakeCompaction>("lake", new("s3://b/orders/", 8, folders, 30_000, 3, "warning: no checkpoint")) });
        var none = await CliSession.RunAsync("lake compact orders", _ => new[] { new OfStage<LakeCompaction>("lake", new("s3://b/orders/", 7, [], 0, 0, null)) });
        var json = await CliSession.RunAsync("lake compact orders --output json", _ => new[] { new OfStage<LakeCompaction>("lake", new("s3://b/orders/", 8, folders, 30_000, 0, null)) });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(looked.App.Asked, Is.EqualTo(("orders", "lake", true, false)));
            Assert.That(looked.Out, Is.EqualTo("lake: 1,202 files of 40,020 bytes in 2 folders would become 3 in s3://b/orders/\n  .  2 files of 20 bytes into 1\n  d=1/  1,200 files of 40,000 bytes into 2\n"));
            Assert.That(done.App.Asked, Is.EqualTo(("orders", (string?)null, false, true)));
            Assert.That(done.Out, Is.EqualTo("lake: 1,202 files of 40,020 bytes in 2 folders became 3 of 30,000 bytes in s3://b/orders/, version 8; 3 files left as a run replaced some meanwhile; warning: no checkpoint\n"));
            Assert.That(none.Out, Is.EqualTo("lake: nothing to put together in s3://b/orders/\n"));
            Assert.That(JsonNode.Parse(json.Out)!["tables"]![0]!["folders"]![1]!.ToJsonString(), Is.EqualTo("""{"folder":"d=1/","files":1200,"bytes":40000,"into":2}"""));
            Assert.That((done.ExitCode, JsonNode.Parse(json.Out)!["tables"]![0]!["bytes_after"]!.GetValue<long>()), Is.EqualTo((0, 30_000)));
        }
    }

    [Test]
    public async Task New_and_contract_import_say_what_they_wrote()
    {
        WrittenFile[] files = [new("pipelines/a.yaml", true, null), new("pipelines/b.yaml", false, "no primary key")];
        var made = await CliSession.RunAsync("new --connection shop --tables public.* --to dwh --out p", _ => files);
        var imported = await CliSession.RunAsync("contract import --connection shop --tables orders --overwrite", _ => files);

        Assert.That(made.App.Asked, Is.EqualTo(new NewRequest("shop", "public.*", "dwh", "p", false)));
        Assert.That(made.Out, Is.EqualTo("wrote pipelines/a.yaml\nkept  pipelines/b.yaml: no primary key\nFiles that were there are kept; --overwrite replaces them.\n"));
        Assert.That(imported.App.Asked, Is.EqualTo(new ImportRequest("shop", "orders", null, true)));
    }

    [Test]
    public async Task State_shows_how_far_each_target_is()
    {
        var checkpoint = new Checkpoint
        {
            Key = new CheckpointKey("prod", "orders", "dwh"), N = 4, Fence = 7, BatchId = "b", RunId = "r1", PlanHash = "p", Fingerprint = "f",
            Sources = new Dictionary<string, SourcePosition>(), Rows = 1200, CommittedAt = Eight,
        };
        TargetState[] states = [new("dwh", "dwh public.orders", checkpoint, "orders: updated_at 08:00"), new("lake", "lake data/", null, null)];
        var text = await CliSession.RunAsync("state show orders", _ => states);
        var json = await CliSession.RunAsync("state show orders --output json", _ => states);

        Assert.That(text.Out, Does.Contain("  dwh    dwh public.orders      4  1,200  2026-11-24 08:00:00  r1   orders: updated_at 08:00\n").And.Contain("never run\n"));
        Assert.That(JsonNode.Parse(json.Out)!["targets"]![0]!["checkpoint"]!["n"]!.GetValue<long>(), Is.EqualTo(4));
    }

    [Test]
    public async Task The_schema_is_printed_or_written()
    {
        var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "schema.json");

        Assert.That((await CliSession.RunAsync("schema", _ => "{}")).Out, Is.EqualTo("{}\n"));
        Assert.That((await CliSession.RunAsync(["schema", "--out", file], _ => "{}")).Out, Is.Empty);
        Assert.That(await File.ReadAllTextAsync(file), Is.EqualTo("{}\n"));
    }
}
