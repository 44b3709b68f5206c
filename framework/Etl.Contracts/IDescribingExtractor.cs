namespace Etl.Contracts;

/// <summary>An extractor that can look what its source holds, for people who have no contract of it yet: what <c>etl profile</c> reads files by.</summary>
public interface IDescribingExtractor : IExtractor
{
    /// <summary>Connects and tells the columns that are there now, without reading the rows. Of several files the first one speaks for all.</summary>
    ValueTask<SourceDescription> DescribeSourceAsync(CancellationToken cancel);
}

/// <summary>What a source without a contract holds.</summary>
/// <param name="Columns">Those that can be read; each field is nullable unless the source itself says otherwise.</param>
/// <param name="HasTypes">
/// False where the source does not know types, as CSV: its columns are texts, or JSON as it is written where <see cref="ColumnDescription.PhysicalType"/> is <c>json</c>, and
/// only the values tell what they are.
/// </param>
/// <param name="Unreadable">Columns that are there and cannot be read, such as nested ones.</param>
public sealed record SourceDescription(IReadOnlyList<ColumnDescription> Columns, bool HasTypes, IReadOnlyList<string> Unreadable);
