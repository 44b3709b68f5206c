using System.Security.Cryptography;
using System.Text;
using Etl.Contracts;
using Etl.Plugins.Postgres.Extract;
using Npgsql;

namespace Etl.Plugins.Postgres;

/// <summary>Options of <c>extract: query</c> from PostgreSQL.</summary>
public sealed record PostgresQueryExtractOptions : QueryExtractOptions;

/// <summary>Reads the result of a SELECT in one snapshot, on one session.</summary>
[Extractor("query", "Reads the result of a SELECT from PostgreSQL.", For = "postgres")]
public sealed class PostgresQueryExtractor(PostgresQueryExtractOptions options, PostgresConnection connection) : IExtractor
{
    /// <summary>What reading by a cursor can promise.</summary>
    internal const string CursorGuarantee =
        "with an overlap as long as the oldest open transaction is old where the user has pg_read_all_stats, else of " + Increment.DefaultOverlap
        + ": complete if the cursor is set by the server's now() and, in the second case, no transaction is open for longer; a cursor that is no time has no overlap and may miss rows that commit late";

    private const string Kind = "postgres.query/1";

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities { get; } = new(
        Kind,
        options.Incremental is not null,
        options.Incremental is null ? "exact: everything, in one snapshot" : "by the cursor, " + CursorGuarantee,
        $"query {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(options.Query)).AsSpan(0, 8))}; cursor {options.Incremental?.Cursor}; null_cursor {options.Incremental?.NullCursor}; deleted_when {options.Incremental?.DeletedWhen}");

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => SourceColumns.Describe(contract, null, options.Incremental, "TABLE");

    /// <inheritdoc/>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        var query = SourceSql.Bind(options.Query, request.Parameters, "query");
        var deletedWhen = options.Incremental?.DeletedWhen is { } condition ? SourceSql.Bind(condition, request.Parameters, "incremental.deleted_when") : null;
        var relation = $"({query}\n) AS etl_query";

        // Asked before the snapshot is taken: what begins in between is younger than what this counts.
        var oldest = options.Incremental is null ? null : await Increment.OldestTransactionAsync(connection, cancel);
        var snapshot = await SourceSnapshot.TakeAsync(connection, null, cancel);
        try
        {
            var live = await LiveTable.OfQueryAsync(snapshot.Session, query, cancel);
            var select = SourceColumns.Select("the query's result", live, request.Schema, tableSaysNull: false, deletedWhen);
            var increment = new Increment([], []);
            if (options.Incremental is { } incremental)
            {
                SourcePositions.Require(request.From, Kind, snapshot.Identity, "the query's database");
                var cursor = LiveTable.Find(live, incremental.Cursor)
                    ?? throw new EtlException("ETL4457", $"the query's result has no column '{incremental.Cursor}'", "The increment needs its cursor.") { OptionPath = "incremental.cursor" };
                increment = await Increment.ByCursorAsync(snapshot, relation, "the query", cursor, incremental, request.From?.Position, oldest, cancel);
            }

            var where = increment.Conditions.Count == 0 ? "" : " WHERE " + string.Join(" AND ", increment.Conditions);
            return new SnapshotExtraction(
                snapshot,
                await SnapshotExtraction.SplitsAsync(snapshot, [$"SELECT {select} FROM {relation}{where}"], cancel),
                new SourcePosition(Kind, snapshot.Identity, increment.Position),
                null,
                request.Schema.Arrow,
                request.BatchRows);
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            await snapshot.DisposeAsync();
            throw new EtlException("ETL4458", $"the SQL cannot run: {e.MessageText} ({e.SqlState})", e.Hint, e) { OptionPath = "query" };
        }
        catch
        {
            await snapshot.DisposeAsync();
            throw;
        }
    }
}
