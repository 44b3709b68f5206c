using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Parquet;

namespace Etl.Plugins.Lake;

/// <summary>
/// One run's hold on a Delta table. Data files are written while staging, under names that the log does not know; the publish is one
/// put-if-absent of the log's next version. That put is the fence as well: of two sessions that opened at the same version, one finds it taken.
/// </summary>
internal sealed class LakeSession : ILoadSession
{
    // How often a publish is tried again because other pipelines wrote to the table in between.
    private const int MostAttempts = 20;
    private readonly ParquetLoaderOptions _options;
    private readonly PluginContext _context;
    private readonly LoadRequest _request;
    private readonly IObjectStore _store;
    private readonly PartitionLayout _layout;
    private readonly DeltaLog _log;
    private readonly DeltaSnapshot _table;
    private readonly TableSchema _schema;
    private readonly string[] _key;
    private readonly DataFiles _files;
    private readonly PartitionedWriter _writer;
    private readonly KeyIndex? _index;
    private readonly ConcurrentBag<int> _lanes = [];
    private readonly int _opColumn;
    private readonly bool _replacesAll;
    private bool _isDisposed;
    private int _lastLane;
    private long _staged;
    private Outcome _outcome;
    private HashSet<string> _committed = [];

    private LakeSession(ParquetLoaderOptions options, IObjectStore store, PluginContext context, LoadRequest request, PartitionLayout layout, DeltaLog log, DeltaSnapshot table, TableSchema schema, DataFiles files)
    {
        (_options, _store, _context, _request, _layout, _log, _table, _schema, _files) = (options, store, context, request, layout, log, table, schema, files);
        Checkpoint = table.CheckpointOf(request);
        Fence = (Checkpoint?.Fence ?? 0) + 1;
        _replacesAll = request.FullRefresh || options.Mode == LoadMode.Replace;
        _opColumn = request.Schema.Index(RowSchema.OpColumn);
        _key = [.. options.Key.Select(k => schema.Schema.FieldsList.First(f => string.Equals(f.Name, k, StringComparison.OrdinalIgnoreCase)).Name)];
        _index = options.Mode == LoadMode.Upsert ? new KeyIndex(_key) : null;
        _writer = new PartitionedWriter(
            layout,
            layout.Column is null ? -1 : request.Schema.Index(layout.Column),
            schema.Sources(request.Schema, (Checkpoint?.N ?? 0) + 1),
            files,
            options.TargetFileSize.Bytes,
            Math.Max(16L << 20, context.MemoryBytes / 8),
            sendAtOnce: !MayDropStagedRows);
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

    // An upsert drops staged rows that the table holds already; its files are sent once that is known.
    private bool MayDropStagedRows => _index is not null && !_replacesAll;

    /// <summary>A session on a table that was read. Throws what <see cref="TableSchema.Merge"/> throws.</summary>
    public static LakeSession Start(ParquetLoaderOptions options, IObjectStore store, PluginContext context, LoadRequest request, PartitionLayout layout, DeltaLog log, DeltaSnapshot table)
    {
        var schema = SchemaOver(table, options, request, layout);
        var folder = Path.Combine(context.StateFolder, "tmp", $"lake-{Guid.NewGuid():N}");
        _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(folder) : Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var compression = options.Compression switch
        {
            ParquetCompression.Snappy => CompressionMethod.Snappy,
            ParquetCompression.Zstd => CompressionMethod.Zstd,
            ParquetCompression.Gzip => CompressionMethod.Gzip,
            _ => CompressionMethod.None,
        };
        var files = new DataFiles(store, layout.Root, schema.Schema, layout.DeltaColumns, compression, folder, DataFiles.SuffixOf(request.RunId)) { FailPoint = request.FailPoint };
        return new LakeSession(options, store, context, request, layout, log, table, schema, files);
    }

    /// <inheritdoc/>
    public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        if (!_lanes.TryTake(out var lane))
        {
            lane = Interlocked.Increment(ref _lastLane);
        }

        await foreach (var batch in batches.WithCancellation(cancel))
        {
            if (batch.Length > 0)
            {
                await StageAsync(batch, lane, cancel);
            }
        }

        _lanes.Add(lane);
        _request.FailPoint("lake.staged");
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel)
    {
        if (next.N != (Checkpoint?.N ?? 0) + 1)
        {
            throw new InvalidOperationException($"epoch {next.N} does not follow {Checkpoint?.N ?? 0}");
        }

        if (_replacesAll && _staged == 0 && !_options.AllowEmpty && _table.Files.Count > 0)
        {
            throw new EtlException("ETL4562", "there are no rows, and replace would empty the table", "If that is meant, set allow_empty: true.") { OptionPath = "allow_empty" };
        }

        var staged = await _writer.FinishAsync(cancel);
        _request.FailPoint("lake.written");
        for (var attempt = 1; ; attempt++)
        {
            var change = await PlanAsync(staged, cancel);
            _request.FailPoint("lake.planned");
            await _files.SendAsync(change.Added, cancel);
            _request.FailPoint("lake.sent");
            await _files.VerifyAsync(change.Added, cancel);
            _committed = [.. change.Added.Select(f => f.RelativePath)];
            var content = Commit(change, next);
            _request.FailPoint("lake.before_commit");
            if (await PutAsync(content, next, cancel))
            {
                _request.FailPoint("lake.after_commit");
                return Report(change);
            }

            if (_table.CheckpointOf(_request)?.BatchId != Checkpoint?.BatchId)
            {
                throw new FencedException($"another run of {next.Key} published to {_layout.Root} while this one was loading");
            }

            var fits = DeltaSchema.ToJson(SchemaOver(_table, _options, _request, _layout).Schema) == DeltaSchema.ToJson(_schema.Schema);
            if (attempt == MostAttempts || !fits)
            {
                throw new EtlException("ETL4563", $"other programs {(fits ? "wrote to" : "changed the columns of")} the table {_layout.Root} while this run was publishing", "Nothing was published. Run again.");
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel)
    {
        await _log.AdvanceAsync(_table, cancel);
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
        try
        {
            await _writer.DisposeAsync();
            if (_outcome != Outcome.Unknown)
            {
                _request.FailPoint("lake.cleaning");
                await _files.DeleteSentAsync(_outcome == Outcome.Published ? _committed : [], CancellationToken.None);
            }

            if (_outcome == Outcome.Published)
            {
                await Orphans.DeleteAsync(_store, _layout.Root, _table, _request.GoneRuns, CancellationToken.None);
            }
        }
        finally
        {
            _files.Dispose();
        }
    }

    // The columns that the load's files have beside the table as it is. Throws where the two do not go together.
    private static TableSchema SchemaOver(DeltaSnapshot table, ParquetLoaderOptions options, LoadRequest request, PartitionLayout layout)
    {
        var replace = request.FullRefresh || options.Mode == LoadMode.Replace;
        if (!replace && table.Schema is not null && !table.PartitionColumns.SequenceEqual(layout.DeltaColumns))
        {
            throw new EtlException(
                "ETL4561", $"the table is partitioned by ({string.Join(", ", table.PartitionColumns)}) and the load by ({string.Join(", ", layout.DeltaColumns)})",
                "Change partition_by and path back, or run with --full-refresh, which writes the table anew.") { OptionPath = "partition_by" };
        }

        if (table.IsAppendOnly && (replace || options.Mode is not (LoadMode.Append or LoadMode.Changes)))
        {
            throw new EtlException("ETL4561", "the table is append-only (delta.appendOnly) and the load would remove rows", "Use mode: append or changes, or change the table's configuration.") { OptionPath = "mode" };
        }

        if (request.FullRefresh && table.OtherWriter(request.Key) is { } other)
        {
            throw new EtlException("ETL4564", $"a full refresh would remove rows of another pipeline: {other} loads into {layout.Root} too", "Load into a table of its own, or into another folder. If the other one is gone for good, remove the table's folder.");
        }

        return TableSchema.Merge(table.Schema, TableSchema.OfInput(request.Schema, options.Mode), options.Schema, replace);
    }

    private async ValueTask StageAsync(RecordBatch batch, int lane, CancellationToken cancel)
    {
        var rows = ArrayPool<int>.Shared.Rent(batch.Length);
        var files = _index is null ? null : ArrayPool<int>.Shared.Rent(batch.Length);
        var deletions = ArrayPool<bool>.Shared.Rent(batch.Length);
        try
        {
            var count = 0;
            var ops = _opColumn < 0 ? null : (StringArray)batch.Column(_opColumn);
            for (var i = 0; i < batch.Length; i++)
            {
                deletions[i] = ops is not null && ops.GetBytes(i).SequenceEqual("delete"u8);
                if (!deletions[i] || _options.Mode == LoadMode.Changes)
                {
                    rows[count++] = i;
                }
            }

            if (count > 0)
            {
                await _writer.AddAsync(batch, rows.AsMemory(0, count), lane, files, cancel);
            }

            Interlocked.Add(ref _staged, count);
            if (_index is not null)
            {
                AddToIndex(batch, deletions.AsSpan(0, batch.Length), files!);
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rows);
            ArrayPool<bool>.Shared.Return(deletions);
            if (files is not null)
            {
                ArrayPool<int>.Shared.Return(files);
            }
        }
    }

    private void AddToIndex(RecordBatch batch, ReadOnlySpan<bool> deletions, int[] files)
    {
        var keys = new UInt128[batch.Length];
        var rows = new UInt128[batch.Length];
        IArrowArray[] keyColumns = [.. _key.Select(k => batch.Column(_request.Schema.Index(k)))];
        _index!.Hasher.Hash(keyColumns, keys);
        _index.Hasher.Hash([.. _schema.Schema.FieldsList.Select(f => _request.Schema.Index(f.Name) is >= 0 and var i ? batch.Column(i) : null)], rows);
        _index.Add(keys, rows, deletions, files, keyColumns, [.. _key.Select(_schema.Schema.GetFieldByName)]);
    }

    // What the commit changes, against the table as it is now.
    private async ValueTask<UpsertResult> PlanAsync(IReadOnlyList<DataFile> staged, CancellationToken cancel)
    {
        if (MayDropStagedRows)
        {
            return await new CopyOnWrite(_files, _schema.Schema, _key, _index!).RunAsync(_table, staged, cancel);
        }

        List<ActiveFile> removed = _replacesAll ? [.. _table.Files]
            : _options.Mode == LoadMode.ReplacePartitions ? [.. _table.Files.Where(TouchedBy(staged))]
            : [];
        var gone = removed.Sum(f => DeltaStatistics.Rows(f.Stats) ?? 0);
        return new UpsertResult(removed, staged, staged.Sum(f => f.Rows), 0, gone, 0);
    }

    private Func<ActiveFile, bool> TouchedBy(IReadOnlyList<DataFile> staged)
    {
        if (_layout.IsDeltaPartition)
        {
            var values = staged.Select(f => f.Folder.Values[_layout.Column!]).ToHashSet();
            return f => values.Contains(f.PartitionValues.GetValueOrDefault(_layout.Column!));
        }

        var folders = staged.Select(f => f.Folder.Folder).ToHashSet();
        return f => folders.Contains(f.Folder ?? throw new EtlException(
            "ETL4563", $"the table holds a file of another program, {f.LogPath}, of which is not known to which partition it belongs", "With folders by month, or of a timestamp, partitions can be replaced only where this loader wrote all files. Run with --full-refresh."));
    }

    private byte[] Commit(UpsertResult change, Checkpoint next)
    {
        var commit = new DeltaCommit(_context.Time.GetUtcNow());
        var operation = _table.Version < 0 && change.Added.Count == 0 ? "CREATE TABLE" : MayDropStagedRows ? "MERGE" : "WRITE";
        commit.Describe(operation, _replacesAll ? LoadMode.Replace : _options.Mode, blindAppend: change.Removed.Count == 0 && !MayDropStagedRows, next);
        var localTimestamps = DeltaSchema.HasLocalTimestamps(_schema.Schema);
        if (_table.Version < 0 || (localTimestamps && !_table.AllowsLocalTimestamps))
        {
            commit.Protocol(localTimestamps, upgrade: _table.Version >= 0);
        }

        if (_table.Schema is null || DeltaSchema.ToJson(_table.Schema) != DeltaSchema.ToJson(_schema.Schema) || !_table.PartitionColumns.SequenceEqual(_layout.DeltaColumns))
        {
            commit.Metadata(_table.Metadata, _schema.Schema, _layout.DeltaColumns);
        }

        commit.Transaction(next);
        change.Removed.ToList().ForEach(commit.Remove);
        change.Added.ToList().ForEach(commit.Add);
        return commit.ToBytes();
    }

    // Whether the version is ours. That it was taken does not say by whom: a store's client that tried twice finds its own first try.
    private async ValueTask<bool> PutAsync(byte[] content, Checkpoint next, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        _outcome = Outcome.Unknown;
        var version = _table.Version + 1;
        try
        {
            var mine = await _store.PutIfAbsentAsync(_log.KeyOf(version), content, cancel);
            if (!mine)
            {
                await _log.AdvanceAsync(_table, cancel);
                mine = _table.HasBatch(next.Key, next.BatchId);
            }

            _outcome = mine ? Outcome.Published : Outcome.NotPublished;
            return mine;
        }
        catch (Exception e)
        {
            // Also a cancellation: the request may have arrived.
            throw new CommitOutcomeUnknownException($"no answer came to the commit of version {version} of {_layout.Root}: {e.Message}", e);
        }
    }

    private PublishResult Report(UpsertResult change)
    {
        var bytes = change.Added.Sum(f => f.Size);
        var folders = change.Added.Select(f => f.Folder.Folder).Distinct().Count();
        var detail = string.Create(CultureInfo.InvariantCulture, $"{Count(change.Added.Count, "file")}{(_layout.Column is null ? "" : $" in {Count(folders, "partition")}")}, {Size(bytes)}{(change.Removed.Count == 0 ? "" : $"; {Count(change.Removed.Count, "file")} replaced")}");
        return new PublishResult(change.Inserted, change.Updated, change.Deleted, change.Unchanged, detail);
    }

    private static string Count(int n, string what) => string.Create(CultureInfo.InvariantCulture, $"{n} {what}{(n == 1 ? "" : "s")}");

    private static string Size(long bytes) => bytes switch
    {
        < 1 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.0} GB"),
    };
}
