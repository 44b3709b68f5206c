using System.Buffers;
using System.Collections.Concurrent;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Parquet;

namespace Etl.Plugins.Lake;

/// <summary>Where a column of the table comes from: a column of the staged batches, or a value that is the same for all rows.</summary>
/// <param name="Index">Position in the batch; -1 for <paramref name="Fill"/>.</param>
/// <param name="Fill">Appends a number of rows.</param>
internal readonly record struct ColumnSource(int Index, Action<ColumnBuilder, int>? Fill);

/// <summary>
/// Sorts rows into files by partition. Each partition has a buffer that grows on demand; a full one becomes a row group of its open file.
/// When all of them together pass the budget, the largest is put aside on the local disk, so memory is bounded however many partitions there are, and
/// row groups stay large.
/// Thread-safe; where all rows are of one partition, each lane has a file of its own, so that lanes encode in parallel.
/// </summary>
internal sealed class PartitionedWriter(PartitionLayout layout, int partitionIndex, ColumnSource[] columns, DataFiles files, long targetFileSize, long budget, long rowGroupBytes, bool sendAtOnce) : IAsyncDisposable
{
    // Buffers of partitions take memory however few rows they hold.
    private const int MostPartitions = 10_000;

    // Each open file holds a descriptor.
    private const int MostOpenFiles = 128;
    private readonly ConcurrentDictionary<(PartitionValue Value, int Lane), Partition> _parts = new();
    private readonly ConcurrentQueue<DataFile> _finished = new();
    private readonly RowHasher _hasher = new();
    private readonly SpillFile _spill = new(files.NewTempPath(), files.Schema);
    private readonly ConcurrentBag<byte[]> _buffers = [];
    private long _buffered;
    private int _open;

    /// <summary>
    /// Adds the rows of a batch that <paramref name="rows"/> names. The file that each goes to is written to the row's place in <paramref name="fileOfRow"/>, if given.
    /// </summary>
    public async ValueTask AddAsync(RecordBatch batch, ReadOnlyMemory<int> rows, int lane, int[]? fileOfRow, CancellationToken cancel)
    {
        if (partitionIndex < 0)
        {
            await AppendAsync(PartOf(layout.ValueOfRun, lane), batch, rows, fileOfRow, cancel);
            return;
        }

        var order = ArrayPool<int>.Shared.Rent(rows.Length);
        try
        {
            foreach (var (value, start, count) in Group(batch.Column(partitionIndex), rows.Span, order))
            {
                await AppendAsync(PartOf(value, 0), batch, order.AsMemory(start, count), fileOfRow, cancel);
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(order);
        }
    }

    /// <summary>Writes out all that waits and closes all files; these are all there are. May be called again after more rows.</summary>
    public async ValueTask<IReadOnlyList<DataFile>> FinishAsync(CancellationToken cancel)
    {
        await Parallel.ForEachAsync(_parts.Values, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancel }, async (part, stop) =>
        {
            await part.Gate.WaitAsync(stop);
            try
            {
                await FlushAsync(part, stop);
                await CloseAsync(part, stop);
            }
            finally
            {
                part.Gate.Release();
            }
        });
        return [.. _finished.OrderBy(f => f.Id)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var part in _parts.Values)
        {
            await part.DisposeAsync();
        }

        _spill.Dispose();
    }

    private Partition PartOf(PartitionValue value, int lane) => _parts.Count > MostPartitions
        ? throw new EtlException("ETL4565", $"the rows of one load are of more than {MostPartitions} partitions by '{layout.Column}'", "Partition by something that has fewer values, such as a date by month: readers need files that are not tiny.") { OptionPath = "partition_by" }
        : _parts.GetOrAdd((value, lane), static (key, self) => new Partition(self.layout.FolderOf(key.Value), self.files.Schema, self.files.NextId()), (layout, files));

    // A counting sort: rows in the order of their partitions, which are few.
    private List<(PartitionValue Value, int Start, int Count)> Group(IArrowArray column, ReadOnlySpan<int> rows, int[] order)
    {
        // Text is hashed, so that only the first row of a partition makes a string.
        var numbers = new Dictionary<UInt128, int>();
        var hashes = column is StringArray ? new UInt128[column.Length] : null;
        if (hashes is not null)
        {
            _hasher.Hash([column], hashes);
        }

        var values = new List<PartitionValue>();
        var counts = new List<int>();
        var partOf = ArrayPool<int>.Shared.Rent(rows.Length);
        for (var i = 0; i < rows.Length; i++)
        {
            var value = hashes is null ? layout.ValueOf(column, rows[i]) : default;
            var key = hashes is null ? new UInt128(value.IsNull ? 1UL : 0, (ulong)value.Number) : hashes[rows[i]];
            if (!numbers.TryGetValue(key, out var number))
            {
                numbers.Add(key, number = values.Count);
                values.Add(hashes is null ? value : layout.ValueOf(column, rows[i]));
                counts.Add(0);
            }

            partOf[i] = number;
            counts[number]++;
        }

        var groups = new List<(PartitionValue, int, int)>(values.Count);
        var next = new int[values.Count];
        for (int number = 0, start = 0; number < values.Count; start += counts[number++])
        {
            groups.Add((values[number], start, counts[number]));
            next[number] = start;
        }

        for (var i = 0; i < rows.Length; i++)
        {
            order[next[partOf[i]]++] = rows[i];
        }

        ArrayPool<int>.Shared.Return(partOf);
        return groups;
    }

    private async ValueTask AppendAsync(Partition part, RecordBatch batch, ReadOnlyMemory<int> rows, int[]? fileOfRow, CancellationToken cancel)
    {
        await part.Gate.WaitAsync(cancel);
        try
        {
            Fill(part.Builder, batch, rows.Span);
            var bytes = part.Builder.ByteLength;
            Interlocked.Add(ref _buffered, bytes - part.Bytes);
            part.Bytes = bytes;
            if (fileOfRow is not null)
            {
                foreach (var row in rows.Span)
                {
                    fileOfRow[row] = part.FileId;
                }
            }

            if (part.Rows >= ParquetFileWriter.RowGroupRows || part.TotalBytes >= rowGroupBytes)
            {
                await FlushAsync(part, cancel);
            }
        }
        finally
        {
            part.Gate.Release();
        }

        while (Volatile.Read(ref _buffered) > budget)
        {
            await SpillAsync(_parts.Values.MaxBy(p => p.Bytes)!, cancel);
        }
    }

    private async ValueTask SpillAsync(Partition part, CancellationToken cancel)
    {
        await part.Gate.WaitAsync(cancel);
        try
        {
            if (part.Builder.Length > 0)
            {
                part.Spill(_spill);
                Interlocked.Add(ref _buffered, -part.Bytes);
                part.Bytes = 0;
            }
        }
        finally
        {
            part.Gate.Release();
        }
    }

    private void Fill(RecordBatchBuilder builder, RecordBatch batch, ReadOnlySpan<int> rows)
    {
        var whole = rows.Length == batch.Length && rows[0] == 0 && rows[^1] == batch.Length - 1;
        for (var i = 0; i < columns.Length; i++)
        {
            if (columns[i].Fill is { } fill)
            {
                fill(builder[i], rows.Length);
            }
            else if (whole)
            {
                builder[i].Append(batch.Column(columns[i].Index).Data, 0, batch.Length);
            }
            else
            {
                builder[i].Append(batch.Column(columns[i].Index).Data, rows);
            }
        }
    }

    private async ValueTask FlushAsync(Partition part, CancellationToken cancel)
    {
        if (part.Rows == 0)
        {
            return;
        }

        if (part.File is null)
        {
            part.File = await files.OpenAsync(part.FileId, part.Folder, cancel);
            Interlocked.Increment(ref _open);
        }

        var buffer = _buffers.TryTake(out var used) ? used : [];
        using var batch = part.Take(_spill, ref buffer);
        _buffers.Add(buffer);
        Interlocked.Add(ref _buffered, -part.Bytes);
        part.Bytes = 0;
        await part.File.WriteRowGroupAsync(batch, cancel);
        if (part.File.Length >= targetFileSize || Volatile.Read(ref _open) > MostOpenFiles)
        {
            await CloseAsync(part, cancel);
        }
    }

    private async ValueTask CloseAsync(Partition part, CancellationToken cancel)
    {
        if (part.File is null)
        {
            return;
        }

        var finished = await part.File.FinishAsync(cancel);
        await part.File.DisposeAsync();
        (part.File, part.FileId) = (null, files.NextId());
        Interlocked.Decrement(ref _open);
        if (sendAtOnce)
        {
            await files.SendAsync(finished, cancel);
        }

        _finished.Enqueue(finished);
    }
}
