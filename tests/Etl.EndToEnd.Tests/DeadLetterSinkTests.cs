using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A refused row that cannot be kept is not dropped: the run fails, and nothing is published.</summary>
public sealed class DeadLetterSinkTests
{
    [Test]
    [Property("Fault", 55)]
    public async Task Nothing_is_published_when_the_store_of_dead_letters_fails()
    {
        using var project = SmallShop.Project("duckdb");
        // A file stands where the folder should be: whoever runs this, root too, cannot write there.
        project.Write("letters/refused", "in the way");
        project.Replace("connections.yaml", "  lake:", "  letters: { type: file, root: letters }\n  lake:");
        project.Replace("orders.yaml", "connection: lake, path: \"refused/\"", "connection: letters, path: \"refused/\"");
        await RefusedWholeAsync(project);

        File.Delete(project.PathOf("letters/refused"));
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "duckdb");
    }

    [Test]
    [Property("Fault", 55)]
    public async Task Nothing_is_published_when_the_state_folder_cannot_take_dead_letters()
    {
        using var project = SmallShop.Project("sqlite");
        project.Replace("orders.yaml", "connection: lake, path: \"refused/\", ", "");
        project.Write(".etl/dead-letters", "in the way");
        await RefusedWholeAsync(project);

        File.Delete(project.PathOf(".etl/dead-letters"));
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "sqlite");
    }

    private static async Task RefusedWholeAsync(ProjectFolder project)
    {
        var result = await project.RunAsync("run", "orders.yaml", "--output", "json");
        var report = JsonNode.Parse(result.Out)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
            Assert.That(report["error"]!["message"]!.GetValue<string>(), Is.Not.Empty);
            Assert.That(report["loads"]!.AsArray().Select(l => l!["status"]!.GetValue<string>()), Is.All.EqualTo("not_published"));
            Assert.That(project.LakeVersions("lake/orders"), Is.Zero);
        }
    }
}
