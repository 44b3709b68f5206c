using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift.Load;

/// <summary>
/// The state of one load in two tables of its own: <c>_etl.load_x</c> (one row: fence, lease, checkpoint) and <c>_etl.epoch_x</c> (the audit), where x is the
/// short name of the load's key. Redshift orders transactions by the tables that they touch, not by rows: in tables that all loads share, two pipelines that
/// publish at the same time would end each other with error 1023.
/// <para>
/// Each transaction locks the load's table first. That takes no snapshot, so what is read afterwards is what the one who held the lock committed.
/// </para>
/// </summary>
internal sealed class LoadState(CheckpointKey key)
{
    /// <summary>The schema of everything that is not the user's.</summary>
    public const string Schema = "_etl";

    /// <summary>The longest checkpoint, in bytes: a VARCHAR holds no more.</summary>
    public const int MaxCheckpoint = 65535;

    // How long to wait for the table while another run holds it, which it does only while it publishes.
    private const string LockTimeout = "SET statement_timeout TO 5000";
    private const string NoTimeout = "SET statement_timeout TO 0";

    private readonly string _load = SqlText.Quote(Schema, $"load_{key.ShortName}");
    private readonly string _epoch = SqlText.Quote(Schema, $"epoch_{key.ShortName}");

    /// <summary>Makes the two tables where they are missing. ETL4680: they may not be made.</summary>
    public async ValueTask CreateAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        if (await ExistsAsync(session, "load_", cancel) && await ExistsAsync(session, "epoch_", cancel))
        {
            return;
        }

        try
        {
            await MakeAsync(session, cancel);
        }
        catch (PostgresException e) when (RedshiftErrors.IsMadeMeanwhile(e))
        {
            // Another pipeline that is new here too: what it made is there now, and the rest is made.
            await CreateAsync(session, cancel);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new EtlException("ETL4680", $"the tables of the load's state in the schema {Schema} are missing and may not be created: {e.MessageText}", $"Let an owner of the database run: CREATE SCHEMA {Schema} AUTHORIZATION the_user_of_this_connection", e);
        }
    }

    /// <summary>Takes the next fence and the lease, and gives what is committed. <see cref="LeaseHeldException"/> while another owner's lease runs, or while another publishes.</summary>
    public async ValueTask<(long Fence, Checkpoint? Checkpoint)> AcquireAsync(NpgsqlConnection session, LoadRequest request, CancellationToken cancel)
    {
        await session.ExecuteAsync(LockTimeout, cancel);
        try
        {
            await BeginAsync(session, cancel);
            var rows = await session.RowsAsync(
                $"SELECT fence, n, checkpoint, lease_owner, CASE WHEN lease_until > getdate() THEN extract(epoch FROM lease_until - getdate())::bigint END FROM {_load}", cancel);
            if (rows is [[_, _, _, string owner, long seconds]] && owner != request.Owner && owner != request.GoneOwner)
            {
                throw new LeaseHeldException($"{owner} holds the lease of {key} for another {RedshiftTypes.Text(seconds)} s unless it is renewed", owner);
            }

            if (rows.Count == 0)
            {
                // The audit remembers the fence when someone deletes the row, so that it never goes back.
                await session.ExecuteAsync(
                    $"INSERT INTO {_load} (environment, pipeline, stage, fence, n) SELECT $1::varchar, $2::varchar, $3::varchar, coalesce(max(fence), 0), coalesce(max(n), 0) FROM {_epoch}", cancel, key.Environment, key.Pipeline, key.Stage);
                rows = await session.RowsAsync($"SELECT fence, n, checkpoint FROM {_load}", cancel);
            }

            var (fence, n, checkpoint) = ((long)rows[0][0]! + 1, (long)rows[0][1]!, (string?)rows[0][2]);
            var parsed = checkpoint is null ? null : Checkpoint.Parse(checkpoint, request, n);
            await session.ExecuteAsync($"UPDATE {_load} SET fence = $1, lease_owner = $2, lease_until = getdate() + {Seconds(request.LeaseFor)}", cancel, fence, request.Owner);
            await session.ExecuteAsync("END", cancel);
            return (fence, parsed);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && !cancel.IsCancellationRequested)
        {
            throw new LeaseHeldException($"another run of {key} is publishing right now");
        }
        finally
        {
            if (await RollbackAsync(session))
            {
                await session.ExecuteAsync(NoTimeout, CancellationToken.None);
            }
        }
    }

    /// <summary>Begins a transaction that holds the load's table.</summary>
    public async ValueTask BeginAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        await session.ExecuteAsync("BEGIN", cancel);
        await session.ExecuteAsync($"LOCK {_load}", cancel);
    }

    /// <summary>Rolls back what is open, if anything is; false for a session that is lost, with which the cluster rolls back.</summary>
    public static async ValueTask<bool> RollbackAsync(NpgsqlConnection session)
    {
        try
        {
            await session.ExecuteAsync("ROLLBACK", CancellationToken.None);
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException)
        {
            // The caller has the error that broke the session.
            return false;
        }
    }

    /// <summary>What was last committed; takes nothing and creates nothing.</summary>
    public async ValueTask<Checkpoint?> ReadAsync(NpgsqlConnection session, CancellationToken cancel) =>
        await ExistsAsync(session, "load_", cancel) && await session.ScalarAsync($"SELECT checkpoint FROM {_load}", cancel) is string text ? Checkpoint.Parse(text) : null;

    /// <summary>The checkpoints of all epochs, the oldest first.</summary>
    public async ValueTask<IReadOnlyList<Checkpoint>> ReadEpochsAsync(NpgsqlConnection session, CancellationToken cancel) =>
        await ExistsAsync(session, "epoch_", cancel) ? [.. (await session.RowsAsync($"SELECT checkpoint, n FROM {_epoch} ORDER BY n", cancel)).Select(r => Checkpoint.ParseKept((string)r[0]!, key, (long)r[1]!))] : [];

    /// <summary>Refuses to publish for a session that lost its turn; in the transaction that <see cref="BeginAsync"/> began.</summary>
    public async ValueTask RequireTurnAsync(NpgsqlConnection session, Checkpoint next, long fence, CancellationToken cancel)
    {
        if (await session.RowsAsync($"SELECT fence, n FROM {_load}", cancel) is not [[long current, long n]] || current != fence)
        {
            throw new FencedException($"a newer run has taken over {key}; this one (fence {RedshiftTypes.Text(fence)}) publishes nothing");
        }

        if (n != next.N - 1)
        {
            throw new EtlException("ETL4677", $"epoch {RedshiftTypes.Text(next.N)} of {key} cannot be published: the last committed is {RedshiftTypes.Text(n)}",
                n == next.N ? "It is committed already." : "The checkpoint was changed by someone else: look at it with `etl state show`.");
        }
    }

    /// <summary>Writes the checkpoint and the audit row, in the same transaction. ETL4682: a checkpoint that is too long to keep.</summary>
    public async ValueTask CommitAsync(NpgsqlConnection session, Checkpoint next, long fence, long staged, PublishResult result, CancellationToken cancel)
    {
        var json = next.ToJson();
        if (System.Text.Encoding.UTF8.GetByteCount(json) is > MaxCheckpoint and var bytes)
        {
            throw new EtlException("ETL4682", $"the checkpoint of {key} has {RedshiftTypes.Text(bytes)} bytes; Redshift keeps {MaxCheckpoint}", "It lists the dead letters of the epoch: fewer stages that refuse rows make it shorter.");
        }

        if (await session.ExecuteAsync($"UPDATE {_load} SET n = $1, batch_id = $2, checkpoint = $3, committed_at = getdate() WHERE fence = $4 AND n = $5", cancel, next.N, next.BatchId, json, fence, next.N - 1) != 1)
        {
            throw new FencedException($"the checkpoint of {key} is no longer this run's");
        }

        await session.ExecuteAsync(
            $"INSERT INTO {_epoch} (n, batch_id, fence, run_id, staged, inserted, updated, deleted, unchanged, checkpoint, committed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, getdate())",
            cancel, next.N, next.BatchId, fence, next.RunId, staged, result.Inserted, result.Updated, result.Deleted, result.Unchanged, json);
    }

    /// <summary>
    /// Gives both tables to the key of <paramref name="next"/>, by renaming them, and commits it there, in the transaction that <see cref="BeginAsync"/> began; false where that key has
    /// something of its own. A place that a run made there without ever publishing is in nobody's way.
    /// </summary>
    public async ValueTask<bool> MoveAsync(NpgsqlConnection session, Checkpoint next, long fence, CancellationToken cancel)
    {
        var to = new LoadState(next.Key);
        if (await ExistsAsync(session, "load_", next.Key, cancel))
        {
            await session.ExecuteAsync($"LOCK {to._load}", cancel);
            if ((long)(await session.ScalarAsync($"SELECT (SELECT count(*) FROM {to._load} WHERE n > 0 OR lease_until > getdate()) + (SELECT count(*) FROM {to._epoch})", cancel))! > 0)
            {
                return false;
            }

            await session.ExecuteAsync($"DROP TABLE {to._load}", cancel);
            await session.ExecuteAsync($"DROP TABLE {to._epoch}", cancel);
        }

        await session.ExecuteAsync($"ALTER TABLE {_load} RENAME TO {SqlText.Quote($"load_{next.Key.ShortName}")}", cancel);
        await session.ExecuteAsync($"ALTER TABLE {_epoch} RENAME TO {SqlText.Quote($"epoch_{next.Key.ShortName}")}", cancel);
        await session.ExecuteAsync(
            $"UPDATE {to._load} SET environment = $1, pipeline = $2, stage = $3, lease_owner = NULL, lease_until = NULL", cancel, next.Key.Environment, next.Key.Pipeline, next.Key.Stage);
        await to.CommitAsync(session, next, fence, 0, new PublishResult(0, 0, 0, 0), cancel);
        return true;
    }

    /// <summary>Whether an attempt is committed, also if later ones are too; waits for a commit that is not decided yet.</summary>
    public async ValueTask<bool> IsCommittedAsync(NpgsqlConnection session, string batchId, CancellationToken cancel)
    {
        try
        {
            await BeginAsync(session, cancel);
            return (long)(await session.ScalarAsync($"SELECT count(*) FROM {_epoch} WHERE batch_id = $1", cancel, batchId))! > 0;
        }
        finally
        {
            await RollbackAsync(session);
        }
    }

    /// <summary>Whether the load's table has another name; waits for a move that is not decided yet.</summary>
    public async ValueTask<bool> IsGoneAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        try
        {
            await BeginAsync(session, cancel);
            return false;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return true;
        }
        finally
        {
            await RollbackAsync(session);
        }
    }

    /// <summary>Prolongs the lease; false if a newer session has the fence.</summary>
    public async ValueTask<bool> RenewAsync(NpgsqlConnection session, long fence, TimeSpan leaseFor, CancellationToken cancel) =>
        await session.ExecuteAsync($"UPDATE {_load} SET lease_until = getdate() + {Seconds(leaseFor)} WHERE fence = $1", cancel, fence) == 1;

    /// <summary>Gives the lease back if it is still this session's.</summary>
    public async ValueTask ReleaseAsync(NpgsqlConnection session, long fence, CancellationToken cancel) =>
        await session.ExecuteAsync($"UPDATE {_load} SET lease_owner = NULL, lease_until = NULL WHERE fence = $1", cancel, fence);

    private async ValueTask MakeAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        await session.ExecuteAsync($"CREATE SCHEMA IF NOT EXISTS {Schema}", cancel);
        await session.ExecuteAsync(
            $"CREATE TABLE IF NOT EXISTS {_load} (environment varchar(256) NOT NULL, pipeline varchar(256) NOT NULL, stage varchar(256) NOT NULL, fence bigint NOT NULL, n bigint NOT NULL, batch_id varchar(128), "
            + $"checkpoint varchar({MaxCheckpoint}), lease_owner varchar(512), lease_until timestamp, committed_at timestamp) DISTSTYLE ALL", cancel);
        await session.ExecuteAsync(
            $"CREATE TABLE IF NOT EXISTS {_epoch} (n bigint NOT NULL, batch_id varchar(128) NOT NULL, fence bigint NOT NULL, run_id varchar(128) NOT NULL, staged bigint NOT NULL, inserted bigint NOT NULL, "
            + $"updated bigint NOT NULL, deleted bigint NOT NULL, unchanged bigint NOT NULL, checkpoint varchar({MaxCheckpoint}) NOT NULL, committed_at timestamp NOT NULL) DISTSTYLE ALL SORTKEY (n)", cancel);
    }

    private ValueTask<bool> ExistsAsync(NpgsqlConnection session, string kind, CancellationToken cancel) => ExistsAsync(session, kind, key, cancel);

    private static async ValueTask<bool> ExistsAsync(NpgsqlConnection session, string kind, CheckpointKey key, CancellationToken cancel) =>
        await LiveTable.FindAsync(session, new TableName(Schema, kind + key.ShortName), cancel) is not null;

    private static string Seconds(TimeSpan time) => $"interval '{RedshiftTypes.Text((long)Math.Ceiling(time.TotalSeconds))} seconds'";
}
