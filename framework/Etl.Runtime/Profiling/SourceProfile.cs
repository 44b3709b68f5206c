using Apache.Arrow.Types;

namespace Etl.Runtime.Profiling;

/// <summary>What a source holds.</summary>
/// <param name="Source">As it was asked for.</param>
/// <param name="Name">A short name for it: the table's, or the file's without its ending.</param>
/// <param name="Kind">The extractor that read it.</param>
/// <param name="Rows">Rows that were looked at.</param>
/// <param name="Sampled">Whether there may be more: the first that came were taken.</param>
/// <param name="Columns">In the source's order.</param>
/// <param name="CandidateKeys">Columns that have no NULL and are unique together; the source's own key first.</param>
public sealed record SourceProfile(
    string Source, string Name, string Kind, long Rows, bool Sampled, IReadOnlyList<ColumnProfile> Columns, IReadOnlyList<CandidateKey> CandidateKeys)
{
    /// <summary>Columns that cannot be read.</summary>
    public IReadOnlyList<string> Unreadable { get; init; } = [];

    /// <summary>Whether the types were found from the values, as those of CSV.</summary>
    public bool TypesAreFound { get; init; }
}

/// <summary>What a column holds.</summary>
public sealed record ColumnProfile
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The type that a contract would give it.</summary>
    public required IArrowType Type { get; init; }

    /// <summary>The source's own name of the type, or what stands for it.</summary>
    public required string PhysicalType { get; init; }

    /// <summary>Whether the source promises a value.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Of the contract; null when there is none.</summary>
    public string? Classification { get; init; }

    /// <summary>Whether its values are nobody's business: then neither they nor their form are told.</summary>
    public bool IsSensitive => Classification is not null && !Open.Contains(Classification);

    /// <summary>Rows without a value.</summary>
    public required long Nulls { get; init; }

    /// <summary>How many different values there are, NULL aside.</summary>
    public required long Distinct { get; init; }

    /// <summary>Whether <see cref="Distinct"/> is exact, and not an estimate (HyperLogLog).</summary>
    public required bool DistinctIsExact { get; init; }

    /// <summary>The least value, as DuckDB writes it; null for a type without order, and where it is not to be shown.</summary>
    public string? Min { get; init; }

    /// <summary>The greatest.</summary>
    public string? Max { get; init; }

    /// <summary>The mean of numbers.</summary>
    public string? Mean { get; init; }

    /// <summary>Characters of the shortest text, or items of the shortest list.</summary>
    public long? MinLength { get; init; }

    /// <summary>Of the longest.</summary>
    public long? MaxLength { get; init; }

    /// <summary>The most frequent values, if they were counted.</summary>
    public IReadOnlyList<Frequency> Values { get; init; } = [];

    /// <summary>The most frequent forms of texts: A for a capital, a for another letter, 9 for a digit.</summary>
    public IReadOnlyList<Frequency> Patterns { get; init; } = [];

    /// <summary>How many different forms there are, beside which <see cref="Patterns"/> are all or not.</summary>
    public long PatternCount { get; init; }

    /// <summary>A regular expression (RE2) that holds every value, where their forms are few.</summary>
    public string? Regex { get; init; }

    private static readonly HashSet<string> Open = new(StringComparer.OrdinalIgnoreCase) { "public", "internal", "open" };
}

/// <summary>A value or a form, and how many rows have it.</summary>
public sealed record Frequency(string Value, long Count);

/// <summary>Columns that identify a row, as far as the rows go.</summary>
/// <param name="Columns">One or two.</param>
/// <param name="IsDeclared">Whether the source itself says so.</param>
public sealed record CandidateKey(IReadOnlyList<string> Columns, bool IsDeclared);
