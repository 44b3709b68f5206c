using Etl.Contracts;
using Etl.Runtime.Definition;

namespace Etl.Runtime.Sql;

/// <summary>
/// Neighbouring relational stages as one DuckDB query. Each row leaves with a verdict: 0 for a row that passed, else a number that
/// names the stage and the rule that stopped it, so that counts and refused rows come out of the same query.
/// </summary>
/// <param name="Inputs">What the query reads.</param>
/// <param name="Stages">In order.</param>
/// <param name="Sql">The query.</param>
/// <param name="Output">Columns of the rows that pass, without the engine's own.</param>
/// <param name="Verdicts">By code; code 1 is the first.</param>
/// <param name="Warnings">By bit of the warning mask.</param>
/// <param name="TableRules">Checked on the counts, at the end.</param>
/// <param name="Parameters">Names of the bound parameters in the query.</param>
/// <param name="Blocking">Sees all rows before it yields any.</param>
public sealed record Segment(
    IReadOnlyList<SegmentInput> Inputs,
    IReadOnlyList<SegmentStage> Stages,
    string Sql,
    RowSchema Output,
    IReadOnlyList<Verdict> Verdicts,
    IReadOnlyList<Warning> Warnings,
    IReadOnlyList<SegmentTableRule> TableRules,
    IReadOnlyCollection<string> Parameters,
    bool Blocking)
{
    /// <summary>Refused and excluded rows leave as deletions too, because every load behind says <c>on_excluded: delete</c>.</summary>
    public bool EmitsDeletions { get; init; }

    /// <summary>A stage by its id.</summary>
    public SegmentStage Stage(string id) => Stages.First(s => s.Id == id);

    /// <summary>int32: 0, or the code of a <see cref="Verdict"/>. Absent when nothing can be refused.</summary>
    public const string VerdictColumn = "_etl_verdict";

    /// <summary>int64: bit k is set when <see cref="Warnings"/>[k] failed for a row that goes on. Absent without warnings.</summary>
    public const string WarningColumn = "_etl_warnings";
}

/// <summary>A relation that a segment reads.</summary>
/// <param name="Relation">Its name in the SQL: the id of the stage that it comes from.</param>
/// <param name="Schema">Its rows.</param>
/// <param name="Lookup">Not null for the second side of a join: read whole, before the first side.</param>
public sealed record SegmentInput(string Relation, RowSchema Schema, LookupInput? Lookup = null);

/// <summary>How the second side of a join is prepared.</summary>
/// <param name="Key">The columns compared.</param>
/// <param name="OnSeveral">What to do about rows with equal keys.</param>
public sealed record LookupInput(IReadOnlyList<string> Key, SeveralMatches OnSeveral);

/// <summary>A stage in a segment.</summary>
/// <param name="Id">The stage's id.</param>
/// <param name="Component">Its transformer.</param>
/// <param name="Opaque">No equation holds between rows in and out.</param>
public sealed record SegmentStage(string Id, string Component, bool Opaque)
{
    /// <summary>The id of the contract whose rules it checks, on the rows that an extract reads or a load takes; null for a transformer.</summary>
    public string? Contract { get; init; }

    /// <summary>Under which name its rows are counted: an extract and a load count their own.</summary>
    public string CountedAs => Contract is null ? Id : Id + ContractChecks.Node;
}

/// <summary>Why a row stops.</summary>
/// <param name="Stage">The stage that stops it.</param>
/// <param name="Rule">The rule's name.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Reason">For a person.</param>
public sealed record Verdict(string Stage, string Rule, Fate Fate, string Reason);

/// <summary>What becomes of a row that stops.</summary>
public enum Fate
{
    /// <summary>Kept as a dead letter.</summary>
    DeadLetter,

    /// <summary>Left out.</summary>
    Excluded,

    /// <summary>Another row of its key is kept.</summary>
    Deduplicated,
}

/// <summary>A rule whose failures are counted while the rows go on.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Rule">The rule's name.</param>
/// <param name="Fails">The run publishes nothing when any row failed it.</param>
public sealed record Warning(string Stage, string Rule, bool Fails)
{
    /// <summary>How many rows may fail it; null when none may.</summary>
    public QualityLimit? Limit { get; init; }

    /// <summary>It says nothing of a part of the source's rows.</summary>
    public bool OfWhole { get; init; }
}

/// <summary>A rule on what a stage counted.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Rule">The rule.</param>
/// <param name="Expect">SQL over the counts and aggregates, parameters typed.</param>
/// <param name="Aggregates">Name, as the rule uses it, to the column of the segment's result that holds the value in every row.</param>
public sealed record SegmentTableRule(string Stage, TableRule Rule, string Expect, IReadOnlyDictionary<string, string> Aggregates)
{
    /// <summary>It says nothing of a part of the source's rows.</summary>
    public bool OfWhole { get; init; }
}
