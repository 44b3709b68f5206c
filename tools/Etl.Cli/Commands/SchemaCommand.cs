using System.CommandLine;

namespace Etl.Cli.Commands;

/// <summary><c>etl schema</c>: what an editor needs to help with a pipeline file.</summary>
internal static class SchemaCommand
{
    private static readonly Option<FileInfo?> OutFile = new("--out") { Description = "Write it to this file instead.", HelpName = "FILE" };

    public static Command Create(CliHost host)
    {
        var command = new Command("schema", "Prints the JSON Schema of a pipeline file, with all plugins.") { OutFile, SharedOptions.Plugins };
        host.Handle(command, async call =>
        {
            var schema = (await call.App.PipelineSchemaAsync(call.Scope, call.Cancel)).TrimEnd() + "\n";
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
