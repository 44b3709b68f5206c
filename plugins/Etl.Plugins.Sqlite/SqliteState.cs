using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>The tables of the commit protocol, in the target's own file: one row per load stage, and one per epoch.</summary>
internal sealed class SqliteState(SqliteSession session, CheckpointKey key)
{
    // Milliseconds since 1970 on the machine that holds the file.
    private const string Now = "cast(unixepoch('subsec') * 1000 as integer)";

    private readonly string _id = key.ToString();

    /// <summary>For the plan.</summary>
    public static IReadOnlyList<string> Ddl { get; } =
    [
        """
        create table if not exists _etl_checkpoint (
          id text primary key, fence integer not null, n integer not null, batch_id text, checkpoint text, owner text, lease_until integer not null)
        """,
        """
        create table if not exists _etl_epoch (
          id text not null, n integer not null, fence integer not null, batch_id text not null, run_id text not null, rows integer not null,
          inserted integer not null, updated integer not null, deleted integer not null, unchanged integer not null, committed_at text not null,
          checkpoint text, primary key (id, n))
        """,
    ];

    /// <summary>Takes the next fence and the lease; inside a write transaction.</summary>
    public (long Fence, Checkpoint? Checkpoint) Take(LoadRequest request)
    {
        foreach (var statement in Ddl)
        {
            session.Execute(statement);
        }

        if (!KeepsCheckpoints())
        {
            session.Execute("alter table _etl_epoch add column checkpoint text");
        }

        using (var held = session.Prepare($"select owner, (lease_until - {Now}) / 1000 from _etl_checkpoint where id = ?1 and lease_until > {Now} and owner is not ?2"))
        {
            held.Bind(1, _id);
            if (request.GoneOwner is not null)
            {
                held.Bind(2, request.GoneOwner);
            }

            if (held.Step())
            {
                throw new LeaseHeldException(string.Create(CultureInfo.InvariantCulture, $"{held.String(0)} is loading {_id}; its lease ends in {held.Integer(1)} s unless it is renewed"), held.String(0));
            }
        }

        using (var take = session.Prepare(
            $"""
            insert into _etl_checkpoint (id, fence, n, owner, lease_until) values (?1, 1, 0, ?2, {Now} + ?3)
            on conflict (id) do update set fence = fence + 1, owner = excluded.owner, lease_until = excluded.lease_until
            """))
        {
            take.Bind([_id, request.Owner]);
            take.Bind(3, (long)request.LeaseFor.TotalMilliseconds);
            take.Run();
        }

        Restore(request);
        using var read = session.Prepare("select fence, coalesce(checkpoint, ''), n from _etl_checkpoint where id = ?");
        read.Bind(1, _id);
        read.Step();
        return (read.Integer(0), read.Integer(2) == 0 ? null : Checkpoint.Parse(read.String(1), request, read.Integer(2)));
    }

    private void Restore(LoadRequest request)
    {
        var (before, newest) = (session.Integer("select n from _etl_checkpoint where id = ?", _id) ?? 0, session.Integer("select max(n) from _etl_epoch where id = ?", _id) ?? 0);
        request.RequireNewest(before, newest);
        if (before < newest)
        {
            // An epoch of an older version has no checkpoint: its number is enough for a full refresh.
            using var restore = session.Prepare(
                """
                update _etl_checkpoint set n = e.n, batch_id = e.batch_id, checkpoint = e.checkpoint, fence = max(_etl_checkpoint.fence, e.fence + 1)
                from (select * from _etl_epoch where id = ?1 order by n desc limit 1) e where _etl_checkpoint.id = ?1
                """);
            restore.Bind(1, _id);
            restore.Run();
        }
    }

    /// <summary>What was last committed; takes nothing and creates nothing.</summary>
    public Checkpoint? Read()
    {
        if (session.Integer("select count(*) from sqlite_schema where name = '_etl_checkpoint'") is not 1)
        {
            return null;
        }

        using var read = session.Prepare("select checkpoint from _etl_checkpoint where id = ?");
        read.Bind(1, _id);
        return read.Step() && !read.IsNull(0) ? Checkpoint.Parse(read.String(0)) : null;
    }

    /// <summary>The checkpoints of all epochs, the oldest first; those that an older version committed are not kept.</summary>
    public IReadOnlyList<Checkpoint> ReadEpochs()
    {
        var epochs = new List<Checkpoint>();
        if (KeepsCheckpoints())
        {
            using var read = session.Prepare("select checkpoint, n from _etl_epoch where id = ? and checkpoint is not null order by n");
            read.Bind(1, _id);
            while (read.Step())
            {
                epochs.Add(Checkpoint.ParseKept(read.String(0), key, read.Integer(1)));
            }
        }

        return epochs;
    }

    /// <summary>Throws if a newer session has taken the fence.</summary>
    public void RequireFence(long fence)
    {
        if (session.Integer("select fence from _etl_checkpoint where id = ?", _id) is var current && current != fence)
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"{_id} has fence {current ?? 0} now, and this run holds {fence}"));
        }
    }

    /// <summary>Throws unless <paramref name="next"/> follows what is committed.</summary>
    public void RequireNext(Checkpoint next)
    {
        RequireFence(next.Fence);
        if (session.Integer("select n from _etl_checkpoint where id = ?", _id) is var n && n != next.N - 1)
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"{_id} is at epoch {n}, and this run would publish epoch {next.N}"));
        }
    }

    /// <summary>The checkpoint and the audit row, in the transaction of the data.</summary>
    public void Write(Checkpoint next, PublishResult result)
    {
        using (var write = session.Prepare("update _etl_checkpoint set n = ?4, batch_id = ?2, checkpoint = ?3 where id = ?1"))
        {
            write.Bind([_id, next.BatchId, next.ToJson()]);
            write.Bind(4, next.N);
            write.Run();
        }

        Audit(next, result);
    }

    /// <summary>
    /// Gives the checkpoint and the audit to the key of <paramref name="next"/> and commits it there, in a write transaction; false when that key has something of its own. A place
    /// that a run made there without ever publishing is in nobody's way.
    /// </summary>
    public bool Move(Checkpoint next)
    {
        var to = next.Key.ToString();
        if (session.Integer($"select (select count(*) from _etl_checkpoint where id = ?1 and (n > 0 or lease_until > {Now})) + (select count(*) from _etl_epoch where id = ?1)", to) is not 0)
        {
            return false;
        }

        ReadOnlySpan<string> steps =
        [
            "delete from _etl_checkpoint where id = ?2 and id is not ?1",
            "update _etl_checkpoint set id = ?2, owner = null, lease_until = 0 where id = ?1",
            "update _etl_epoch set id = ?2 where id = ?1",
        ];
        foreach (var step in steps)
        {
            using var statement = session.Prepare(step);
            statement.Bind([_id, to]);
            statement.Run();
        }

        new SqliteState(session, next.Key).Write(next, new PublishResult(0, 0, 0, 0));
        return true;
    }

    private void Audit(Checkpoint next, PublishResult result)
    {
        using var audit = session.Prepare(
            "insert into _etl_epoch (id, n, fence, batch_id, run_id, rows, inserted, updated, deleted, unchanged, committed_at, checkpoint) values (?1, ?6, ?7, ?2, ?3, ?8, ?9, ?10, ?11, ?12, ?4, ?5)");
        audit.Bind([_id, next.BatchId, next.RunId, next.CommittedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture), next.ToJson()]);
        ReadOnlySpan<long> numbers = [next.N, next.Fence, next.Rows, result.Inserted, result.Updated, result.Deleted, result.Unchanged];
        for (var i = 0; i < numbers.Length; i++)
        {
            audit.Bind(6 + i, numbers[i]);
        }

        audit.Run();
    }

    /// <summary>Whether this very batch was committed.</summary>
    public bool IsCommitted(Checkpoint next)
    {
        using var read = session.Prepare("select 1 from _etl_epoch where id = ?1 and batch_id = ?2 and n = ?3");
        read.Bind([_id, next.BatchId]);
        read.Bind(3, next.N);
        return read.Step();
    }

    /// <summary>False when another session has the fence.</summary>
    public bool Renew(long fence, TimeSpan leaseFor) => Lease(fence, $"{Now} + {(long)leaseFor.TotalMilliseconds}");

    /// <summary>Gives the lease back.</summary>
    public void Release(long fence) => Lease(fence, "0");

    // Its tables may be of a version that did not.
    private bool KeepsCheckpoints() => session.Integer("select count(*) from pragma_table_info('_etl_epoch') where name = 'checkpoint'") is 1;

    private bool Lease(long fence, string until)
    {
        using var statement = session.Prepare($"update _etl_checkpoint set lease_until = {until} where id = ?1 and fence = ?2");
        statement.Bind(1, _id);
        statement.Bind(2, fence);
        statement.Run();
        return session.Changes == 1;
    }
}
