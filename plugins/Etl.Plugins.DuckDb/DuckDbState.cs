using System.Globalization;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>
/// What the target keeps of us, in the schema <c>_etl</c>: a checkpoint row for each load stage, with the fence and the lease, and an
/// audit row for each epoch. The lease runs on DuckDB's clock.
/// </summary>
internal sealed class DuckDbState(DuckConnection duck, CheckpointKey key)
{
    public const string Schema = "_etl";

    private const string Mine = "environment = $environment AND pipeline = $pipeline AND stage = $stage";

    private static readonly string[] Tables =
    [
        "CREATE SCHEMA IF NOT EXISTS _etl",
        """
        CREATE TABLE IF NOT EXISTS _etl.checkpoint (
            environment VARCHAR NOT NULL, pipeline VARCHAR NOT NULL, stage VARCHAR NOT NULL, fence BIGINT NOT NULL, n BIGINT NOT NULL,
            batch_id VARCHAR, lease_owner VARCHAR, lease_until TIMESTAMPTZ, value VARCHAR, PRIMARY KEY (environment, pipeline, stage))
        """,
        """
        CREATE TABLE IF NOT EXISTS _etl.epoch (
            environment VARCHAR NOT NULL, pipeline VARCHAR NOT NULL, stage VARCHAR NOT NULL, n BIGINT NOT NULL, fence BIGINT NOT NULL,
            batch_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, plan VARCHAR NOT NULL, rows BIGINT NOT NULL, inserted BIGINT NOT NULL,
            updated BIGINT NOT NULL, deleted BIGINT NOT NULL, unchanged BIGINT NOT NULL, committed_at TIMESTAMPTZ NOT NULL, value VARCHAR NOT NULL)
        """,
    ];

    /// <summary>Makes the tables if they are not there.</summary>
    public void Create()
    {
        foreach (var statement in Tables)
        {
            duck.Execute(statement);
        }
    }

    /// <summary>What was last committed; takes nothing and creates nothing.</summary>
    public Checkpoint? Read() =>
        Exists("checkpoint") && duck.QueryText($"SELECT value FROM _etl.checkpoint WHERE {Mine}", Parameters()) is { } value
            ? Checkpoint.Parse(value)
            : null;

    /// <summary>The checkpoints of all epochs, the oldest first.</summary>
    public IReadOnlyList<Checkpoint> ReadEpochs() => Exists("epoch")
        ? [.. duck.QueryRows($"SELECT value, n FROM _etl.epoch WHERE {Mine} ORDER BY n", Parameters()).Select(r => Checkpoint.ParseKept(r[0]!, key, long.Parse(r[1]!, CultureInfo.InvariantCulture)))]
        : [];

    /// <summary>Takes the next fence and the lease; <see cref="LeaseHeldException"/> while another owner's lease runs.</summary>
    public (long Fence, Checkpoint? Checkpoint) Take(LoadRequest request) => InTransaction(() =>
    {
        var parameters = Parameters(("owner", request.Owner), ("gone", request.GoneOwner ?? request.Owner));
        duck.Execute("INSERT INTO _etl.checkpoint (environment, pipeline, stage, fence, n) VALUES ($environment, $pipeline, $stage, 0, 0) ON CONFLICT DO NOTHING", Parameters());
        Restore(request);
        var row = duck.QueryRows($"SELECT fence, value, lease_owner, CAST(lease_until AS VARCHAR), lease_until > now() AND lease_owner NOT IN ($owner, $gone), n FROM _etl.checkpoint WHERE {Mine}", parameters)[0];
        if (row[4] == "true")
        {
            throw new LeaseHeldException($"{key} is being loaded by {row[2]} until {row[3]}", row[2]);
        }

        var fence = Number(row[0]!) + 1;
        duck.Execute(
            $"UPDATE _etl.checkpoint SET fence = $fence, lease_owner = $owner, lease_until = {Until(request.LeaseFor)} WHERE {Mine}",
            Parameters(("owner", request.Owner), ("fence", fence)));
        return (fence, row[1] is { } value ? Checkpoint.Parse(value, request, Number(row[5]!)) : null);
    });

    /// <summary>Prolongs the lease; false when a later fence was taken.</summary>
    public bool Renew(long fence, TimeSpan leaseFor) =>
        duck.ExecuteCount($"UPDATE _etl.checkpoint SET lease_until = {Until(leaseFor)} WHERE {Mine} AND fence = $fence", Parameters(("fence", fence))) == 1;

    /// <summary>Ends the lease if it is still this fence's.</summary>
    public void GiveBack(long fence) =>
        duck.Execute($"UPDATE _etl.checkpoint SET lease_owner = NULL, lease_until = NULL WHERE {Mine} AND fence = $fence", Parameters(("fence", fence)));

    /// <summary>Moves the checkpoint, inside the publishing transaction; false when the fence or the epoch is not the expected one.</summary>
    public bool Advance(Checkpoint next, long fence) => duck.ExecuteCount(
        $"UPDATE _etl.checkpoint SET n = $n, batch_id = $batch, value = $value WHERE {Mine} AND fence = $fence AND n = $before",
        Parameters(("n", next.N), ("batch", next.BatchId), ("value", next.ToJson()), ("fence", fence), ("before", next.N - 1))) == 1;

    /// <summary>
    /// Gives the checkpoint and the audit to the key of <paramref name="next"/> and commits it there, inside a transaction, in which nothing else may have touched the checkpoint;
    /// false when that key has something of its own, or this fence or epoch is not the expected one. A place that a run made there without ever publishing is in nobody's way.
    /// </summary>
    public bool Move(Checkpoint next, long fence)
    {
        var to = new DuckDbState(duck, next.Key);
        if (duck.QueryText(
            $"SELECT (SELECT count(*) FROM _etl.checkpoint WHERE {Mine} AND (n > 0 OR lease_until > now())) + (SELECT count(*) FROM _etl.epoch WHERE {Mine})", to.Parameters()) != "0")
        {
            return false;
        }

        duck.Execute($"DELETE FROM _etl.checkpoint WHERE {Mine}", to.Parameters());
        var parameters = Parameters(("to_pipeline", next.Key.Pipeline), ("to_stage", next.Key.Stage), ("n", next.N), ("batch", next.BatchId), ("value", next.ToJson()), ("fence", fence), ("before", next.N - 1));
        if (duck.ExecuteCount(
            $"""
            UPDATE _etl.checkpoint SET pipeline = $to_pipeline, stage = $to_stage, n = $n, batch_id = $batch, value = $value, lease_owner = NULL, lease_until = NULL
            WHERE {Mine} AND fence = $fence AND n = $before
            """, parameters) != 1)
        {
            return false;
        }

        duck.Execute($"UPDATE _etl.epoch SET pipeline = $to_pipeline, stage = $to_stage WHERE {Mine}", Parameters(("to_pipeline", next.Key.Pipeline), ("to_stage", next.Key.Stage)));
        to.Audit(next, new PublishResult(0, 0, 0, 0));
        return true;
    }

    /// <summary>The fence and the epoch as they are, for a message.</summary>
    public string Now() => duck.QueryRows($"SELECT fence, n FROM _etl.checkpoint WHERE {Mine}", Parameters()) is [var row, ..] ? $"fence {row[0]}, epoch {row[1]}" : "no checkpoint";

    /// <summary>The audit row.</summary>
    public void Audit(Checkpoint next, PublishResult result) => duck.Execute(
        """
        INSERT INTO _etl.epoch (environment, pipeline, stage, n, fence, batch_id, run_id, plan, rows, inserted, updated, deleted, unchanged, committed_at, value)
        VALUES ($environment, $pipeline, $stage, $n, $fence, $batch, $run, $plan, $rows, $inserted, $updated, $deleted, $unchanged, now(), $value)
        """,
        Parameters(
            ("n", next.N), ("fence", next.Fence), ("batch", next.BatchId), ("run", next.RunId), ("plan", next.PlanHash), ("rows", next.Rows), ("inserted", result.Inserted),
            ("updated", result.Updated), ("deleted", result.Deleted), ("unchanged", result.Unchanged), ("value", next.ToJson())));

    /// <summary>Whether exactly this attempt is committed: now, or earlier with later epochs on top.</summary>
    public bool Holds(Checkpoint next) => duck.QueryText(
        "SELECT count(*) FROM _etl.epoch WHERE environment = $environment AND pipeline = $pipeline AND stage = $stage AND n = $n AND batch_id = $batch",
        Parameters(("n", next.N), ("batch", next.BatchId))) == "1";

    /// <summary>Drops what ended runs staged under this key.</summary>
    public void DropStale(string prefix)
    {
        foreach (var row in duck.QueryRows(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() AND table_schema = '_etl' AND starts_with(table_name, $prefix)",
            new Dictionary<string, object> { ["prefix"] = prefix }))
        {
            duck.Execute($"DROP TABLE IF EXISTS {SqlText.Quote(Schema, row[0]!)}");
        }
    }

    /// <summary>Commits what <paramref name="work"/> did, or rolls it back.</summary>
    public T InTransaction<T>(Func<T> work)
    {
        duck.Execute("BEGIN");
        T result;
        try
        {
            result = work();
        }
        catch
        {
            Rollback();
            throw;
        }

        duck.Execute("COMMIT");
        return result;
    }

    /// <summary>Rolls back, if DuckDB has not done so by itself.</summary>
    public void Rollback()
    {
        try
        {
            duck.Execute("ROLLBACK");
        }
        catch (DuckException e) when (e.Error.Message.Contains("no transaction is active", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }
    }

    private void Restore(LoadRequest request)
    {
        if (duck.QueryRows($"SELECT e.n, c.n, e.fence, e.batch_id, e.value FROM _etl.checkpoint c JOIN _etl.epoch e USING (environment, pipeline, stage) WHERE {Mine} AND c.n < e.n ORDER BY e.n DESC LIMIT 1", Parameters()) is not [var newest, ..])
        {
            return;
        }

        var (n, before, fence) = (Number(newest[0]!), Number(newest[1]!), Number(newest[2]!));
        request.RequireNewest(before, n);
        duck.Execute(
            $"UPDATE _etl.checkpoint SET n = $n, batch_id = $batch, value = $value, fence = greatest(fence, $fence) WHERE {Mine}",
            Parameters(("n", n), ("batch", newest[3]!), ("value", newest[4]!), ("fence", fence)));
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static string Until(TimeSpan leaseFor) => $"now() + INTERVAL {((long)leaseFor.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)} MILLISECONDS";

    private bool Exists(string table) =>
        duck.QueryText($"SELECT count(*)::VARCHAR FROM information_schema.tables WHERE table_schema = '_etl' AND table_name = '{table}'") is "1";

    private Dictionary<string, object> Parameters(params ReadOnlySpan<(string Name, object Value)> more)
    {
        var parameters = new Dictionary<string, object> { ["environment"] = key.Environment, ["pipeline"] = key.Pipeline, ["stage"] = key.Stage };
        foreach (var (name, value) in more)
        {
            parameters[name] = value;
        }

        return parameters;
    }
}
