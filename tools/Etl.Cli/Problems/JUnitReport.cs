using System.Globalization;
using System.Xml.Linq;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli.Problems;

/// <summary>
/// JUnit's XML as Jenkins, GitLab and Azure read it: a test case for each pipeline, failed by its errors; warnings are its output. A file that
/// is no pipeline, such as a contract, is a test case of its own when something is wrong in it.
/// </summary>
internal static class JUnitReport
{
    public static string Write(ValidationResult result, RepositoryPaths paths)
    {
        var problems = result.Diagnostics.GroupBy(d => paths.Of(d.Span.File)).ToDictionary(g => g.Key, g => g.ToList());
        var cases = result.Files.Select(paths.Of).Concat(problems.Keys).Distinct().Order(StringComparer.Ordinal)
            .Select(file => Case(file, problems.GetValueOrDefault(file) ?? [])).ToList();
        var failures = cases.Count(c => c.Element("failure") is not null);
        var counts = new[]
        {
            new XAttribute("tests", cases.Count.ToString(CultureInfo.InvariantCulture)),
            new XAttribute("failures", failures.ToString(CultureInfo.InvariantCulture)),
            new XAttribute("errors", "0"),
        };
        var suite = new XElement("testsuite", [new XAttribute("name", "etl validate"), .. counts, .. cases]);
        return $"""<?xml version="1.0" encoding="UTF-8"?>{"\n"}{new XElement("testsuites", [.. counts, suite])}{"\n"}""".ReplaceLineEndings("\n");
    }

    private static XElement Case(string file, List<Diagnostic> problems)
    {
        var result = new XElement("testcase", new XAttribute("name", Printable(file)), new XAttribute("classname", "etl.validate"));
        var errors = problems.Where(p => p.Severity == Severity.Error).ToList();
        if (errors.Count > 0)
        {
            result.Add(new XElement("failure", new XAttribute("type", errors[0].Code), new XAttribute("message", Printable(errors[0].Message)), Lines(errors)));
        }

        var warnings = problems.Where(p => p.Severity == Severity.Warning).ToList();
        if (warnings.Count > 0)
        {
            result.Add(new XElement("system-out", Lines(warnings)));
        }

        return result;
    }

    private static string Lines(IEnumerable<Diagnostic> problems) => Printable(string.Join('\n', problems));

    // XML 1.0 has no form for most control characters, and what a person wrote may hold them.
    private static string Printable(string text) => string.Concat(text.Select(c => System.Xml.XmlConvert.IsXmlChar(c) || char.IsSurrogate(c) ? c : '\uFFFD'));
}
