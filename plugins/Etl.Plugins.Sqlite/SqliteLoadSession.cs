using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>
/// One run's hold on one table. SQLite has one writer at a time, so calls take turns on one handle; staging commits batch by
/// batch, so that other writers come in between.
/// </summary>
internal sealed class SqliteLoadSession : IRefusingLoadSession, IReconcilingLoadSession, IMovableLoadSession
{
    private readonly SqliteDatabase _database;
    private readonly SqliteSession _session;
    private readonly SqliteState _state;
    private readonly SqlitePublication _publication;
    private readonly LoadRequest _request;
    private readonly TableLoadOptions _options;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private bool _hasKeys;

    private SqliteLoadSession(SqliteDatabase database, SqliteSession session, SqliteState state, SqlitePublication publication, LoadRequest request, TableLoadOptions options, long fence, Checkpoint? checkpoint)
    {
        (_database, _session, _state, _publication, _request, _options) = (database, session, state, publication, request, options);
        (Fence, Checkpoint) = (fence, checkpoint);
    }

    public long Fence { get; }

    public Checkpoint? Checkpoint { get; }

    public int Parallelism => 1;

    private bool Replaces => _request.FullRefresh || _options.Mode == TableLoadMode.Replace;

    public static SqliteLoadSession Open(SqliteDatabase database, SqliteSession session, LoadRequest request, TableLoadOptions options)
    {
        session.Execute("begin immediate");
        try
        {
            var state = new SqliteState(session, request.Key);
            var (fence, checkpoint) = state.Take(request);
            var prefix = $"_etl_stage_{request.Key.ShortName}_";
            DropAbandoned(session, prefix);
            var stage = SqlText.Quote(string.Create(CultureInfo.InvariantCulture, $"{prefix}{fence}"));
            var target = SqliteTarget.Resolve(session, options, request.Schema);
            if (!target.Exists && checkpoint is not null && !request.FullRefresh && options.Mode != TableLoadMode.Replace)
            {
                throw new EtlException("ETL4308", $"the table '{options.Table}' is gone, and the checkpoint says that rows were loaded into it", "Restore it from a copy, or run with --full-refresh to load it anew.");
            }

            var publication = new SqlitePublication(target, stage, request.Schema.HasOp);
            session.Execute(publication.CreateStage);
            request.FailPoint("sqlite.opening");
            session.Execute("commit");
            return new(database, session, state, publication, request, options, fence, checkpoint);
        }
        catch
        {
            session.Rollback();
            throw;
        }
    }

    public ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel) => WriteAsync(batches, null, cancel);

    public ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow refuse, CancellationToken cancel) => WriteAsync(batches, refuse, cancel);

    public async ValueTask StageKeysAsync(IAsyncEnumerable<RecordBatch> keys, CancellationToken cancel)
    {
        await InTurnAsync(() => InFence(() => _session.Execute(_publication.CreateKeys)), cancel);
        _hasKeys = true;
        await foreach (var batch in keys.WithCancellation(cancel))
        {
            await InTurnAsync(() => InFence(() => InsertKeys(batch)), cancel);
        }

        _request.FailPoint("sqlite.keys_staged");
    }

    public ValueTask<PublishResult> RehearseAsync(Checkpoint next, CancellationToken cancel) => InTurnAsync(
        () =>
        {
            _session.Execute("begin immediate");
            try
            {
                _state.RequireNext(next);
                using var interruption = cancel.Register(_session.Interrupt);
                return Apply();
            }
            finally
            {
                _session.Rollback();
            }
        },
        cancel);

    public ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel) => InTurnAsync(() => Publish(next, cancel), cancel);

    public ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel) => InTurnAsync(() => Move(next), cancel);

    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel)
    {
        using var session = await _database.OpenSourceAsync(cancel);
        return new SqliteState(session, next.Key).IsCommitted(next);
    }

    public ValueTask<bool> RenewAsync(CancellationToken cancel) => InTurnAsync(() => _state.Renew(Fence, _request.LeaseFor), cancel);

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        try
        {
            _session.Rollback();
            _session.Execute("begin immediate");
            _session.Execute($"drop table if exists {_publication.Stage}");
            _session.Execute($"drop table if exists {_publication.Keys}");
            _state.Release(Fence);
            _session.Execute("commit");
        }
        catch (SqliteError)
        {
            // Nothing depends on it: the lease ends by itself, the next session drops the staging table, and an error here
            // would hide the one for which the run is given up.
        }
        finally
        {
            _session.Dispose();
            _turn.Dispose();
        }
    }

    private static void DropAbandoned(SqliteSession session, string prefix)
    {
        var names = new List<string>();
        using (var list = session.Prepare("select name from sqlite_schema where type = 'table' and substr(name, 1, length(?1)) = ?1"))
        {
            list.Bind(1, prefix);
            while (list.Step())
            {
                names.Add(list.String(0));
            }
        }

        foreach (var name in names)
        {
            session.Execute($"drop table {SqlText.Quote(name)}");
        }
    }

    // A refused row is handed back if somebody takes it; else it ends the staging.
    private async ValueTask WriteAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow? refuse, CancellationToken cancel)
    {
        await foreach (var batch in batches.WithCancellation(cancel))
        {
            foreach (var (row, reason) in await InTurnAsync(() => Stage(batch, refuse is not null), cancel))
            {
                await refuse!(batch, row, reason, cancel);
            }

            _request.FailPoint("sqlite.staged");
        }
    }

    private List<(int Row, string Reason)> Stage(RecordBatch batch, bool refuses)
    {
        var refused = new List<(int Row, string Reason)>();
        _session.Execute("begin immediate");
        try
        {
            _state.RequireFence(Fence);
            using var insert = _session.Prepare(_publication.InsertStage);
            var (writers, arrays, op) = Bindings(batch);
            for (var row = 0; row < batch.Length; row++)
            {
                try
                {
                    Insert(row);
                }
                catch (EtlException e) when (refuses && IsOfRow(e))
                {
                    refused.Add((row, e.Message));
                }
            }

            _session.Execute("commit");
            return refused;

            void Insert(int row)
            {
                for (var i = 0; i < writers.Length; i++)
                {
                    writers[i].Bind(insert, arrays[i], row);
                }

                if (op is not null)
                {
                    insert.Bind(writers.Length + 1, op.GetBytes(row).SequenceEqual("delete"u8) ? 1L : 0L);
                }

                insert.Run();
            }
        }
        catch
        {
            _session.Rollback();
            throw;
        }
    }

    private void InsertKeys(RecordBatch batch)
    {
        using var insert = _session.Prepare(_publication.InsertKey);
        var writers = _publication.KeyColumns.Select((c, i) => new CellWriter(c, i + 1, required: false)).ToArray();
        for (var row = 0; row < batch.Length; row++)
        {
            for (var i = 0; i < writers.Length; i++)
            {
                writers[i].Bind(insert, batch.Column(i), row);
            }

            insert.Run();
        }
    }

    private bool InFence(Action work)
    {
        _session.Execute("begin immediate");
        try
        {
            _state.RequireFence(Fence);
            work();
            _session.Execute("commit");
            return true;
        }
        catch
        {
            _session.Rollback();
            throw;
        }
    }

    // None of these messages holds a value of the row.
    private static bool IsOfRow(EtlException error) => error is SqliteError sqlite
        ? sqlite.Primary is SQLitePCL.raw.SQLITE_CONSTRAINT or SQLitePCL.raw.SQLITE_TOOBIG or SQLitePCL.raw.SQLITE_MISMATCH
        : error.Code is "ETL4525" or "ETL4526";

    private (CellWriter[] Writers, IArrowArray[] Arrays, StringArray? Op) Bindings(RecordBatch batch)
    {
        var target = _publication.Target;
        var writers = new CellWriter[target.Columns.Count];
        var arrays = new IArrowArray[writers.Length];
        for (var i = 0; i < writers.Length; i++)
        {
            var column = target.Columns[i];
            writers[i] = new(column, i + 1, required: target.Key.Contains(column.Name, StringComparer.OrdinalIgnoreCase));
            arrays[i] = batch.Column(_request.Schema.Index(column.Field.Name));
        }

        return (writers, arrays, _request.Schema.HasOp ? (StringArray)batch.Column(_request.Schema.Index(RowSchema.OpColumn)) : null);
    }

    private PublishResult Publish(Checkpoint next, CancellationToken cancel)
    {
        _session.Execute("begin immediate");
        try
        {
            _state.RequireFence(Fence);
            _state.RequireNext(next);
            _request.FailPoint("sqlite.publish_begun");
            PublishResult result;
            using (cancel.Register(_session.Interrupt))
            {
                result = Apply();
                _state.Write(next, result);
                _session.Execute($"delete from {_publication.Stage}");
            }

            cancel.ThrowIfCancellationRequested();
            _request.FailPoint("sqlite.before_commit");
            Commit();
            _request.FailPoint("sqlite.after_commit");
            return result;
        }
        catch
        {
            _session.Rollback();
            throw;
        }
    }

    private bool Move(Checkpoint next)
    {
        _session.Execute("begin immediate");
        try
        {
            _state.RequireNext(next);
            if (!_state.Move(next))
            {
                _session.Rollback();
                return false;
            }

            _request.FailPoint("sqlite.before_commit");
            Commit();
            _request.FailPoint("sqlite.after_commit");
            return true;
        }
        catch
        {
            _session.Rollback();
            throw;
        }
    }

    private void Commit()
    {
        try
        {
            _session.Execute("commit");
        }
        catch (SqliteError e) when (!_session.InTransaction)
        {
            // The log may hold the commit although its fsync failed; only the file, read again, knows.
            throw new CommitOutcomeUnknownException($"the commit to {_database.Display} failed: {e.Message}", e);
        }
    }

    private PublishResult Apply()
    {
        // The table may have changed since this session began: the DDL is decided again, under the lock.
        foreach (var statement in SqliteTarget.Resolve(_session, _options, _request.Schema).Ddl)
        {
            _session.Execute(statement);
        }

        SettleKeys();

        var staged = _session.Integer(_publication.CountUpserts) ?? 0;
        if (_hasKeys)
        {
            RefuseToEmpty(_session.Integer($"select count(*) from {_publication.Keys}") ?? 0);
        }

        if (Replaces)
        {
            RefuseToEmpty(staged);
            var deleted = Changes(_publication.DeleteAll);
            return new(Changes(_publication.InsertAll), 0, deleted, 0);
        }

        if (_options.Mode == TableLoadMode.Append)
        {
            return new(Changes(_publication.InsertAll), 0, 0, 0);
        }

        var removed = _request.Schema.HasOp ? Changes(_publication.DeleteByKey) : 0;
        var updated = _publication.UpdateChanged is { } update ? Changes(update) : 0;
        var inserted = Changes(_publication.InsertMissing);
        removed += _hasKeys ? Changes(_publication.DeleteOthers) : 0;
        return new(inserted, updated, removed, staged - inserted - updated);
    }

    // One row for each key. Where nothing says that the key is unique, the last version counts. Where the schema says so, several rows
    // mean that a contract is wrong about its source, and keeping one of them would hide it.
    private void SettleKeys()
    {
        if (_publication.Target.Key.Count == 0)
        {
            return;
        }

        if (!_request.Schema.IsUniqueBy(_options.Key))
        {
            _session.Execute(_publication.KeepLast);
        }
        else if (_session.Integer(_publication.CountDuplicates) is > 0 and var duplicates)
        {
            throw new EtlException(
                "ETL4528", string.Create(CultureInfo.InvariantCulture, $"{duplicates} keys ({string.Join(", ", _options.Key)}) come more than once in the rows for '{_options.Table}', although they are called unique"),
                "Correct the contract's primary key, or add transform: deduplicate before the load.") { OptionPath = "key" };
        }
    }

    private void RefuseToEmpty(long staged)
    {
        if (staged == 0 && !_options.AllowEmpty && _session.Integer($"select exists (select 1 from {_publication.Target.Name})") == 1)
        {
            throw new EtlException("ETL4524", $"no rows came, and replacing would empty the table '{_options.Table}'", "If that is right, say so with allow_empty: true.");
        }
    }

    private long Changes(string sql)
    {
        using var statement = _session.Prepare(sql);
        statement.Run();
        return _session.Changes;
    }

    // Off the caller's thread: a writer may wait for another one for as long as busy_timeout.
    private async ValueTask<T> InTurnAsync<T>(Func<T> work, CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            return await Task.Run(work, CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }
}
