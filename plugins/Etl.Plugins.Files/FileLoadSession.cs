using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Files;

/// <summary>
/// One run's hold on one folder. Rows are staged in a local file; publishing puts it beside the others under a name of its own,
/// then writes the checkpoint of the next number, which nobody else can.
/// </summary>
internal sealed class FileLoadSession(IObjectStore store, LoadFormat format, FileLoadOptions options, LoadRequest request, FileCommitLog log, FileCommit? last, IReadOnlyList<string> lost, string spoolFolder) : IMovableLoadSession
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly string _spool = Path.Combine(spoolFolder, $"{request.Key.ShortName}-{Guid.NewGuid():N}.{format.Name}");
    private Stream? _file;
    private string? _refused;
    private IRowWriter? _writer;
    private long _bytes;
    private long _rows;

    /// <summary>The number that this session may commit: whoever commits it first shuts the others out.</summary>
    public long Fence => (last?.Checkpoint.N ?? 0) + 1;

    public Checkpoint? Checkpoint => last?.Checkpoint;

    public int Parallelism => 1;

    private bool Replaces => request.FullRefresh || options.Mode == FileLoadMode.Replace;

    public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        await foreach (var batch in batches.WithCancellation(cancel))
        {
            await _turn.WaitAsync(cancel);
            try
            {
                Writer().Write(batch);
                _rows += batch.Length;
            }
            finally
            {
                _turn.Release();
            }

            request.FailPoint($"{format.Name}.staged");
        }
    }

    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
    {
        if (next.N != Fence || next.Fence != Fence)
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"{request.Key} may commit epoch {Fence} here, and not {next.N}"));
        }

        if (Replaces && _rows == 0 && !options.AllowEmpty && last?.TotalRows > 0)
        {
            throw new EtlException("ETL4545", $"no rows came, and replacing would empty '{options.Path}'", "If that is right, say so with allow_empty: true.");
        }

        var file = await PutFileAsync(next, cancel);
        request.FailPoint($"{format.Name}.before_commit");
        var commit = new FileCommit(next, file, Replaces ? next.N : last?.From ?? 1, (Replaces ? 0 : last?.TotalRows ?? 0) + _rows);
        if (!await CommitAsync(commit, cancel) && !await ResolveAsync(next, cancel))
        {
            throw await GiveUpAsync(file, string.Create(CultureInfo.InvariantCulture, $"another run has committed epoch {next.N} of {request.Key}"));
        }

        // A move that was committed beside a first run has the number: what the run wrote is void.
        if (next.N == 1 && (await new FileCommitLog(store, options.Path, next.Key).ReadAsync(1, null, cancel))?.Checkpoint.BatchId != next.BatchId)
        {
            throw await GiveUpAsync(file, $"{request.Key} goes on from a load that was moved to it meanwhile");
        }

        request.FailPoint($"{format.Name}.after_commit");
        var detail = file is null ? null : string.Create(CultureInfo.InvariantCulture, $"{file}, {_bytes / 1048576.0:F1} MB");
        try
        {
            await DeleteDeadFilesAsync(commit, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EtlException)
        {
            // The epoch is committed, so this is no failure of it; the next publish tries again.
            detail += $"; files that no longer count could not be deleted: {e.Message}";
        }

        return new(_rows, 0, Replaces ? last?.TotalRows ?? 0 : 0, 0, detail);
    }

    public async ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel)
    {
        if (next.N != Fence || next.Fence != Fence)
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"{request.Key} may commit epoch {Fence} here, and not {next.N}"));
        }

        if (!await new FileCommitLog(store, options.Path, next.Key).IsUnusedAsync(cancel))
        {
            return false;
        }

        request.FailPoint($"{format.Name}.before_commit");
        var commit = new FileCommit(next, null, last?.From ?? 1, last?.TotalRows ?? 0) { MovedTo = next.Key.ToString() };
        if (!await CommitAsync(commit, cancel) && !await ResolveAsync(next, cancel))
        {
            throw new FencedException(string.Create(CultureInfo.InvariantCulture, $"another run has committed epoch {next.N} of {request.Key}"));
        }

        request.FailPoint($"{format.Name}.after_commit");
        return true;
    }

    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel) =>
        (await log.ReadAsync(next.N, null, cancel))?.Checkpoint.BatchId == next.BatchId;

    /// <summary>There is no lease to lose: the number decides.</summary>
    public ValueTask<bool> RenewAsync(CancellationToken cancel) => ValueTask.FromResult(true);

    public async ValueTask DisposeAsync()
    {
        if (_file is not null)
        {
            _file.Dispose();
            File.Delete(_spool);
        }

        _turn.Dispose();
        if (_refused is not null)
        {
            await DeleteQuietlyAsync(_refused);
        }
    }

    private async ValueTask DeleteQuietlyAsync(string file)
    {
        try
        {
            await store.DeleteAsync(file, CancellationToken.None);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The error that the run ends with is the one to tell. A file that stays is of no epoch, and the next publish removes it.
        }
    }

    private IRowWriter Writer()
    {
        if (_writer is null)
        {
            Durable.MakeFolder(spoolFolder);
            _file = Compressed.Write(Durable.Create(_spool), options.Compression);
            _writer = format.Start(_file, request.Schema);
        }

        return _writer;
    }

    // An epoch without rows has no file, unless the file is all there will be.
    private async ValueTask<string?> PutFileAsync(Checkpoint next, CancellationToken cancel)
    {
        if (_rows == 0 && !Replaces)
        {
            return null;
        }

        Writer().Flush();
        await _file!.DisposeAsync();
        var key = EpochFileName.Of(options.Path, next, format.Name + Compressed.Extension(options.Compression));
        await using var content = new FileStream(_spool, FileMode.Open, FileAccess.Read, FileShare.Read);
        _bytes = content.Length;
        await store.PutAsync(key, content, cancel);
        return key;
    }

    private async ValueTask<FencedException> GiveUpAsync(string? file, string why)
    {
        if (file is not null)
        {
            await DeleteQuietlyAsync(file);
        }

        return new FencedException(why);
    }

    private async ValueTask<bool> CommitAsync(FileCommit commit, CancellationToken cancel)
    {
        try
        {
            return await log.TryWriteAsync(commit, cancel);
        }
        catch (StoreRefusedException)
        {
            _refused = commit.File;
            throw;
        }
        catch (Exception e)
        {
            throw new CommitOutcomeUnknownException($"the checkpoint of epoch {commit.Checkpoint.N} of {request.Key} may or may not be in {store.Root}: {e.Message}", e);
        }
    }

    // Files of runs that lost this number or one that a move gave to another name, and after a replace all older ones. Those of a higher number belong to a run that may
    // still commit them, except those that a full refresh found without a checkpoint.
    private async ValueTask DeleteDeadFilesAsync(FileCommit commit, CancellationToken cancel)
    {
        var dead = new List<string>();
        foreach (var names in (await log.NamesAsync(cancel)).GroupBy(n => n.Key))
        {
            await foreach (var (key, _, _) in store.ListAsync(EpochFileName.Prefix(options.Path, names.Key), cancel))
            {
                if (EpochFileName.EpochOf(key, options.Path, names.Key) is { } n
                    && (n < commit.From || (n == commit.Checkpoint.N && key != commit.File) || names.All(epochs => epochs.IsVoid(n)) || (Replaces && lost.Contains(key))))
                {
                    dead.Add(key);
                }
            }
        }

        foreach (var key in dead)
        {
            await store.DeleteAsync(key, cancel);
        }

        await store.DiscardUnfinishedAsync(EpochFileName.Prefix(options.Path, request.Key), stored => EpochFileName.EpochOf(stored.Key, options.Path, request.Key) <= commit.Checkpoint.N, cancel);
        await log.DiscardUnfinishedAsync(commit.Checkpoint.N, cancel);
    }
}
