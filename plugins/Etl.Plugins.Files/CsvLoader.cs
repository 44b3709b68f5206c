using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>load: csv</c>.</summary>
public sealed record CsvLoadOptions : FileLoadOptions, ICsvFormat
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
}

/// <summary>Settings that do not contradict each other.</summary>
public sealed class CsvLoadRules : FileLoadRules<CsvLoadOptions>
{
    /// <summary>Those of the format.</summary>
    public CsvLoadRules() => CsvFormat.AddRules(this, o => o.Delimiter, o => o.Quote, o => o.NullText);
}

/// <summary>Writes a CSV file for each epoch into any object store.</summary>
[Loader("csv", "Writes CSV files into a folder or an object store, one for each run.")]
public sealed class CsvLoader(CsvLoadOptions options, IObjectStore store, PluginContext context) : ILoader, IEpochHistory
{
    private readonly FileLoad _load = new(new LoadFormat("csv", (target, schema) => Start(options, target, schema), CellText.Holds, Store), options, store, context);

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input) => _load.Describe(input);

    /// <inheritdoc/>
    public ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => _load.ReadCheckpointAsync(key, cancel);

    /// <inheritdoc/>
    public IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, CancellationToken cancel) => _load.ReadEpochsAsync(key, cancel);

    /// <inheritdoc/>
    public ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel) => _load.OpenAsync(request, cancel);

    private static CsvWriter Start(CsvLoadOptions options, Stream target, RowSchema schema)
    {
        var writer = new CsvWriter(target, CsvFormat.Of(options));
        if (options.Header)
        {
            writer.WriteHeader(schema.Names);
        }

        return writer;
    }

    private static ColumnConversion Store(Field field) => field.DataType is StringType
        ? new(field.Name, "text", ConversionVerdict.Exact)
        : new(field.Name, "text", ConversionVerdict.Widening, $"a reader has to know that it is a {CellText.Describe(field.DataType)}");
}
