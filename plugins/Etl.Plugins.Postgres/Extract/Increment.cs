using System.Text.Json.Nodes;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>Which rows of a source are new, as conditions in SQL, and the position after them.</summary>
/// <param name="Conditions">To be joined by AND; none: everything.</param>
/// <param name="Position">After all rows were read.</param>
internal sealed record Increment(IReadOnlyList<string> Conditions, JsonObject Position)
{
    /// <summary>What a fixed overlap is where the server does not say which transactions are open.</summary>
    public const string DefaultOverlap = "1 hour";

    /// <summary>
    /// By transaction ids: exact. Every row version that the last snapshot did not see was made by a transaction that was open then or began
    /// later, so its id is not below that snapshot's xmin, whatever the cursor holds. (pg_visible_in_snapshot, the obvious
    /// test, is wrong for rows written inside a savepoint.) Versions of transactions that were open then are read again.
    /// </summary>
    public static async ValueTask<Increment> ByTransactionAsync(SourceSnapshot snapshot, LiveTable table, LiveColumn cursor, IncrementalOptions options, JsonObject? from, CancellationToken cancel)
    {
        var name = SqlText.Quote(cursor.Name);
        var conditions = new List<string>();
        if (from is not null)
        {
            var done = from["xid"]?.GetValue<long>() ?? throw new EtlException("ETL4462", "the stored position holds no transaction id", "Run with --full-refresh.");
            if (done > snapshot.Xmax)
            {
                throw new EtlException("ETL4461", $"the stored position is at transaction {done}, and {table.Name} is only at {snapshot.Xmax}", "The database was restored from an older copy. Changes may be missing on either side: run with --full-refresh.");
            }

            // xmin has the lower 32 bits of an id below Xmax: their distance from the stored id, modulo 2^32, tells the rows apart. An id that
            // wrapped since can only pass wrongly, and is read again.
            conditions.Add(snapshot.Xmax - done >= 1L << 32
                ? "true"
                : FormattableString.Invariant($"((xmin::text::bigint - {done & uint.MaxValue}) & 4294967295) < {snapshot.Xmax - done}"));
        }

        if (!cursor.NotNull)
        {
            await ApplyNullsAsync(snapshot, table.Name.Sql, table.Name.ToString(), cursor, options, conditions, cancel);
        }

        var position = new JsonObject { ["xid"] = snapshot.Xmin };
        if (await HasIndexAsync(snapshot, table, cursor, cancel))
        {
            // For people, who see by it how far the data goes; nothing is decided by it.
            position["cursor"] = (string?)await snapshot.ScalarAsync($"SELECT max({name})::text FROM {table.Name.Sql}", cancel);
        }

        return new Increment(conditions, position);
    }

    /// <summary>
    /// By the cursor, where rows have no transaction ids: from the highest value that was seen, less an overlap as long as the oldest open
    /// transaction is old.
    /// </summary>
    /// <param name="snapshot">What is read.</param>
    /// <param name="relation">The source as SQL: a name, or a query in parentheses with an alias.</param>
    /// <param name="display">The source, for people.</param>
    /// <param name="cursor">The cursor's live column.</param>
    /// <param name="options">The options.</param>
    /// <param name="from">The stored position; null to read everything.</param>
    /// <param name="oldestTransaction">From <see cref="OldestTransactionAsync"/>, asked before the snapshot was taken.</param>
    /// <param name="cancel">Cancels.</param>
    public static async ValueTask<Increment> ByCursorAsync(
        SourceSnapshot snapshot, string relation, string display, LiveColumn cursor, IncrementalOptions options, JsonObject? from, string? oldestTransaction, CancellationToken cancel)
    {
        var name = SqlText.Quote(cursor.Name);
        var conditions = new List<string>();
        var previous = from?["cursor"]?.GetValue<string>();
        if (previous is not null)
        {
            conditions.Add($"{name} >= {SqlText.Literal(previous)}::{cursor.Declared}");
        }

        await ApplyNullsAsync(snapshot, relation, display, cursor, options, conditions, cancel);
        var isTime = cursor.TypeOid is PostgresTypes.TimestampOid or PostgresTypes.TimestamptzOid or PostgresTypes.DateOid;
        var overlap = oldestTransaction is null ? $"interval '{DefaultOverlap}'" : $"(clock_timestamp() - {SqlText.Literal(oldestTransaction)}::timestamptz + interval '1 second')";
        var next = isTime ? $"(max({name}) - {overlap})::{cursor.Declared}" : $"max({name})";
        if (previous is not null)
        {
            next = $"greatest({next}, {SqlText.Literal(previous)}::{cursor.Declared})";
        }

        return new Increment(conditions, new JsonObject { ["cursor"] = (string?)await snapshot.ScalarAsync($"SELECT ({next})::text FROM {relation}", cancel) });
    }

    /// <summary>
    /// When the oldest transaction that could still write began; null if the server does not tell (no pg_read_all_stats, a prepared
    /// transaction, a standby), because then its silence means nothing.
    /// </summary>
    public static async ValueTask<string?> OldestTransactionAsync(PostgresConnection connection, CancellationToken cancel)
    {
        await using var session = await connection.OpenSourceAsync(cancel);
        await using var command = new NpgsqlCommand(
            """
            SELECT CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AND NOT pg_is_in_recovery() AND NOT EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
                   THEN (SELECT least(clock_timestamp(), min(xact_start))::text FROM pg_stat_activity WHERE datname = current_database() AND backend_type <> 'autovacuum worker') END
            """, session);
        return await command.ExecuteScalarAsync(cancel) as string;
    }

    private static async ValueTask ApplyNullsAsync(
        SourceSnapshot snapshot, string relation, string display, LiveColumn cursor, IncrementalOptions options, List<string> conditions, CancellationToken cancel)
    {
        var name = SqlText.Quote(cursor.Name);
        switch (options.NullCursor)
        {
            case NullCursor.Include when conditions.Count > 0:
                conditions[^1] = $"({conditions[^1]} OR {name} IS NULL)";
                break;
            case NullCursor.Skip:
                conditions.Add($"{name} IS NOT NULL");
                break;
            case NullCursor.Fail when (bool)(await snapshot.ScalarAsync($"SELECT EXISTS (SELECT FROM {relation} WHERE {name} IS NULL)", cancel))!:
                throw new EtlException("ETL4110", $"the cursor '{cursor.Name}' of {display} is NULL in some rows, so nobody can tell whether they are new", "Fill it in the source, or decide: null_cursor: include (read them in every run) or skip (never).") { OptionPath = "incremental.cursor" };
        }
    }

    private static async ValueTask<bool> HasIndexAsync(SourceSnapshot snapshot, LiveTable table, LiveColumn column, CancellationToken cancel) =>
        (bool)(await snapshot.ScalarAsync(FormattableString.Invariant($"SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = {table.Oid} AND indisvalid AND indpred IS NULL AND indkey[0] = {column.Number})"), cancel))!;
}
