using System.Globalization;
using System.Text;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>Lineage as a Mermaid flow chart: a box for each data set, a solid arrow for a column that gives a value, a dotted one for one that decides.</summary>
public static class LineageMermaid
{
    /// <summary>One chart for all.</summary>
    public static string Render(IEnumerable<PipelineLineage> lineages)
    {
        var boxes = new OrderedDictionary<string, OrderedDictionary<string, string>>();
        var arrows = new StringBuilder();
        foreach (var lineage in lineages)
        {
            var project = lineage.Pipeline.Project;
            foreach (var load in lineage.Loads)
            {
                var target = Dataset.Of(load.Load.Stage, project).ToString();
                foreach (var column in load.Columns)
                {
                    var to = Id(boxes, target, column.Column);
                    foreach (var from in column.From.GroupBy(e => e.From))
                    {
                        var source = Dataset.Of(((ExtractNode)lineage.Pipeline.Node(from.Key.Stage)).Stage, project).ToString();
                        arrows.Append("  ").Append(Id(boxes, source, from.Key.Column)).Append(from.Any(e => e.IsDirect) ? " --> " : " -.-> ").Append(to).Append('\n');
                    }
                }
            }
        }

        var text = new StringBuilder("flowchart LR\n");
        foreach (var ((dataset, columns), i) in boxes.Select((b, i) => (b, i)))
        {
            text.Append("  subgraph d").Append(i.ToString(CultureInfo.InvariantCulture)).Append('[').Append(MermaidLabel.Of(dataset)).Append("]\n");
            foreach (var (column, id) in columns)
            {
                text.Append("    ").Append(id).Append('[').Append(MermaidLabel.Of(column)).Append("]\n");
            }

            text.Append("  end\n");
        }

        return text.Append(arrows).ToString();
    }

    private static string Id(OrderedDictionary<string, OrderedDictionary<string, string>> boxes, string dataset, string column)
    {
        boxes.TryAdd(dataset, []);
        var columns = boxes[dataset];
        columns.TryAdd(column, string.Create(CultureInfo.InvariantCulture, $"d{boxes.IndexOf(dataset)}c{columns.Count}"));
        return columns[column];
    }
}
