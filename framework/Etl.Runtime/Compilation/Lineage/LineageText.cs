using System.Text;
using Etl.Contracts;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>Lineage as a person reads it. The same pipeline gives the same text.</summary>
public static class LineageText
{
    /// <summary>Where the columns of each load come from; of one column when it is named.</summary>
    public static string Render(PipelineLineage lineage, string? column = null)
    {
        var text = new StringBuilder($"pipeline {lineage.Pipeline.Definition.Id}\n");
        foreach (var load in lineage.Loads)
        {
            var columns = load.Columns.Where(c => column is null || Same(c.Column, column)).ToList();
            if (columns.Count == 0)
            {
                continue;
            }

            text.Append('\n').Append(load.Load.Id).Append("  ").Append(Dataset.Of(load.Load.Stage, lineage.Pipeline.Project)).Append('\n');
            var width = columns.Max(c => c.Column.Length);
            foreach (var c in columns)
            {
                text.Append("  ").Append(c.Column.PadRight(width)).Append("  ").Append(Word(c).PadRight(8));
                var direct = Sources(c.From.Where(e => e.IsDirect), lineage.Pipeline);
                text.Append(direct.Length == 0 ? "" : $"  {direct}");
                foreach (var kind in c.From.Where(e => !e.IsDirect).GroupBy(e => e.Influence))
                {
                    text.Append("; ").Append(Word(kind.Key)).Append(' ').Append(Sources(kind, lineage.Pipeline));
                }

                text.Append(c.ComputedBy.Count == 0 ? "" : $"  in {string.Join(", ", c.ComputedBy)}").Append('\n');
            }

            foreach (var kind in load.Rows.GroupBy(e => e.Influence).OrderBy(k => k.Key))
            {
                text.Append("  rows: ").Append(Word(kind.Key)).Append("  ").Append(Sources(kind, lineage.Pipeline)).Append('\n');
            }
        }

        return text.ToString();
    }

    /// <summary>What a source column bears on.</summary>
    public static string RenderDownstream(PipelineLineage lineage, string column)
    {
        var text = new StringBuilder($"pipeline {lineage.Pipeline.Definition.Id}\n");
        foreach (var load in lineage.Downstream(column).GroupBy(d => d.Load))
        {
            text.Append('\n').Append(load.Key.Load.Id).Append("  ").Append(Dataset.Of(load.Key.Load.Stage, lineage.Pipeline.Project)).Append('\n');
            foreach (var target in load.Where(d => d.Column is not null).GroupBy(d => d.Column!.Column))
            {
                text.Append("  ").Append(target.Key).Append("  ").AppendJoin(", ", target.Select(t => Word(t.Influence)).Distinct()).Append('\n');
            }

            foreach (var influence in load.Where(d => d.Column is null).Select(d => Word(d.Influence)).Distinct())
            {
                text.Append("  rows: ").Append(influence).Append('\n');
            }
        }

        return text.ToString();
    }

    /// <summary>An influence as it is written: <c>group_by</c>.</summary>
    public static string Word(Influence influence) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(influence.ToString());

    /// <summary>A derivation as it is written; <c>opaque</c> where it is not known.</summary>
    public static string Word(ColumnLineage column) => column.Opaque ? "opaque" : column.Derivation.ToString().ToLowerInvariant();

    // All columns of a source are told in two words.
    private static string Sources(IEnumerable<LineageEdge> edges, CompiledPipeline pipeline) => string.Join(", ", edges.Select(e => e.From).Distinct().GroupBy(c => c.Stage)
        .SelectMany(s => s.Count() is > 3 and var count && count == pipeline.Rows.Schemas[s.Key].Names.Count(n => n != RowSchema.OpColumn) ? [$"all of {s.Key}"] : s.Select(c => c.ToString())));

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
}
