using Apache.Arrow;
using Etl.Contracts.Arrow;
using Parquet;

namespace Etl.Parquet;

/// <summary>
/// Writes record batches to one Parquet file. Rows are gathered into row groups of up to <see cref="RowGroupRows"/> rows or
/// <see cref="RowGroupBytes"/> bytes, whichever comes first, so memory is bounded by one row group. Not thread-safe.
/// </summary>
internal sealed class ParquetFileWriter : IAsyncDisposable
{
    /// <summary>Rows of a full row group.</summary>
    public const int RowGroupRows = 262_144;

    /// <summary>Bytes of Arrow values at which a row group ends before it is full.</summary>
    public const long RowGroupBytes = 64L << 20;

    /// <summary>A key of the footer that says that the file's statistics are ours: those of the library's other users are not all right.</summary>
    public const string Mark = "etl.statistics";

    private readonly ParquetWriter _writer;
    private readonly ParquetColumn[] _columns;
    private readonly RecordBatchBuilder _pending;
    private bool _hasGroups;

    private ParquetFileWriter(ParquetWriter writer, Schema schema, ParquetColumn[] columns)
    {
        _writer = writer;
        _columns = columns;
        _pending = new RecordBatchBuilder(schema);
        Statistics = [.. schema.FieldsList.Select(f => new ColumnStatistics(f))];
    }

    /// <summary>Rows written, pending ones included.</summary>
    public long Rows { get; private set; }

    /// <summary>By column, in the schema's order; complete after <see cref="FinishAsync"/>.</summary>
    public IReadOnlyList<ColumnStatistics> Statistics { get; }

    /// <summary>Starts a file on a stream, which stays open. ETL4570 for a type that is not written to Parquet.</summary>
    public static async ValueTask<ParquetFileWriter> CreateAsync(Stream output, Schema schema, CompressionMethod compression, CancellationToken cancel)
    {
        var (declared, columns) = ParquetColumn.Map(schema);
        var options = new ParquetOptions { CompressionMethod = compression, CompressionLevel = System.IO.Compression.CompressionLevel.Optimal };
        var writer = await ParquetWriter.CreateAsync(declared, output, options, cancellationToken: cancel);
        writer.CustomMetadata = new Dictionary<string, string> { [Mark] = "1" };
        return new ParquetFileWriter(writer, schema, columns);
    }

    /// <summary>Adds the rows of a batch; the batch is not needed afterwards.</summary>
    public async ValueTask WriteAsync(RecordBatch batch, CancellationToken cancel)
    {
        for (var offset = 0; offset < batch.Length;)
        {
            var rows = Math.Min(batch.Length - offset, RowGroupRows - _pending.Length);
            _pending.Append(batch, offset, rows);
            Rows += rows;
            offset += rows;
            if (_pending.Length >= RowGroupRows || _pending.ByteLength >= RowGroupBytes)
            {
                await FlushAsync(cancel);
            }
        }
    }

    /// <summary>Writes a batch as a row group of its own, without copying it first.</summary>
    public async ValueTask WriteRowGroupAsync(RecordBatch batch, CancellationToken cancel)
    {
        await FlushAsync(cancel);
        Rows += batch.Length;
        await WriteGroupAsync(batch, cancel);
    }

    /// <summary>Writes what is pending and the footer: the file is whole only after this.</summary>
    public async ValueTask FinishAsync(CancellationToken cancel)
    {
        await FlushAsync(cancel);
        if (!_hasGroups)
        {
            // Readers refuse a file without a row group.
            using var empty = _pending.Build();
            await WriteGroupAsync(empty, cancel);
        }

        await _writer.DisposeAsync();
    }

    /// <summary>Frees what is pending. A file that was not finished has no footer and is no Parquet file.</summary>
    public ValueTask DisposeAsync()
    {
        _pending.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask FlushAsync(CancellationToken cancel)
    {
        if (_pending.Length > 0)
        {
            using var batch = _pending.Build();
            await WriteGroupAsync(batch, cancel);
        }
    }

    private async ValueTask WriteGroupAsync(RecordBatch batch, CancellationToken cancel)
    {
        _hasGroups = true;
        using var group = _writer.CreateRowGroup();
        for (var i = 0; i < _columns.Length; i++)
        {
            cancel.ThrowIfCancellationRequested();
            Statistics[i].Add(batch.Column(i));
            await new ParquetColumnWriter(group, _columns[i], batch.Column(i)).WriteAsync(cancel);
        }

        group.CompleteValidate();
    }
}
