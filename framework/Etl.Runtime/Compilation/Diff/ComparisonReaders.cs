using Etl.Runtime.Compilation.Lineage;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>Follows a change from the load that it happened in to the pipelines that read it, and on from these.</summary>
internal sealed class ComparisonReaders(IReadOnlyList<PipelineVersion> pipelines)
{
    /// <summary>The loads behind a column of a load, or behind all of it when <paramref name="column"/> is null; nearest first.</summary>
    public IReadOnlyList<AffectedLoad> Of(LoadVersion load, string? column)
    {
        var found = new List<AffectedLoad>();
        Follow(load, column is null ? null : [column], found, []);
        return found;
    }

    private void Follow(LoadVersion load, IReadOnlyCollection<string>? columns, List<AffectedLoad> found, HashSet<LoadVersion> seen)
    {
        if (!seen.Add(load))
        {
            return;
        }

        foreach (var (pipeline, read) in pipelines.SelectMany(p => p.Reads.Where(r => r.ReadsFrom(load)).Select(r => (p, r))))
        {
            var used = read.Columns.Where(c => columns is null || columns.Contains(c, StringComparer.OrdinalIgnoreCase)).Select(c => new SourceColumn(read.Stage, c)).ToHashSet();
            foreach (var next in pipeline.Loads)
            {
                var bears = next.Columns.Where(c => c.Lineage.From.Any(e => used.Contains(e.From))).Select(c => c.Name).ToList();
                var decides = next.Lineage.Rows.Any(e => used.Contains(e.From));
                if ((bears.Count > 0 || decides) && !seen.Contains(next))
                {
                    found.Add(new AffectedLoad(pipeline.Id, next.Stage, bears, decides));
                    Follow(next, decides ? null : bears, found, seen);
                }
            }
        }
    }
}
