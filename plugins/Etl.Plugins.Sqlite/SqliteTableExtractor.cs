using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>Options of <c>extract: table</c> from SQLite.</summary>
public sealed record SqliteTableExtractOptions : TableExtractOptions;

/// <summary>Reads a table or a view.</summary>
[Extractor("table", "Reads a table or a view of an SQLite file, whole or what is new.", For = "sqlite")]
public sealed class SqliteTableExtractor(SqliteTableExtractOptions options, SqliteDatabase database) : IKeyedExtractor
{
    private readonly SqliteSource _source = new(
        database,
        "sqlite.table/1",
        $"table '{options.Table}'",
        SqlText.Quote(SqliteDatabase.Unqualified(options.Table)),
        SqliteDatabase.Unqualified(options.Table),
        options.Columns,
        options.Incremental);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _source.DescribeOutput(contract);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => _source.OpenAsync(request, cancel);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenKeysAsync(ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancel) => _source.OpenKeysAsync(request, keys, cancel);
}
