using System.Globalization;
using System.Text.Json.Nodes;
using Etl.DuckDb;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>
/// Lineage as OpenLineage's <c>JobEvent</c>, one for each pipeline, with the <c>schema</c> and <c>columnLineage</c> facets of what it writes:
/// https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet.
/// </summary>
public static class LineageOpenLineage
{
    private const string Producer = "urn:etl-framework";
    private const string Event = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent";
    private const string ColumnLineage = "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet";
    private const string SchemaFacet = "https://openlineage.io/spec/facets/1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet";

    /// <summary>The events, in order.</summary>
    public static IEnumerable<JsonObject> Render(IEnumerable<PipelineLineage> lineages, DateTimeOffset at) => lineages.Select(lineage => new JsonObject
    {
        ["eventTime"] = at.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        ["producer"] = Producer,
        ["schemaURL"] = Event,
        ["job"] = new JsonObject { ["namespace"] = lineage.Pipeline.Project.Environment, ["name"] = lineage.Pipeline.Definition.Id },
        ["inputs"] = new JsonArray([.. lineage.Pipeline.Nodes.OfType<ExtractNode>().Select(e => Named(lineage.Pipeline, e.Stage)).DistinctBy(d => d.ToJsonString())]),
        ["outputs"] = new JsonArray([.. lineage.Loads.Select(l => Output(lineage.Pipeline, l))]),
    });

    private static JsonObject Output(CompiledPipeline pipeline, LoadLineage load)
    {
        var dataset = Named(pipeline, load.Load.Stage);
        dataset["facets"] = new JsonObject
        {
            ["schema"] = Facet(SchemaFacet, "fields", new JsonArray([.. load.Columns.Select(c => new JsonObject
            {
                ["name"] = c.Column, ["type"] = DuckType.Of(load.Load.Schema.Require(c.Column).DataType).ToString().ToLowerInvariant(),
            })])),
            ["columnLineage"] = Facet(ColumnLineage, "fields", new JsonObject(load.Columns.Select(c =>
                KeyValuePair.Create<string, JsonNode?>(c.Column, new JsonObject { ["inputFields"] = Inputs(pipeline, c.From) })))),
        };
        dataset["facets"]!["columnLineage"]!["dataset"] = Inputs(pipeline, load.Rows);
        return dataset;
    }

    private static JsonObject Facet(string schema, string member, JsonNode value) => new() { ["_producer"] = Producer, ["_schemaURL"] = schema, [member] = value };

    private static JsonArray Inputs(CompiledPipeline pipeline, IEnumerable<LineageEdge> edges) => new([.. edges.GroupBy(e => e.From).Select(from =>
    {
        var field = Named(pipeline, ((ExtractNode)pipeline.Node(from.Key.Stage)).Stage);
        field["field"] = from.Key.Column;
        field["transformations"] = new JsonArray([.. from.Select(e => new JsonObject
        {
            ["type"] = e.IsDirect ? "DIRECT" : "INDIRECT", ["subtype"] = LineageText.Word(e.Influence).ToUpperInvariant(), ["description"] = "", ["masking"] = false,
        })]);
        return field;
    })]);

    // A namespace is the system: its address where it has one.
    private static JsonObject Named(CompiledPipeline pipeline, Definition.StageDefinition stage)
    {
        var dataset = Dataset.Of(stage, pipeline.Project);
        var system = dataset.Connection is null ? pipeline.Definition.Id : pipeline.Connections[dataset.Connection].Display;
        return new JsonObject { ["namespace"] = system, ["name"] = dataset.Name };
    }
}
