using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>
/// What the compiler tells about the pipelines in <c>tests/golden/compiler/</c>, each named for what is wrong in it: pinned whole, with the places,
/// which for SQL are inside of it, also in folded and in block texts.
/// </summary>
public sealed partial class CompilerTests
{
    // Those that a table of pipelines can show; ETL3048 is for loaders that do not refuse deletions themselves, as all of ours do.
    private static readonly string[] Codes =
    [
        "ETL3010", "ETL3012", "ETL3014", "ETL3015", "ETL3040", "ETL3041", "ETL3042", "ETL3043", "ETL3044", "ETL3045", "ETL3046", "ETL3047", "ETL3049",
        "ETL3050", "ETL3051", "ETL3052", "ETL3053", "ETL3054", "ETL3055", "ETL3056", "ETL3060",
    ];

    [Test]
    public async Task It_tells_all_that_is_wrong_with_code_place_and_what_to_do()
    {
        var folder = Path.Combine(ShippedCli.Repository, "tests", "golden", "compiler");
        using var project = ProjectFolder.With([.. Directory.GetFiles(folder, "*.yaml").Select(f => (Path.GetFileName(f), File.ReadAllText(f)))]);
        var result = await project.RunAsync("validate");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
            Assert.That(Codes.Except(Code().Matches(result.Out).Select(m => m.Value)), Is.Empty);
            Golden.Check("compiler/told.txt", result.Out, project);
        }
    }

    [GeneratedRegex("ETL[0-9]{4}")]
    private static partial Regex Code();
}
