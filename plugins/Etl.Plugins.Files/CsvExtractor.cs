using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.FileSets;
using FluentValidation;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>extract: csv</c>.</summary>
public sealed record CsvExtractOptions : FileExtractOptions, ICsvFormat
{
    /// <inheritdoc/>
    [Option(CsvFormat.DelimiterText, Example = CsvFormat.DelimiterExample)]
    public string Delimiter { get; init; } = ",";

    /// <inheritdoc/>
    [Option(CsvFormat.QuoteText)]
    public string Quote { get; init; } = "\"";

    /// <inheritdoc/>
    [Option(CsvFormat.HeaderText)]
    public bool Header { get; init; } = true;

    /// <inheritdoc/>
    [Option(CsvFormat.NullTextText, Example = CsvFormat.NullTextExample)]
    public string NullText { get; init; } = "";

    /// <summary>How the files are compressed.</summary>
    [Option("How the files are compressed. Absent: .gz is gzip, .zst is zstd, and other names are not.")]
    public FileCompression? Compression { get; init; }
}

/// <summary>Settings that do not contradict each other.</summary>
public sealed class CsvExtractRules : FileExtractRules<CsvExtractOptions>
{
    /// <summary>Without names, columns are by position.</summary>
    public CsvExtractRules()
    {
        RuleFor(o => o.Columns).Must((o, columns) => o.Header || columns is null).WithMessage("needs header: true; without it columns are known by their position.");
        CsvFormat.AddRules(this, o => o.Delimiter, o => o.Quote, o => o.NullText);
    }
}

/// <summary>Reads CSV files from any object store: RFC 4180, UTF-8, types by contract, each value exact or an error with file and line.</summary>
[Extractor("csv", "Reads CSV files from a folder or an object store; a split for each file.")]
public sealed class CsvExtractor(CsvExtractOptions options, IObjectStore store) : IDescribingExtractor, ILiveSchema
{
    private readonly FileSource _source = new("csv", options, store);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _source.Describe(contract, CellText.Holds);

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) =>
        new FileExtraction(await _source.SelectAsync(request, cancel), new CsvFile(store, options, request).ReadAsync);

    /// <summary>Others in the file are passed over.</summary>
    public OnDrift OnDrift => OnDrift.Ignore;

    /// <summary>The header of the last file by name, and its folders; values have no types of their own.</summary>
    public async ValueTask<TableDescription?> DescribeLiveAsync(CancellationToken cancel)
    {
        if (await _source.LastAsync(cancel) is not { } file)
        {
            return null;
        }

        var names = options.Header ? await CsvFile.HeaderAsync(store, file, options, cancel) : [];
        return new(file.Key, [.. (names.Count == 0 ? names : names.Concat(Folders.Of(file.Key).Select(f => f.Column))).Select(n => new ColumnDescription(n, new Field(n, NullType.Default, true), ""))], []);
    }

    /// <inheritdoc/>
    public async ValueTask<SourceDescription> DescribeSourceAsync(CancellationToken cancel)
    {
        var file = await _source.FirstAsync(cancel);
        var first = await CsvFile.HeaderAsync(store, file, options, cancel);
        var names = options.Header ? first : [.. first.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"column_{i + 1}"))];
        return names.FirstOrDefault(n => names.Count(o => o.Equals(n, StringComparison.OrdinalIgnoreCase)) > 1) is { } twice
            ? throw new EtlException("ETL4540", $"{file.Key}:1: two columns are called '{twice}'", "Correct the file: without a contract each column needs a name of its own.")
            : new([.. names.Concat(FileSource.FolderNames(file, names)).Select(n => FileSource.Untyped(n, "text"))], HasTypes: false, []);
    }
}
