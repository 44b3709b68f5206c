using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Etl.Runtime.Execution;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl dead-letters list | show | replay | discard PIPELINE</c>.</summary>
internal static class DeadLettersCommand
{
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };
    private static readonly Option<string?> Run = new("--run") { Description = "Rows of this run only.", HelpName = "RUN" };
    private static readonly Option<string?> Stage = new("--stage") { Description = "Rows that this stage refused only.", HelpName = "ID" };
    private static readonly Option<string?> Rule = new("--rule") { Description = "Rows that this rule refused only.", HelpName = "NAME" };
    private static readonly Option<string> DiscardReason = new("--reason") { Description = "Why nobody needs them; kept in the audit.", HelpName = "TEXT", Required = true };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many rows.", DefaultValueFactory = _ => 100, HelpName = "N" };

    public static Command Create(CliHost host)
    {
        var list = new Command("list", "Lists the files of refused rows, and what became of them.") { Pipeline, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(list, async call =>
        {
            WriteList(call, await call.App.ListDeadLettersAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Cancel));
            return ExitCode.Done;
        });

        var show = new Command("show", "Shows refused rows that are open, each with the rule that refused it.") { Pipeline, Run, Stage, Rule, Limit, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(show, async call =>
        {
            var filter = new DeadLetterFilter(
                call.Parse.GetRequiredValue(Pipeline), call.Parse.GetValue(Run), call.Parse.GetValue(Stage), call.Parse.GetValue(Rule), Math.Max(1, call.Parse.GetValue(Limit)));
            WriteRows(call, await call.App.ShowDeadLettersAsync(call.Scope, filter, call.Cancel));
            return ExitCode.Done;
        });

        var replay = new Command("replay", "Reads refused rows again, by their keys, and runs them through the pipeline as it is now.") { Pipeline, Run, Stage, Rule };
        RunCommand.AddOptions(replay);
        host.Handle(replay, async call =>
        {
            var request = RunCommand.Request(call) with { Pipeline = call.Parse.GetRequiredValue(Pipeline), Replay = Selection(call) };
            return await RunCommand.ReportAsync(call, request);
        });

        var discard = new Command("discard", "Closes refused rows that nobody needs.") { Pipeline, Run, Stage, Rule, DiscardReason, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(discard, async call =>
        {
            WriteDiscarded(call, await call.App.DiscardDeadLettersAsync(
                call.Scope, call.Parse.GetRequiredValue(Pipeline), Selection(call), call.Parse.GetRequiredValue(DiscardReason), call.Cancel));
            return ExitCode.Done;
        });
        return new Command("dead-letters", "Shows, replays and discards rows that a pipeline refused and kept.") { list, show, replay, discard };
    }

    private static LetterSelection Selection(Invocation call) => new(call.Parse.GetValue(Run), call.Parse.GetValue(Stage), call.Parse.GetValue(Rule));

    private static void WriteDiscarded(Invocation call, IReadOnlyList<StateEdit> edits)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Targets = edits });
            return;
        }

        foreach (var edit in edits)
        {
            call.Print($"{edit.Stage}: {TextReport.Number(edit.Letters)} dead letters discarded in epoch {TextReport.Number(edit.Epoch)}\n");
        }

        if (edits.Count == 0)
        {
            call.Print("no dead letters are open\n");
        }
    }

    private static void WriteList(Invocation call, IReadOnlyList<DeadLetterSummary> files)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Files = files });
            return;
        }

        if (files.Count == 0)
        {
            call.Print("no dead letters\n");
            return;
        }

        var table = new TextTable("stage", ">rows", "state", "run", "committed (UTC)", "file");
        foreach (var f in files)
        {
            table.Add(f.Stage, TextReport.Number(f.Rows), State(f), f.RunId, f.CommittedAt.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), f.Path);
        }

        var text = new StringBuilder();
        table.AppendTo(text);
        call.Print(text.ToString());
    }

    private static string State(DeadLetterSummary f)
    {
        var parts = new[] { (f.Open, "open"), (f.Replayed, "replayed"), (f.Superseded, "superseded"), (f.Discarded, "discarded") }.Where(p => p.Item1 > 0).ToList();
        return parts.Count == 1 ? parts[0].Item2 : string.Join(", ", parts.Select(p => $"{TextReport.Number(p.Item1)} {p.Item2}"));
    }

    private static void WriteRows(Invocation call, IReadOnlyList<DeadLetterRow> rows)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Rows = rows.Select(r => new { r.Stage, r.Rule, r.Reason, Row = JsonNode.Parse(r.Row) }) });
            return;
        }

        foreach (var r in rows)
        {
            call.Print($"{r.Stage}.{r.Rule}: {r.Reason}\n  {r.Row}\n");
        }

        if (rows.Count == 0)
        {
            call.Print("no dead letters\n");
        }
    }
}
