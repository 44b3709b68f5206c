using System.Xml.Linq;
using Etl.Runtime.Testing;

namespace Etl.Cli.Problems;

/// <summary>Results of <c>etl test</c> as JUnit's XML: a suite for each pipeline. One that cannot be tested is a test case with an error.</summary>
internal static class TestReport
{
    public static string Write(IReadOnlyList<TestFileResult> files, RepositoryPaths paths) => JUnitXml.Document([.. files.Select(f => Suite(f, paths))]);

    private static XElement Suite(TestFileResult file, RepositoryPaths paths)
    {
        var name = file.Pipeline ?? Path.GetFileNameWithoutExtension(file.File);
        var cases = file.Tests.Select(t => JUnitXml.Case(
            name, t.Test.Name, JUnitXml.Time(t.Elapsed), t.Passed ? null : JUnitXml.Outcome("failure", "difference", t.Differences[0].Message, t.Differences))).ToList();
        if (file.Problems.Count > 0)
        {
            cases.Add(JUnitXml.Case(name, "the pipeline and its tests compile", JUnitXml.Outcome("error", file.Problems[0].Code, file.Problems[0].Message, file.Problems)));
        }

        var elapsed = file.Tests.Aggregate(TimeSpan.Zero, (sum, t) => sum + t.Elapsed);
        return JUnitXml.Suite(name, cases, JUnitXml.Time(elapsed), new XAttribute("file", paths.Of(file.File)));
    }
}
