using System.Globalization;
using Npgsql;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// The transactions that can still write to this database, as its server tells. Asked before a snapshot is taken: what the
/// snapshot does not see was written by one of these, or by one that begins after <see cref="Now"/>.
/// </summary>
/// <param name="Now">The server's clock; of a standby the time of the last commit that it has applied, null if there was none yet.</param>
/// <param name="Oldest">When the oldest of them began, prepared ones aside; null if the server does not tell.</param>
/// <param name="Silence">Why the server does not tell; null if it does.</param>
/// <param name="Session">The oldest one's session, for people; only what the user may see.</param>
/// <param name="Age">How long the oldest one that the user may see has been open.</param>
/// <param name="Prepared">A prepared transaction, for people; null if there is none. When it began is written nowhere.</param>
internal sealed record OpenTransactions(DateTime? Now, DateTime? Oldest, string? Silence, string? Session, TimeSpan Age, string? Prepared)
{
    // A session takes its transaction's time a moment before others can see it.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(1);

    /// <summary>
    /// No transaction that the next snapshot does not see sets a cursor below this by the server's clock; null if that cannot be said. A
    /// prepared transaction was open when <paramref name="previous"/> was asked, or began later, or <paramref name="previous"/>
    /// held for it already: so that time holds for it, and with no such time nothing does.
    /// </summary>
    public DateTime? LeastCursor(PostgresIncrementalOptions options, DateTime? previous)
    {
        if (Silence is not null)
        {
            return Now - options.Assumed;
        }

        var least = Oldest - Margin - (options.LateWindow ?? TimeSpan.Zero);
        return Prepared is null ? least : previous is null ? null : previous < least ? previous : least;
    }

    /// <summary>Asks on a session of its own, outside of any transaction that would freeze the answer.</summary>
    public static async ValueTask<OpenTransactions> AskAsync(PostgresConnection connection, CancellationToken cancel)
    {
        await using var session = await connection.OpenSourceAsync(cancel);
        OpenTransactions open;

        // now() is taken before the sessions are looked at. Of a session with track_activities off the start of its transaction is not
        // shown; autovacuum writes no rows.
        await using (var command = new NpgsqlCommand(
            """
            SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ELSE now() END,
                   CASE WHEN pg_is_in_recovery() THEN 'a standby does not know the open transactions of its primary'
                        WHEN NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN format('the user %I does not have the role pg_read_all_stats', current_user)
                        WHEN EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'disabled') THEN 'track_activities is off in a session' END,
                   coalesce(o.xact_start, now()), format('pid %s, %s, of user %s', o.pid, o.state, o.usename), now()
            FROM (SELECT) one LEFT JOIN (
              SELECT xact_start, pid, state, usename FROM pg_stat_activity
              WHERE datname = current_database() AND xact_start IS NOT NULL AND backend_type IS DISTINCT FROM 'autovacuum worker'
              ORDER BY xact_start LIMIT 1) o ON true
            """, session))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            await reader.ReadAsync(cancel);
            var silence = reader.IsDBNull(1) ? null : reader.GetString(1);
            var oldest = reader.GetDateTime(2);
            open = new(reader.IsDBNull(0) ? null : reader.GetDateTime(0), silence is null ? oldest : null, silence, reader.GetString(3), reader.GetDateTime(4) - oldest, null);
        }

        // After the sessions: one that prepares its transaction in between is seen there or here.
        await using (var command = new NpgsqlCommand("SELECT format('%L, prepared at %s', gid, prepared) FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared LIMIT 1", session))
        {
            return open with { Prepared = await command.ExecuteScalarAsync(cancel) as string };
        }
    }

    /// <summary>What holds an extraction up, or may leave rows out; <paramref name="effect"/> says which.</summary>
    public IEnumerable<string> Warnings(PostgresIncrementalOptions options, string effect)
    {
        if (Age > options.Assumed)
        {
            yield return $"a transaction has been open for {Age.ToString(@"d\.hh\:mm\:ss", CultureInfo.InvariantCulture)} ({Session}): {effect}";
        }

        if (Prepared is not null)
        {
            yield return $"a prepared transaction is open ({Prepared}): {effect}";
        }
    }
}
