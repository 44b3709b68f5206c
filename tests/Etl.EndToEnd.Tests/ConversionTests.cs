using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What becomes of values on their way into a target, as the plan tells it.</summary>
public sealed class ConversionTests
{
    [Test]
    public async Task An_average_of_decimals_is_told_until_the_load_accepts_it()
    {
        using var project = Averages("sum(amount)");
        var exact = await project.RunAsync("validate", "averages.yaml");
        Assert.That(exact.Out, Is.EqualTo("1 pipeline: 0 errors, 0 warnings\n"), "a sum of decimals is a decimal");

        project.Replace("averages.yaml", "sum(amount)", "avg(amount)");
        var told = await project.RunAsync("validate", "averages.yaml");
        Assert.That(told.Out, Does.Contain(
            "warning ETL3121: 'target' gets amount as a floating-point number made of exact decimals, orders.amount: digits can be lost. Cast the result, as in cast(avg(x) as decimal(18,4)). If that is meant, say so in the load: accept_loss: [amount]."));

        project.Replace("averages.yaml", "mode: replace }", "mode: replace, accept_loss: [amount] }");
        var accepted = await project.RunAsync("plan", "averages.yaml");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(accepted.Error, Is.Empty);
            Assert.That(accepted.Out, Does.Contain("  stores    1 of 3 columns exactly\n"));
            Assert.That(accepted.Out, Does.Contain("  stores    day, date, as DATE: widening, ISO 8601 text, which sorts as the times do\n"));
            Assert.That(accepted.Out, Does.Contain("  stores    amount, double, as REAL: lossy, a floating-point number made of exact decimals, orders.amount, accepted\n"));
        }

        var json = JsonNode.Parse((await project.RunAsync("plan", "averages.yaml", "--output", "json")).Out)!;
        var conversions = json["nodes"]!.AsArray().Single(n => n!["kind"]!.GetValue<string>() == "load")!["conversions"]!.AsArray();
        Assert.That(conversions.Select(c => $"{c!["column"]} {c["verdict"]} {c["accepted"]}"), Is.EqualTo(new[] { "day widening false", "orders exact false", "amount lossy true" }));

        project.Replace("averages.yaml", "accept_loss: [amount]", "accept_loss: [amuont]");
        var unknown = await project.RunAsync("validate", "averages.yaml");
        Assert.That(unknown.Out, Does.Contain("averages.yaml:6:117: error ETL3010: there is no column 'amuont' here"));
    }

    private static ProjectFolder Averages(string amount) => ProjectFolder.With(
        ("etl.yaml", ""),
        ("connections.yaml", "connections:\n  shop: { type: sqlite, path: shop.db }\n  dwh: { type: sqlite, path: dwh.db }\n"),
        ("orders.contract.yaml", SmallShop.Contract),
        ("averages.yaml", $$"""
            apiVersion: etl/v1
            pipeline: averages
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: by_day, transform: aggregate, from: orders, with: { group_by: [day], columns: { orders: "count(*)", amount: "{{amount}}" } } }
              - { id: target, load: table, from: by_day, connection: dwh, with: { table: averages, mode: replace } }

            """));
}
