using Etl.Contracts;

namespace Etl.Plugins.DuckDb;

/// <summary>Options of <c>extract: table</c> on a DuckDB file.</summary>
public sealed record DuckDbTableExtractOptions : TableExtractOptions;

/// <summary>Options of <c>extract: query</c> on a DuckDB file.</summary>
public sealed record DuckDbQueryExtractOptions : QueryExtractOptions;

/// <summary>Reads a table or view of a DuckDB file.</summary>
[Extractor("table", "Reads a table or view of a DuckDB file.", For = "duckdb")]
public sealed class DuckDbTableExtractor(DuckDbTableExtractOptions options, DuckDbConnection connection) : IKeyedExtractor, IBackfillExtractor, ILiveSchema
{
    private readonly DuckDbReading _reading = new(
        connection, "duckdb.table/1", options.Table, connection.Table(options.Table).Quoted, options.Columns, options.Incremental)
    {
        OnDrift = options.OnDrift,
    };

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _reading.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _reading.DescribeOutput(contract);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => _reading.OpenAsync(request, null, cancel);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenKeysAsync(ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancel) => _reading.OpenAsync(request, live => DuckDbExtraction.Lookup(_reading, live, request, keys), cancel);

    /// <inheritdoc/>
    public string? BackfillColumn => options.Backfill?.Column;

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenRangeAsync(ExtractRequest request, string from, string to, CancellationToken cancel) =>
        _reading.OpenAsync(request, live => DuckDbExtraction.Range(_reading, live, options.Backfill!.Column, from, to), cancel);

    /// <inheritdoc/>
    public OnDrift OnDrift => options.OnDrift;

    /// <inheritdoc/>
    public ValueTask<TableDescription?> DescribeLiveAsync(CancellationToken cancel) => connection.DescribeTableAsync(options.Table, cancel);
}

/// <summary>Reads the result of a query on a DuckDB file.</summary>
[Extractor("query", "Reads the result of a query on a DuckDB file.", For = "duckdb")]
public sealed class DuckDbQueryExtractor(DuckDbQueryExtractOptions options, DuckDbConnection connection) : IExtractor
{
    private readonly DuckDbReading _reading = new(
        connection, "duckdb.query/1", options.Query, $"(\n{options.Query.TrimEnd().TrimEnd(';')}\n) AS etl_query", null, options.Incremental);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _reading.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _reading.DescribeOutput(contract);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => _reading.OpenAsync(request, null, cancel);
}
