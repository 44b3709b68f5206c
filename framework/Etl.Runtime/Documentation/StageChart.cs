using System.Text;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Documentation;

/// <summary>The stages of a pipeline as a Mermaid flow chart, from what it reads to what it writes.</summary>
internal static class StageChart
{
    public static string Draw(DocumentedPipeline pipeline, PageContext context)
    {
        var text = new StringBuilder("flowchart LR\n");
        var (boxes, arrows) = (new List<string>(), new List<string>());
        var datasets = new List<DocumentedDataset>();
        foreach (var stage in pipeline.Definition.Stages)
        {
            boxes.Add($"  {Node(stage.Id)}[{MermaidLabel.Of(stage.Id, stage.Component)}]\n");
            arrows.AddRange(stage.From.Select(f => $"  {Node(f.Stage)} --> {Node(stage.Id)}\n"));
            if (stage.Kind != StageKind.Transform)
            {
                var dataset = context.Dictionary.Of(stage, pipeline);
                datasets.Add(dataset);
                var (from, to) = stage.Kind == StageKind.Extract ? (context.Names.NodeOf(dataset), Node(stage.Id)) : (Node(stage.Id), context.Names.NodeOf(dataset));
                arrows.Add($"  {from} --> {to}\n");
            }
        }

        foreach (var dataset in datasets.Distinct())
        {
            text.Append("  ").Append(context.Names.NodeOf(dataset)).Append("[(").Append(MermaidLabel.Of(dataset.Name)).Append(")]\n");
        }

        return text.AppendJoin("", boxes).AppendJoin("", arrows).ToString();
    }

    // An id has a-z, 0-9, _ and -, and two of the last are an arrow to Mermaid.
    private static string Node(string stage) => $"s_{stage.Replace('-', 'X')}";
}
