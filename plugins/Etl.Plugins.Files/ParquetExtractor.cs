using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Parquet;
using Etl.Plugins.Columnar;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>extract: parquet</c>.</summary>
public sealed record ParquetExtractOptions : FileExtractOptions
{
    /// <summary>Rows to read.</summary>
    [Option("Conditions on columns; other rows are passed over, and row groups that by their statistics hold none of them are not fetched. A value, or =, !=, <, <=, > or >= before it; several joined by 'and'.", Example = "{ updated_at: \">= 2026-01-01\" }")]
    public IReadOnlyDictionary<string, string> Rows { get; init; } = new Dictionary<string, string>();

    /// <summary>Columns that a file lacks.</summary>
    [Option("When a file lacks a column: fail before its rows are read, or take NULL, as for files from before the column was added.")]
    public OnMissingColumn OnMissing { get; init; } = OnMissingColumn.Fail;
}

/// <summary>What becomes of a column that a file lacks.</summary>
public enum OnMissingColumn
{
    /// <summary>ETL4580.</summary>
    Fail,

    /// <summary>NULL in its rows.</summary>
    AsNull,
}

/// <summary>Rules of <see cref="ParquetExtractOptions"/>.</summary>
public sealed class ParquetExtractRules : FileExtractRules<ParquetExtractOptions>;

/// <summary>Reads Parquet files from any object store: only the columns of the contract, fetched in parts.</summary>
[Extractor("parquet", "Reads Parquet files from a folder or an object store: only the columns that are wanted, by file or row group.")]
public sealed class ParquetExtractor(ParquetExtractOptions options, IObjectStore store) : IDescribingExtractor
{
    private readonly FileSource _source = new("parquet", options, store);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities
    {
        get
        {
            var files = _source.Capabilities;
            return files with { Fingerprint = files.Fingerprint + RowFilter.Fingerprint(options.Rows) };
        }
    }

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract)
    {
        var output = _source.Describe(contract, Holds);
        _ = new RowFilter(options.Rows, contract!.Schema);
        return output;
    }

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var selection = await _source.SelectAsync(request, cancel);
        var pieces = new ParquetPieces(store, request, new RowFilter(options.Rows, request.Contract!.Schema), options.OnMissing == OnMissingColumn.AsNull);
        var (splits, rows) = await pieces.PlanAsync([.. selection.Files.Select(f => new ParquetObject(f.Key, f.Size, [.. Folders.Of(f.Key)]))], cancel);
        return new ParquetExtraction(pieces, splits, rows, selection.Reached, selection.Warnings);
    }

    /// <inheritdoc/>
    public async ValueTask<SourceDescription> DescribeSourceAsync(CancellationToken cancel)
    {
        var file = await _source.FirstAsync(cancel);
        await using var reader = await ParquetFileReader.OpenAsync(new RangeStream(store, file.Key, file.Size), $"'{file.Key}'", cancel);
        var (fields, unreadable) = reader.Columns();
        List<string> all = [.. fields.Select(f => f.Name), .. unreadable];
        return new(
            [.. fields.Select(f => new ColumnDescription(f.Name, f, "")), .. FileSource.FolderNames(file, all).Select(n => FileSource.Untyped(n, "text"))], HasTypes: true, unreadable);
    }

    private static bool Holds(IArrowType type) => type is ListType list ? list.ValueDataType is not ListType && Holds(list.ValueDataType) : type is BinaryType || CellText.Holds(type);
}
