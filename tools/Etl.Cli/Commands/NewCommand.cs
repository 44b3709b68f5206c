using System.CommandLine;

namespace Etl.Cli.Commands;

/// <summary><c>etl new</c>: pipelines and contracts for the tables that are there.</summary>
internal static class NewCommand
{
    private static readonly Option<string> Connection = new("--connection") { Description = "The source, a name in connections.yaml.", HelpName = "NAME", Required = true };
    private static readonly Option<string> Tables = new("--tables") { Description = "Tables: a name, or a pattern such as 'public.*'.", HelpName = "PATTERN", Required = true };
    private static readonly Option<string> To = new("--to") { Description = "The target, a name in connections.yaml.", HelpName = "NAME" };
    private static readonly Option<string?> Folder = new("--out") { Description = "Where to write pipelines; pipelines/ of the project when absent.", HelpName = "DIR" };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace files that are there." };

    public static Command Create(CliHost host)
    {
        var command = new Command("new", "Writes a pipeline and a contract for each table that matches.")
        {
            Connection, Tables, To, Folder, Overwrite, SharedOptions.Environment, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var request = new NewRequest(
                call.Parse.GetRequiredValue(Connection), call.Parse.GetRequiredValue(Tables), call.Parse.GetValue(To), call.Parse.GetValue(Folder), call.Parse.GetValue(Overwrite));
            return WrittenFiles.Write(call, await call.App.NewPipelinesAsync(call.Scope, request, call.Cancel), request.Tables);
        });
        return command;
    }
}
