using System.Text.Json.Nodes;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>
/// Lineage as JSON, version 1: for each pipeline its loads, for each load <c>columns</c> with <c>from</c>, and <c>rows</c>: what decides which rows
/// there are, and so bears on every column.
/// </summary>
public static class LineageJson
{
    /// <summary>One document.</summary>
    public static JsonObject Render(IEnumerable<PipelineLineage> lineages) => new()
    {
        ["version"] = 1,
        ["pipelines"] = new JsonArray([.. lineages.Select(l => new JsonObject
        {
            ["pipeline"] = l.Pipeline.Definition.Id,
            ["environment"] = l.Pipeline.Project.Environment,
            ["loads"] = new JsonArray([.. l.Loads.Select(load => Load(load, l.Pipeline))]),
        })]),
    };

    private static JsonObject Load(LoadLineage load, CompiledPipeline pipeline) => new()
    {
        ["load"] = load.Load.Id,
        ["dataset"] = Of(Dataset.Of(load.Load.Stage, pipeline.Project)),
        ["columns"] = new JsonArray([.. load.Columns.Select(c => new JsonObject
        {
            ["name"] = c.Column,
            ["derivation"] = c.Derivation.ToString().ToLowerInvariant(),
            ["opaque"] = c.Opaque,
            ["computed_by"] = new JsonArray([.. c.ComputedBy.Select(s => JsonValue.Create(s))]),
            ["from"] = Edges(c.From, pipeline),
        })]),
        ["rows"] = Edges(load.Rows, pipeline),
    };

    private static JsonArray Edges(IEnumerable<LineageEdge> edges, CompiledPipeline pipeline) => new([.. edges.Select(e => new JsonObject
    {
        ["stage"] = e.From.Stage,
        ["dataset"] = Of(Dataset.Of(((ExtractNode)pipeline.Node(e.From.Stage)).Stage, pipeline.Project)),
        ["column"] = e.From.Column,
        ["influence"] = LineageText.Word(e.Influence),
    })]);

    private static JsonObject Of(Dataset dataset) => new() { ["connection"] = dataset.Connection, ["name"] = dataset.Name };
}
