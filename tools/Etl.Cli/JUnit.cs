using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Etl.Runtime.Testing;

namespace Etl.Cli;

/// <summary>
/// Results of tests in the XML that Jenkins, GitLab and GitHub's actions read. There is no standard; it keeps to what Jenkins' schema (junit-10.xsd)
/// allows, which the others read as well. A pipeline that cannot be tested is a test case with an error.
/// </summary>
internal static class JUnit
{
    /// <summary>The document, ended by a line feed.</summary>
    public static string Write(IReadOnlyList<TestFileResult> files)
    {
        var suites = files.Select(Suite).ToList();
        var root = new XElement(
            "testsuites",
            new XAttribute("tests", suites.Sum(s => Number(s, "tests"))),
            new XAttribute("failures", suites.Sum(s => Number(s, "failures"))),
            new XAttribute("errors", suites.Sum(s => Number(s, "errors"))),
            new XAttribute("time", Seconds(files.SelectMany(f => f.Tests))),
            suites);
        var text = new StringBuilder();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true, NewLineChars = "\n", CheckCharacters = false }))
        {
            root.Save(writer);
        }

        // The writer would call it UTF-16, which is what a text in memory is.
        return $"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n";
    }

    private static XElement Suite(TestFileResult file)
    {
        var name = file.Pipeline ?? Path.GetFileNameWithoutExtension(file.File);
        var cases = file.Tests.Select(t => Case(name, t.Test.Name, Seconds([t]), t.Differences.Count == 0 ? null : Outcome("failure", t.Differences[0].Message, t.Differences.Select(d => d.ToString()))));
        if (file.Problems.Count > 0)
        {
            cases = cases.Append(Case(name, "the pipeline and its tests compile", "0", Outcome("error", file.Problems[0].Message, file.Problems.Select(p => p.ToString()))));
        }

        var all = cases.ToList();
        return new XElement(
            "testsuite",
            new XAttribute("name", name),
            new XAttribute("file", file.File),
            new XAttribute("tests", all.Count),
            new XAttribute("failures", all.Count(c => c.Element("failure") is not null)),
            new XAttribute("errors", all.Count(c => c.Element("error") is not null)),
            new XAttribute("skipped", 0),
            new XAttribute("time", Seconds(file.Tests)),
            all);
    }

    private static XElement Case(string suite, string name, string seconds, XElement? outcome) =>
        new("testcase", new XAttribute("name", Clean(name)), new XAttribute("classname", suite), new XAttribute("time", seconds), outcome);

    private static XElement Outcome(string kind, string message, IEnumerable<string> lines) =>
        new(kind, new XAttribute("message", Clean(message)), new XAttribute("type", kind == "failure" ? "difference" : "diagnostic"), Clean(string.Join('\n', lines)));

    private static string Seconds(IEnumerable<TestResult> tests) => tests.Sum(t => t.Elapsed.TotalSeconds).ToString("0.000", CultureInfo.InvariantCulture);

    private static int Number(XElement suite, string attribute) => (int)suite.Attribute(attribute)!;

    // Values of rows may hold characters that XML cannot.
    private static string Clean(string text) => string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c) ? c : '\uFFFD'));
}
