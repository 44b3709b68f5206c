using Apache.Arrow;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Lake;

/// <summary>
/// The rows of one partition that are not in a file yet: in memory, and before those what was put aside on the disk. Not thread-safe; <see cref="Gate"/> is for who uses it.
/// </summary>
internal sealed class Partition(PartitionFolder folder, Schema schema, int fileId) : IAsyncDisposable
{
    private const int FirstRows = 64;
    private readonly RecordBatchBuilder _builder = new(schema, FirstRows);
    private readonly List<SpilledRows> _spilled = [];
    private int _spilledRows;
    private long _spilledBytes;

    public readonly SemaphoreSlim Gate = new(1, 1);
    public readonly PartitionFolder Folder = folder;

    /// <summary>The file that waiting rows will be in; it changes only when none wait.</summary>
    public int FileId = fileId;

    /// <summary>The file that is open; null for none.</summary>
    public OpenDataFile? File;

    /// <summary>Bytes in memory, as they were last counted.</summary>
    public long Bytes;

    /// <summary>For rows to be added to.</summary>
    public RecordBatchBuilder Builder => _builder;

    /// <summary>Rows that wait.</summary>
    public int Rows => _builder.Length + _spilledRows;

    /// <summary>Their bytes, in memory and on the disk.</summary>
    public long TotalBytes => _builder.ByteLength + _spilledBytes;

    /// <summary>Puts what is in memory aside.</summary>
    public void Spill(SpillFile file)
    {
        using var batch = _builder.Build();
        var rows = file.Write(batch);
        _spilled.Add(rows);
        _spilledRows += rows.Rows;
        _spilledBytes += rows.Bytes;
    }

    /// <summary>All that waits, as one batch; nothing waits afterwards.</summary>
    public RecordBatch Take(SpillFile file, ref byte[] buffer)
    {
        if (_spilled.Count == 0)
        {
            return _builder.Build();
        }

        using var all = new RecordBatchBuilder(schema, Rows);
        foreach (var rows in _spilled)
        {
            file.AppendTo(rows, all, ref buffer);
        }

        using (var last = _builder.Build())
        {
            all.Append(last, 0, last.Length);
        }

        _spilled.Clear();
        (_spilledRows, _spilledBytes) = (0, 0);
        return all.Build();
    }

    public async ValueTask DisposeAsync()
    {
        _builder.Dispose();
        Gate.Dispose();
        if (File is not null)
        {
            await File.DisposeAsync();
        }
    }
}
