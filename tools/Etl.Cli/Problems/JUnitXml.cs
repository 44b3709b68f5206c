using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Etl.Cli.Problems;

/// <summary>
/// The parts of JUnit's XML. There is no standard; it keeps to what Jenkins' schema (junit-10.xsd) allows, which GitLab, Azure and GitHub's actions
/// read as well.
/// </summary>
internal static class JUnitXml
{
    /// <summary>The whole text, ended by a line feed.</summary>
    public static string Document(IReadOnlyList<XElement> suites)
    {
        XAttribute[] sums = [.. ((string[])["tests", "failures", "errors"]).Select(a => new XAttribute(a, suites.Sum(s => (int)s.Attribute(a)!)))];
        return $"""<?xml version="1.0" encoding="UTF-8"?>{"\n"}{new XElement("testsuites", [.. sums, .. suites])}{"\n"}""".ReplaceLineEndings("\n");
    }

    /// <summary>Test cases that belong together, counted.</summary>
    public static XElement Suite(string name, IReadOnlyList<XElement> cases, params XAttribute[] more) => new(
        "testsuite",
        [
            new XAttribute("name", Printable(name)),
            new XAttribute("tests", cases.Count),
            new XAttribute("failures", cases.Count(c => c.Element("failure") is not null)),
            new XAttribute("errors", cases.Count(c => c.Element("error") is not null)),
            .. more,
            .. cases,
        ]);

    /// <summary>A test case: what it holds besides says that it did not pass.</summary>
    public static XElement Case(string classname, string name, params object?[] content) =>
        new("testcase", [new XAttribute("name", Printable(name)), new XAttribute("classname", Printable(classname)), .. content]);

    /// <summary>Why a case did not pass: <c>failure</c>, or <c>error</c> when it could not be tried.</summary>
    public static XElement Outcome(string kind, string type, string message, IEnumerable<object> lines) =>
        new(kind, new XAttribute("type", type), new XAttribute("message", Printable(message)), Lines(lines));

    /// <summary>Texts below each other.</summary>
    public static string Lines(IEnumerable<object> lines) => Printable(string.Join('\n', lines));

    /// <summary>Seconds as all readers take them.</summary>
    public static XAttribute Time(TimeSpan time) => new("time", time.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture));

    // XML 1.0 has no form for most control characters, and what a person wrote or a row holds may be some.
    private static string Printable(string text) => string.Concat(text.Select(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c) ? c : '\uFFFD'));
}
