using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Postgres.Extract;

namespace Etl.Plugins.Postgres;

/// <summary>Options of <c>extract: table</c> from PostgreSQL.</summary>
public sealed record PostgresTableExtractOptions : TableExtractOptions<PostgresIncrementalOptions>;

/// <summary>
/// Reads a table in one snapshot, by ranges of blocks in parallel; increments by transaction ids, exactly. A view or a foreign table
/// has no transaction ids: its increments go by the cursor, held back or with an overlap.
/// </summary>
[Extractor("table", "Reads a table or view of PostgreSQL, whole or what changed.", For = "postgres")]
public sealed class PostgresTableExtractor(PostgresTableExtractOptions options, PostgresConnection connection) : IKeyedExtractor, IBackfillExtractor, ILiveSchema
{
    // Fewer blocks than this are not worth a session of their own: 16 MB at the usual 8 kB.
    private const long LeastBlocksPerSplit = 2048;

    /// <inheritdoc/>
    public ExtractorCapabilities Capabilities { get; } = new(
        Promise.Kind("postgres.table", options.Incremental),
        options.Incremental is not null,
        Promise.OfTable(options.Incremental),
        options.Incremental is null ? $"table {options.Table}" : $"table {options.Table}; cursor {options.Incremental.Cursor}; null_cursor {options.Incremental.NullCursor}; deleted_when {options.Incremental.DeletedWhen}")
    {
        MayRepeat = options.Incremental?.NullCursor == NullCursor.Include,
    };

    /// <inheritdoc/>
    public RowSchema DescribeOutput(DataContract? contract) => SourceColumns.Describe(contract, options.Columns, options.Incremental, options.Table);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => OpenAsync(request, null, cancel);

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenKeysAsync(ExtractRequest request, IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancel) =>
        OpenAsync(request, table => Lookup(table, request.Schema.Key, keys), cancel);

    /// <inheritdoc/>
    public string? BackfillColumn => options.Backfill?.Column;

    /// <inheritdoc/>
    public ValueTask<IExtraction> OpenRangeAsync(ExtractRequest request, string from, string to, CancellationToken cancel) => OpenAsync(request, table => Range(table, options.Backfill!.Column, from, to), cancel);

    /// <inheritdoc/>
    public OnDrift OnDrift => options.OnDrift;

    /// <inheritdoc/>
    public ValueTask<TableDescription?> DescribeLiveAsync(CancellationToken cancel) => connection.DescribeTableAsync(options.Table, cancel);

    /// <inheritdoc/>
    public bool ReadsByValue(ColumnDescription live, Apache.Arrow.Field declared) => declared.DataType is StringType || (declared.DataType is Decimal128Type && live.PhysicalType == "numeric");

    // What is new, or of the rows that a condition chooses those that are not.
    private async ValueTask<IExtraction> OpenAsync(ExtractRequest request, Func<LiveTable, string>? rowsOf, CancellationToken cancel)
    {
        var name = TableName.Parse(options.Table, connection.Schema);
        var deletedWhen = options.Incremental?.DeletedWhen is { } condition ? SourceSql.Bind(condition, request.Parameters, "incremental.deleted_when") : null;
        var open = options.Incremental is null ? null : await OpenTransactions.AskAsync(connection, cancel);
        var snapshot = await SourceSnapshot.TakeAsync(connection, name, cancel);
        var limit = new SnapshotLimit(connection, options.Incremental?.MaxSnapshotAge, request.Time);
        try
        {
            limit.Watch(snapshot.Session.ProcessID);
            var table = await LiveTable.FindAsync(snapshot.Session, name, cancel)
                ?? throw new EtlException("ETL4456", $"there is no table {name} in {connection.Display}, or the user may not see its schema", "Check the name and the connection's schema.") { OptionPath = "table" };
            var warnings = ColumnDrift.Check(options.OnDrift, request.Contract, table.Columns.Select(c => c.Name), table.Name.ToString());
            var select = SourceColumns.Select(table.Name.ToString(), table.Columns, request.Schema, tableSaysNull: table.Kind is 'r' or 'p', deletedWhen);
            var identity = FormattableString.Invariant($"{snapshot.Identity}/{table.Oid}");
            var increment = Increment.Whole;
            if (options.Incremental is { } incremental)
            {
                SourcePositions.Require(request.From, Capabilities.Kind, identity, table.Name.ToString());
                increment = await IncrementAsync(snapshot, table, incremental, open!, request, cancel);
            }

            if (request.Whole)
            {
                increment = increment with { Until = null };
            }

            if (rowsOf is not null)
            {
                // What the increment or a later one would read is left out; without a position that would be everything.
                var beyond = string.Join(" AND ", increment.Conditions);
                increment = increment with { Until = null, Conditions = [rowsOf(table), .. request.From is null || beyond.Length == 0 ? Array.Empty<string>() : [$"NOT coalesce({beyond}, true)"]] };
            }

            IReadOnlyList<IReadOnlyList<string>> ranges = rowsOf is not null || increment.Indexed ? [[]] : increment.Empty ? [] : await RangesAsync(snapshot, table, request.Parallelism, cancel);
            var queries = ranges.Select(r => Query(select, table, [.. increment.Where, .. r])).ToList();
            return new SnapshotExtraction(
                snapshot,
                await SnapshotExtraction.SplitsAsync(snapshot, queries, cancel),
                new SourcePosition(Capabilities.Kind, identity, increment.Position),
                request.From is null ? table.EstimatedRows : null,
                [.. warnings, .. increment.Warnings],
                request.Schema.Arrow,
                request.BatchRows,
                limit);
        }
        catch
        {
            await limit.DisposeAsync();
            await snapshot.DisposeAsync();
            throw;
        }
    }

    private static ValueTask<Increment> IncrementAsync(SourceSnapshot snapshot, LiveTable table, PostgresIncrementalOptions incremental, OpenTransactions open, ExtractRequest request, CancellationToken cancel)
    {
        var cursor = table.Find(incremental.Cursor)
            ?? throw new EtlException("ETL4457", $"{table.Name} is not what its contract says: column '{incremental.Cursor}' is not there", "The increment needs its cursor.") { OptionPath = "incremental.cursor" };
        if (table.HasTransactionIds && incremental.Exact != PostgresExact.HoldBack)
        {
            return TransactionIncrement.SinceAsync(snapshot, table, cursor, incremental, open, request.From?.Position, request.Once, cancel);
        }

        return incremental.Exact is PostgresExact.Scan or PostgresExact.Window
            ? throw Promise.NoTransactionIds($"{table.Name} is a {(table.Kind == 'v' ? "view" : "foreign table")}, whose rows have")
            : new CursorIncrement(snapshot, table.Name.Sql, table.Name.ToString(), cursor, incremental, open).SinceAsync(request.From?.Position, request.Once, cancel);
    }

    private static string Lookup(LiveTable table, IReadOnlyList<string> key, IReadOnlyList<IReadOnlyList<string>> keys)
    {
        var columns = key.Select(k => Require(table, k)).ToList();
        var rows = keys.Select(values => $"({string.Join(", ", values.Select((v, i) => $"{SqlText.Literal(v)}::{columns[i].Declared}"))})");
        return $"({string.Join(", ", columns.Select(c => SqlText.Quote(c.Name)))}) IN (VALUES {string.Join(", ", rows)})";
    }

    private static string Range(LiveTable table, string name, string from, string to)
    {
        var column = Require(table, name);
        return $"({SqlText.Quote(column.Name)} >= {SqlText.Literal(from)}::{column.Declared} AND {SqlText.Quote(column.Name)} < {SqlText.Literal(to)}::{column.Declared})";
    }

    private static LiveColumn Require(LiveTable table, string name) => table.Find(name)
        ?? throw new EtlException("ETL4457", $"{table.Name} is not what its contract says: column '{name}' is not there", "Rows are looked up by it.");

    private static string Query(string select, LiveTable table, IReadOnlyList<string> conditions) =>
        $"SELECT {select} FROM {table.Name.Sql}{(conditions.Count == 0 ? "" : " WHERE " + string.Join(" AND ", conditions))}";

    // Ranges of blocks that cover the table: of partitions and children each has its own blocks, and a range holds those of all. The last
    // range has no end, for the table may have grown since it was measured.
    private async ValueTask<IReadOnlyList<IReadOnlyList<string>>> RangesAsync(SourceSnapshot snapshot, LiveTable table, int parallelism, CancellationToken cancel)
    {
        if (!table.HasTransactionIds)
        {
            return [[]];
        }

        var blocks = (long)(await snapshot.ScalarAsync(FormattableString.Invariant(
            $"SELECT greatest(pg_relation_size({table.Oid}), (SELECT max(pg_relation_size(relid)) FROM pg_partition_tree({table.Oid}))) / current_setting('block_size')::bigint"), cancel))!;
        var count = Math.Clamp(blocks / LeastBlocksPerSplit, 1, Math.Min(parallelism, connection.PoolSize));
        var ranges = new List<IReadOnlyList<string>>();
        for (long i = 0; i < count; i++)
        {
            var range = new List<string>();
            if (i > 0)
            {
                range.Add(FormattableString.Invariant($"ctid >= '({blocks * i / count},0)'::tid"));
            }

            if (i < count - 1)
            {
                range.Add(FormattableString.Invariant($"ctid < '({blocks * (i + 1) / count},0)'::tid"));
            }

            ranges.Add(range);
        }

        return ranges;
    }
}
