using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>How <c>etl validate --format</c> writes what it found: for people, for programs, and in the forms that hosts of pull requests show at the line.</summary>
internal static class ProblemFormat
{
    /// <summary>The names, the default first.</summary>
    public static string[] Names { get; } = ["text", "json", "github", "gitlab", "sarif", "junit"];

    /// <summary>The whole output in one of <see cref="Names"/>.</summary>
    public static string Write(string format, ValidationResult result) => format switch
    {
        "json" => JsonOutput.Write(new { Version = 1, Files = result.Files.Count, Problems = result.Diagnostics.Select(Problem.Of) }) + "\n",
        "github" => GitHubCommands.Write(result, RepositoryPaths.OfCurrentFolder()),
        "gitlab" => GitLabReport.Write(result, RepositoryPaths.OfCurrentFolder()),
        "sarif" => SarifLog.Write(result, RepositoryPaths.OfCurrentFolder()),
        "junit" => JUnitReport.Write(result, RepositoryPaths.OfCurrentFolder()),
        _ => string.Concat(result.Diagnostics.Select(d => d + "\n")) + Summary(result),
    };

    /// <summary>The last line for people.</summary>
    public static string Summary(ValidationResult result) => $"{ErrorOutput.Count(result.Files.Count, "pipeline")}: {ErrorOutput.Summary(result.Diagnostics)}\n";

    /// <summary>What is wrong and what to do, in one line.</summary>
    public static string Sentence(Diagnostic d) => $"{d.Message}.{(d.Hint is null ? "" : $" {d.Hint}")}";
}
