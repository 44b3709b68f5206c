using System.Security.Cryptography;
using System.Text;
using Etl.Contracts;
using Etl.Plugins.Postgres.Extract;
using Npgsql;

namespace Etl.Plugins.Postgres;

/// <summary>Options of <c>extract: query</c> from PostgreSQL.</summary>
public sealed record PostgresQueryExtractOptions : QueryExtractOptions<PostgresIncrementalOptions>;

/// <summary>Reads the result of a SELECT in one snapshot, on one session.</summary>
[Extractor("query", "Reads the result of a SELECT from PostgreSQL.", For = "postgres")]
public sealed class PostgresQueryExtractor(PostgresQueryExtractOptions options, PostgresConnection connection) : IExtractor
{
    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities { get; } = new(
        Promise.Kind("postgres.query", options.Incremental),
        options.Incremental is not null,
        Promise.OfQuery(options.Incremental),
        $"query {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(options.Query)).AsSpan(0, 8))}; cursor {options.Incremental?.Cursor}; null_cursor {options.Incremental?.NullCursor}; deleted_when {options.Incremental?.DeletedWhen}")
    {
        MayRepeat = options.Incremental is { } incremental && (incremental.Exact != PostgresExact.HoldBack || incremental.NullCursor == NullCursor.Include),
    };

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => options.Incremental?.Exact is PostgresExact.Scan or PostgresExact.Window
        ? throw Promise.NoTransactionIds("the rows of a query have")
        : SourceColumns.Describe(contract, null, options.Incremental, "TABLE");

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var query = SourceSql.Bind(options.Query, request.Parameters, "query");
        var deletedWhen = options.Incremental?.DeletedWhen is { } condition ? SourceSql.Bind(condition, request.Parameters, "incremental.deleted_when") : null;
        var relation = $"({query}\n) AS etl_query";
        var open = options.Incremental is null ? null : await OpenTransactions.AskAsync(connection, cancel);
        var snapshot = await SourceSnapshot.TakeAsync(connection, null, cancel);
        var limit = new SnapshotLimit(connection, options.Incremental?.MaxSnapshotAge, request.Time);
        try
        {
            limit.Watch(snapshot.Session.ProcessID);
            var live = await LiveTable.OfQueryAsync(snapshot.Session, query, cancel);
            var select = SourceColumns.Select("the query's result", live, request.Schema, tableSaysNull: false, deletedWhen);
            var increment = Increment.Whole;
            if (options.Incremental is { } incremental)
            {
                SourcePositions.Require(request.From, Capabilities.Kind, snapshot.Identity, "the query's database");
                var cursor = LiveTable.Find(live, incremental.Cursor)
                    ?? throw new EtlException("ETL4457", $"the query's result has no column '{incremental.Cursor}'", "The increment needs its cursor.") { OptionPath = "incremental.cursor" };
                increment = await new CursorIncrement(snapshot, relation, "the query", cursor, incremental, open!).SinceAsync(request.From?.Position, request.Once, cancel);
            }

            if (request.Whole)
            {
                increment = increment with { Until = null };
            }

            var where = increment.Where.Any() ? " WHERE " + string.Join(" AND ", increment.Where) : "";
            return new SnapshotExtraction(
                snapshot,
                await SnapshotExtraction.SplitsAsync(snapshot, increment.Empty ? [] : [$"SELECT {select} FROM {relation}{where}"], cancel),
                new SourcePosition(Capabilities.Kind, snapshot.Identity, increment.Position),
                null,
                increment.Warnings,
                request.Schema.Arrow,
                request.BatchRows,
                limit);
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            await limit.DisposeAsync();
            await snapshot.DisposeAsync();
            throw new EtlException("ETL4458", $"the SQL cannot run: {e.MessageText} ({e.SqlState})", e.Hint ?? "Nothing was read. Try the SELECT in psql, with values in place of $name.", e) { OptionPath = "query" };
        }
        catch
        {
            await limit.DisposeAsync();
            await snapshot.DisposeAsync();
            throw;
        }
    }
}
