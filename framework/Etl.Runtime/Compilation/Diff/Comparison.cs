using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Compilation.Diff;

/// <summary>What a change means for what is there already; the worst is last.</summary>
public enum Impact
{
    /// <summary>Whoever reads the target reads on, and all its rows are as the new version makes them.</summary>
    Compatible,

    /// <summary>Rows that were loaded before stay as the old version made them, until they are loaded again.</summary>
    Backfill,

    /// <summary>Whoever reads the target may fail, or read something else.</summary>
    Breaking,
}

/// <summary>A change of a load or of one of its columns.</summary>
/// <param name="Impact">What it means.</param>
/// <param name="Column">Null for one that is not of a column.</param>
/// <param name="Kind">A word for machines: <c>column_removed</c>.</param>
/// <param name="Text">A sentence for people, without its full stop.</param>
/// <param name="Affects">What reads it, also through others, in this project.</param>
public sealed record Change(Impact Impact, string? Column, string Kind, string Text, IReadOnlyList<AffectedLoad> Affects);

/// <summary>A load of another pipeline behind a change.</summary>
/// <param name="Pipeline">The pipeline.</param>
/// <param name="Load">Its load stage.</param>
/// <param name="Columns">The columns that come from what changed.</param>
/// <param name="Rows">What changed decides which rows it has.</param>
public sealed record AffectedLoad(string Pipeline, string Load, IReadOnlyList<string> Columns, bool Rows);

/// <summary>What becomes of a stored checkpoint.</summary>
public enum CheckpointFate
{
    /// <summary>The next run goes on from it.</summary>
    Survives,

    /// <summary>It was made under other settings: the next run is refused (ETL6003) until a person decides.</summary>
    Refused,

    /// <summary>There is none under the new name or in the new place: the next run reads everything.</summary>
    StartsAnew,

    /// <summary>The load is gone, and its checkpoint with it.</summary>
    Left,
}

/// <summary>One load in both versions.</summary>
/// <param name="Load">The load stage; its new id, unless it is gone.</param>
/// <param name="Dataset">What it writes, likewise.</param>
/// <param name="Span">Where it is written now; the file's start for one that is gone.</param>
/// <param name="Checkpoint">What becomes of it.</param>
/// <param name="CheckpointReason">Why, unless it survives.</param>
/// <param name="Changes">The worst first; empty when nothing changed.</param>
public sealed record LoadComparison(string Load, Dataset Dataset, SourceSpan Span, CheckpointFate Checkpoint, string? CheckpointReason, IReadOnlyList<Change> Changes);

/// <summary>One pipeline in both versions.</summary>
/// <param name="Pipeline">Its id.</param>
/// <param name="File">Relative to the repository.</param>
/// <param name="Note">Added, removed, or why it could not be compared; null for one that is in both.</param>
/// <param name="Loads">Those with something to tell.</param>
public sealed record PipelineComparison(string Pipeline, string File, string? Note, IReadOnlyList<LoadComparison> Loads);

/// <summary>All pipelines in both versions.</summary>
/// <param name="Pipelines">Those with something to tell, by file.</param>
/// <param name="Unchanged">How many others there are.</param>
public sealed record Comparison(IReadOnlyList<PipelineComparison> Pipelines, int Unchanged)
{
    /// <summary>The worst of all changes; null when there is none.</summary>
    public Impact? Worst => Pipelines.SelectMany(p => p.Loads).SelectMany(l => l.Changes).Select(c => (Impact?)c.Impact).Max();

    /// <summary>Two versions of a repository's pipelines.</summary>
    public static Comparison Of(IReadOnlyList<PipelineVersion> before, IReadOnlyList<PipelineVersion> after) => new ComparisonMatcher(before, after).Compare();
}
