using Apache.Arrow;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift.Load;

/// <summary>One run's hold on one table. See <see cref="ILoadSession"/>.</summary>
internal sealed class LoadSession : IRefusingLoadSession, IMovableLoadSession
{
    // How often a publish is tried again that another's ended, before the run's own policy decides.
    private const int MostAttempts = 5;

    private readonly RedshiftConnection _connection;
    private readonly TableName _table;
    private readonly RedshiftTableLoadOptions _options;
    private readonly IReadOnlyList<string> _key;
    private readonly LoadRequest _request;
    private readonly PluginContext _context;
    private LoadState _state;
    private StagingTable? _staging;
    private LiveTable? _live;

    private LoadSession(RedshiftConnection connection, TableName table, RedshiftTableLoadOptions options, IReadOnlyList<string> key, LoadRequest request, PluginContext context)
    {
        (_connection, _table, _options, _key, _request, _context) = (connection, table, options, key, request, context);
        _state = new LoadState(request.Key);
    }

    /// <inheritdoc/>
    public long Fence { get; private set; }

    /// <inheritdoc/>
    public Checkpoint? Checkpoint { get; private set; }

    /// <inheritdoc/>
    public int Parallelism => _options.Parallelism;

    private StagingTable Staging => _staging ?? throw new InvalidOperationException("the session is not open");

    /// <summary>Takes fence and lease, and drops what older sessions left in staging.</summary>
    public static async ValueTask<LoadSession> OpenAsync(
        RedshiftConnection connection, TableName table, RedshiftTableLoadOptions options, IReadOnlyList<string> key, LoadRequest request, PluginContext context, CancellationToken cancel)
    {
        var load = new LoadSession(connection, table, options, key, request, context);
        await using var session = await connection.OpenAsync(cancel);
        await load._state.CreateAsync(session, cancel);
        (load.Fence, load.Checkpoint) = await load._state.AcquireAsync(session, request, cancel);
        load._staging = new StagingTable(request.Key, load.Fence, request.Schema);
        request.FailPoint("redshift.fence_taken");
        await StagingTable.DropOlderAsync(session, request.Key, load.Fence, cancel);
        await StagedFiles.DeleteOlderAsync(connection.Staging, request.Key, load.Fence, cancel);
        load._live = await LiveTable.FindAsync(session, table, cancel);
        return load;
    }

    /// <inheritdoc/>
    public ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel) => WriteAsync(batches, null, cancel);

    /// <inheritdoc/>
    public ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow refuse, CancellationToken cancel) => WriteAsync(batches, refuse, cancel);

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenAsync(cancel);
        foreach (var statement in await LengtheningAsync(session, cancel))
        {
            await session.ExecuteAsync(statement, cancel);
        }

        PublishResult result;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                result = await PublishOnceAsync(session, next, cancel);
                break;
            }
            catch (PostgresException e) when ((e.SqlState == RedshiftErrors.SerializationFailure || RedshiftErrors.IsMadeMeanwhile(e)) && attempt < MostAttempts)
            {
                // Another transaction wrote to the target meanwhile, or made it. All of this one is undone, and what was staged is still there.
                await LoadState.RollbackAsync(session);
                await Task.Delay(TimeSpan.FromMilliseconds(200 << attempt), _context.Time, cancel);
            }
            catch
            {
                await LoadState.RollbackAsync(session);
                throw;
            }
        }

        Checkpoint = next;
        await Staging.DropAsync(session, cancel);
        _request.Step("drop staging");
        _request.FailPoint("redshift.dropped");
        return result;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenAsync(cancel);
        try
        {
            await _state.BeginAsync(session, cancel);
            await _state.RequireTurnAsync(session, next, Fence, cancel);
            if (!await _state.MoveAsync(session, next, Fence, cancel))
            {
                return false;
            }

            await EndAsync(session, next);
            _state = new LoadState(next.Key);
            return true;
        }
        finally
        {
            await LoadState.RollbackAsync(session);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel)
    {
        await using var session = await _connection.OpenFreshAsync(cancel);
        var committed = (next.Key == _request.Key || await _state.IsGoneAsync(session, cancel)) && await new LoadState(next.Key).IsCommittedAsync(session, next.BatchId, cancel);
        if (committed)
        {
            Checkpoint = next;
        }

        return committed;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewAsync(CancellationToken cancel)
    {
        await using var session = await _connection.OpenAsync(cancel);
        return await _state.RenewAsync(session, Fence, _request.LeaseFor, cancel);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await using var session = await _connection.OpenFreshAsync(CancellationToken.None);
            await Staging.DropAsync(session, CancellationToken.None);
            await _state.ReleaseAsync(session, Fence, CancellationToken.None);
        }
        catch (Exception e) when (e is EtlException or NpgsqlException)
        {
            // The target is gone. The lease ends by itself and the next session drops this one's staging; an error from here would hide
            // the one that brought us here.
        }
        finally
        {
            Staging.Dispose();
        }
    }

    private async ValueTask WriteAsync(IAsyncEnumerable<RecordBatch> batches, RefuseRow? refuse, CancellationToken cancel)
    {
        // Each call holds one file's rows, and the file that is made of them.
        var fileBytes = Math.Clamp(_context.MemoryBytes / 16, 4L << 20, Etl.Parquet.ParquetFileWriter.RowGroupBytes);
        var files = new StagedFiles(_connection.Staging, _request.Key, Fence, _request.Schema, fileBytes, _request.FailPoint);
        var limits = new RowLimits(_request.Schema.Arrow, f => TargetTable.BytesOf(f, _live, _options));
        try
        {
            if (!await files.WriteAsync(batches, limits, _table.ToString(), refuse, cancel))
            {
                return;
            }

            _request.FailPoint("redshift.manifest_sent");
            await Staging.CopyAsync(_connection, files, cancel);
            _request.FailPoint("redshift.copied");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // Rows go nowhere else, and only a session with a newer fence drops the table under this one.
            throw new FencedException($"a newer run has taken over {_request.Key} and dropped what this one (fence {RedshiftTypes.Text(Fence)}) staged");
        }
        finally
        {
            // Loaded or not, nobody needs them any more.
            await _connection.Staging.DeleteAsync(files.Keys, CancellationToken.None);
        }

        _request.FailPoint("redshift.staged");
    }

    // A VARCHAR is made longer outside of the transaction, where alone Redshift does it; no value changes, so it does no harm without what follows.
    private async ValueTask<IReadOnlyList<string>> LengtheningAsync(NpgsqlConnection session, CancellationToken cancel) =>
        await LiveTable.FindAsync(session, _table, cancel) is { } live ? TargetTable.Fit(_table, live, _request.Schema, _key, _options).Lengthening : [];

    private async ValueTask<PublishResult> PublishOnceAsync(NpgsqlConnection session, Checkpoint next, CancellationToken cancel)
    {
        PublishResult result;
        try
        {
            await _state.BeginAsync(session, cancel);
            await _state.RequireTurnAsync(session, next, Fence, cancel);
            _request.FailPoint("redshift.publish.begun");
            result = await new Publication(session, _table, _options, _key, _request, Staging).RunAsync(isFirst: next.N == 1, cancel);
            _request.FailPoint("redshift.publish.applied");
            await _state.CommitAsync(session, next, Fence, Staging.Rows, result, cancel);
            _request.Step("checkpoint");
        }
        catch (PostgresException e) when (RedshiftErrors.IsOfRows(e))
        {
            throw RedshiftErrors.OfRows(e, _table.ToString());
        }

        await EndAsync(session, next);
        return result;
    }

    private async ValueTask EndAsync(NpgsqlConnection session, Checkpoint next)
    {
        _request.FailPoint("redshift.publish.before_commit");
        try
        {
            // Not cancelled: a cancellation between sending and answer would leave the outcome open for nothing.
            await session.ExecuteAsync("END", CancellationToken.None);
            _request.Step("commit");
            _request.FailPoint("redshift.publish.after_commit");
        }
        catch (PostgresException e) when (e.Severity == "ERROR")
        {
            // The cluster answered: it rolled back.
            throw;
        }
        catch (Exception e)
        {
            throw new CommitOutcomeUnknownException($"the commit of epoch {RedshiftTypes.Text(next.N)} of {next.Key} to {_connection.Display} got no answer", e);
        }
    }
}
