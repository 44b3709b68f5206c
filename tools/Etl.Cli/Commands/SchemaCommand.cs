using System.CommandLine;

namespace Etl.Cli.Commands;

/// <summary><c>etl schema</c>: what an editor needs to help with a pipeline file.</summary>
internal static class SchemaCommand
{
    private static readonly Option<FileInfo?> OutFile = new("--out") { Description = "Write it to this file instead.", HelpName = "FILE" };

    private static readonly Option<DirectoryInfo?> For = new("--for") { Description = "The pipelines of this folder: with the plugins, connections, contracts and parameters of its project.", HelpName = "FOLDER" };

    public static Command Create(CliHost host)
    {
        var command = new Command("schema", "Prints the JSON Schema of a pipeline file, with all plugins.") { For, OutFile, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(command, async call =>
        {
            var folder = call.Parse.GetValue(For);
            if (folder is { Exists: false })
            {
                throw Invocation.Usage($"--for names '{folder}', which is no folder", "Name the folder that the pipelines are in.");
            }

            var schema = (await call.App.PipelineSchemaAsync(call.Scope, folder?.FullName, call.Cancel)).TrimEnd() + "\n";
            if (call.Parse.GetValue(OutFile) is { } file)
            {
                await File.WriteAllTextAsync(file.FullName, schema, call.Cancel);
            }
            else
            {
                call.Print(schema);
            }

            return ExitCode.Done;
        });
        return command;
    }
}
