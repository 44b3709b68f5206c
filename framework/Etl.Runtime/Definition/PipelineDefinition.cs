using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>A pipeline file as written, substituted, with positions; it knows nothing of plugins.</summary>
public sealed record PipelineDefinition
{
    /// <summary>The path as it was given.</summary>
    public required string File { get; init; }

    /// <summary><c>pipeline:</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Where the id is.</summary>
    public required SourceSpan IdSpan { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>Whom to ask.</summary>
    public string? Owner { get; init; }

    /// <summary>Declared parameters by name, in order.</summary>
    public required IReadOnlyDictionary<string, ParamDefinition> Params { get; init; }

    /// <summary>
    /// What <c>$name</c> in SQL is bound to: each parameter's value for this run, and <c>run_id</c> (string), <c>run_date</c> (DateOnly),
    /// <c>run_started_at</c> (DateTimeOffset). Types: string, bool, long, decimal, DateOnly, DateTimeOffset (UTC).
    /// </summary>
    public required IReadOnlyDictionary<string, object> Parameters { get; init; }

    /// <summary>In the order written.</summary>
    public required IReadOnlyList<StageDefinition> Stages { get; init; }

    /// <summary>What to do about failures.</summary>
    public required Policies Policies { get; init; }

    /// <summary><c>tests:</c> as written; null when there are none.</summary>
    public YamlNode? Tests { get; init; }
}

/// <summary>The type of a parameter.</summary>
public enum ParamType
{
    /// <summary>Text.</summary>
    String,

    /// <summary>true or false.</summary>
    Bool,

    /// <summary>64 bits, signed.</summary>
    Integer,

    /// <summary>At most 28 digits.</summary>
    Decimal,

    /// <summary><c>2026-01-31</c>.</summary>
    Date,

    /// <summary><c>2026-01-31T12:00:00Z</c>, with a zone.</summary>
    Timestamp,
}

/// <summary>A declared parameter.</summary>
/// <param name="Name">As in <c>$name</c> and <c>{{ params.name }}</c>.</param>
/// <param name="Type">What its value must be.</param>
/// <param name="Default">Its value when the run gives none; null: the run must give one.</param>
/// <param name="Description">For people.</param>
/// <param name="Span">Where it is declared.</param>
public sealed record ParamDefinition(string Name, ParamType Type, object? Default, string? Description, SourceSpan Span);
