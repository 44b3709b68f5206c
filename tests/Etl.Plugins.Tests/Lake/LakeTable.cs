using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>A row of the table that the tests load: <c>id</c> is the key and <c>day</c> the partition.</summary>
internal sealed record Order(long Id, int? Day, string? Note, long Cents, bool IsDeleted = false);

/// <summary>A table in a folder of its own, and loads into it.</summary>
internal sealed class LakeTable
{
    public const string ByDay = "orders/{year}/{month}/{day}/";

    private const string AllColumns = "id, day, note, amount";

    public static readonly RowSchema Orders = new(new Schema(
        [
            new Field("id", Int64Type.Default, false), new Field("day", Date32Type.Default, true), new Field("note", StringType.Default, true),
            new Field("amount", new Decimal128Type(12, 2), false),
        ],
        null));

    public static readonly RowSchema OrderChanges = new(new Schema([.. Orders.Arrow.FieldsList, new Field(RowSchema.OpColumn, StringType.Default, false)], null));

    private readonly string _state;

    public LakeTable(ParquetLoaderOptions options)
    {
        var folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "lake", Guid.NewGuid().ToString("N"));
        Store = new LocalFolderStore(Path.Combine(folder, "store"));
        Options = options;
        _state = Path.Combine(folder, "state");
        Directory.CreateDirectory(_state);
    }

    public LocalFolderStore Store { get; }

    /// <summary>Where the table lies instead of in <see cref="Store"/>.</summary>
    public IObjectStore? Elsewhere { get; init; }

    public ParquetLoaderOptions Options { get; set; }

    public CheckpointKey Key { get; set; } = new("test", "orders", "lake");

    /// <summary>Files of older versions may be gone.</summary>
    public bool IsVacuumed { get; set; }

    public string RunId { get; set; } = "run-1";

    public IReadOnlyList<string> GoneRuns { get; set; } = [];

    public long MemoryBytes { get; set; } = 1L << 30;

    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>What a person gave; null for the day of the clock.</summary>
    public DateOnly? RunDate { get; set; }

    public static ParquetLoaderOptions Upsert(string path = ByDay, string? partitionBy = "day") => new() { Path = path, PartitionBy = partitionBy, Mode = LoadMode.Upsert, Key = ["id"] };

    public ParquetLoader Loader() => new(Options, Elsewhere ?? Store, new PluginContext(_state, _state, MemoryBytes, Time));

    public async Task<ILoadSession> OpenAsync(bool fullRefresh = false, RowSchema? schema = null, Action<string>? failPoint = null)
    {
        var loader = Loader();
        loader.Describe(schema ?? Orders);
        return await loader.OpenAsync(new LoadRequest(Key, schema ?? Orders, RunId, fullRefresh, "host:1", TimeSpan.FromMinutes(1), failPoint ?? (_ => { })) { GoneRuns = GoneRuns, RunDate = RunDate, IsRunDateGiven = RunDate is not null }, default);
    }

    public async Task<PublishResult> LoadAsync(IEnumerable<Order> rows, bool fullRefresh = false, RowSchema? schema = null)
    {
        await using var session = await OpenAsync(fullRefresh, schema);
        await StageAsync(session, rows, schema);
        return await session.PublishAsync(Next(session), default);
    }

    public static async Task StageAsync(ILoadSession session, IEnumerable<Order> rows, RowSchema? schema = null)
    {
        // Several batches, so that nothing rests on there being one.
        await session.StageAsync(Batches(rows.Chunk(100), schema ?? Orders), default);
    }

    /// <summary>As what the source has, for a reconciliation.</summary>
    public static async Task StageKeysAsync(ILoadSession session, IEnumerable<Order> rows) =>
        await ((IReconcilingLoadSession)session).StageKeysAsync(TypedRows.Stream(TypedRows.Batch(TypedRows.Schema(("id", Int64Type.Default)), [.. rows.Select(r => new object?[] { r.Id })])), default);

    public Checkpoint Next(ILoadSession session, string? batchId = null) => new()
    {
        Key = Key,
        N = (session.Checkpoint?.N ?? 0) + 1,
        Fence = session.Fence,
        BatchId = batchId ?? Guid.NewGuid().ToString("N"),
        RunId = "run-1",
        PlanHash = "plan",
        Fingerprint = "f",
        Sources = new Dictionary<string, SourcePosition> { ["source"] = new("test/1", "here", new JsonObject { ["at"] = 1 }) },
    };

    /// <summary>Checks the log and gives the rows, ordered, as DuckDB reads them from the files that the log names; all columns of an order also as delta-kernel-rs reads the table.</summary>
    public string[] Read(string columns = AllColumns, string order = "all")
    {
        var folder = Path.Combine(Store.Folder, "orders");
        var files = DeltaLogChecker.Check(folder, IsVacuumed);
        var rows = files.Count == 0 ? [] : Duck.Rows($"select {columns} from read_parquet([{string.Join(", ", files.Select(f => $"'{f.Replace("'", "''", StringComparison.Ordinal)}'"))}], union_by_name = true, hive_partitioning = false) order by {order}");
        if (columns == AllColumns)
        {
            Assert.That(KernelRows(KernelReader.Local(folder)), Is.EquivalentTo(rows));
        }

        return rows;
    }

    /// <summary>The rows of orders in a table as <see cref="KernelReader"/> names it, written as <see cref="Read"/> does.</summary>
    public static string[] KernelRows(string source) => KernelReader.Rows($"select id, formatDateTime(day, '%m/%d/%Y'), note, amount from {source}");

    /// <summary>Puts another text into an entry of the log, as another writer would have it.</summary>
    public async Task RewriteLogAsync(string old, string @new, long version = 0)
    {
        var path = Path.Combine(Store.Folder, $"orders/_delta_log/{version:D20}.json");
        var text = await File.ReadAllTextAsync(path);
        Assert.That(text, Does.Contain(old));
        await File.WriteAllTextAsync(path, text.Replace(old, @new, StringComparison.Ordinal));
    }

    /// <summary>The data files that are in the store, whether the log names them or not.</summary>
    public IReadOnlyList<string> DataFiles() => [.. Store.Keys().Where(k => k.EndsWith(".parquet", StringComparison.Ordinal))];

    public static string[] Text(IEnumerable<Order> rows) =>
        [.. rows.OrderBy(r => r.Id).Select(r => FormattableString.Invariant($"{r.Id}|{(r.Day is { } d ? DateOnly.FromDayNumber(719162 + d).ToString("MM/dd/yyyy") : "∅")}|{r.Note ?? "∅"}|{r.Cents / 100m:0.00}"))];

    private static async IAsyncEnumerable<RecordBatch> Batches(IEnumerable<Order[]> chunks, RowSchema schema)
    {
        using var builder = new RecordBatchBuilder(schema.Arrow);
        foreach (var chunk in chunks)
        {
            await Task.Yield();
            foreach (var row in chunk)
            {
                builder[0].Append(row.Id);
                if (row.Day is { } day)
                {
                    builder[1].Append(day);
                }
                else
                {
                    builder[1].AppendNull();
                }

                if (row.Note is { } note)
                {
                    builder[2].Append(note.AsSpan());
                }
                else
                {
                    builder[2].AppendNull();
                }

                builder[3].Append((Int128)row.Cents);
                if (schema.HasOp)
                {
                    builder[4].Append((row.IsDeleted ? RowSchema.OpDelete : RowSchema.OpUpsert).AsSpan());
                }
            }

            using var batch = builder.Build();
            yield return batch;
        }
    }
}
