using System.CommandLine;

namespace Etl.Cli.Commands;

/// <summary><c>etl lineage PIPELINE...</c>: where the columns of targets come from.</summary>
internal static class LineageCommand
{
    private static readonly Argument<string[]> Pipelines = new("pipelines")
    {
        Description = "Pipelines' files or ids, or folders with pipelines; this folder when absent.", Arity = ArgumentArity.ZeroOrMore, HelpName = "PIPELINE",
    };

    private static readonly Option<string> Format = SharedOptions.Choice("--format", "How it is written: for people, as a document of this tool's, as a chart, or as events of the OpenLineage standard.", "text", "json", "mermaid", "openlineage");
    private static readonly Option<string?> Column = new("--column") { Description = "Only this column of the targets; with --downstream, of the sources.", HelpName = "NAME" };
    private static readonly Option<bool> Downstream = new("--downstream") { Description = "What the column of --column bears on, instead of what it comes from." };

    public static Command Create(CliHost host)
    {
        var command = new Command("lineage", "Shows which source columns each column of a target comes from, and how.")
        {
            Pipelines, Format, Column, Downstream, SharedOptions.Environment, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var (column, downstream) = (call.Parse.GetValue(Column), call.Parse.GetValue(Downstream));
            var format = call.Json ? "json" : call.Parse.GetValue(Format)!;
            if (downstream && column is null)
            {
                throw Invocation.Usage("--downstream is given without --column", "For example: etl lineage orders --column email --downstream");
            }

            if (column is not null && format != "text")
            {
                throw Invocation.Usage($"--column is for text, not for {format}", "The other formats hold all columns.");
            }

            var pipelines = call.Parse.GetValue(Pipelines) is { Length: > 0 } given ? given : ["."];
            call.Print(await call.App.LineageAsync(call.Scope, pipelines, format, column, downstream, call.Cancel));
            return ExitCode.Done;
        });
        return command;
    }
}
