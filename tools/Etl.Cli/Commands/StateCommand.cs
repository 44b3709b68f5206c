using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl state show PIPELINE</c>: how far each target is.</summary>
internal static class StateCommand
{
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };

    public static Command Create(CliHost host)
    {
        var show = new Command("show", "Reads the checkpoints from the targets of a pipeline.") { Pipeline, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(show, async call =>
        {
            Write(call, await call.App.ShowStateAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Cancel));
            return ExitCode.Done;
        });
        return new Command("state", "Shows how far targets have consumed their sources.") { show };
    }

    private static void Write(Invocation call, IReadOnlyList<TargetState> targets)
    {
        if (call.Json)
        {
            call.PrintJson(new
            {
                Version = 1,
                Targets = targets.Select(t => new { t.Stage, t.Target, Checkpoint = t.Checkpoint is { } c ? JsonNode.Parse(c.ToJson()) : null }),
            });
            return;
        }

        var table = new TextTable("stage", "target", ">epoch", ">rows", "committed (UTC)", "run", "");
        foreach (var t in targets)
        {
            table.Add(
                t.Stage,
                t.Target,
                t.Checkpoint is { } c ? TextReport.Number(c.N) : "",
                t.Checkpoint is { } d ? TextReport.Number(d.Rows) : "",
                t.Checkpoint?.CommittedAt.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "",
                t.Checkpoint?.RunId ?? "",
                t.Checkpoint is null ? "never run" : t.Summary ?? "");
        }

        var text = new StringBuilder();
        table.AppendTo(text);
        call.Print(text.ToString());
    }
}
