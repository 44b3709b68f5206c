namespace Etl.Runtime.Compilation.Online;

/// <summary>What a run does about a difference; the worst is last.</summary>
public enum DriftFate
{
    /// <summary>Nothing: it is as good as declared.</summary>
    Passes,

    /// <summary>It goes on, and the report says so.</summary>
    Warns,

    /// <summary>It ends before a row is read.</summary>
    Fails,
}

/// <summary>A difference between what is declared and what is there.</summary>
/// <param name="Code">ETL3140: not what is declared; ETL3141: more, or less strict, than declared; ETL3142: rows do not fit the target.</param>
/// <param name="Fate">What a run does about it.</param>
/// <param name="Column">The column; null for the whole.</param>
/// <param name="Text">What differs, without the column's name.</param>
public sealed record Drift(string Code, DriftFate Fate, string? Column, string Text);

/// <summary>An end of the pipeline against what is there.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="IsSource">A source; else a target.</param>
/// <param name="Place">The connection and where it leads.</param>
public sealed record LiveEnd(string Stage, bool IsSource, string Place)
{
    /// <summary>Why nothing was compared; null when it was.</summary>
    public string? NotCompared { get; init; }

    /// <summary>Why it could not be asked: the code, where there is one, and the message; null when it was.</summary>
    public (string? Code, string Message)? Unreachable { get; init; }

    /// <summary>Declared columns in order, then new ones.</summary>
    public IReadOnlyList<Drift> Drifts { get; init; } = [];

    /// <summary>What a publish would issue to make a target fit.</summary>
    public IReadOnlyList<string> Statements { get; init; } = [];
}

/// <summary>A plan against live systems.</summary>
/// <param name="Ends">Sources and targets in the plan's order.</param>
public sealed record LiveComparison(IReadOnlyList<LiveEnd> Ends)
{
    /// <summary>Whether everything that can be asked could be.</summary>
    public bool IsWhole => Ends.All(e => e.Unreachable is null);

    /// <summary>Differences with this fate.</summary>
    public int Count(DriftFate fate) => Ends.Sum(e => e.Drifts.Count(d => d.Fate == fate));
}
