using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>What a stage does.</summary>
public enum StageKind
{
    /// <summary>Reads a source.</summary>
    Extract,

    /// <summary>Changes rows.</summary>
    Transform,

    /// <summary>Writes a target.</summary>
    Load,
}

/// <summary>A stage that another one reads from.</summary>
/// <param name="Stage">Its id; whether there is such a stage is for the compiler to say.</param>
/// <param name="Span">Where it is named.</param>
public sealed record InputRef(string Stage, SourceSpan Span);

/// <summary>A stage as written: ids and names, nothing resolved.</summary>
public sealed record StageDefinition
{
    /// <summary>Unique in the pipeline.</summary>
    public required string Id { get; init; }

    /// <summary>What it does.</summary>
    public required StageKind Kind { get; init; }

    /// <summary>The component's name.</summary>
    public required string Component { get; init; }

    /// <summary>Inputs in the order written; none for <see cref="StageKind.Extract"/>, at least one for the others.</summary>
    public required IReadOnlyList<InputRef> From { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>The connection's name.</summary>
    public string? Connection { get; init; }

    /// <summary>The contract's file, absolute.</summary>
    public string? Contract { get; init; }

    /// <summary>The component's options, substituted; empty when the stage has no <c>with</c>.</summary>
    public required YamlMap With { get; init; }

    /// <summary>Where the stage starts.</summary>
    public required SourceSpan Span { get; init; }

    /// <summary>Where the id is.</summary>
    public required SourceSpan IdSpan { get; init; }

    /// <summary>Where the component is named.</summary>
    public required SourceSpan ComponentSpan { get; init; }

    /// <summary>Where the connection is named; the stage's position when it names none.</summary>
    public required SourceSpan ConnectionSpan { get; init; }

    /// <summary>Where the contract is named; the stage's position when it names none.</summary>
    public required SourceSpan ContractSpan { get; init; }
}
