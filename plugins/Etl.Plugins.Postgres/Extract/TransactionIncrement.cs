using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// Increments by transaction ids: exact. Every row version that the last snapshot did not see was made by a transaction that was open then or
/// began later, so its id is not below that snapshot's xmin, whatever the cursor holds. (pg_visible_in_snapshot, the obvious
/// test, is wrong for rows written inside a savepoint.) That includes versions which the last snapshot did see, because their
/// transactions ended before an older one: they are read again, or, where each may come only once, told apart by their ids in the position.
/// </summary>
internal static class TransactionIncrement
{
    // 10 bytes of the checkpoint each.
    private const int MostSeen = 100_000;

    private const long Wrap = 1L << 32;

    /// <summary>The increment since a position; null to read everything.</summary>
    public static async ValueTask<Increment> SinceAsync(
        SourceSnapshot snapshot, LiveTable table, LiveColumn cursor, PostgresIncrementalOptions options, OpenTransactions open, JsonObject? from, bool once, CancellationToken cancel)
    {
        var window = options.Exact == PostgresExact.Window;
        var since = window ? open.LeastCursor(options, Increment.Time(from?["since"])) : null;
        var indexed = await HasIndexAsync(snapshot, table, cursor, cancel);
        var position = new JsonObject { ["xid"] = snapshot.Xmin };
        if (since is not null)
        {
            position["since"] = Increment.Text(since.Value);
        }

        if (once && snapshot.Xmin < snapshot.Xmax)
        {
            position["seen"] = await SeenAsync(snapshot, table, since is null ? null : After(cursor, since.Value), open, cancel);
        }

        if (indexed)
        {
            // For people, who see by it how far the data goes; nothing is decided by it.
            position["cursor"] = (string?)await snapshot.ScalarAsync($"SELECT max({SqlText.Quote(cursor.Name)})::text FROM {table.Name.Sql}", cancel);
        }

        var conditions = from is null ? [] : Conditions(snapshot, table, cursor, window, from, once);
        var increment = new Increment(conditions, position)
        {
            Indexed = window && indexed && from?["since"] is not null,
            Warnings = [.. window ? OfWindow(table, cursor, options, open, indexed) : OfScan(snapshot, table, options, open, once)],
        };
        return await increment.WithNullsAsync(snapshot, table.Name.Sql, table.Name.ToString(), cursor, options.NullCursor, cancel);
    }

    private static List<string> Conditions(SourceSnapshot snapshot, LiveTable table, LiveColumn cursor, bool window, JsonObject from, bool once)
    {
        var done = from["xid"]?.GetValue<long>() ?? throw new EtlException("ETL4462", "the stored position holds no transaction id", "Run with --full-refresh.");
        if (done > snapshot.Xmax)
        {
            throw snapshot.InRecovery
                ? new EtlException("ETL4482", $"the standby has not yet applied what was read before: the stored position is at transaction {done}, {table.Name} is only at {snapshot.Xmax}", "Run again when it has caught up.")
                : new EtlException("ETL4461", $"the stored position is at transaction {done}, and {table.Name} is only at {snapshot.Xmax}", "The database was restored from an older copy. Changes may be missing on either side: run with --full-refresh.");
        }

        // An id that wrapped since can only pass wrongly, and is read again.
        var conditions = new List<string> { snapshot.Xmax - done >= Wrap ? "true" : FormattableString.Invariant($"{Distance(done)} < {snapshot.Xmax - done}") };
        var since = Increment.Time(from["since"]);
        if (window && since is not null)
        {
            conditions.Add(After(cursor, since.Value));
        }

        if (once && from["seen"] is JsonArray seen)
        {
            if (!window && since is not null)
            {
                throw new EtlException("ETL4462", "the stored position was made by exact: window and does not list what a scan would read again", "Run once more with exact: window while no transaction is open, or with --full-refresh.");
            }

            // A subquery, because all versions of the server look a value up in it by its hash.
            conditions.Add($"{Distance(done)} NOT IN (SELECT unnest('{{{string.Join(',', seen.Select(s => s!.ToJsonString()))}}}'::bigint[]))");
        }

        return conditions;
    }

    // xmin holds the lower 32 bits of an id below Xmax: the distance from a given id, modulo 2^32, tells it.
    private static string Distance(long from) => FormattableString.Invariant($"((xmin::text::bigint - {from & (Wrap - 1)}) & {Wrap - 1})");

    private static string After(LiveColumn cursor, DateTime since) => $"{SqlText.Quote(cursor.Name)} >= {Increment.Literal(since, cursor)}";

    // The transactions at or above xmin of which this snapshot sees rows: what one of them wrote became visible at once, so nothing of it is
    // new later. The snapshot's own list would not do: it has no ids of savepoints.
    private static async ValueTask<JsonArray> SeenAsync(SourceSnapshot snapshot, LiveTable table, string? within, OpenTransactions open, CancellationToken cancel)
    {
        var distance = Distance(snapshot.Xmin);
        var seen = (long[])(await snapshot.ScalarAsync(FormattableString.Invariant(
            $"SELECT coalesce(array_agg(d), '{{}}') FROM (SELECT DISTINCT {distance} AS d FROM {table.Name.Sql} WHERE {distance} < {snapshot.Xmax - snapshot.Xmin}{(within is null ? "" : " AND " + within)} LIMIT {MostSeen + 1}) x"), cancel))!;
        return seen.Length <= MostSeen
            ? [.. seen.Order().Select(s => (JsonNode)s)]
            : throw new EtlException(
                "ETL4483", $"more than {MostSeen} transactions wrote to {table.Name} while another one stayed open, which is more than a position can list so that no row is appended twice",
                $"End the open transaction{(open.Prepared ?? open.Session) switch { null => "", var which => $" ({which})" }}, or use mode: upsert.");
    }

    private static IEnumerable<string> OfScan(SourceSnapshot snapshot, LiveTable table, PostgresIncrementalOptions options, OpenTransactions open, bool once)
    {
        if (once && snapshot.Xmax >= Wrap)
        {
            yield return $"this server has given out more than {Wrap} transaction ids: a row of {table.Name} whose id came up again would be appended twice; exact: window excludes it";
        }

        foreach (var warning in open.Warnings(options, once ? "the position lists what is written meanwhile" : "what is written meanwhile is read again by each run"))
        {
            yield return warning;
        }
    }

    private static IEnumerable<string> OfWindow(LiveTable table, LiveColumn cursor, PostgresIncrementalOptions options, OpenTransactions open, bool indexed)
    {
        if (!indexed)
        {
            yield return $"exact: window reads the whole of {table.Name} in each run, as no index begins with {cursor.Name}: CREATE INDEX CONCURRENTLY ON {table.Name.Sql} ({SqlText.Quote(cursor.Name)})";
        }

        if (open.Silence is not null)
        {
            yield return $"rows of transactions that stay open for longer than late_window ({options.Assumed}) may be missed, because {open.Silence}";
        }

        foreach (var warning in open.Warnings(options, open.Silence is null ? "what is younger is looked at again by each run" : "its rows may be missed, as it is older than late_window; exact: scan would find them"))
        {
            yield return warning;
        }
    }

    private static async ValueTask<bool> HasIndexAsync(SourceSnapshot snapshot, LiveTable table, LiveColumn column, CancellationToken cancel) =>
        (bool)(await snapshot.ScalarAsync(FormattableString.Invariant(
            $"SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE indrelid = {table.Oid} AND indisvalid AND indpred IS NULL AND indkey[0] = {column.Number} AND amname IN ('btree', 'brin'))"), cancel))!;
}
