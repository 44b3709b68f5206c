using System.Text;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>
/// Workflow commands, by which GitHub shows a problem at its line in a pull request
/// (docs.github.com, "Workflow commands for GitHub Actions").
/// </summary>
internal static class GitHubCommands
{
    public static string Write(ValidationResult result, RepositoryPaths paths)
    {
        var text = new StringBuilder();
        foreach (var d in result.Diagnostics)
        {
            var severity = d.Severity == Severity.Error ? "error" : "warning";
            text.Append(FormattableString.Invariant(
                $"::{severity} file={Property(paths.Of(d.Span.File))},line={d.Span.Line},col={d.Span.Column},title={d.Code}::{Data(ProblemFormat.Sentence(d))}\n"));
        }

        return text.Append(ProblemFormat.Summary(result)).ToString();
    }

    private static string Data(string text) =>
        text.Replace("%", "%25", StringComparison.Ordinal).Replace("\r", "%0D", StringComparison.Ordinal).Replace("\n", "%0A", StringComparison.Ordinal);

    private static string Property(string text) => Data(text).Replace(":", "%3A", StringComparison.Ordinal).Replace(",", "%2C", StringComparison.Ordinal);
}
