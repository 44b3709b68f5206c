using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>What a round reads and for whom, and what the epochs that it makes say of it.</summary>
/// <param name="Pipeline">The pipeline, with other sources where the round reads something else than what is new.</param>
/// <param name="Loads">Targets that stand at one position.</param>
internal sealed record RoundPlan(CompiledPipeline Pipeline, IReadOnlyList<LoadHold> Loads)
{
    /// <summary>Whether the targets have consumed their sources further afterwards; otherwise their positions stay.</summary>
    public bool Moves { get; init; } = true;

    /// <summary>Whether publishing is tried and rolled back, to tell what it would do.</summary>
    public bool Rehearses { get; init; }

    /// <summary>Whether an epoch is made although no row is read; asked when the sources are open.</summary>
    public Func<bool> MakesEmptyEpoch { get; init; } = () => false;

    /// <summary>Dead letters that the epoch closes; asked when everything was read.</summary>
    public Func<LoadHold, IReadOnlyList<DeadLetterClosing>> Closed { get; init; } = _ => [];

    /// <summary>See <see cref="Checkpoint.Note"/>.</summary>
    public string? Note { get; init; }

    /// <summary>What is new, or everything.</summary>
    public static RoundPlan Increment(CompiledPipeline pipeline, IReadOnlyList<LoadHold> loads, bool fullRefresh) => new(pipeline, loads)
    {
        // What is read as a whole holds the rows that were refused before, or they are gone.
        Closed = load => load.Session.Checkpoint is not null && (fullRefresh || pipeline.SourcesOf(load.Node).All(s => !s.Extractor.Capabilities.Incremental))
            ? [new DeadLetterClosing(DeadLetterState.Superseded, null, null, 0)]
            : [],
    };
}
