using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Parquet;
using Etl.Plugins.Files;

namespace Etl.Plugins.Lake;

/// <summary>
/// One run's hold on a plain folder of Parquet files. Files are staged where readers do not look; the commit is a put-if-absent of the epoch's number, which names them; then they
/// take the names that the epoch gives them. A run that is killed in between leaves a committed epoch, which the next one finishes moving before it does anything else.
/// </summary>
internal sealed class FolderSession : ILoadSession
{
    private readonly LakeLoad _load;
    private readonly FileCommitLog _log;
    private readonly FileCommit? _last;
    private readonly FolderMove _move;
    private readonly DataFiles _files;
    private readonly PartitionedWriter _writer;
    private readonly StagedRows _rows;
    private readonly string _staging;
    private readonly IReadOnlyList<string> _lost;
    private bool? _isPublished = false;
    private bool _isGivenUp;

    public FolderSession(LakeLoad load, IObjectStore store, PluginContext context, FileCommitLog log, FileCommit? last, FolderMove move, IReadOnlyList<string> lost)
    {
        (_load, _log, _last, _move, _lost) = (load, log, last, move, lost);
        _staging = $"{FolderEpoch.StagingOf(load.Request.Key, Fence)}{Guid.NewGuid():N}/";
        var schema = TableSchema.OfInput(load.Request.Schema, load.Options.Mode, load.Layout);
        _files = DataFiles.Create(store, load.Layout.Root + _staging, schema, [], load.Options.Compression, context.StateFolder, load.Request.RunId, load.Request.FailPoint);
        _writer = new PartitionedWriter(
            load.Layout,
            load.Layout.Column is null || load.Layout.IsByRunDate ? -1 : load.Request.Schema.Index(load.Layout.Column),
            new TableSchema(schema).Sources(load.Request.Schema, Fence, load.Layout.Date),
            _files,
            load.Options.TargetFileSize.Bytes,
            budget: Math.Max(16L << 20, context.MemoryBytes / 8),
            rowGroupBytes: Math.Clamp(context.MemoryBytes / 8, 16L << 20, ParquetFileWriter.RowGroupBytes),
            sendAtOnce: true);
        _rows = new StagedRows(load, schema, _writer, [], null);
    }

    /// <summary>The number that this session may commit: whoever commits it first shuts the others out.</summary>
    public long Fence => (_last?.Checkpoint.N ?? 0) + 1;

    /// <inheritdoc/>
    public Checkpoint? Checkpoint => _last?.Checkpoint;

    /// <inheritdoc/>
    public int Parallelism => Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <inheritdoc/>
    public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        await _rows.StageAsync(batches, cancel);
        _load.Request.FailPoint("files.staged");
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
    {
        if (next.N != Fence || next.Fence != Fence)
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"{_load.Request.Key} may commit epoch {Fence} here, and not {next.N}"));
        }

        if (_load.ReplacesAll && _rows.Rows == 0 && !_load.Options.AllowEmpty && _last?.TotalRows > 0)
        {
            throw new EtlException("ETL4562", $"there are no rows, and replacing would empty the folder {_load.Layout.Root}", "If that is meant, set allow_empty: true.") { OptionPath = "allow_empty" };
        }

        var staged = await _writer.FinishAsync(cancel);
        await _files.VerifyAsync(staged, cancel);
        _load.Request.Step("send files");
        var epoch = FolderEpoch.Of(staged, _staging, next, _load.Options.Mode, _load.ReplacesAll, _lost);
        var commit = new FileCommit(next, null, _load.ReplacesAll ? next.N : _last?.From ?? 1, (_load.ReplacesAll ? 0 : _last?.TotalRows ?? 0) + _rows.Rows) { Files = epoch.ToJson() };
        _load.Request.FailPoint("files.before_commit");
        cancel.ThrowIfCancellationRequested();
        await CommitAsync(commit, cancel);
        _load.Request.Step("put the epoch's commit");
        _load.Request.FailPoint("files.after_commit");
        var replaced = await FinishAsync(commit, cancel);
        _load.Request.Step("give files their names");
        var files = string.Create(CultureInfo.InvariantCulture, $"{staged.Count} file{(staged.Count == 1 ? "" : "s")}, {staged.Sum(f => f.Size) / 1048576.0:F1} MB{(replaced == 0 ? "" : $"; {replaced} file{(replaced == 1 ? "" : "s")} replaced")}");
        return new PublishResult(_rows.Rows, 0, _load.ReplacesAll ? _last?.TotalRows ?? 0 : 0, 0, files);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel)
    {
        if (await _log.ReadAsync(next.N, null, cancel) is not { } there)
        {
            // The request may still be on its way, and what it names must be there when it arrives. Whoever commits the number clears the files away.
            (_isPublished, _isGivenUp) = (null, true);
            return false;
        }

        _isPublished = there.Checkpoint.BatchId == next.BatchId;
        if (_isPublished == true)
        {
            await _move.FinishAsync(there, cancel);
        }

        return _isPublished.Value;
    }

    /// <summary>There is no lease to lose: the number decides.</summary>
    public ValueTask<bool> RenewAsync(CancellationToken cancel) => ValueTask.FromResult(true);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            try
            {
                await _writer.DisposeAsync();
                if (_isPublished == false)
                {
                    await _files.DeleteSentAsync(new HashSet<string>());
                }
            }
            finally
            {
                await EndDateAsync();
            }
        }
        finally
        {
            _files.Dispose();
        }
    }

    private async ValueTask EndDateAsync()
    {
        if (_load.Date is { } date && (_isPublished is not null || _isGivenUp))
        {
            await date.EndAsync(_isPublished == true);
        }
    }

    private async ValueTask CommitAsync(FileCommit commit, CancellationToken cancel)
    {
        _isPublished = null;
        bool mine;
        try
        {
            mine = await _log.TryWriteAsync(commit, cancel) || (await _log.ReadAsync(commit.Checkpoint.N, null, cancel))?.Checkpoint.BatchId == commit.Checkpoint.BatchId;
        }
        catch (StoreRefusedException)
        {
            _isPublished = false;
            throw;
        }
        catch (Exception e)
        {
            throw new CommitOutcomeUnknownException($"no answer came to the commit of epoch {commit.Checkpoint.N} of {_load.Layout.Root}: {e.Message}", e);
        }

        _isPublished = mine;
        if (!mine)
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"another run has committed epoch {commit.Checkpoint.N} of {_load.Request.Key}"));
        }
    }

    // The epoch is committed, and is not to be read yet: who asks what became of it has the rest done, and so has the next run.
    private async ValueTask<int> FinishAsync(FileCommit commit, CancellationToken cancel)
    {
        try
        {
            return await _move.FinishAsync(commit, cancel);
        }
        catch (Exception e)
        {
            throw new CommitOutcomeUnknownException($"epoch {commit.Checkpoint.N} of {_load.Layout.Root} is committed, and not all of its files have their names yet: {e.Message}", e);
        }
    }
}
