namespace Etl.Contracts;

/// <summary>What became of a refused row.</summary>
public enum DeadLetterState
{
    /// <summary>It waits for somebody.</summary>
    Open,

    /// <summary>Its row was read again and went through the pipeline; if that refused it again, it is a new dead letter.</summary>
    Replayed,

    /// <summary>Its row is gone from the source, or a newer version of it was or will be read by a run.</summary>
    Superseded,

    /// <summary>A person decided that it is not wanted.</summary>
    Discarded,
}

/// <summary>Dead letters of an earlier epoch that an epoch closes; committed with it, so that none is closed twice or for nothing.</summary>
/// <param name="State">What became of them; never open.</param>
/// <param name="Path">Of the <see cref="DeadLetterFile"/>; null for all that are open in earlier epochs.</param>
/// <param name="Rule">Rows of this rule only; null for all rows of the file that are open.</param>
/// <param name="Rows">How many; 0 where <paramref name="Path"/> is null.</param>
public sealed record DeadLetterClosing(DeadLetterState State, string? Path, string? Rule, long Rows);
