using Apache.Arrow;
using Etl.Contracts;
using Etl.Parquet;

namespace Etl.Plugins.Lake;

/// <summary>
/// One run's hold on a Delta table. Data files are written while staging, under names that the log does not know; the publish is one
/// put-if-absent of the log's next version. That put is the fence as well: of two sessions that opened at the same version, one finds it taken.
/// </summary>
internal sealed class LakeSession : IReconcilingLoadSession, IMovableLoadSession
{
    // How often a publish is tried again because other pipelines wrote to the table in between.
    private const int MostAttempts = 20;
    private readonly LakeLoad _load;
    private readonly IObjectStore _store;
    private readonly TimeProvider _time;
    private readonly DeltaLog _log;
    private readonly DeltaSnapshot _table;
    private readonly TableSchema _schema;
    private readonly DataFiles _files;
    private readonly PartitionedWriter _writer;
    private readonly StagedRows _rows;
    private readonly KeyIndex? _index;
    private readonly ChangeDecision _decision;
    private readonly CancellationTokenSource _givenUp = new();
    private Task<IReadOnlyList<DataFile>>? _finishing;
    private int _staging;
    private bool _isDisposed;
    private Outcome _outcome;
    private long _tried = -1;
    private HashSet<string> _committed = [];

    private LakeSession(LakeLoad load, IObjectStore store, PluginContext context, DeltaLog log, DeltaSnapshot table, TableSchema schema, DataFiles files)
    {
        (_load, _store, _time, _log, _table, _schema, _files) = (load, store, context.Time, log, table, schema, files);
        Checkpoint = table.CheckpointOf(load.Request);
        Fence = (Checkpoint?.Fence ?? 0) + 1;
        string[] key = [.. load.Options.Key.Select(k => schema.Schema.FieldsList.First(f => string.Equals(f.Name, k, StringComparison.OrdinalIgnoreCase)).Name)];
        _index = load.Options.Mode == LoadMode.Upsert ? new KeyIndex(key) : null;
        _writer = new PartitionedWriter(
            load.Layout,
            load.Layout.Column is null || load.Layout.IsByRunDate ? -1 : load.Request.Schema.Index(load.Layout.Column),
            schema.Sources(load.Request.Schema, (Checkpoint?.N ?? 0) + 1, load.Layout.Date),
            files,
            load.Options.TargetFileSize.Bytes,
            budget: Math.Max(16L << 20, context.MemoryBytes / 8),
            rowGroupBytes: Math.Clamp(context.MemoryBytes / 8, 16L << 20, ParquetFileWriter.RowGroupBytes),
            sendAtOnce: !load.MayDropStagedRows);
        _rows = new StagedRows(load, schema.Schema, _writer, key, _index);
        _decision = new ChangeDecision(load, files, schema.Schema, key, _index);
    }

    private enum Outcome
    {
        NotPublished,
        Unknown,
        Published,
    }

    /// <inheritdoc/>
    public long Fence { get; }

    /// <inheritdoc/>
    public Checkpoint? Checkpoint { get; }

    /// <inheritdoc/>
    public int Parallelism => Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>A session on a table that was read. Throws what <see cref="LakeLoad.SchemaOver"/> throws.</summary>
    public static LakeSession Start(LakeLoad load, IObjectStore store, PluginContext context, DeltaLog log, DeltaSnapshot table)
    {
        var schema = load.SchemaOver(table);
        var files = DataFiles.Create(store, load.Layout.Root, schema.Schema, load.Layout.DeltaColumns, load.Options.Compression, context.StateFolder, load.Request.RunId, load.Request.FailPoint);
        return new LakeSession(load, store, context, log, table, schema, files);
    }

    /// <inheritdoc/>
    public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        Interlocked.Increment(ref _staging);
        if (_finishing is { } finishing)
        {
            await finishing.WaitAsync(cancel);
        }

        await _rows.StageAsync(batches, cancel);
        _load.Request.FailPoint("lake.staged");
        if (Interlocked.Decrement(ref _staging) == 0)
        {
            // Nobody stages now, and most likely nobody will: what waits is encoded while other targets publish.
            _finishing = Task.Run(async () => await _writer.FinishAsync(_givenUp.Token), CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public async ValueTask StageKeysAsync(IAsyncEnumerable<RecordBatch> keys, CancellationToken cancel)
    {
        RequireWholeTable();
        _index!.AddLiving([]);
        await foreach (var batch in keys.WithCancellation(cancel))
        {
            var hashes = new UInt128[batch.Length];
            _index.Hasher.Hash([.. batch.Arrays], hashes);
            _index.AddLiving(hashes);
        }

        _load.Request.FailPoint("lake.keys_staged");
    }

    /// <summary>Decides what would change. What it writes for that lies in the state folder, and goes with the session.</summary>
    public async ValueTask<PublishResult> RehearseAsync(Checkpoint next, CancellationToken cancel)
    {
        RequireWholeTable();
        var change = await _decision.DecideAsync(_table, await WrittenAsync(cancel), cancel);
        // The source was read after the table: what another run published in between would be told as a difference.
        await _log.AdvanceAsync(_table, cancel);
        RequireTurn();
        RequireWholeTable();
        return change.Report(_load.Layout.Column is not null, null);
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
    {
        if (next.N != (Checkpoint?.N ?? 0) + 1)
        {
            throw new InvalidOperationException($"epoch {next.N} does not follow {Checkpoint?.N ?? 0}");
        }

        var staged = await WrittenAsync(cancel);
        _load.Request.Step("encode what is buffered");
        _load.Request.FailPoint("lake.written");
        for (var attempt = 1; ; attempt++)
        {
            var change = await _decision.DecideAsync(_table, staged, cancel);
            _load.Request.Step("find what changes");
            _load.Request.FailPoint("lake.planned");
            await _files.SendAsync(change.Added, cancel);
            _load.Request.Step("send files");
            _load.Request.FailPoint("lake.sent");
            await _files.VerifyAsync(change.Added, cancel);
            _load.Request.Step("verify files");
            _committed = [.. change.Added.Select(f => f.RelativePath)];
            var content = LoadCommit.Write(_load, _table, _schema.Schema, change, next, _time.GetUtcNow());
            _load.Request.FailPoint("lake.before_commit");
            if (await PutAsync(content, next, cancel))
            {
                _load.Request.Step("put the log's entry");
                _load.Request.FailPoint("lake.after_commit");
                var note = await _log.CheckpointIfDueAsync(_table, _load.Options.CheckpointEvery, _time.GetUtcNow(), cancel);
                if (_table.CheckpointedAt == _table.Version)
                {
                    _load.Request.Step("checkpoint the log");
                }

                return change.Report(_load.Layout.Column is not null, note);
            }

            RequireTurn();
            if (_index?.Living is not null)
            {
                RequireWholeTable();
            }

            var fits = DeltaSchema.ToJson(_load.SchemaOver(_table).Schema) == DeltaSchema.ToJson(_schema.Schema);
            if (attempt == MostAttempts || !fits)
            {
                throw new EtlException("ETL4563", $"other programs {(fits ? "wrote to" : "changed the columns of")} the table {_load.Layout.Root} while this run was publishing", "Nothing was published. Run again.");
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel)
    {
        for (var attempt = 1; attempt <= MostAttempts; attempt++)
        {
            if (_table.CheckpointOf(next.Key) is not null)
            {
                return false;
            }

            var content = LoadCommit.Write(_load, _table, _table.Schema!, new TableChange([], [], 0, 0, 0, 0), next, _time.GetUtcNow(), _load.Request.Key);
            _load.Request.FailPoint("lake.before_commit");
            if (await PutAsync(content, next, cancel))
            {
                _load.Request.FailPoint("lake.after_commit");
                return true;
            }

            RequireTurn();
        }

        throw new EtlException("ETL4563", $"other programs wrote to the table {_load.Layout.Root} while its state was being moved", "Nothing was moved. Do it again.");
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel)
    {
        await _log.AdvanceAsync(_table, cancel);
        if (_table.Version < _tried && _store.PutIfAbsentIsAtomic)
        {
            // The commit may still be on its way to the version. With something else there, that it was not committed is a fact, and its files can go.
            await _store.PutIfAbsentAsync(_log.KeyOf(_tried), LoadCommit.Fence(_load, _table, _schema.Schema, next, _time.GetUtcNow()), cancel);
            await ReadTriedAsync(cancel);
        }

        var committed = _table.HasBatch(next.Key, next.BatchId);
        _outcome = committed ? Outcome.Published : Outcome.NotPublished;
        return committed;
    }

    /// <summary>There is no lease: who publishes first wins.</summary>
    public ValueTask<bool> RenewAsync(CancellationToken cancel) => ValueTask.FromResult(true);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _givenUp.CancelAsync();
        try
        {
            try
            {
                await DiscardAsync();
            }
            finally
            {
                await EndDateAsync();
            }

            if (_outcome == Outcome.Published)
            {
                await Orphans.DeleteAsync(_store, _load.Layout.Root, _table, Math.Max(_table.Version, _tried), _load.Request.GoneRuns, CancellationToken.None);
            }
        }
        finally
        {
            _files.Dispose();
            _givenUp.Dispose();
        }
    }

    // The files of the staged rows, all of them written. ETL4562.
    private async ValueTask<IReadOnlyList<DataFile>> WrittenAsync(CancellationToken cancel)
    {
        var empties = _index?.Living == 0 || (_load.ReplacesAll && _rows.Rows == 0);
        return empties && !_load.Options.AllowEmpty && _table.Files.Count > 0
            ? throw new EtlException("ETL4562", $"there are no rows, and replacing would empty the table {_load.Layout.Root}", "If that is meant, set allow_empty: true.") { OptionPath = "allow_empty" }
            : await (_finishing ?? _writer.FinishAsync(cancel).AsTask()).WaitAsync(cancel);
    }

    private async ValueTask DiscardAsync()
    {
        if (_finishing is { } finishing)
        {
            // Its error is told by the publish; a session that is given up before has another reason for that.
            await ((Task)finishing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _writer.DisposeAsync();
        if (_outcome != Outcome.Unknown)
        {
            _load.Request.FailPoint("lake.cleaning");
            await _files.DeleteSentAsync(_outcome == Outcome.Published ? _committed : []);
        }
    }

    private async ValueTask EndDateAsync()
    {
        if (_load.Date is { } date && _outcome != Outcome.Unknown)
        {
            await date.EndAsync(_outcome == Outcome.Published);
        }
    }

    // Rows whose keys the source does not have are extra only where no other pipeline brings rows.
    private void RequireWholeTable() => _load.RequireAlone(_table, "a reconciliation would take rows of another pipeline for extra ones");

    // After others wrote to the table: none of them was another run of this load.
    private void RequireTurn()
    {
        if (_table.CheckpointOf(_load.Request)?.BatchId != Checkpoint?.BatchId)
        {
            throw new FencedException($"another run of {_load.Request.Key} published to {_load.Layout.Root} while this one was loading");
        }
    }

    // Whether the version is ours. That it was taken does not say by whom: a store's client that tried twice finds its own first try.
    private async ValueTask<bool> PutAsync(byte[] content, Checkpoint next, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        _outcome = Outcome.Unknown;
        _tried = _table.Version + 1;
        try
        {
            var mine = await _store.PutIfAbsentAsync(_log.KeyOf(_tried), content, cancel);
            if (!mine)
            {
                await ReadTriedAsync(cancel);
                mine = _table.HasBatch(next.Key, next.BatchId);
            }

            _outcome = mine ? Outcome.Published : Outcome.NotPublished;
            return mine;
        }
        catch (EtlException e) when (e.Code == "ETL4553")
        {
            // A version holds what this program does not read: the one that was tried, which so is not ours, or one that came after ours.
            var mine = _table.HasBatch(next.Key, next.BatchId);
            _outcome = mine ? Outcome.Published : Outcome.NotPublished;
            if (!mine)
            {
                throw;
            }

            return true;
        }
        catch (StoreRefusedException)
        {
            _outcome = Outcome.NotPublished;
            throw;
        }
        catch (Exception e)
        {
            // Also a cancellation: the request may have arrived.
            throw new CommitOutcomeUnknownException($"no answer came to the commit of version {_tried} of {_load.Layout.Root}: {e.Message}", e);
        }
    }

    // The version is taken. As long as the store does not give it, whose it is nobody knows.
    private async ValueTask ReadTriedAsync(CancellationToken cancel)
    {
        await _log.AdvanceAsync(_table, cancel);
        if (_table.Version < _tried)
        {
            throw new IOException($"the store has {_log.KeyOf(_tried)} and does not give it");
        }
    }
}
