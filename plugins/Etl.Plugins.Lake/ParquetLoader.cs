using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Parquet;

namespace Etl.Plugins.Lake;

/// <summary>Loads a Delta table of Parquet files in any object store.</summary>
[Loader("parquet", "Writes Parquet files in folders of an object store, as a table whose log follows Delta's protocol.")]
public sealed class ParquetLoader : ILoader, IEpochHistory, ILakeMaintenance
{
    private readonly ParquetLoaderOptions _options;
    private readonly IObjectStore _store;
    private readonly PluginContext _context;
    private readonly FolderLoad _folder;

    /// <summary>No I/O happens here.</summary>
    public ParquetLoader(ParquetLoaderOptions options, IObjectStore store, PluginContext context) => (_options, _store, _context, _folder) = (options, store, context, new(options, store, context));

    /// <inheritdoc/>
    public bool HasLog => _options.Publish == PublishAs.Log;

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input)
    {
        if (input.HasOp && _options.Mode is LoadMode.Append or LoadMode.ReplacePartitions)
        {
            throw new EtlException("ETL4559", "the rows are keyed changes with deletions, which this mode cannot apply", "Use mode: upsert with a key, or mode: changes, which keeps every version and deletion.") { OptionPath = "mode" };
        }

        foreach (var (name, i) in _options.Key.Select((k, i) => (k, i)))
        {
            if (input.Require(name, $"key[{i}]").DataType is FloatType or DoubleType or ListType)
            {
                throw new EtlException("ETL4560", $"the key column '{name}' is a float or a list, which cannot identify a row", "Use a column of an exact type.") { OptionPath = $"key[{i}]" };
            }
        }

        if (_options.Mode == LoadMode.Changes && input.Index(TableSchema.EpochColumn) >= 0)
        {
            throw new EtlException("ETL4552", $"the rows have a column '{TableSchema.EpochColumn}', which mode: changes adds", "Rename it on the way.");
        }

        var layout = PartitionLayout.Create(_options.Path, _options.PartitionBy, input);
        var schema = TableSchema.OfInput(input, _options.Mode, layout);
        if (_options.Publish == PublishAs.Files)
        {
            return _folder.Describe(input, layout, schema);
        }

        _ = ParquetColumn.Map(schema);
        var columns = string.Join(", ", schema.FieldsList.Select(f => $"{f.Name} {DeltaSchema.TypeName(f)}{(f.IsNullable ? "" : " not null")}"));
        _ = DeltaSchema.ToJson(schema);
        var partitions = layout.DeltaColumns.Count > 0 ? $" partitioned by ({layout.DeltaColumns[0]})" : "";
        var byRunDate = layout.IsByRunDate ? $" {RunDateNote}" : "";
        return new LoadPlan(
            _options.Mode,
            _options.Key,
            $"{_store.Root}{layout.Root}",
            Guarantee(layout.Root) + byRunDate,
            [$"create delta table {layout.Root} ({columns}){partitions}", $"put if absent {layout.Root}_delta_log/<next version>.json"],
            DeletesExcluded: _options.OnExcluded == OnExcluded.Delete)
        {
            Conversions = [.. schema.FieldsList.Where(f => input.Index(f.Name) >= 0).Select(f => new ColumnConversion(f.Name, DeltaSchema.TypeName(f), ConversionVerdict.Exact))],
            AcceptedLosses = _options.AcceptLoss,
            AddedColumns = [.. schema.FieldsList.Where(f => input.Index(f.Name) < 0)],
        };
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) =>
        HasLog ? (await LogOf(RootOfTable).ReadAsync(cancel)).CheckpointOf(key) : await _folder.ReadCheckpointAsync(key, cancel);

    /// <inheritdoc/>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (!HasLog)
        {
            await foreach (var epoch in _folder.ReadEpochsAsync(key, cancel))
            {
                yield return epoch;
            }

            yield break;
        }

        foreach (var epoch in await LogOf(RootOfTable).ReadEpochsAsync(key, cancel))
        {
            yield return epoch;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        var layout = PartitionLayout.Create(_options.Path, _options.PartitionBy, request.Schema);
        if (!HasLog)
        {
            return await _folder.OpenAsync(request, layout, cancel);
        }

        var log = LogOf(layout.Root);
        var table = await log.ReadAsync(cancel);
        var load = new LakeLoad(_options, request, layout);
        if (!layout.IsByRunDate)
        {
            return LakeSession.Start(load, _store, _context, log, table);
        }

        var date = await EpochDate.TakeAsync(_store, layout.Root, request, (table.CheckpointOf(request)?.N ?? 0) + 1, _context.Time, cancel);
        return await date.OpenAsync(() => LakeSession.Start(load with { Layout = layout.At(date.Date), Date = date }, _store, _context, log, table));
    }

    /// <inheritdoc/>
    public async ValueTask<LakeInspection> VerifyAsync(bool deep, CancellationToken cancel)
    {
        RequireLog();
        var problems = new List<string>();
        var name = $"{_store.Root}{RootOfTable}";
        var table = await new LogCheck(LogOf(RootOfTable), new DeltaCheckpoints(_store, RootOfTable, TempFolder), problems).RunAsync(name, cancel);
        IReadOnlyCollection<ActiveFile> files = table?.Files ?? [];
        problems.AddRange(await new FileCheck(_store, RootOfTable, deep).RunAsync(files, cancel));
        return new LakeInspection(name, table?.Version ?? -1, files.Count, files.Sum(f => f.Size), problems);
    }

    /// <inheritdoc/>
    public ValueTask<LakeClearance> VacuumAsync(TimeSpan retention, bool dryRun, CancellationToken cancel)
    {
        RequireLog();
        return new LakeVacuum(_store, RootOfTable, LogOf(RootOfTable)).RunAsync(retention, dryRun, cancel);
    }

    /// <inheritdoc/>
    public ValueTask<LakeCompaction> CompactAsync(LakeCompactionRequest request, CancellationToken cancel)
    {
        RequireLog();
        return new LakeCompactor(_store, RootOfTable, LogOf(RootOfTable), _options, _context, request).RunAsync(cancel);
    }

    private static string RunDateNote => $"{PartitionLayout.RunDateColumn} is the run's date; an epoch that was begun and killed keeps the date of its first attempt, unless --date says another.";

    private string RootOfTable => PartitionLayout.RootOf(_options.Path);

    private void RequireLog()
    {
        if (!HasLog)
        {
            throw new EtlException("ETL4566", $"{_store.Root}{RootOfTable} is a plain folder (publish: files), which has no log to look after", "Name a load with a log by --stage.");
        }
    }

    private string TempFolder => Path.Combine(_context.StateFolder, "tmp");

    private DeltaLog LogOf(string root) => new(_store, root, TempFolder);

    private string Guarantee(string root) => (_store.PutIfAbsentIsAtomic
        ? "exactly-once effect for readers of the Delta log; two runs at a time are told apart when they publish, and the later one is refused (there is no lease)."
        : $"exactly-once effect for readers of the Delta log, as long as one program at a time writes to the table: the store has no put-if-absent in one step, so of two that publish to {root}_delta_log/ at the same moment one overwrites the other's commit, and its rows are lost. Let nothing else write to the table, and let the scheduler start no second run.")
        + " A reader of the bare folders sees files before they are published and after they are replaced.";
}
