namespace Etl.Runtime.Definition;

/// <summary>What a run gives to its pipeline.</summary>
/// <param name="Id">Unique.</param>
/// <param name="Date">The logical date: <c>--date</c>, or the day on which it starts in the project's time zone.</param>
/// <param name="StartedAt">By the runtime's clock.</param>
/// <param name="Params">Texts of <c>--param name=value</c>.</param>
public sealed record RunContext(string Id, DateOnly Date, DateTimeOffset StartedAt, IReadOnlyDictionary<string, string> Params);
