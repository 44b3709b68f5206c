using System.CommandLine;
using Etl.Runtime.Execution;

namespace Etl.Cli.Commands;

/// <summary><c>etl reconcile PIPELINE</c>: holds targets against everything that their sources have. Exit code 3 tells of differences.</summary>
internal static class ReconcileCommand
{
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };
    private static readonly Option<bool> Repair = new("--repair") { Description = "Load the rows that are missing or different, and delete those that the source has not." };
    private static readonly Option<string?> Stage = new("--stage") { Description = "This load only.", HelpName = "LOAD" };

    public static Command Create(CliHost host)
    {
        var command = new Command("reconcile", "Reads the sources whole and tells, or repairs, where targets are not what increments should have made them.") { Pipeline, Repair, Stage };
        RunCommand.AddOptions(command);
        host.Handle(command, call => RunCommand.ReportAsync(call, RunCommand.Request(call) with
        {
            Pipeline = call.Parse.GetRequiredValue(Pipeline),
            Reconcile = new Reconciliation(call.Parse.GetValue(Repair), call.Parse.GetValue(Stage)),
        }));
        return command;
    }
}
