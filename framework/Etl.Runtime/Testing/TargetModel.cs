using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>
/// Stands in for a target, in memory. It keeps what loaders promise: rows are staged where nobody sees them and published in one step with
/// the checkpoint, and a mode means what <see cref="LoadMode"/> says.
/// </summary>
internal sealed class TargetModel : ILoader
{
    private const string EpochColumn = "_etl_epoch";

    private readonly LoadNode _load;
    private readonly List<int> _key;
    private readonly int _partition;
    // Of rows that a run put where partitions are the runs' dates.
    private readonly Dictionary<object?[], DateOnly?> _dates = new(ReferenceEqualityComparer.Instance);
    private List<object?[]> _rows;
    private Checkpoint? _checkpoint;
    private long _fence;

    /// <summary>With the rows that it holds before the first load.</summary>
    public TargetModel(LoadNode load, IReadOnlyList<object?[]> existing)
    {
        var columns = new RowSchema(SchemaOf(load));
        (_load, _rows) = (load, [.. existing]);
        _key = [.. load.Plan.Key.Select(columns.Index)];
        _partition = load.Stage.With["partition_by"] is YamlScalar column ? columns.Index(column.Value) : -1;
    }

    /// <summary>What it holds.</summary>
    public IReadOnlyList<object?[]> Rows => _rows;

    /// <summary>The columns of a load's target: <c>_op</c> is obeyed, and kept only in a log of changes.</summary>
    public static Schema SchemaOf(LoadNode load)
    {
        var fields = load.Schema.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn);
        return new Schema(load.Plan.Mode != LoadMode.Changes ? fields : [.. fields, new Field(RowSchema.OpColumn, StringType.Default, false), new Field(EpochColumn, Int64Type.Default, false)], null);
    }

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input) => _load.Plan;

    /// <inheritdoc/>
    public ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel) => ValueTask.FromResult(_checkpoint);

    /// <inheritdoc/>
    public ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel) => ValueTask.FromResult<ILoadSession>(new Session(this, request, ++_fence));

    private PublishResult Publish(IReadOnlyList<(object?[] Row, string Op)> staged, Checkpoint next, DateOnly? date)
    {
        var kept = staged.Where(s => s.Op != RowSchema.OpDelete).Select(s => s.Row).ToList();
        kept.ForEach(row => _dates[row] = date);
        var before = _rows;
        PublishResult result;
        switch (_load.Plan.Mode)
        {
            case LoadMode.Append:
                _rows = [.. before, .. kept];
                result = new PublishResult(kept.Count, 0, 0, 0);
                break;
            case LoadMode.Changes:
                _rows = [.. before, .. staged.Select(s => (object?[])[.. s.Row, s.Op, (Int128)next.N])];
                result = new PublishResult(staged.Count, 0, 0, 0);
                break;
            case LoadMode.Replace:
                if (kept.Count == 0 && _load.Stage.With["allow_empty"] is not YamlScalar { Value: "true" })
                {
                    throw new EtlException("ETL4642", $"nothing was staged, and replacing the target of '{_load.Id}' would empty it", "If that is right, say allow_empty: true.");
                }

                _rows = kept;
                result = new PublishResult(kept.Count, 0, before.Count, 0);
                break;
            case LoadMode.ReplacePartitions:
                var left = before.Where(row => !kept.Exists(k => PartitionOf(k) == PartitionOf(row))).ToList();
                _rows = [.. left, .. kept];
                result = new PublishResult(kept.Count, 0, before.Count - left.Count, 0);
                break;
            default:
                result = Upsert(staged);
                break;
        }

        _checkpoint = next;
        return result;
    }

    private PublishResult Upsert(IReadOnlyList<(object?[] Row, string Op)> staged)
    {
        var rows = new List<object?[]>(_rows);
        var (inserted, updated, deleted, unchanged) = (0, 0, 0, 0);
        var seen = new List<object?[]>();
        foreach (var (row, op) in staged)
        {
            if (_key.Exists(k => row[k] is null) || seen.Exists(s => IsSame(s, row)))
            {
                var values = string.Join(", ", _key.Select(k => Cell.Format(row[k], SchemaOf(_load).FieldsList[k].DataType)));
                throw new EtlException("ETL4641", $"the rows for '{_load.Id}' have the key ({string.Join(", ", _load.Plan.Key)}) = ({values}), which {(seen.Exists(s => IsSame(s, row)) ? "comes more than once" : "holds a NULL")}", "A target refuses this too. Deduplicate by the key, or check it, before the load.");
            }

            seen.Add(row);
            var at = rows.FindIndex(r => IsSame(r, row));
            if (op == RowSchema.OpDelete)
            {
                deleted += at < 0 ? 0 : 1;
                rows.RemoveAll(r => IsSame(r, row));
            }
            else if (at < 0)
            {
                inserted++;
                rows.Add(row);
            }
            else
            {
                var same = row.Zip(rows[at]).All(p => Cell.Same(p.First, p.Second));
                (unchanged, updated) = same ? (unchanged + 1, updated) : (unchanged, updated + 1);
                rows[at] = row;
            }
        }

        _rows = rows;
        return new PublishResult(inserted, updated, deleted, unchanged);
    }

    private bool IsSame(object?[] a, object?[] b) => _key.TrueForAll(k => Cell.Same(a[k], b[k]));

    // A layout such as {year}/{month}/ makes one partition of all times of a month.
    private string PartitionOf(object?[] row)
    {
        // Without a column of the row, it is the run's date: the same for all rows of a run, and not known of those that were there before.
        var text = _partition >= 0 ? Cell.Format(row[_partition], SchemaOf(_load).FieldsList[_partition].DataType)
            : _dates.GetValueOrDefault(row)?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "";
        var path = (_load.Stage.With["path"] as YamlScalar)?.Value ?? "";
        var length = path.Contains("{hour}", StringComparison.Ordinal) ? 13 : path.Contains("{day}", StringComparison.Ordinal) ? 10
            : path.Contains("{month}", StringComparison.Ordinal) ? 7 : path.Contains("{year}", StringComparison.Ordinal) ? 4 : text.Length;
        return text[..Math.Min(length, text.Length)];
    }

    private sealed class Session(TargetModel target, LoadRequest request, long fence) : ILoadSession
    {
        private readonly List<(object?[] Row, string Op)> _staged = [];
        private readonly int _op = request.Schema.Index(RowSchema.OpColumn);

        public long Fence => fence;

        public Checkpoint? Checkpoint { get; } = target._checkpoint;

        public int Parallelism => 1;

        public async ValueTask StageAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
        {
            await foreach (var batch in batches.WithCancellation(cancel))
            {
                _staged.AddRange(CellBatch.Rows(batch).Select(row => _op < 0 ? (row, RowSchema.OpUpsert) : ([.. row.Where((_, i) => i != _op)], (string)row[_op]!)));
            }
        }

        public ValueTask<PublishResult> PublishAsync(Checkpoint next, CancellationToken cancel) => ValueTask.FromResult(target.Publish(_staged, next, request.RunDate));

        public ValueTask<bool> ResolveAsync(Checkpoint next, CancellationToken cancel) => ValueTask.FromResult(target._checkpoint?.BatchId == next.BatchId);

        public ValueTask<bool> RenewAsync(CancellationToken cancel) => ValueTask.FromResult(true);

        public ValueTask DisposeAsync() => default;
    }
}
