using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>One run's hold on a table of the file. See <see cref="ILoadSession"/> for the order of calls.</summary>
internal sealed class DuckDbLoadSession : IRefusingLoadSession, IReconcilingLoadSession, IMovableLoadSession
{
    private readonly DuckDbConnection _connection;
    private readonly DuckDbTableLoadOptions _options;
    private readonly LoadRequest _request;
    private readonly DuckDbTarget _target;
    private readonly DuckDbHandle _handle;
    private readonly DuckDbState _state;
    private bool _hasKeys;

    private DuckDbLoadSession(
        DuckDbConnection connection, DuckDbTableLoadOptions options, LoadRequest request, DuckDbTarget target, DuckDbHandle handle, DuckDbState state, long fence, Checkpoint? checkpoint)
    {
        (_connection, _options, _request, _target, _handle, _state) = (connection, options, request, target, handle, state);
        (Fence, Checkpoint) = (fence, checkpoint);
    }

    public long Fence { get; }

    public Checkpoint? Checkpoint { get; }

    /// <summary>DuckDB inserts one stream with all its threads.</summary>
    public int Parallelism => 1;

    private bool Replaces => _request.FullRefresh || _options.Mode == TableLoadMode.Replace;

    public static DuckDbLoadSession Open(
        DuckDbConnection connection, DuckDbTableLoadOptions options, DuckDbTarget target, LoadRequest request, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var handle = connection.Open(mustExist: false);
        try
        {
            var state = new DuckDbState(handle.Duck, request.Key);
            state.Create();
            var (fence, checkpoint) = state.Take(request);
            request.FailPoint("lease_taken");
            var own = target with { Stage = target.Stage with { Name = string.Create(CultureInfo.InvariantCulture, $"{target.Stage.Name}_{fence}") } };
            state.DropStale($"{target.Stage.Name}_");

            // Before the first row is read: what the policy forbids is told now.
            var live = own.Table.Columns(handle.Duck);
            if (live.Count == 0 && checkpoint is not null && !request.FullRefresh && options.Mode != TableLoadMode.Replace)
            {
                throw new EtlException("ETL4308", $"the table {own.Table} is gone, and the checkpoint says that rows were loaded into it", "Restore it from a copy, or run with --full-refresh to load it anew.");
            }

            DuckDbTableShape.Statements(own, live, options.Schema);
            own = own with { Conditions = DuckDbConditions.Of(own, live, handle.Duck) };
            handle.Duck.Execute(own.CreateStage, cancel: cancel);
            return new DuckDbLoadSession(connection, options, request, own, handle, state, fence, checkpoint);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        await InsertAsync(_target.Stage, _request.Schema.Arrow, batches, cancel);
        _request.FailPoint("staged");
    }

    public async ValueTask StageKeysAsync(IAsyncEnumerable<RecordBatch> keys, CancellationToken cancel)
    {
        using (var handle = _connection.Open(mustExist: true))
        {
            handle.Duck.Execute(_target.CreateKeys, cancel: cancel);
        }

        _hasKeys = true;
        await InsertAsync(_target.Keys, new Schema(_target.KeyFields, null), keys, cancel);
        _request.FailPoint("keys_staged");
    }

    private async ValueTask InsertAsync(DuckDbTable table, Schema schema, IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        using var handle = _connection.Open(mustExist: true);
        using var staged = new StagedBatches();
        var function = $"etl_stage_{Guid.NewGuid():N}";
        using var source = handle.Duck.RegisterSource(function, schema, staged);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var columns = string.Join(", ", schema.FieldsList.Select(f => SqlText.Quote(f.Name)));
        var insert = Task.Run(() => handle.Duck.Execute($"INSERT INTO {table.Quoted} ({columns}) SELECT {columns} FROM {function}()", cancel: cancel), CancellationToken.None);
        var fill = staged.FillAsync(batches, stop.Token);
        if (await Task.WhenAny(insert, fill) == insert && insert.IsFaulted)
        {
            // Nobody reads any more: the giver is stopped, and the insert's own error is the one to tell.
            await stop.CancelAsync();
            await fill.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await insert;
        }

        await Task.WhenAll(fill, insert);
    }

    public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow refuse, CancellationToken cancel)
    {
        if (_target.Conditions.Count == 0)
        {
            // Its types take every value of the rows'.
            await StageAsync(batches, cancel);
            return;
        }

        await foreach (var batch in batches.WithCancellation(cancel))
        {
            await Bisection.WriteAsync(batch, (part, stop) => StageAsync(One(part), stop), ReasonOfRow, refuse, cancel);
        }
    }

    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel) => await Task.Run(() => Publish(next, cancel), cancel);

    public async ValueTask<PublishResult> RehearseAsync(Checkpoint next, CancellationToken cancel) => await Task.Run(
        () =>
        {
            _handle.Duck.Execute("BEGIN", cancel: cancel);
            try
            {
                return Change(_handle.Duck, next, cancel);
            }
            finally
            {
                _state.Rollback();
            }
        },
        cancel);

    public async ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel) => await Task.Run(() => Move(next), cancel);

    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel) => await Task.Run(
        () =>
        {
            using var handle = _connection.Open(mustExist: true);
            return new DuckDbState(handle.Duck, next.Key).Holds(next);
        },
        cancel);

    public async ValueTask<bool> RenewAsync(CancellationToken cancel) => await Task.Run(
        () =>
        {
            // Of its own, because the session's connection may be publishing.
            using var handle = _connection.Open(mustExist: true);
            return new DuckDbState(handle.Duck, _request.Key).Renew(Fence, _request.LeaseFor);
        },
        cancel);

    public async ValueTask DisposeAsync() => await Task.Run(() =>
    {
        try
        {
            _handle.Duck.Execute($"DROP TABLE IF EXISTS {_target.Stage.Quoted}");
            _handle.Duck.Execute($"DROP TABLE IF EXISTS {_target.Keys.Quoted}");
            _state.GiveBack(Fence);
        }
        finally
        {
            _handle.Dispose();
        }
    });

    private static async IAsyncEnumerable<RecordBatch> One(RecordBatch batch)
    {
        await Task.CompletedTask;
        yield return batch;
    }

    // The message has the condition and no value.
    private static string? ReasonOfRow(Exception error) => error is DuckException { Error.Type: "Constraint" } refused ? refused.Message : null;

    private PublishResult Publish(Checkpoint next, CancellationToken cancel)
    {
        var duck = _handle.Duck;
        duck.Execute("BEGIN", cancel: cancel);
        PublishResult result;
        try
        {
            result = Change(duck, next, cancel);
            _state.Audit(next, result);
            duck.Execute($"DROP TABLE {_target.Stage.Quoted}", cancel: cancel);
            duck.Execute(_target.CreateStage, cancel: cancel);
            _request.FailPoint("before_commit");
        }
        catch (DuckException e) when (e.Error.Type == "TransactionContext" && e.Message.Contains("onflict", StringComparison.Ordinal))
        {
            _state.Rollback();
            throw new FencedException($"another run publishes to {_target.Table} at this moment: {e.Message}");
        }
        catch
        {
            _state.Rollback();
            throw;
        }

        Commit(duck, next);
        _request.FailPoint("committed");
        return result;
    }

    private bool Move(Checkpoint next)
    {
        var duck = _handle.Duck;
        duck.Execute("BEGIN");
        try
        {
            if (!_state.Move(next, Fence))
            {
                _state.Rollback();
                return false;
            }

            _request.FailPoint("before_commit");
        }
        catch
        {
            _state.Rollback();
            throw;
        }

        Commit(duck, next);
        _request.FailPoint("committed");
        return true;
    }

    // A conflict is told before anything is written; after any other failure of the log only the file knows.
    private static void Commit(DuckConnection duck, Checkpoint next)
    {
        try
        {
            duck.Execute("COMMIT");
        }
        catch (DuckException e) when (e.Error.Type is not ("TransactionContext" or "Constraint"))
        {
            throw new CommitOutcomeUnknownException($"the commit of epoch {next.N} failed: {e.Message}", e);
        }
    }

    private PublishResult Change(DuckConnection duck, Checkpoint next, CancellationToken cancel)
    {
        // First, so that a rival that publishes at the same time conflicts on this row before anything is written.
        if (!_state.Advance(next, Fence))
        {
            throw new FencedException($"{_target.Table} is at {_state.Now()}; this run has fence {Fence} and would publish epoch {next.N}");
        }

        _request.FailPoint("publish_begun");
        foreach (var statement in DuckDbTableShape.Statements(_target, _target.Table.Columns(duck), _options.Schema))
        {
            duck.Execute(statement, cancel: cancel);
        }

        return Apply(duck, cancel);
    }

    private PublishResult Apply(DuckConnection duck, CancellationToken cancel)
    {
        var staged = Count(duck, $"SELECT count(*) FROM {_target.Stage.Quoted}", cancel);
        if (_options.Mode == TableLoadMode.Upsert)
        {
            RefuseKeyFaults(duck, cancel);
        }

        if (Replaces)
        {
            var kept = Count(duck, _target.CountKept, cancel);
            RefuseToEmpty(duck, kept, cancel);

            // In place of a swap: the transaction makes it one step, and constraints, defaults and views stay.
            var removed = duck.ExecuteCount(_target.Clear, cancel: cancel);
            var added = duck.ExecuteCount(_target.InsertAll, cancel: cancel);
            return new PublishResult(added, 0, removed, staged - kept, "replaced");
        }

        if (_options.Mode == TableLoadMode.Append)
        {
            return new PublishResult(duck.ExecuteCount(_target.InsertAll, cancel: cancel), 0, 0, 0);
        }

        if (_hasKeys)
        {
            RefuseToEmpty(duck, Count(duck, $"SELECT count(*) FROM {_target.Keys.Quoted}", cancel), cancel);
        }

        var deleted = _target.Delete is { } delete ? duck.ExecuteCount(delete, cancel: cancel) : 0;
        var updated = _target.Update is { } update ? duck.ExecuteCount(update, cancel: cancel) : 0;
        var inserted = duck.ExecuteCount(_target.InsertMissing, cancel: cancel);
        var others = _hasKeys ? duck.ExecuteCount(_target.DeleteOthers, cancel: cancel) : 0;
        return new PublishResult(inserted, updated, deleted + others, staged - deleted - updated - inserted);
    }

    private void RefuseToEmpty(DuckConnection duck, long kept, CancellationToken cancel)
    {
        if (kept == 0 && !_options.AllowEmpty && Count(duck, $"SELECT count(*) FROM {_target.Table.Quoted}", cancel) > 0)
        {
            throw new EtlException("ETL4419", $"nothing was staged, and replacing {_target.Table} would empty it", "If that is right, say allow_empty: true.") { OptionPath = "allow_empty" };
        }
    }

    private void RefuseKeyFaults(DuckConnection duck, CancellationToken cancel)
    {
        var faults = duck.QueryRows(_target.KeyFaults, cancel: cancel)[0];
        var key = string.Join(", ", _target.Key);
        if (faults[1] != "0")
        {
            throw new EtlException("ETL4420", $"{faults[1]} rows for {_target.Table} have NULL in the key ({key})", "A key has a value in every row; refuse those rows with a check, or choose another key.") { OptionPath = "key" };
        }

        if (faults[0] != "0")
        {
            throw new EtlException("ETL4421", $"{faults[0]} keys ({key}) come more than once in the rows for {_target.Table}", "Deduplicate by the key before the load.") { OptionPath = "key" };
        }
    }

    private static long Count(DuckConnection duck, string sql, CancellationToken cancel) => long.Parse(duck.QueryText(sql, cancel: cancel)!, CultureInfo.InvariantCulture);
}
