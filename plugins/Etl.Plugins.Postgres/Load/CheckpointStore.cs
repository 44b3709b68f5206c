using System.Globalization;
using System.Runtime.CompilerServices;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres.Load;

/// <summary>What the target's state says of one load.</summary>
/// <param name="Fence">The number that the newest session took.</param>
/// <param name="N">The last committed epoch; 0 before the first.</param>
/// <param name="BatchId">The attempt that committed it.</param>
internal readonly record struct StoredState(long Fence, long N, string? BatchId);

/// <summary>
/// The tables <c>_etl.checkpoint</c> (a row for each load: fence, lease, checkpoint) and <c>_etl.epoch</c> (the audit: a row for each committed epoch). All times are
/// the server's.
/// </summary>
internal sealed class CheckpointStore(CheckpointKey key)
{
    /// <summary>The schema of everything that is not the user's.</summary>
    public const string Schema = "_etl";

    // How long to wait for the row while another run holds it, which it does only while it publishes.
    private const string RowTimeout = "5s";

    // One number for all: whoever makes the state's tables at the same time waits for the other.
    private const long CreationLock = 0x65746C5F73746174;

    private static readonly string[] Creation =
    [
        $"CREATE SCHEMA IF NOT EXISTS {Schema}",
        $"""
        CREATE TABLE IF NOT EXISTS {Schema}.checkpoint (
          environment text NOT NULL, pipeline text NOT NULL, stage text NOT NULL,
          fence bigint NOT NULL, n bigint NOT NULL DEFAULT 0, batch_id text, checkpoint text,
          lease_owner text, lease_until timestamptz, committed_at timestamptz,
          PRIMARY KEY (environment, pipeline, stage))
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {Schema}.epoch (
          batch_id text PRIMARY KEY, environment text NOT NULL, pipeline text NOT NULL, stage text NOT NULL,
          n bigint NOT NULL, fence bigint NOT NULL, run_id text NOT NULL,
          staged bigint NOT NULL, inserted bigint NOT NULL, updated bigint NOT NULL, deleted bigint NOT NULL, unchanged bigint NOT NULL,
          checkpoint text NOT NULL, committed_at timestamptz NOT NULL DEFAULT clock_timestamp())
        """,
        $"CREATE INDEX IF NOT EXISTS epoch_of_load ON {Schema}.epoch (environment, pipeline, stage, n)",
    ];

    /// <summary>Makes what is missing. Looks first, because CREATE ... IF NOT EXISTS asks for the right to create even when there is nothing to do.</summary>
    public static async ValueTask CreateAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        await using (var exists = new NpgsqlCommand($"SELECT to_regclass('{Schema}.checkpoint') IS NOT NULL AND to_regclass('{Schema}.epoch') IS NOT NULL", session))
        {
            if ((bool)(await exists.ExecuteScalarAsync(cancel))!)
            {
                return;
            }
        }

        await using var transaction = await session.BeginTransactionAsync(cancel);
        try
        {
            await ExecuteAsync(session, $"SELECT pg_advisory_xact_lock({CreationLock.ToString(CultureInfo.InvariantCulture)})", cancel);
            foreach (var statement in Creation)
            {
                await ExecuteAsync(session, statement, cancel);
            }

            await transaction.CommitAsync(cancel);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new EtlException("ETL4480", $"the tables of the target's state ({Schema}.checkpoint, {Schema}.epoch) are missing and may not be created: {e.MessageText}", $"Let an owner of the database run: CREATE SCHEMA {Schema} AUTHORIZATION the_user_of_this_connection.", e);
        }
    }

    /// <summary>
    /// Takes the next fence and the lease, and gives what is committed. <see cref="LeaseHeldException"/> while another owner's lease runs, or while another
    /// publishes.
    /// </summary>
    public async ValueTask<(long Fence, Checkpoint? Checkpoint)> AcquireAsync(NpgsqlConnection session, LoadRequest request, CancellationToken cancel)
    {
        try
        {
            await using var transaction = await session.BeginTransactionAsync(cancel);
            await ExecuteAsync(session, $"SET LOCAL lock_timeout = '{RowTimeout}'", cancel);

            // The audit remembers the fence when someone deletes the checkpoint's row, so that it never goes back.
            await using (var insert = Command(session,
                $"""
                INSERT INTO {Schema}.checkpoint (environment, pipeline, stage, fence)
                SELECT $1, $2, $3, coalesce(max(fence), 0) FROM {Schema}.epoch WHERE environment = $1 AND pipeline = $2 AND stage = $3
                ON CONFLICT DO NOTHING
                """))
            {
                await insert.ExecuteNonQueryAsync(cancel);
            }

            await RestoreAsync(session, request, cancel);
            long fence, n;
            string? checkpoint;
            await using (var update = Command(session,
                $"""
                UPDATE {Schema}.checkpoint SET fence = fence + 1, lease_owner = $4, lease_until = clock_timestamp() + $5
                WHERE environment = $1 AND pipeline = $2 AND stage = $3 AND (lease_owner IS NULL OR lease_owner = $4 OR lease_owner = $6 OR lease_until < clock_timestamp())
                RETURNING fence, checkpoint, n
                """, request.Owner, request.LeaseFor, request.GoneOwner ?? request.Owner))
            await using (var reader = await update.ExecuteReaderAsync(cancel))
            {
                if (!await reader.ReadAsync(cancel))
                {
                    await reader.DisposeAsync();
                    throw await HeldAsync(session, cancel);
                }

                (fence, checkpoint, n) = (reader.GetInt64(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt64(2));
            }

            var parsed = checkpoint is null ? null : Checkpoint.Parse(checkpoint, request, n);
            await transaction.CommitAsync(cancel);
            return (fence, parsed);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new LeaseHeldException($"another run of {key} is publishing right now");
        }
    }

    /// <summary>What was last committed; takes nothing and creates nothing.</summary>
    public async ValueTask<Checkpoint?> ReadAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        if (!await ExistsAsync(session, "checkpoint", cancel))
        {
            return null;
        }

        await using var command = Command(session, $"SELECT checkpoint FROM {Schema}.checkpoint WHERE environment = $1 AND pipeline = $2 AND stage = $3");
        return await command.ExecuteScalarAsync(cancel) is string text ? Checkpoint.Parse(text) : null;
    }

    /// <summary>The checkpoints of all epochs, the oldest first.</summary>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(NpgsqlConnection session, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (!await ExistsAsync(session, "epoch", cancel))
        {
            yield break;
        }

        await using var command = Command(session, $"SELECT checkpoint, n FROM {Schema}.epoch WHERE environment = $1 AND pipeline = $2 AND stage = $3 ORDER BY n");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            yield return Checkpoint.ParseKept(reader.GetString(0), key, reader.GetInt64(1));
        }
    }

    /// <summary>The state, with its row locked until the transaction ends: it waits for a commit that is not decided yet. Null when there is no row.</summary>
    public async ValueTask<StoredState?> LockAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        await using var command = Command(session, $"SELECT fence, n, batch_id FROM {Schema}.checkpoint WHERE environment = $1 AND pipeline = $2 AND stage = $3 FOR UPDATE");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? new StoredState(reader.GetInt64(0), reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetString(2)) : null;
    }

    /// <summary>Writes the checkpoint and the audit row, in the caller's transaction, which holds the row's lock.</summary>
    public async ValueTask CommitAsync(NpgsqlConnection session, Checkpoint next, long fence, long staged, PublishResult result, CancellationToken cancel)
    {
        await using (var update = Command(session,
            $"""
            UPDATE {Schema}.checkpoint SET n = $4, batch_id = $5, checkpoint = $6, committed_at = clock_timestamp()
            WHERE environment = $1 AND pipeline = $2 AND stage = $3 AND fence = $7 AND n = $4 - 1
            """, next.N, next.BatchId, next.ToJson(), fence))
        {
            if (await update.ExecuteNonQueryAsync(cancel) != 1)
            {
                throw new FencedException($"the checkpoint of {key} is no longer this run's");
            }
        }

        await AuditAsync(session, next, fence, staged, result, cancel);
    }

    /// <summary>
    /// Gives the checkpoint and the audit to the key of <paramref name="next"/> and commits it there, in the caller's transaction, which holds the row's lock; false where
    /// that key has something of its own. A place that a run made there without ever publishing is in nobody's way.
    /// </summary>
    public async ValueTask<bool> MoveAsync(NpgsqlConnection session, Checkpoint next, long fence, CancellationToken cancel)
    {
        var to = new CheckpointStore(next.Key);
        await using (var unused = to.Command(session,
            $"""
            DELETE FROM {Schema}.checkpoint WHERE environment = $1 AND pipeline = $2 AND stage = $3 AND n = 0
              AND (lease_owner IS NULL OR lease_until < clock_timestamp())
              AND NOT EXISTS (SELECT FROM {Schema}.epoch WHERE environment = $1 AND pipeline = $2 AND stage = $3)
            """))
        {
            await unused.ExecuteNonQueryAsync(cancel);
        }

        try
        {
            await using var update = Command(session,
                $"""
                UPDATE {Schema}.checkpoint
                SET pipeline = $8, stage = $9, n = $4, batch_id = $5, checkpoint = $6, committed_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL
                WHERE environment = $1 AND pipeline = $2 AND stage = $3 AND fence = $7 AND n = $4 - 1
                  AND NOT EXISTS (SELECT FROM {Schema}.epoch WHERE environment = $1 AND pipeline = $8 AND stage = $9)
                """, next.N, next.BatchId, next.ToJson(), fence, next.Key.Pipeline, next.Key.Stage);
            if (await update.ExecuteNonQueryAsync(cancel) != 1)
            {
                return false;
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return false;
        }

        await using var history = Command(session, $"UPDATE {Schema}.epoch SET pipeline = $4, stage = $5 WHERE environment = $1 AND pipeline = $2 AND stage = $3", next.Key.Pipeline, next.Key.Stage);
        await history.ExecuteNonQueryAsync(cancel);
        await to.AuditAsync(session, next, fence, 0, new PublishResult(0, 0, 0, 0), cancel);
        return true;
    }

    private async ValueTask AuditAsync(NpgsqlConnection session, Checkpoint next, long fence, long staged, PublishResult result, CancellationToken cancel)
    {
        await using var insert = Command(session,
            $"""
            INSERT INTO {Schema}.epoch (environment, pipeline, stage, n, batch_id, fence, run_id, staged, inserted, updated, deleted, unchanged, checkpoint)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """, next.N, next.BatchId, fence, next.RunId, staged, result.Inserted, result.Updated, result.Deleted, result.Unchanged, next.ToJson());
        await insert.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Whether an attempt is committed, also if later ones are too.</summary>
    public async ValueTask<bool> IsCommittedAsync(NpgsqlConnection session, string batchId, CancellationToken cancel)
    {
        await using var transaction = await session.BeginTransactionAsync(cancel);
        var state = await LockAsync(session, cancel);
        await using var command = new NpgsqlCommand($"SELECT EXISTS (SELECT FROM {Schema}.epoch WHERE batch_id = $1)", session);
        command.Parameters.AddWithValue(batchId);
        return state?.BatchId == batchId || (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Prolongs the lease; false if a newer session has the fence.</summary>
    public async ValueTask<bool> RenewAsync(NpgsqlConnection session, long fence, TimeSpan leaseFor, CancellationToken cancel)
    {
        await using var command = Command(session,
            $"UPDATE {Schema}.checkpoint SET lease_until = clock_timestamp() + $5 WHERE environment = $1 AND pipeline = $2 AND stage = $3 AND fence = $4", fence, leaseFor);
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    /// <summary>Gives the lease back if it is still this session's.</summary>
    public async ValueTask ReleaseAsync(NpgsqlConnection session, long fence, CancellationToken cancel)
    {
        await using var command = Command(session,
            $"UPDATE {Schema}.checkpoint SET lease_owner = NULL, lease_until = NULL WHERE environment = $1 AND pipeline = $2 AND stage = $3 AND fence = $4", fence);
        await command.ExecuteNonQueryAsync(cancel);
    }

    // Both are written in one transaction, and read in one statement.
    private async ValueTask RestoreAsync(NpgsqlConnection session, LoadRequest request, CancellationToken cancel)
    {
        await using var restore = Command(session,
            $"""
            UPDATE {Schema}.checkpoint c SET n = e.n, batch_id = e.batch_id, checkpoint = e.checkpoint, committed_at = e.committed_at
            FROM (SELECT * FROM {Schema}.epoch WHERE environment = $1 AND pipeline = $2 AND stage = $3 ORDER BY n DESC LIMIT 1) e, {Schema}.checkpoint before
            WHERE (c.environment, c.pipeline, c.stage) = ($1, $2, $3) AND (before.environment, before.pipeline, before.stage) = ($1, $2, $3) AND c.n < e.n
            RETURNING before.n, e.n
            """);
        await using var reader = await restore.ExecuteReaderAsync(cancel);
        if (await reader.ReadAsync(cancel))
        {
            request.RequireNewest(reader.GetInt64(0), reader.GetInt64(1));
        }
    }

    private async ValueTask<LeaseHeldException> HeldAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        await using var command = Command(session,
            $"SELECT lease_owner, ceil(extract(epoch FROM lease_until - clock_timestamp()))::bigint FROM {Schema}.checkpoint WHERE environment = $1 AND pipeline = $2 AND stage = $3");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new LeaseHeldException($"{reader.GetString(0)} holds the lease of {key} for another {reader.GetInt64(1)} s unless it is renewed", reader.GetString(0));
    }

    private NpgsqlCommand Command(NpgsqlConnection session, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(sql, session);
        command.Parameters.AddWithValue(key.Environment);
        command.Parameters.AddWithValue(key.Pipeline);
        command.Parameters.AddWithValue(key.Stage);
        foreach (var value in values)
        {
            command.Parameters.AddWithValue(value);
        }

        return command;
    }

    private static async ValueTask<bool> ExistsAsync(NpgsqlConnection session, string table, CancellationToken cancel)
    {
        await using var exists = new NpgsqlCommand($"SELECT to_regclass('{Schema}.{table}') IS NOT NULL", session);
        return await exists.ExecuteScalarAsync(cancel) is true;
    }

    private static async ValueTask ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
