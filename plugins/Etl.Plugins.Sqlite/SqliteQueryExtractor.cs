using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>Options of <c>extract: query</c> from SQLite.</summary>
public sealed record SqliteQueryExtractOptions : QueryExtractOptions;

/// <summary>Reads the rows of a SELECT.</summary>
[Extractor("query", "Reads the rows of a SELECT from an SQLite file, whole or what is new.", For = "sqlite")]
public sealed class SqliteQueryExtractor(SqliteQueryExtractOptions options, SqliteDatabase database) : IExtractor
{
    // On lines of its own, so that a comment at its end does not swallow the bracket. A bracket too many in it leaves a second statement or a syntax error.
    private readonly SqliteSource _source = new(database, "sqlite.query/1", "the query", $"(\n{options.Query.TrimEnd().TrimEnd(';')}\n) as q", null, null, options.Incremental);

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities => _source.Capabilities;

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => _source.DescribeOutput(contract);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => _source.OpenAsync(request, cancel);
}
