using System.CommandLine;
using System.Globalization;
using Etl.Runtime;
using Etl.Runtime.Documentation;

namespace Etl.Cli.Commands;

/// <summary><c>etl docs [PATH]</c>: a project's data dictionary as pages that a repository keeps.</summary>
internal static class DocsCommand
{
    private const int Context = 40;
    private const int LongestExcerpt = 120;

    private static readonly Argument<string> Project = new("path")
    {
        Description = "A project: its folder, or one of its pipelines; this folder when absent.", HelpName = "PATH", DefaultValueFactory = _ => ".",
    };

    private static readonly Option<string?> Folder = new("--out") { Description = "Where the pages are; docs/dictionary of the project when absent.", HelpName = "DIR" };
    private static readonly Option<bool> Check = new("--check") { Description = "Write nothing; the exit code is 1 when a page is not what the project says." };

    public static Command Create(CliHost host)
    {
        var command = new Command("docs", "Writes the project's data dictionary: Markdown pages of its pipelines, data sets and their columns, with lineage.")
        {
            Project, Folder, Check, SharedOptions.Environment, SharedOptions.Plugins,
        };
        host.Handle(command, async call =>
        {
            var (path, folder, isCheck) = (call.Parse.GetRequiredValue(Project), call.Parse.GetValue(Folder), call.Parse.GetValue(Check));
            var result = await call.App.DocumentAsync(call.Scope, path, folder, isCheck, call.Cancel);
            if (call.Json)
            {
                call.PrintJson(new { Version = 1, result.Folder, result.Pages, result.Changes });
            }
            else
            {
                Write(call, result, isCheck);
            }

            if (!isCheck || result.Changes.Count == 0)
            {
                return ExitCode.Done;
            }

            ErrorOutput.WriteText(
                host.Error, call.App.Redact, "ETL6043", $"{ErrorOutput.Count(result.Changes.Count, "page")} in {result.Folder} {(result.Changes.Count == 1 ? "is" : "are")} not what the project says",
                $"Write them anew, and commit them: etl docs{(path == "." ? "" : $" {path}")}{(folder is null ? "" : $" --out {folder}")}");
            return ExitCode.Failed;
        });
        return command;
    }

    private static void Write(Invocation call, DocumentedProject result, bool isCheck)
    {
        foreach (var change in result.Changes)
        {
            var path = $"{result.Folder}/{change.Path}";
            call.Print((change.State, isCheck) switch
            {
                (PageState.Left, false) => $"removed {path}\n",
                (_, false) => $"wrote   {path}\n",
                (PageState.Left, true) => $"{path}: what it is about is gone\n",
                (PageState.Missing, true) => $"{path}: missing\n",
                _ => string.Create(CultureInfo.InvariantCulture, $"{path}:{change.Line}: stale\n  is         {Excerpt(change.Is, change.ShouldBe)}\n  should be  {Excerpt(change.ShouldBe, change.Is)}\n"),
            });
        }

        call.Print($"{ErrorOutput.Count(result.Pages, "page")} in {result.Folder}, {(result.Changes.Count == 0 ? "all as the project says" : isCheck ? $"{result.Changes.Count.ToString(CultureInfo.InvariantCulture)} not as the project says" : $"{result.Changes.Count.ToString(CultureInfo.InvariantCulture)} changed")}\n");
    }

    // From a little before the place where the two lines part.
    private static string Excerpt(string? line, string? other)
    {
        if (line is null)
        {
            return "the end of the page";
        }

        var start = Math.Max(0, line.AsSpan().CommonPrefixLength(other) - Context);
        var shown = line[start..Math.Min(line.Length, start + LongestExcerpt)];
        return $"{(start > 0 ? "..." : "")}{shown}{(start + shown.Length < line.Length ? "..." : "")}";
    }
}
