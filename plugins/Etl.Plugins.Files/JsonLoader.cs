using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.FileSets;

namespace Etl.Plugins.Files;

/// <summary>Options of <c>load: json</c>.</summary>
public sealed record JsonLoadOptions : FileLoadOptions;

/// <summary>Settings that do not contradict each other.</summary>
public sealed class JsonLoadRules : FileLoadRules<JsonLoadOptions>;

/// <summary>Writes a file of JSON lines (NDJSON) for each epoch into any object store.</summary>
[Loader("json", "Writes JSON files, an object for each row on a line of its own (NDJSON), into a folder or an object store, one for each run.")]
public sealed class JsonLoader(JsonLoadOptions options, IObjectStore store, PluginContext context) : ILoader, IEpochHistory
{
    private readonly FileLoad _load = new(new LoadFormat("json", (target, schema) => new JsonWriter(target, schema.Names), JsonExtractor.Holds, Store), options, store, context);

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input) => _load.Describe(input);

    /// <inheritdoc/>
    public ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => _load.ReadCheckpointAsync(key, cancel);

    /// <inheritdoc/>
    public IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, CancellationToken cancel) => _load.ReadEpochsAsync(key, cancel);

    /// <inheritdoc/>
    public ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel) => _load.OpenAsync(request, cancel);

    private static ColumnConversion Store(Field field) => field.DataType switch
    {
        StringType => new(field.Name, "string", ConversionVerdict.Exact),
        BooleanType => new(field.Name, "true or false", ConversionVerdict.Exact),
        Int8Type or Int16Type or Int32Type => new(field.Name, "number", ConversionVerdict.Exact),
        Int64Type or Decimal128Type => new(field.Name, "number", ConversionVerdict.Widening, "with all its digits; a reader that takes numbers for doubles loses some of them"),
        FloatType or DoubleType => new(field.Name, "number", ConversionVerdict.Widening, "NaN and infinity, which JSON has no numbers for, are strings"),
        ListType => new(field.Name, "array", ConversionVerdict.Exact),
        BinaryType => new(field.Name, "string", ConversionVerdict.Widening, "in base64"),
        _ => new(field.Name, "string", ConversionVerdict.Widening, $"a reader has to know that it is a {CellText.Describe(field.DataType)}"),
    };
}
