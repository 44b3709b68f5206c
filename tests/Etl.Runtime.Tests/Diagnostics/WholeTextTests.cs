using Etl.Runtime.Diagnostics;
using Etl.Runtime.Tests.Architecture;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Diagnostics;

/// <summary>A text that people see is pinned by a test: the code, the message and the hint as the source writes them, in a test's source or in a golden file.</summary>
public sealed class WholeTextTests
{
    private const string Waived = "tests/codes-without-a-pinned-text.txt";

    [Test]
    public void A_code_has_its_text_pinned_or_stands_in_a_list_that_only_shrinks()
    {
        var tests = Repository.Files("tests", ".cs", ".txt").Where(f => !f.Path.EndsWith(Path.GetFileName(Waived), StringComparison.Ordinal))
            .Select(f => f.Path.EndsWith(".cs", StringComparison.Ordinal) ? WrittenText.OfTest(f.Text) : f.Text).ToList();
        var pinned = new[] { "framework", "plugins", "tools" }.SelectMany(folder => Repository.Files(folder, ".cs")).SelectMany(f => WrittenText.In(f.Text))
            .GroupBy(t => t.Code).Where(code => code.Any(text => tests.Any(text.StandsIn))).Select(code => code.Key).ToHashSet();
        var waived = File.ReadAllLines(Path.Combine(Repository.Root, Waived)).Where(l => l.StartsWith("ETL", StringComparison.Ordinal)).ToList();
        var missing = DiagnosticCatalog.Pages.Keys.Where(c => !pinned.Contains(c)).Order(StringComparer.Ordinal).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(missing.Except(waived), Is.Empty, "codes whose text no test pins: assert it whole, as 'ETLnnnn: what is wrong. What to do.'");
            Assert.That(waived.Except(missing), Is.Empty, $"codes whose text is pinned by now: take them out of {Waived}");
        }
    }

    [TestCase("\"ETL9999\", $\"no {what(\"}\")} here\", $\"Look {{there}}.\"", "\"ETL9999: no bread here. Look {there}.\"", true)]
    [TestCase("\"ETL9999\", $\"no {what} here\", \"Look there.\"", "ETL9999 in stage x: no bread here\n    Look there.", true)]
    [TestCase("\"ETL9999\", $\"no {what} here\", \"Look there.\"", "Does.Contain(\"ETL9999: no bread here\")", false)]
    [TestCase("\"ETL9999\", $\"no {what} here\", \"Look there.\"", "\"ETL9999: no bread\", \"ETL9998: it is not here. Look there.\"", false)]
    [TestCase("\"ETL9999\", $\"no {what} here\", \"Look there.\"", "// ETL9999: no bread here. Look there.", false)]
    [TestCase("\"ETL9999\", $\"no {what} here\")", "\"ETL9999: no bread \" + \"here\"", true)]
    [TestCase("\"ETL9999\", Composed(what))", "\"ETL9999: whatever it is that is told\"", true)]
    [TestCase("\"ETL9999\", Composed(what))", "\"ETL9999\"", false)]
    public void A_text_is_pinned_by_all_that_its_source_says(string source, string test, bool pinned) =>
        Assert.That(WrittenText.In(source).Single().StandsIn(WrittenText.OfTest(test)), Is.EqualTo(pinned));
}
