namespace Etl.Runtime.Profiling;

/// <summary>What <c>etl profile</c> was asked for.</summary>
/// <param name="Source">A table of the connection, a path in it where it keeps objects, or without a connection the path of a file or a Delta table.</param>
public sealed record ProfileRequest(string Source)
{
    /// <summary>A name in <c>connections.yaml</c>; null for a path of this machine.</summary>
    public string? Connection { get; init; }

    /// <summary>The extractor's name, where the path does not tell it.</summary>
    public string? Format { get; init; }

    /// <summary>A contract's file, for types and classifications; null to take what the source says.</summary>
    public string? Contract { get; init; }

    /// <summary>Columns to look at; empty for all.</summary>
    public IReadOnlyList<string> Columns { get; init; } = [];

    /// <summary>Stop after so many rows; null for all.</summary>
    public long? Rows { get; init; }

    /// <summary>Options of the extractor, such as <c>delimiter</c>.</summary>
    public IReadOnlyDictionary<string, string> With { get; init; } = new Dictionary<string, string>();
}
