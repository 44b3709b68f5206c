using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Compilation;

/// <summary>The pass "link": inputs exist and come earlier, and nothing is left hanging.</summary>
internal static class GraphLinker
{
    public static void Link(PipelineDefinition definition, IReadOnlyList<ResolvedStage> stages, DiagnosticBag bag)
    {
        var all = stages.ToDictionary(s => s.Id, s => s.Definition);
        var seen = new Dictionary<string, StageDefinition>();
        foreach (var stage in definition.Stages)
        {
            foreach (var input in stage.From)
            {
                if (seen.TryGetValue(input.Stage, out var source))
                {
                    if (source.Kind == StageKind.Load)
                    {
                        bag.AddError(input.Span, "ETL3052", $"'{input.Stage}' is a load: nothing comes out of it", $"Read from what it reads: {string.Join(", ", source.From.Select(f => f.Stage))}.");
                    }
                }
                else if (input.Stage == stage.Id || all.ContainsKey(input.Stage))
                {
                    bag.AddError(input.Span, "ETL3051", input.Stage == stage.Id ? $"stage '{stage.Id}' reads from itself" : $"'{input.Stage}' comes later", "A stage reads from stages above it; so there is no cycle.");
                }
                else
                {
                    bag.AddError(input.Span, "ETL3050", $"there is no stage '{input.Stage}'", $"{Suggest.Sentence(input.Stage, all.Keys)}Stages above are: {string.Join(", ", seen.Keys)}.");
                }
            }

            seen.TryAdd(stage.Id, stage);
        }

        var read = definition.Stages.SelectMany(s => s.From).Select(f => f.Stage).ToHashSet();
        foreach (var stage in definition.Stages.Where(s => s.Kind != StageKind.Load && !read.Contains(s.Id)))
        {
            bag.AddWarning(stage.IdSpan, "ETL3053", $"nothing reads from stage '{stage.Id}'", "Load it somewhere, or remove it.");
        }

        if (!definition.Stages.Any(s => s.Kind == StageKind.Load))
        {
            bag.AddError(definition.IdSpan, "ETL3054", "the pipeline loads nothing", "Add a stage with `load:`.");
        }
    }
}
