using System.CommandLine;

namespace Etl.Cli.Commands;

/// <summary><c>etl contract import</c>: writes down what a source is like now.</summary>
internal static class ContractCommand
{
    private static readonly Option<string> Connection = new("--connection") { Description = "The source, a name in connections.yaml.", HelpName = "NAME", Required = true };
    private static readonly Option<string> Tables = new("--table", "--tables") { Description = "Tables: a name, or a pattern such as 'public.*'.", HelpName = "PATTERN", Required = true };
    private static readonly Option<string?> Folder = new("--out") { Description = "Where to write; schemas/contracts/ of the project when absent.", HelpName = "DIR" };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace contracts that are there." };

    public static Command Create(CliHost host)
    {
        var import = new Command("import", "Writes a contract for each table that matches.") { Connection, Tables, Folder, Overwrite, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(import, async call =>
        {
            var request = new ImportRequest(
                call.Parse.GetRequiredValue(Connection), call.Parse.GetRequiredValue(Tables), call.Parse.GetValue(Folder), call.Parse.GetValue(Overwrite));
            return WrittenFiles.Write(call, await call.App.ImportContractsAsync(call.Scope, request, call.Cancel), request.Tables);
        });
        return new Command("contract", "Works with contracts, the declared schemas of data sets.") { import };
    }
}
