using System.CommandLine;
using Etl.Cli.Problems;
using Etl.Runtime.Compilation.Diff;

namespace Etl.Cli.Commands;

/// <summary><c>etl diff --base REF [PATH...]</c>: what a change of pipelines means for who reads their targets.</summary>
internal static class DiffCommand
{
    private static readonly Option<string> Base = new("--base") { Description = "The revision to compare with: a branch, a tag or a commit.", HelpName = "REF", Required = true };
    private static readonly Argument<string[]> Paths = new("paths")
    {
        Description = "Pipelines, or folders with pipelines; the whole repository when absent.", Arity = ArgumentArity.ZeroOrMore, HelpName = "PATH",
    };

    private static readonly Option<string> Format = SharedOptions.Choice("--format", "How changes are written.", "text", "json", "github");
    private static readonly Option<string> FailOn = SharedOptions.Choice("--fail-on", "The least change that makes the exit code 1.", "never", "breaking", "backfill");

    public static Command Create(CliHost host)
    {
        var command = new Command("diff", "Compares pipelines with another revision: what breaks readers, what needs a backfill, which checkpoints survive.")
        {
            Base, Paths, Format, FailOn, SharedOptions.Environment, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var reference = call.Parse.GetRequiredValue(Base);
            var comparison = await call.App.DiffAsync(call.Scope, reference, call.Parse.GetValue(Paths) ?? [], call.Cancel);
            Write(call, comparison, reference, call.Json ? "json" : call.Parse.GetValue(Format)!);
            return call.Parse.GetValue(FailOn) switch
            {
                "breaking" when comparison.Worst >= Impact.Breaking => ExitCode.Failed,
                "backfill" when comparison.Worst >= Impact.Backfill => ExitCode.Failed,
                _ => ExitCode.Done,
            };
        });
        return command;
    }

    private static void Write(Invocation call, Comparison comparison, string reference, string format)
    {
        if (format == "json")
        {
            call.PrintJson(ComparisonJson.Render(comparison, reference));
            return;
        }

        if (format == "github")
        {
            foreach (var (load, change) in comparison.Pipelines.SelectMany(p => p.Loads).SelectMany(l => l.Changes.Select(c => (l, c))))
            {
                call.Print(Annotation(load, change) + "\n");
            }

            return;
        }

        call.Print(ComparisonText.Render(comparison, reference));
    }

    /// <summary>A workflow command: the change is shown at its load in a pull request.</summary>
    private static string Annotation(LoadComparison load, Change change)
    {
        var severity = change.Impact switch { Impact.Breaking => "error", Impact.Backfill => "warning", _ => "notice" };
        var readers = change.Affects.Count == 0 ? "" : $". Read by {string.Join("; ", change.Affects.Select(ComparisonText.Affected))}";
        var text = $"{load.Load}{(change.Column is null ? "" : $".{change.Column}")}: {change.Text}{readers}.";
        return FormattableString.Invariant($"::{severity} file={GitHubCommands.Property(load.Span.File)},line={load.Span.Line},title={ComparisonText.Word(change.Impact)}::{GitHubCommands.Data(text)}");
    }
}
