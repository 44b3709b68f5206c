using System.Text;
using Etl.Runtime.Compilation.Lineage;

namespace Etl.Runtime.Documentation;

/// <summary>Data sets and the pipelines between them as a Mermaid flow chart.</summary>
internal sealed class ProjectChart(PageContext context)
{
    // GitHub draws no chart of more edges than 500, nor of more than 50,000 characters.
    private const int MostEdges = 450;
    private const int MostCharacters = 45_000;

    /// <summary>All of it; null where it is more than a chart can hold.</summary>
    public string? Whole() => Draw(context.Dictionary.Pipelines, null);

    /// <summary>A data set, the pipelines that write and read it, and what else they read and write.</summary>
    public string? Around(DocumentedDataset dataset) =>
        Draw([.. dataset.Writers.Select(w => w.Pipeline).Concat(dataset.Readers.Select(r => r.Pipeline)).Distinct().OrderBy(p => p.Id, StringComparer.Ordinal)], dataset);

    private string? Draw(IReadOnlyList<DocumentedPipeline> pipelines, DocumentedDataset? middle)
    {
        var (dictionary, names) = (context.Dictionary, context.Names);
        var arrows = new List<string>();
        var shown = new HashSet<DocumentedDataset>();
        foreach (var pipeline in pipelines)
        {
            var reads = pipeline.Extracts.Select(e => dictionary.Of(e.Stage, pipeline)).Distinct().ToList();
            var writes = pipeline.Lineage.Loads.Select(l => dictionary.Of(l.Load.Stage, pipeline)).Distinct().ToList();
            // Around one data set its own arrows are enough, unless they lead through a pipeline.
            var isWriter = middle is null || writes.Contains(middle);
            var isReader = middle is null || reads.Contains(middle);
            foreach (var read in reads.Where(r => isWriter || r == middle))
            {
                Arrow(names.NodeOf(read), "-->", names.NodeOf(pipeline));
                shown.Add(read);
            }

            foreach (var write in writes.Where(w => isReader || w == middle))
            {
                Arrow(names.NodeOf(pipeline), "-->", names.NodeOf(write));
                shown.Add(write);
            }
        }

        // One contract of two names: what the one offers is what the other reads.
        foreach (var contract in dictionary.Contracts)
        {
            foreach (var (offered, read) in contract.Datasets.Where(d => shown.Contains(d) && d.Writers.Exists(w => w.Load.Load.Stage.Contract == contract.File))
                .SelectMany(o => contract.Datasets.Where(d => d != o && shown.Contains(d) && d.Readers.Count > 0).Select(d => (o, d))))
            {
                Arrow(names.NodeOf(offered), $"-. {MermaidLabel.Of(contract.Id)} .->", names.NodeOf(read));
            }
        }

        var text = new StringBuilder("flowchart LR\n");
        foreach (var dataset in dictionary.Datasets.Where(shown.Contains))
        {
            text.Append("  ").Append(names.NodeOf(dataset)).Append("[(").Append(MermaidLabel.Of(dataset.Name)).Append(")]\n");
        }

        foreach (var pipeline in pipelines)
        {
            text.Append("  ").Append(names.NodeOf(pipeline)).Append("([").Append(MermaidLabel.Of(pipeline.Id)).Append("])\n");
        }

        text.AppendJoin("", arrows);
        return arrows.Count > MostEdges || text.Length > MostCharacters ? null : text.ToString();

        void Arrow(string from, string arrow, string to) => arrows.Add($"  {from} {arrow} {to}\n");
    }
}
