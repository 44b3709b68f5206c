using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>A contract with its rules.</summary>
/// <param name="Contract">What plugins see of it.</param>
/// <param name="Rules">Its <c>quality</c>, of the columns and then of the table.</param>
/// <param name="Notes">Entries of <c>quality</c> that nothing runs.</param>
/// <param name="Places">By column: where it is named.</param>
internal sealed record ContractFile(DataContract Contract, IReadOnlyList<QualityRule> Rules, IReadOnlyList<QualityNote> Notes, IReadOnlyDictionary<string, SourceSpan> Places);

/// <summary>What a rule measures.</summary>
internal enum QualityMetric
{
    /// <summary>Rows without a value.</summary>
    NullValues,

    /// <summary>Rows whose value stands for none.</summary>
    MissingValues,

    /// <summary>Rows whose value is none of a list, or does not match a pattern.</summary>
    InvalidValues,

    /// <summary>Rows whose values another row has too.</summary>
    DuplicateValues,

    /// <summary>Rows.</summary>
    RowCount,

    /// <summary>What a query gives.</summary>
    Sql,
}

/// <summary>How bad it is when a rule is broken.</summary>
internal enum QualitySeverity
{
    /// <summary>It is told.</summary>
    Warning,

    /// <summary>A row is refused; where the rule is on the whole, the run.</summary>
    Error,

    /// <summary>The run is refused.</summary>
    Critical,
}

/// <summary>A column that a rule names.</summary>
internal sealed record QualityColumn(string Name, SourceSpan Span);

/// <summary>An entry of <c>quality</c> that runs.</summary>
internal sealed record QualityRule
{
    /// <summary>Unique in the contract.</summary>
    public required string Name { get; init; }

    /// <summary>What is measured.</summary>
    public required QualityMetric Metric { get; init; }

    /// <summary>What it must be.</summary>
    public required QualityLimit Limit { get; init; }

    /// <summary>How bad it is otherwise.</summary>
    public required QualitySeverity Severity { get; init; }

    /// <summary>The columns measured; for a query the one that it stands at, if any.</summary>
    public required IReadOnlyList<QualityColumn> Columns { get; init; }

    /// <summary>The valid values, or those that stand for none. An empty one is NULL.</summary>
    public IReadOnlyList<YamlScalar> Values { get; init; } = [];

    /// <summary>What a valid value matches.</summary>
    public YamlScalar? Pattern { get; init; }

    /// <summary>The query.</summary>
    public YamlScalar? Query { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>Where it is written.</summary>
    public required SourceSpan Span { get; init; }
}

/// <summary>An entry of <c>quality</c> that nothing runs, and why.</summary>
/// <param name="Name">Its name or its text.</param>
/// <param name="Why">For people.</param>
public sealed record QualityNote(string Name, string Why);
