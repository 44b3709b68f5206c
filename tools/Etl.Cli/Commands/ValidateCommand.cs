using System.CommandLine;
using Etl.Cli.Problems;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Commands;

/// <summary><c>etl validate [PATH...]</c>: compiles offline and tells all problems.</summary>
internal static class ValidateCommand
{
    private static readonly Argument<string[]> Paths = new("paths")
    {
        Description = "Pipelines, or folders with pipelines; this folder when absent.", Arity = ArgumentArity.ZeroOrMore, HelpName = "PATH",
    };

    private static readonly Option<string> Format = SharedOptions.Choice("--format", "How problems are written.", ProblemFormat.Names);

    public static Command Create(CliHost host)
    {
        var command = new Command("validate", "Checks pipelines without connecting to anything.") { Paths, Format, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(command, async call =>
        {
            var paths = call.Parse.GetValue(Paths) is { Length: > 0 } given ? given : ["."];
            var result = await call.App.ValidateAsync(call.Scope, paths, call.Cancel);
            call.Print(ProblemFormat.Write(call.Json ? "json" : call.Parse.GetValue(Format)!, result));
            return result.Diagnostics.Any(d => d.Severity == Severity.Error) ? ExitCode.InvalidInput : ExitCode.Done;
        });
        return command;
    }
}
