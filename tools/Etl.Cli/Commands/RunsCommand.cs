using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime.Ledger;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl runs list</c> and <c>etl runs show RUN</c>.</summary>
internal static class RunsCommand
{
    private static readonly Option<string?> Pipeline = new("--pipeline") { Description = "Runs of this pipeline only.", HelpName = "ID" };
    private static readonly Option<string> Status = SharedOptions.Choice(
        "--status", "Runs that ended so only.", "any", "running", "succeeded", "nothing_new", "failed", "refused", "cancelled", "interrupted");

    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many.", DefaultValueFactory = _ => 20, HelpName = "N" };
    private static readonly Argument<string> Run = new("run") { Description = "The run's id, or a beginning of it.", HelpName = "RUN" };
    private static readonly Option<bool> Quality = new("--quality") { Description = "Only what its rules found." };

    public static Command Create(CliHost host)
    {
        var list = new Command("list", "Lists the project's runs, the newest first.") { Pipeline, SharedOptions.Environment, Status, Limit };
        host.Handle(list, async call =>
        {
            var status = call.Parse.GetValue(Status)!;
            var filter = new RunFilter(
                call.Parse.GetValue(Pipeline),
                call.Parse.GetValue(SharedOptions.Environment),
                status == "any" ? null : Enum.Parse<RunStatus>(status.Replace("_", "", StringComparison.Ordinal), ignoreCase: true),
                Math.Max(1, call.Parse.GetValue(Limit)));
            WriteList(call, await call.App.ListRunsAsync(call.Scope, filter, call.Cancel));
            return ExitCode.Done;
        });

        var show = new Command("show", "Shows the report of a run.") { Run, Quality };
        host.Handle(show, async call =>
        {
            var id = call.Parse.GetRequiredValue(Run);
            WriteRun(call, await call.App.ShowRunAsync(call.Scope, id, call.Cancel)
                ?? throw new EtlException("ETL4603", $"the ledger knows no run '{id}'", "`etl runs list` shows them."));
            return ExitCode.Done;
        });
        return new Command("runs", "Shows what has run.") { list, show };
    }

    private static void WriteList(Invocation call, IReadOnlyList<RunSummary> runs)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Runs = runs });
            return;
        }

        if (runs.Count == 0)
        {
            call.Print("no runs\n");
            return;
        }

        var table = new TextTable("run", "pipeline", "env", "status", "started (UTC)", ">time", ">read", ">written", ">dead letters", "");
        foreach (var r in runs)
        {
            table.Add(
                r.RunId,
                r.Pipeline,
                r.Environment,
                Word(r.Status),
                Time(r.StartedAt),
                r.Seconds is { } seconds ? TextReport.Duration(seconds) : "",
                r.Seconds is null ? "" : TextReport.Number(r.RowsRead),
                r.Seconds is null ? "" : TextReport.Number(r.RowsWritten),
                r.DeadLetters == 0 ? "" : TextReport.Number(r.DeadLetters),
                r.Error ?? "");
        }

        var text = new StringBuilder();
        table.AppendTo(text);
        call.Print(text.ToString());
    }

    private static void WriteRun(Invocation call, RunRecord run)
    {
        var quality = call.Parse.GetValue(Quality);
        if (call.Json)
        {
            var document = run.Report is null ? JsonSerializer.SerializeToNode(new { version = 1, run_id = run.Summary.RunId, pipeline = run.Summary.Pipeline, environment = run.Summary.Environment, status = Word(run.Summary.Status) })! : JsonNode.Parse(JsonReport.Write(run.Report))!;
            call.PrintJson(quality ? new JsonObject { ["version"] = 1, ["run_id"] = run.Summary.RunId, ["rules"] = document["rules"]?.DeepClone() ?? new JsonArray() } : document);
            return;
        }

        if (run.Report is { } report)
        {
            call.Print(quality ? QualityText(report) : TextReport.Write(report));
            return;
        }

        call.Print($"{run.Summary.Pipeline}: {Word(run.Summary.Status)}\n  run {run.Summary.RunId}, environment {run.Summary.Environment}, started {Time(run.Summary.StartedAt)} UTC by process "
            + string.Create(CultureInfo.InvariantCulture, $"{run.Process.Id} on {run.Process.Host}\n"));
        if (run.Summary.Status == RunStatus.Interrupted)
        {
            call.Print("  Its process ended without a report. What it committed stands in the targets; `etl state show` reads it, and the next run goes on from there.\n");
        }
    }

    private static string QualityText(RunReport report)
    {
        if (report.Rules.Count == 0)
        {
            return "no rules\n";
        }

        var table = new TextTable("stage", "rule", "on fail", "outcome", ">rows", "");
        foreach (var r in report.Rules)
        {
            table.Add(
                r.Stage,
                r.Rule,
                JsonNamingPolicy.SnakeCaseLower.ConvertName(r.Action.ToString()),
                Word(r.Outcome),
                r.FailedRows is { } rows ? TextReport.Number(rows) : "",
                r.AcceptedReason is null ? r.Detail ?? "" : $"{r.Detail}; accepted: {r.AcceptedReason}");
        }

        var text = new StringBuilder();
        table.AppendTo(text);
        return text.ToString();
    }

    private static string Word<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
