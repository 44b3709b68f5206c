using System.CommandLine;

namespace Etl.Cli.Commands;

/// <summary><c>etl exec FILE --connection NAME</c>: runs an SQL script, to set up or change the data of an example.</summary>
internal static class ExecCommand
{
    private static readonly Argument<string> File = new("file") { Description = "An SQL script in the system's dialect.", HelpName = "FILE" };
    private static readonly Option<string> Connection = new("--connection") { Description = "A name in connections.yaml of the script's project.", HelpName = "NAME", Required = true };

    public static Command Create(CliHost host)
    {
        var exec = new Command("exec", "Runs an SQL script on a connection, to set up or change the data of an example.") { File, Connection, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(exec, async call =>
        {
            var file = call.Parse.GetRequiredValue(File);
            var place = await call.App.ExecuteAsync(call.Scope, call.Parse.GetRequiredValue(Connection), file, call.Cancel);
            if (call.Json)
            {
                call.PrintJson(new { Version = 1, File = file, Place = place });
            }
            else
            {
                call.Print($"ran {file} on {place}\n");
            }

            return ExitCode.Done;
        });
        return exec;
    }
}
