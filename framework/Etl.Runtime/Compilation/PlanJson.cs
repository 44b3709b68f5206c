using System.Text.Json.Nodes;
using Etl.DuckDb;

namespace Etl.Runtime.Compilation;

/// <summary>The nodes of a plan as JSON.</summary>
internal static class PlanJson
{
    /// <summary>In order.</summary>
    public static IEnumerable<JsonObject> Nodes(CompiledPipeline pipeline) => pipeline.Nodes.Select(n => Node(n, pipeline));

    private static JsonObject Node(PlanNode node, CompiledPipeline pipeline)
    {
        var json = new JsonObject
        {
            ["id"] = node.Id,
            ["kind"] = node switch { ExtractNode => "extract", SegmentNode => "query", TransformNode => "transform", _ => "load" },
            ["inputs"] = Strings(node.Inputs),
            ["key"] = Strings(node.Schema.Key),
            ["columns"] = new JsonArray([.. node.Schema.Arrow.FieldsList.Select(f => new JsonObject
            {
                ["name"] = f.Name, ["type"] = DuckType.Of(f.DataType).ToString().ToLowerInvariant(), ["nullable"] = f.IsNullable,
            })]),
        };
        switch (node)
        {
            case ExtractNode extract:
                json["incremental"] = extract.Extractor.Capabilities.Incremental;
                json["promise"] = extract.Extractor.Capabilities.Guarantee;
                break;
            case SegmentNode segment:
                json["stages"] = Strings(segment.Segment.Stages.Select(s => s.Id));
                json["sql"] = segment.Segment.Sql;
                json["rules"] = Strings(segment.Segment.Verdicts.Select(v => $"{v.Stage}.{v.Rule}").Concat(segment.Segment.Warnings.Select(w => $"{w.Stage}.{w.Rule}")).Concat(segment.Segment.TableRules.Select(r => $"{r.Stage}.{r.Rule.Rule}")));
                break;
            case TransformNode:
                // It is code: of its rows no more is known than it declares.
                json["opaque"] = true;
                break;
            case LoadNode load:
                json["target"] = load.Plan.Target;
                json["mode"] = load.Plan.Mode.ToString().ToLowerInvariant();
                json["load_key"] = Strings(load.Plan.Key);
                json["promise"] = load.Plan.Guarantee;
                json["statements"] = Strings(load.Plan.Statements);
                json["conversions"] = new JsonArray([.. pipeline.Conversions.GetValueOrDefault(load.Id, []).Select(c => new JsonObject
                {
                    ["column"] = c.Column, ["type"] = c.Type, ["stored_as"] = c.StoredAs, ["verdict"] = c.Verdict.ToString().ToLowerInvariant(), ["note"] = c.Note, ["accepted"] = c.Accepted,
                })]);
                break;
        }

        if (node is ExtractNode or LoadNode && pipeline.Rows.Notes.GetValueOrDefault(node.Id) is { Count: > 0 } notes)
        {
            json["rules_not_run"] = new JsonArray([.. notes.Select(n => new JsonObject { ["rule"] = n.Name, ["why"] = n.Why })]);
        }

        return json;
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => JsonValue.Create(v))]);
}
