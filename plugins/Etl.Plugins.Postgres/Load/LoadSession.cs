using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres.Load;

/// <summary>One run's hold on one table. See <see cref="ILoadSession"/>.</summary>
internal sealed class LoadSession : IRefusingLoadSession, IReconcilingLoadSession, IMovableLoadSession
{
    private readonly PostgresConnection _connection;
    private readonly TableName _table;
    private readonly TableLoadOptions _options;
    private readonly IReadOnlyList<string> _key;
    private readonly LoadRequest _request;
    private readonly CheckpointStore _store;
    private readonly List<StagingTable> _staged = [];
    private StagingTable? _keys;
    private int _workers;

    private LoadSession(PostgresConnection connection, TableName table, TableLoadOptions options, IReadOnlyList<string> key, LoadRequest request)
    {
        (_connection, _table, _options, _key, _request) = (connection, table, options, key, request);
        _store = new CheckpointStore(request.Key);
    }

    /// <inheritdoc/>
    public long Fence { get; private set; }

    /// <inheritdoc/>
    public Checkpoint? Checkpoint { get; private set; }

    /// <inheritdoc/>
    public int Parallelism => Math.Min(_options.Parallelism, _connection.PoolSize);

    /// <summary>Takes fence and lease, and drops what older sessions left in staging.</summary>
    public static async ValueTask<LoadSession> OpenAsync(
        PostgresConnection connection, TableName table, TableLoadOptions options, IReadOnlyList<string> key, LoadRequest request, CancellationToken cancel)
    {
        var load = new LoadSession(connection, table, options, key, request);
        await using var session = await connection.OpenTargetAsync(cancel);
        await CheckpointStore.CreateAsync(session, cancel);
        (load.Fence, load.Checkpoint) = await load._store.AcquireAsync(session, request, cancel);
        request.FailPoint("postgres.fence_taken");
        await StagingTable.DropOlderAsync(session, request.Key, load.Fence, cancel);
        return load;
    }

    /// <inheritdoc/>
    public ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel) => WriteAsync(batches, null, cancel);

    /// <inheritdoc/>
    public ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow refuse, CancellationToken cancel) => WriteAsync(batches, refuse, cancel);

    private async ValueTask WriteAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow? refuse, CancellationToken cancel)
    {
        var staging = new StagingTable(_request.Key, Fence, Interlocked.Increment(ref _workers));
        try
        {
            await staging.WriteAsync(new StagingRequest(_connection, _table, _request.Schema, _key, _options.Schema), batches, refuse, Register, cancel);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // Rows go nowhere else, and only a session with a newer fence drops the table under this one.
            throw new FencedException($"a newer run has taken over {_request.Key} and dropped what this one (fence {Fence.ToString(CultureInfo.InvariantCulture)}) staged");
        }
        catch (PostgresException e)
        {
            throw PostgresErrors.OfRows(e, _table.ToString());
        }

        _request.FailPoint("postgres.staged");

        void Register()
        {
            lock (_staged)
            {
                _staged.Add(staging);
            }

            _request.FailPoint("postgres.staging");
        }
    }

    /// <inheritdoc/>
    public async ValueTask StageKeysAsync(IAsyncEnumerable<RecordBatch> keys, CancellationToken cancel)
    {
        var staging = _keys = new StagingTable(_request.Key, Fence, Interlocked.Increment(ref _workers));
        var schema = new RowSchema(new Schema(_key.Select(k => _request.Schema.Require(k)), null));
        await staging.WriteAsync(new StagingRequest(_connection, _table, schema, _key, _options.Schema), keys, null, () => { }, cancel);
        _request.FailPoint("postgres.keys_staged");
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> RehearseAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenTargetAsync(cancel);
        // Never committed.
        await using var transaction = await session.BeginTransactionAsync(cancel);
        try
        {
            await RequireTurnAsync(session, next, cancel);
            return await ApplyAsync(session, next, cancel);
        }
        catch (PostgresException e)
        {
            throw PostgresErrors.OfRows(e, _table.ToString());
        }
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenTargetAsync(cancel);
        PublishResult result;
        await using (var transaction = await session.BeginTransactionAsync(cancel))
        {
            try
            {
                await RequireTurnAsync(session, next, cancel);
                _request.FailPoint("postgres.publish.begun");
                result = await ApplyAsync(session, next, cancel);
                _request.FailPoint("postgres.publish.applied");
                await _store.CommitAsync(session, next, Fence, StagedRows, result, cancel);
                _request.Step("checkpoint");
            }
            catch (PostgresException e)
            {
                throw PostgresErrors.OfRows(e, _table.ToString());
            }

            await CommitAsync(transaction, next);
        }

        Checkpoint = next;
        await DropStagedAsync(session, cancel);
        _request.Step("drop staging");
        _request.FailPoint("postgres.dropped");
        return result;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenTargetAsync(cancel);
        await using var transaction = await session.BeginTransactionAsync(cancel);
        await RequireTurnAsync(session, next, cancel);
        if (!await _store.MoveAsync(session, next, Fence, cancel))
        {
            return false;
        }

        await CommitAsync(transaction, next);
        return true;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenFreshTargetAsync(cancel);
        var committed = await _store.IsCommittedAsync(session, next.BatchId, cancel);
        if (committed)
        {
            Checkpoint = next;
        }

        return committed;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewAsync(CancellationToken cancel)
    {
        await using var session = await _connection.OpenTargetAsync(cancel);
        return await _store.RenewAsync(session, Fence, _request.LeaseFor, cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await using var session = await _connection.OpenFreshTargetAsync(CancellationToken.None);
            await DropStagedAsync(session, CancellationToken.None);
            await _store.ReleaseAsync(session, Fence, CancellationToken.None);
        }
        catch (Exception e) when (e is EtlException or NpgsqlException)
        {
            // The target is gone. The lease ends by itself and the next session drops this one's staging; an error from here would hide
            // the one that brought us here.
        }
    }

    private async ValueTask CommitAsync(NpgsqlTransaction transaction, Checkpoint next)
    {
        _request.FailPoint("postgres.publish.before_commit");
        try
        {
            // Not cancelled: a cancellation between sending and answer would leave the outcome open for nothing.
            await transaction.CommitAsync(CancellationToken.None);
            _request.Step("commit");
            _request.FailPoint("postgres.publish.after_commit");
        }
        catch (PostgresException e) when (e.Severity == "ERROR")
        {
            // The server answered: it rolled back, for example by a deferred constraint.
            throw PostgresErrors.OfRows(e, _table.ToString());
        }
        catch (Exception e)
        {
            throw new CommitOutcomeUnknownException($"the commit of epoch {next.N.ToString(CultureInfo.InvariantCulture)} of {_request.Key} to {_connection.Display} got no answer", e);
        }
    }

    private long StagedRows => _staged.Sum(s => s.Rows);

    private ValueTask<PublishResult> ApplyAsync(NpgsqlConnection session, Checkpoint next, CancellationToken cancel)
    {
        var keys = _keys is null ? null : new StagedKeys(_keys.Rows > 0 ? _keys.Sql : null);
        return new Publication(
            session, _table, _options, _key, _request, [.. _staged.Select(s => s.Sql)], StagingTable.DifferencesOf(_request.Key, Fence), StagedRows, keys, isFirst: next.N == 1).RunAsync(cancel);
    }

    private async ValueTask RequireTurnAsync(NpgsqlConnection session, Checkpoint next, CancellationToken cancel)
    {
        if (await _store.LockAsync(session, cancel) is not { } state || state.Fence != Fence)
        {
            throw new FencedException($"a newer run has taken over {_request.Key}; this one (fence {Fence.ToString(CultureInfo.InvariantCulture)}) publishes nothing");
        }

        if (state.N != next.N - 1)
        {
            throw new EtlException("ETL4477", FormattableString.Invariant($"epoch {next.N} of {_request.Key} cannot be published: the last committed is {state.N}"),
                state.N == next.N ? "It is committed already." : "The checkpoint was changed by someone else: look at it with `etl state show`.");
        }
    }

    private async ValueTask DropStagedAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        List<StagingTable> tables;
        lock (_staged)
        {
            tables = [.. _staged, .. _keys is null ? System.Array.Empty<StagingTable>() : [_keys]];
            _staged.Clear();
            _keys = null;
        }

        if (tables.Count > 0)
        {
            await using var drop = new NpgsqlCommand($"DROP TABLE IF EXISTS {string.Join(", ", tables.Select(t => t.Sql))}", session);
            await drop.ExecuteNonQueryAsync(cancel);
        }
    }
}
