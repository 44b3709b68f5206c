using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>
/// A report for GitLab's <c>artifacts:reports:codequality</c>: a list of findings with fingerprint, severity and line
/// (docs.gitlab.com, "Code Quality", "Code Quality report format").
/// </summary>
internal static class GitLabReport
{
    public static string Write(ValidationResult result, RepositoryPaths paths)
    {
        var fingerprint = new Fingerprint(paths);
        return JsonOutput.Write(result.Diagnostics.Select(d => new
        {
            Description = ProblemFormat.Sentence(d),
            CheckName = d.Code,
            Fingerprint = fingerprint.Of(d),
            Severity = d.Severity == Severity.Error ? "critical" : "minor",
            Location = new { Path = paths.Of(d.Span.File), Lines = new { Begin = d.Span.Line } },
        }).ToList()) + "\n";
    }
}
