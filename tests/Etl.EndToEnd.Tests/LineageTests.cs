using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Where columns come from, as people and other tools read it; nothing is connected, and no secret is set.</summary>
public sealed class LineageTests
{
    [TestCase("text", "lineage.txt")]
    [TestCase("json", "lineage.json")]
    [TestCase("mermaid", "lineage.mmd")]
    public async Task It_is_told_for_each_column_of_each_load(string format, string golden)
    {
        using var project = ChainedShop.Project();
        var result = await project.RunAsync("lineage", "--format", format);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Golden.Check($"commands/{golden}", result.Out, project);
    }

    [Test]
    public async Task A_source_column_can_be_followed_downstream()
    {
        using var project = ChainedShop.Project();
        var result = await project.RunAsync("lineage", "orders.yaml", "--column", "country", "--downstream");
        Assert.That(result.Out, Is.EqualTo("pipeline orders\n\nwarehouse  dwh:sales\n  country  identity\n  region  conditional\n"), result.ToString());
    }

    [Test]
    public async Task Openlineage_has_the_shape_of_the_published_specification()
    {
        using var project = ChainedShop.Project();
        var result = await project.RunAsync("lineage", "--format", "openlineage");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        var events = result.Out.TrimEnd('\n').Split('\n').Select(l => JsonNode.Parse(l)!).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(events.Select(e => Text(e["job"]!, "name")), Is.EqualTo(new[] { "orders", "totals" }));
            foreach (var job in events)
            {
                Assert.That(DateTimeOffset.TryParse(Text(job, "eventTime"), System.Globalization.CultureInfo.InvariantCulture, out _), Is.True);
                Assert.That(Text(job, "schemaURL"), Does.EndWith("OpenLineage.json#/$defs/JobEvent"));
                foreach (var facet in job["outputs"]!.AsArray().SelectMany(o => o!["facets"]!.AsObject()).Select(f => f.Value!))
                {
                    Assert.That(Uri.IsWellFormedUriString(Text(facet, "_producer"), UriKind.Absolute), Is.True);
                    Assert.That(Uri.IsWellFormedUriString(Text(facet, "_schemaURL"), UriKind.Absolute), Is.True);
                }
            }

            var output = events[0]["outputs"]![0]!;
            var lineage = output["facets"]!["columnLineage"]!;
            Assert.That((Text(output, "namespace"), Text(output, "name")), Is.EqualTo(("postgres://dwh.example:5432/dwh", "sales")));
            Assert.That(Fields(lineage["fields"]!["gross"]!["inputFields"]!), Is.EqualTo(new[] { "sqlite shop.db orders amount DIRECT TRANSFORMATION" }));
            Assert.That(Fields(lineage["fields"]!["region"]!["inputFields"]!), Is.EqualTo(new[] { "sqlite shop.db customers country INDIRECT CONDITIONAL" }));
            Assert.That(Fields(lineage["dataset"]!), Does.Contain("sqlite shop.db orders amount INDIRECT FILTER").And.Contain("sqlite shop.db customers customer_id INDIRECT JOIN"));
        }
    }

    private static IEnumerable<string> Fields(JsonNode fields) => fields.AsArray().SelectMany(f => f!["transformations"]!.AsArray()
        .Select(t => $"{Text(f, "namespace")} {Text(f, "name")} {Text(f, "field")} {Text(t!, "type")} {Text(t!, "subtype")}"));

    private static string Text(JsonNode node, string member) => node[member]!.GetValue<string>();
}
