using System.Buffers;
using System.Collections.Concurrent;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>
/// Takes the batches of a load apart: rows go to the writer, and for an upsert key, row and deletion to the index. Thread-safe.
/// </summary>
internal sealed class StagedRows(LakeLoad load, Schema schema, PartitionedWriter writer, string[] key, KeyIndex? index)
{
    private readonly int _opColumn = load.Request.Schema.Index(RowSchema.OpColumn);
    private readonly ConcurrentBag<int> _lanes = [];
    private int _lastLane;
    private long _rows;

    /// <summary>Rows that were given to the writer.</summary>
    public long Rows => Interlocked.Read(ref _rows);

    /// <summary>Adds the rows of one of several streams that come at a time; each has a lane of the writer for as long as it lasts.</summary>
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
                await AddAsync(batch, lane, cancel);
            }
        }

        _lanes.Add(lane);
    }

    // The batch is not needed afterwards.
    private async ValueTask AddAsync(RecordBatch batch, int lane, CancellationToken cancel)
    {
        var rows = ArrayPool<int>.Shared.Rent(batch.Length);
        var files = index is null ? null : ArrayPool<int>.Shared.Rent(batch.Length);
        var deletions = ArrayPool<bool>.Shared.Rent(batch.Length);
        try
        {
            var count = 0;
            var ops = _opColumn < 0 ? null : (StringArray)batch.Column(_opColumn);
            for (var i = 0; i < batch.Length; i++)
            {
                deletions[i] = ops is not null && ops.GetBytes(i).SequenceEqual("delete"u8);
                if (!deletions[i] || load.Options.Mode == LoadMode.Changes)
                {
                    rows[count++] = i;
                }
            }

            if (count > 0)
            {
                await writer.AddAsync(batch, rows.AsMemory(0, count), lane, files, cancel);
            }

            Interlocked.Add(ref _rows, count);
            if (index is not null)
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
        IArrowArray[] keyColumns = [.. key.Select(k => batch.Column(load.Request.Schema.Index(k)))];
        index!.Hasher.Hash(keyColumns, keys);
        index.Hasher.Hash([.. schema.FieldsList.Select(f => load.Request.Schema.Index(f.Name) is >= 0 and var i ? batch.Column(i) : null)], rows);
        index.Add(keys, rows, deletions, files, keyColumns, [.. key.Select(schema.GetFieldByName)]);
    }
}
