using System.CommandLine;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Commands;

/// <summary><c>etl validate [PATH...]</c>: compiles offline and tells all problems.</summary>
internal static class ValidateCommand
{
    private static readonly Argument<string[]> Paths = new("paths")
    {
        Description = "Pipelines, or folders with pipelines; this folder when absent.", Arity = ArgumentArity.ZeroOrMore, HelpName = "PATH",
    };

    private static readonly Option<string> Format = SharedOptions.Choice("--format", "How problems are written.", "text", "json", "github");

    public static Command Create(CliHost host)
    {
        var command = new Command("validate", "Checks pipelines without connecting to anything.") { Paths, Format, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(command, async call =>
        {
            var paths = call.Parse.GetValue(Paths) is { Length: > 0 } given ? given : ["."];
            var result = await call.App.ValidateAsync(call.Scope, paths, call.Cancel);
            Write(call, result, call.Json ? "json" : call.Parse.GetValue(Format)!);
            return result.Diagnostics.Any(d => d.Severity == Severity.Error) ? ExitCode.InvalidInput : ExitCode.Done;
        });
        return command;
    }

    private static void Write(Invocation call, ValidationResult result, string format)
    {
        if (format == "json")
        {
            call.PrintJson(new { Version = 1, result.Files, Problems = result.Diagnostics.Select(Problem.Of) });
            return;
        }

        foreach (var diagnostic in result.Diagnostics)
        {
            call.Print((format == "github" ? GitHub(diagnostic) : diagnostic.ToString()) + "\n");
        }

        call.Print($"{ErrorOutput.Count(result.Files, "pipeline")}: {ErrorOutput.Summary(result.Diagnostics)}\n");
    }

    /// <summary>A workflow command: the problem is shown at its line in a pull request.</summary>
    private static string GitHub(Diagnostic d)
    {
        var p = Problem.Of(d);
        var text = $"{p.Message}.{(p.Hint is null ? "" : $" {p.Hint}")}";
        return FormattableString.Invariant($"::{p.Severity} file={Property(p.File)},line={p.Line},col={p.Column},title={p.Code}::{Data(text)}");
    }

    private static string Data(string text) =>
        text.Replace("%", "%25", StringComparison.Ordinal).Replace("\r", "%0D", StringComparison.Ordinal).Replace("\n", "%0A", StringComparison.Ordinal);

    private static string Property(string text) => Data(text).Replace(":", "%3A", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal);
}
