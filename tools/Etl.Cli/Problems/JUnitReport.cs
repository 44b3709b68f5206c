using System.Xml.Linq;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>
/// What <c>etl validate</c> found as JUnit's XML: a test case for each pipeline, failed by its errors; warnings are its output. A file that
/// is no pipeline, such as a contract, is a test case of its own when something is wrong in it.
/// </summary>
internal static class JUnitReport
{
    public static string Write(ValidationResult result, RepositoryPaths paths)
    {
        var problems = result.Diagnostics.GroupBy(d => paths.Of(d.Span.File)).ToDictionary(g => g.Key, g => g.ToList());
        var cases = result.Files.Select(paths.Of).Concat(problems.Keys).Distinct().Order(StringComparer.Ordinal)
            .Select(file => Case(file, problems.GetValueOrDefault(file) ?? [])).ToList();
        return JUnitXml.Document([JUnitXml.Suite("etl validate", cases)]);
    }

    private static XElement Case(string file, List<Diagnostic> problems)
    {
        var result = JUnitXml.Case("etl.validate", file);
        var errors = problems.Where(p => p.Severity == Severity.Error).ToList();
        if (errors.Count > 0)
        {
            result.Add(JUnitXml.Outcome("failure", errors[0].Code, errors[0].Message, errors));
        }

        var warnings = problems.Where(p => p.Severity == Severity.Warning).ToList();
        if (warnings.Count > 0)
        {
            result.Add(new XElement("system-out", JUnitXml.Lines(warnings)));
        }

        return result;
    }
}
