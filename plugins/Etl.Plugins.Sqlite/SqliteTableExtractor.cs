using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>Options of <c>extract: table</c> from SQLite.</summary>
public sealed record SqliteTableExtractOptions : TableExtractOptions;

/// <summary>Reads a table or a view.</summary>
[Extractor("table", "Reads a table or a view of an SQLite file, whole or what is new.", For = "sqlite")]
public sealed class SqliteTableExtractor(SqliteTableExtractOptions options, SqliteDatabase database) : IKeyedExtractor, IBackfillExtractor, ILiveSchema
{
    private readonly SqliteSource _source = new(
        database,
        "sqlite.table/1",
        $"table '{options.Table}'",
        SqlText.Quote(SqliteDatabase.Unqualified(options.Table)),
        SqliteDatabase.Unqualified(options.Table),
        options.Columns,
        options.Incremental)
    {
        OnDrift = options.OnDrift,
    };

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _source.DescribeOutput(contract);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => _source.OpenAsync(request, cancel);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenKeysAsync(ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancel) => _source.OpenKeysAsync(request, keys, cancel);

    /// <inheritdoc/>
    public string? BackfillColumn => options.Backfill?.Column;

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenRangeAsync(ExtractRequest request, string from, string to, CancellationToken cancel) =>
        _source.OpenRowsAsync(request, SqliteKeys.Range(request.Contract!.Schema.Require(options.Backfill!.Column), from, to), cancel);

    /// <inheritdoc/>
    public OnDrift OnDrift => options.OnDrift;

    /// <inheritdoc/>
    public ValueTask<TableDescription?> DescribeLiveAsync(CancellationToken cancel) => database.DescribeTableAsync(options.Table, cancel);

    /// <summary>A declared type binds nobody in SQLite: any column may hold any value.</summary>
    public bool ReadsByValue(ColumnDescription live, Field declared) => true;
}
