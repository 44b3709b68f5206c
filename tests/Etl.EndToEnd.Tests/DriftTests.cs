using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A source that gains or loses columns after its contract was written.</summary>
public sealed class DriftTests
{
    [Test]
    public async Task A_gained_column_is_a_warning_of_the_report_and_no_value_changes_its_place()
    {
        using var project = SmallShop.Project("sqlite");
        project.Sqlite("shop.db", "alter table orders add column more text default 'x'");
        var report = await project.ReportAsync("run", "orders.yaml");
        Assert.That(report["warnings"]!.AsArray().Select(w => w!.GetValue<string>()), Is.EqualTo(new[] { "orders: table 'orders' has columns that its contract does not: 'more'; they are not read" }));
        SmallShop.BothEqualTheSource(project, "sqlite");
    }

    [TestCase("alter table orders add column more text", "on_drift: fail", "ETL4123")]
    [TestCase("alter table orders drop column name", "", "ETL4507")]
    [TestCase("alter table orders rename column name to title", "on_drift: ignore", "ETL4507")]
    public async Task What_the_policy_or_the_contract_does_not_allow_ends_the_run_before_anything_is_published(string change, string policy, string code)
    {
        using var project = SmallShop.Project("sqlite");
        project.Replace("orders.yaml", "incremental: { cursor", $"{policy}\n      incremental: {{ cursor");
        project.Sqlite("shop.db", change);
        var result = await project.RunAsync("run", "orders.yaml", "--output", "json");
        Assert.That(result.ExitCode, Is.EqualTo(1), result.ToString());
        Assert.That(JsonNode.Parse(result.Out)!["error"]!["code"]!.GetValue<string>(), Is.EqualTo(code));
        Assert.That((SmallShop.Epochs(project, "sqlite").Count, project.LakeVersions("lake/orders")), Is.EqualTo((0, 0)));
    }
}
