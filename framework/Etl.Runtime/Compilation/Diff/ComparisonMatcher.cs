using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>Finds what is the same pipeline, and the same load, in two versions of a repository, and compares them.</summary>
internal sealed class ComparisonMatcher(IReadOnlyList<PipelineVersion> before, IReadOnlyList<PipelineVersion> after)
{
    // What reads a load is asked of the new version: a pipeline that was changed along is not affected.
    private readonly ComparisonReaders _readers = new(after);

    public Comparison Compare()
    {
        var compared = new List<PipelineComparison>();
        var left = before.ToList();
        foreach (var now in after)
        {
            // By id; else the pipeline that had this file.
            var old = left.Find(p => p.Id == now.Id) ?? left.Find(p => p.File == now.File && !after.Any(a => a.Id == p.Id));
            compared.Add(old is null ? Added(now) : Compare(old, now));
            left.RemoveAll(p => p == old);
        }

        compared.AddRange(left.Select(Removed));
        var told = compared.Where(p => p.Note is not null || p.Loads.Count > 0).OrderBy(p => p.File, StringComparer.Ordinal).ToList();
        return new Comparison(told, compared.Count - told.Count);
    }

    private static PipelineComparison Added(PipelineVersion now) => new(now.Id, now.File, "added: its first run reads everything", []);

    private PipelineComparison Removed(PipelineVersion old) => new(old.Id, old.File, "removed", [.. old.Loads.Select(Removed)]);

    private PipelineComparison Compare(PipelineVersion old, PipelineVersion now)
    {
        if (old.Problem is not null)
        {
            return new PipelineComparison(now.Id, now.File, $"not compared: the old version does not compile: {old.Problem}", []);
        }

        var renamed = old.Id != now.Id;
        var left = old.Loads.ToList();
        var loads = new List<LoadComparison>();
        foreach (var load in now.Loads)
        {
            var match = left.Find(l => l.Stage == load.Stage) ?? left.Find(l => l.Dataset == load.Dataset && !now.Loads.Any(n => n.Stage == l.Stage));
            loads.Add(match is null
                ? new LoadComparison(load.Stage, load.Dataset, load.Span, CheckpointFate.StartsAnew, "the load is new", [new Change(Impact.Compatible, null, "load_added", "added: its first run reads everything", [])])
                : Compare(match, load, renamed ? old.Id : null));
            left.RemoveAll(l => l == match);
        }

        loads.AddRange(left.Select(Removed));
        return new PipelineComparison(now.Id, now.File, renamed ? $"renamed from {old.Id}" : null, [.. loads.Where(l => l.Changes.Count > 0 || l.Checkpoint != CheckpointFate.Survives)]);
    }

    private LoadComparison Compare(LoadVersion old, LoadVersion now, string? oldPipeline)
    {
        var (fate, reason) = Checkpoint(old, now, oldPipeline);
        var changes = new ComparisonOfLoads(old, now).Changes(fate).Select(c => c with { Affects = c.Impact == Impact.Compatible ? [] : _readers.Of(old, c.Column) });
        return new LoadComparison(now.Stage, now.Dataset, now.Span, fate, reason, [.. changes.OrderByDescending(c => c.Impact)]);
    }

    private LoadComparison Removed(LoadVersion load) => new(
        load.Stage, load.Dataset, SourceSpan.Start(load.Span.File), CheckpointFate.Left, "nothing loads it any more",
        [new Change(Impact.Breaking, null, "load_removed", $"removed: {load.Dataset} is not written any more", _readers.Of(load, null))]);

    private static (CheckpointFate, string?) Checkpoint(LoadVersion old, LoadVersion now, string? oldPipeline) =>
        oldPipeline is not null ? (CheckpointFate.StartsAnew, $"it is kept under the pipeline's name, which was {oldPipeline}")
        : old.Stage != now.Stage ? (CheckpointFate.StartsAnew, $"it is kept under the stage's name, which was {old.Stage}")
        : old.Dataset.Connection != now.Dataset.Connection ? (CheckpointFate.StartsAnew, $"it stays on {old.Dataset.Connection}")
        : !now.IsTable && old.Dataset != now.Dataset ? (CheckpointFate.StartsAnew, $"it stays in {old.Dataset.Name}")
        : old.Fingerprint != now.Fingerprint ? (CheckpointFate.Refused, "sources, cursor, key or mode are others: the next run is refused (ETL6003) until it is run with --full-refresh")
        : (CheckpointFate.Survives, null);
}
