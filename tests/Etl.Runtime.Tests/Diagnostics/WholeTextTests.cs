using System.Text.RegularExpressions;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Tests.Architecture;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Diagnostics;

/// <summary>A text that people see is pinned by a test: the code with its message, in a test's source or in a golden file.</summary>
public sealed partial class WholeTextTests
{
    private const string Waived = "tests/codes-without-a-pinned-text.txt";

    [Test]
    public void A_code_has_its_text_pinned_or_stands_in_a_list_that_only_shrinks()
    {
        var pinned = Repository.Files("tests", ".cs", ".txt").Where(f => !f.Path.EndsWith(Path.GetFileName(Waived), StringComparison.Ordinal))
            .SelectMany(f => Text().Matches(f.Text).Select(m => m.Groups["code"].Value)).ToHashSet();
        var waived = File.ReadAllLines(Path.Combine(Repository.Root, Waived)).Where(l => l.StartsWith("ETL", StringComparison.Ordinal)).ToList();
        var missing = DiagnosticCatalog.Pages.Keys.Where(c => !pinned.Contains(c)).Order(StringComparer.Ordinal).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(missing.Except(waived), Is.Empty, "codes whose text no test pins: assert it whole, as 'ETLnnnn: what is wrong'");
            Assert.That(waived.Except(missing), Is.Empty, $"codes whose text is pinned by now: take them out of {Waived}");
        }
    }

    // ETL1234: a message; ETL1234 in stage x: a message; "fails  ETL1234 a message"; "ETL1234", "a message"; or "ETL1234" and then a message that something is equal to.
    [GeneratedRegex("\\b(?<code>ETL[0-9]{4})(?:(?: in stage [a-z0-9_-]+)?: |(?<=(?:fails|warns|passes)  .{7}) |\", \\$?@?\"+\\n?\\s*|\"\\)[\\s\\S]{0,100}?essage[\\s\\S]{0,60}?EqualTo\\(\\s*\\$?\")[^\"\\n]{12}")]
    private static partial Regex Text();
}
