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
        "ETL3050", "ETL3051", "ETL3052", "ETL3053", "ETL3054", "ETL3055", "ETL3056", "ETL3060", "ETL1021", "ETL1053", "ETL1055", "ETL3004", "ETL3005", "ETL3006", "ETL3021",
        "ETL3065", "ETL3066", "ETL3103", "ETL3104", "ETL3105", "ETL3109", "ETL3110", "ETL3122", "ETL3150", "ETL3153", "ETL3154", "ETL3155", "ETL3156", "ETL4503", "ETL4505", "ETL4520", "ETL4541", "ETL4543",
    ];

    [Test]
    public async Task The_examples_are_right_and_several_projects_are_validated_in_one_call()
    {
        var validated = await ShippedCli.RunAsync(ShippedCli.Repository, new Dictionary<string, string>(), "validate", "pipelines");
        Assert.That((validated.ExitCode, validated.Out), Is.EqualTo((0, "3 pipelines: 0 errors, 0 warnings\n")), validated.ToString());
    }

    [TestCase("", 0, "warning ETL3053")]
    [TestCase("checks: { ETL3053: error }", 2, "error ETL3053")]
    [TestCase("checks: { ETL3053: off }", 0, "1 pipeline: 0 errors, 0 warnings")]
    [TestCase("checks: { ETL3041: off }", 2, "etl.yaml:2:9: error ETL2010: 'checks' has a code whose severity cannot be set. It can for what is a warning: ETL1065, ETL1066, ETL3047, ETL3049, ETL3053, ETL3121, ETL3122, ETL3156; an error stays one")]
    [TestCase("checks: { ETL3053: loud }", 2, "etl.yaml:2:20: error ETL2003")]
    public async Task A_project_says_what_becomes_of_warnings_and_of_nothing_else(string checks, int exit, string told)
    {
        using var project = SmallShop.Project("duckdb");
        project.Write("etl.yaml", $"time_zone: UTC\n{checks}\n");
        project.Write("orders.yaml", SmallShop.Pipeline().Replace("policies:", "  - { id: unread, transform: filter, from: orders, with: { where: \"amount > 1\" } }\npolicies:", StringComparison.Ordinal));
        var result = await project.RunAsync("validate", "orders.yaml");
        Assert.That(result.ExitCode, Is.EqualTo(exit), result.ToString());
        Assert.That(result.Out + result.Error, Does.Contain(told));
    }

    [Test]
    public async Task Two_pipelines_of_one_id_are_told_at_the_second_also_where_it_does_not_compile()
    {
        using var project = SmallShop.Project("duckdb");
        project.Write("orders.yaml", SmallShop.Pipeline());
        project.Write("more/again.yaml", "apiVersion: etl/v1\npipeline: orders\n");
        project.Write("other/etl.yaml", "time_zone: UTC\n");
        project.Write("other/again.yaml", "apiVersion: etl/v1\npipeline: orders\n");
        var result = await project.RunAsync("validate");
        Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
        Assert.That(result.Out.Split('\n').Where(l => l.Contains("ETL6041", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "./orders.yaml:2:11: error ETL6041: the pipeline in 'more/again.yaml' is called 'orders' too. Checkpoints stand in the targets under a pipeline's id: give each an id of its own.",
        }));
        var one = await project.RunAsync("validate", "orders.yaml", "./orders.yaml");
        Assert.That(one.ExitCode, Is.Zero, one.ToString());
    }

    [TestCase("warning", 0)]
    [TestCase("error", 2)]
    [TestCase("off", 0)]
    public async Task It_says_so_of_warnings_about_contracts_too(string level, int exit)
    {
        using var project = SmallShop.Project("duckdb");
        project.Write("etl.yaml", $"checks: {{ ETL1066: {level} }}\n");
        var contract = Directory.GetFiles(project.Folder, "*.contract.yaml").Order(StringComparer.Ordinal).First();
        File.AppendAllText(contract, "statuz: active\n");
        var result = await project.RunAsync("validate", "orders.yaml");
        Assert.That(result.ExitCode, Is.EqualTo(exit), result.ToString());
        Assert.That(result.Out + result.Error, level == "off" ? Does.Not.Contain("ETL1066") : Does.Contain($"{level} ETL1066"));
    }

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
