using System.CommandLine;
using Etl.Runtime.Compilation.Online;

namespace Etl.Cli.Commands;

/// <summary><c>etl plan PIPELINE</c>: what would run, to be read before it does.</summary>
internal static class PlanCommand
{
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };
    private static readonly Option<FileInfo?> OutFile = new("--json", "--out") { Description = "Also write the plan to this file, sealed, for `etl run --plan FILE`.", HelpName = "FILE" };

    private static readonly Option<bool> Online = new("--online") { Description = "Also connect, and compare contracts and targets with what is there: exit code 3 for what a run would fail for, 1 if something could not be asked." };

    public static Command Create(CliHost host)
    {
        var command = new Command("plan", "Shows the compiled pipeline: types, guarantees, the SQL to be run.")
        {
            Pipeline, SharedOptions.Parameters, SharedOptions.Environment, SharedOptions.Date, OutFile, Online, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var file = call.Parse.GetValue(OutFile);
            var plan = await call.App.PlanAsync(
                new PlanRequest(call.Scope, call.Parse.GetRequiredValue(Pipeline), SharedOptions.ParametersOf(call.Parse), call.Parse.GetValue(SharedOptions.Date), call.Parse.GetValue(Online), call.Json || file is not null),
                call.Cancel);
            foreach (var warning in plan.Warnings)
            {
                await host.Error.WriteLineAsync(call.App.Redact(warning.ToString()));
            }

            if (file is not null)
            {
                await File.WriteAllTextAsync(file.FullName, call.App.Redact(plan.Json!) + "\n", call.Cancel);
            }

            call.Print(call.Json ? plan.Json + "\n" : plan.Text);
            return plan.Live is not { } live ? ExitCode.Done : !live.IsWhole ? ExitCode.Failed : live.Count(DriftFate.Fails) > 0 ? ExitCode.Refused : ExitCode.Done;
        });
        return command;
    }
}
