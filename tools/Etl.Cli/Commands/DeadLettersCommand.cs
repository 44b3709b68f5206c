using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl dead-letters list PIPELINE</c> and <c>etl dead-letters show PIPELINE</c>.</summary>
internal static class DeadLettersCommand
{
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };
    private static readonly Option<string?> Run = new("--run") { Description = "Rows of this run only.", HelpName = "RUN" };
    private static readonly Option<string?> Stage = new("--stage") { Description = "Rows that this stage refused only.", HelpName = "ID" };
    private static readonly Option<string?> Rule = new("--rule") { Description = "Rows that this rule refused only.", HelpName = "NAME" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many rows.", DefaultValueFactory = _ => 100, HelpName = "N" };

    public static Command Create(CliHost host)
    {
        var list = new Command("list", "Lists the files of refused rows.") { Pipeline, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(list, async call =>
        {
            WriteList(call, await call.App.ListDeadLettersAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Cancel));
            return ExitCode.Done;
        });

        var show = new Command("show", "Shows refused rows, each with the rule that refused it.") { Pipeline, Run, Stage, Rule, Limit, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(show, async call =>
        {
            var filter = new DeadLetterFilter(
                call.Parse.GetRequiredValue(Pipeline), call.Parse.GetValue(Run), call.Parse.GetValue(Stage), call.Parse.GetValue(Rule), Math.Max(1, call.Parse.GetValue(Limit)));
            WriteRows(call, await call.App.ShowDeadLettersAsync(call.Scope, filter, call.Cancel));
            return ExitCode.Done;
        });
        return new Command("dead-letters", "Shows rows that a pipeline refused and kept.") { list, show };
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

        var table = new TextTable("stage", ">rows", "run", "committed (UTC)", "file");
        foreach (var f in files)
        {
            table.Add(f.Stage, TextReport.Number(f.Rows), f.RunId, f.CommittedAt.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), f.Path);
        }

        var text = new StringBuilder();
        table.AppendTo(text);
        call.Print(text.ToString());
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
