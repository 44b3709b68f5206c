using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Etl.Runtime.Execution;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl state show | reset | move PIPELINE</c>: how far each target is, and what a person decides about it.</summary>
internal static class StateCommand
{
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };
    private static readonly Argument<string> Stage = new("stage") { Description = "The load stage.", HelpName = "STAGE" };
    private static readonly Option<bool> Yes = new("--yes") { Description = "Do it; without it nothing is changed." };
    private static readonly Option<long?> ToEpoch = new("--to-epoch") { Description = "Back to where the target was after this epoch, instead of to the beginning.", HelpName = "N" };
    private static readonly Option<string?> FromPipeline = new("--from-pipeline") { Description = "The pipeline's id before; if not given, the pipeline kept its own.", HelpName = "OLD" };
    private static readonly Option<string?> FromStage = new("--from-stage") { Description = "The load stage's id before; if not given, the stage kept its own.", HelpName = "OLD" };

    public static Command Create(CliHost host)
    {
        var show = new Command("show", "Reads the checkpoints from the targets of a pipeline.") { Pipeline, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(show, async call =>
        {
            Write(call, await call.App.ShowStateAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Cancel));
            return ExitCode.Done;
        });

        var reset = new Command("reset", "Sets a target's position back, so that the next run reads again; its rows stay.") { Pipeline, Stage, ToEpoch, Yes, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(reset, async call =>
        {
            var (stage, epoch) = (call.Parse.GetRequiredValue(Stage), call.Parse.GetValue(ToEpoch));
            if (!call.Parse.GetValue(Yes))
            {
                throw Invocation.Usage(
                    $"the next run would read {(epoch is null ? "everything" : "what came after that epoch")} again for '{stage}'; where rows are appended they would be there twice",
                    "If that is right, add --yes.");
            }

            var edit = await call.App.ResetStateAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), stage, epoch, call.Cancel);
            Write(call, edit, "reset");
            return ExitCode.Done;
        });

        var move = new Command("move", "After a pipeline or a load stage was renamed: its target goes on under the new name.") { Pipeline, Stage, FromPipeline, FromStage, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(move, async call =>
        {
            var (pipeline, stage) = (call.Parse.GetValue(FromPipeline), call.Parse.GetValue(FromStage));
            if ((pipeline ?? stage) is null)
            {
                throw Invocation.Usage("which name did the load have before?", "Give --from-pipeline, --from-stage or both.");
            }

            Write(call, await call.App.MoveStateAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Parse.GetRequiredValue(Stage), pipeline, stage, call.Cancel), "moved");
            return ExitCode.Done;
        });
        return new Command("state", "Shows how far targets have consumed their sources, sets them back, and renames them.") { show, reset, move };
    }

    private static void Write(Invocation call, StateEdit edit, string what)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, edit.Stage, edit.Epoch });
        }
        else
        {
            call.Print($"{edit.Stage}: {what} in epoch {TextReport.Number(edit.Epoch)}\n");
        }
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
