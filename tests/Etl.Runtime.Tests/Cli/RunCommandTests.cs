using System.Text.Json.Nodes;
using Etl.Cli;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Reports;
using Etl.Runtime.Tests.Reports;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Cli;

public sealed class RunCommandTests
{
    [Test]
    public async Task Every_option_reaches_the_request()
    {
        var call = await CliSession.RunAsync(
            "run orders --param vat=0.21 --param note=a=b --env prod --date 2026-11-24 --from 2026-11-01 --to 2026-11-02 --accept few --accept fresh --reason known --wait --plugins a --plugins b --memory 512MB",
            _ => SampleReports.Succeeded);

        var asked = (RunRequest)call.App.Asked!;
        Assert.That(call.ExitCode, Is.Zero);
        Assert.That(asked.Pipeline, Is.EqualTo("orders"));
        Assert.That(asked.Scope.Environment, Is.EqualTo("prod"));
        Assert.That(asked.Scope.PluginFolders, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(asked.Parameters, Is.EquivalentTo(new Dictionary<string, string> { ["vat"] = "0.21", ["note"] = "a=b" }));
        Assert.That((asked.Date, asked.From, asked.To), Is.EqualTo((new DateOnly(2026, 11, 24), "2026-11-01", "2026-11-02")));
        Assert.That(asked.AcceptedRules, Is.EqualTo(new[] { "few", "fresh" }));
        Assert.That((asked.AcceptReason, asked.Wait, asked.FullRefresh, asked.Memory), Is.EqualTo(("known", true, false, new ByteSize(512L << 20))));
    }

    [Test]
    public async Task Without_options_the_request_has_the_defaults()
    {
        var call = await CliSession.RunAsync("run orders --full-refresh", _ => SampleReports.Succeeded);

        var asked = (RunRequest)call.App.Asked!;
        Assert.That((asked.Scope.Environment, asked.Date, asked.From, asked.AcceptReason, asked.Wait, asked.FullRefresh, asked.Memory), Is.EqualTo(("default", (DateOnly?)null, (string?)null, (string?)null, false, true, (ByteSize?)null)));
        Assert.That(asked.Parameters, Is.Empty);
        Assert.That(asked.Scope.PluginFolders, Is.Empty);
    }

    [Test]
    public async Task A_plan_stands_for_its_pipeline_and_its_environment()
    {
        var asked = (RunRequest)(await CliSession.RunAsync("run --plan p.json", _ => SampleReports.Succeeded)).App.Asked!;
        Assert.That((asked.Pipeline, asked.Plan, asked.EnvironmentIsGiven), Is.EqualTo(((string?)null, "p.json", false)));
        asked = (RunRequest)(await CliSession.RunAsync("run orders --plan p.json --env default", _ => SampleReports.Succeeded)).App.Asked!;
        Assert.That((asked.Pipeline, asked.Plan, asked.EnvironmentIsGiven), Is.EqualTo(("orders", "p.json", true)));

        var nothing = await CliSession.RunAsync("run", _ => SampleReports.Succeeded);
        Assert.That((nothing.ExitCode, nothing.Error), Is.EqualTo((2, "error ETL4601: there is nothing to run\n  Give a pipeline: etl run PIPELINE; or a plan: etl run --plan FILE.\n")));
    }

    [Test]
    public async Task The_report_is_printed_as_text_or_as_one_document()
    {
        var text = await CliSession.RunAsync("run orders", _ => SampleReports.Succeeded);
        var json = await CliSession.RunAsync("run orders --output json", _ => SampleReports.Succeeded);

        Assert.That(text.Out, Is.EqualTo(TextReport.Write(SampleReports.Succeeded)));
        Assert.That(json.Out, Is.EqualTo(JsonReport.Write(SampleReports.Succeeded) + "\n"));
    }

    [TestCase(RunStatus.Succeeded, null, 0)]
    [TestCase(RunStatus.NothingNew, null, 0)]
    [TestCase(RunStatus.Failed, "ETL4310", 1)]
    [TestCase(RunStatus.Failed, null, 1)]
    [TestCase(RunStatus.Failed, "ETL3105", 2)]
    [TestCase(RunStatus.Failed, "ETL4303", 4)]
    [TestCase(RunStatus.Refused, "ETL4120", 3)]
    [TestCase(RunStatus.Cancelled, null, 130)]
    public async Task The_exit_code_says_how_the_run_ended(RunStatus status, string? code, int expected)
    {
        var report = SampleReports.DidNotCompile with { Status = status, Error = new ReportError(code, "why") };

        Assert.That((await CliSession.RunAsync("run orders", _ => report)).ExitCode, Is.EqualTo(expected));
    }

    [Test]
    public async Task A_held_lease_is_another_exit_code_also_when_it_is_thrown()
    {
        var call = await CliSession.RunAsync("run orders", _ => throw new LeaseHeldException("host:1 runs orders since 08:00"));

        Assert.That((call.ExitCode, call.Out), Is.EqualTo((4, "")));
        Assert.That(call.Error, Is.EqualTo("error ETL4303: host:1 runs orders since 08:00\n  Wait for it, or run with --wait.\n"));
    }

    [Test]
    public async Task Files_with_errors_are_told_whole()
    {
        var problems = new DiagnosticsException(
        [
            new Diagnostic(new SourceSpan("orders.yaml", 3, 5), Severity.Error, "ETL2001", "unknown option 'tabel'", "Did you mean 'table'?"),
            new Diagnostic(new SourceSpan("orders.yaml", 9, 1), Severity.Warning, "ETL3130", "rows that stop matching stay there", null),
        ]);
        var text = await CliSession.RunAsync("run orders", _ => throw problems);
        var json = await CliSession.RunAsync("run orders --output json", _ => throw problems);

        Assert.That(text.ExitCode, Is.EqualTo(2));
        Assert.That(text.Error, Is.EqualTo(
            "orders.yaml:3:5: error ETL2001: unknown option 'tabel'. Did you mean 'table'?\norders.yaml:9:1: warning ETL3130: rows that stop matching stay there.\n1 error, 1 warning\n"));
        Assert.That(JsonNode.Parse(json.Out)!["problems"]![0]!.ToJsonString(), Is.EqualTo(
            """{"file":"orders.yaml","line":3,"column":5,"severity":"error","code":"ETL2001","message":"unknown option \u0027tabel\u0027","hint":"Did you mean \u0027table\u0027?"}"""));
    }

    [Test]
    public async Task An_unknown_error_is_a_line_and_its_stack_only_with_trace()
    {
        static object? Broken(object request) => throw new InvalidOperationException("no rows for S3cr3t\nsecond line");
        var plain = await CliSession.RunAsync("run orders", Broken);
        var traced = await CliSession.RunAsync("run orders --trace", Broken);

        Assert.That(plain.ExitCode, Is.EqualTo(1));
        Assert.That(plain.Error, Is.EqualTo("error: InvalidOperationException: no rows for ***\n  With --trace it shows where this came from.\n"));
        Assert.That(traced.Error, Does.Contain("   at ").And.Not.Contain("S3cr3t"));
    }

    [Test]
    public async Task Progress_is_told_as_lines_that_do_not_flood()
    {
        var call = await CliSession.RunAsync(["run", "orders"], _ => SampleReports.Succeeded, (progress, log, _) =>
        {
            for (var i = 1; i <= 100; i++)
            {
                progress.Report(new RunProgress("shop", StagePhase.Running, i, 100, i * 10));
            }

            progress.Report(new RunProgress("shop", StagePhase.Done, 100, 100, 1000));
            log.ForRun("r1", "orders").Warn("retrying {what}", ("what", "S3cr3t"));
            return Task.CompletedTask;
        });

        var lines = call.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.That(lines.Select(l => $"{l["level"]} {l["stage"]} {l["msg"]}"), Is.EqualTo(new[]
        {
            "info shop 1 of about 100 rows", "info shop done, 100 rows", "warn  retrying ***",
        }));
    }

    [Test]
    public async Task A_secret_in_a_report_does_not_leave()
    {
        var report = SampleReports.HalfFailed with { Error = new ReportError("ETL4310", "cannot connect with S3cr3t") };

        Assert.That((await CliSession.RunAsync("run orders", _ => report)).Out, Does.Contain("cannot connect with ***"));
        Assert.That((await CliSession.RunAsync("run orders --output json", _ => report)).Out, Does.Contain("cannot connect with ***"));
    }

    [TestCase("run orders --from 1", "error ETL4601: --from and --to go together\n  A backfill reads --from A --to B, B not included.\n")]
    [TestCase("run orders --from 1 --to 2 --full-refresh", "error ETL4601: --full-refresh reads everything, so --from and --to mean nothing\n  Leave one of them out.\n")]
    [TestCase("run orders --accept few", "error ETL4601: --accept needs --reason\n  The reason is kept in the audit: --reason 'known bad import'.\n")]
    [TestCase("run orders --reason x", "error ETL4601: --reason says why a rule is accepted, and no --accept names one\n  Add --accept RULE.\n")]
    [TestCase("run orders --param vat", "error ETL4602: --param 'vat' is not NAME=VALUE\n  For example: --param vat=0.21\n")]
    [TestCase("run orders --param a=1 --param a=2", "error ETL4602: --param a is given twice\n  Give it once.\n")]
    [TestCase("run orders --date 24/11/2026", "error ETL4600: '24/11/2026' is not a date such as 2026-11-24\n  `etl run --help` shows what there is.\n")]
    [TestCase("run orders --memory 512", "error ETL4600: '512' is not an amount of memory such as 512MB\n  `etl run --help` shows what there is.\n")]
    [TestCase("run orders --output xml", "error ETL4600: --output is 'xml'; it must be one of: text, json\n  `etl run --help` shows what there is.\n")]
    [TestCase("run --ful-refresh", "error ETL4600: Unrecognized option '--ful-refresh'\n  Did you mean '--full-refresh'? `etl run --help` shows what there is.\n")]
    [TestCase("plan", "error ETL4600: Required argument 'PIPELINE' missing for command: 'plan'\n  `etl plan --help` shows what there is.\n")]
    [TestCase("rnu", "error ETL4600: Unrecognized command or argument 'rnu'\n  Did you mean 'run'? `etl --help` shows what there is.\n")]
    public async Task Wrong_usage_is_told_and_asks_nothing(string arguments, string expected)
    {
        var call = await CliSession.RunAsync(arguments, _ => throw new InvalidOperationException("asked"));

        Assert.That((call.ExitCode, call.Out, call.Error), Is.EqualTo((2, "", expected)));
        Assert.That(call.App.Asked, Is.Null);
    }
}
