using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.C;

namespace Etl.Contracts.Arrow;

/// <summary>
/// Makes record batches in native memory, without an object per value: fill the columns, then <see cref="Build"/>. Buffers
/// are handed over, not copied, and freed when the batch is disposed. Not thread-safe.
/// </summary>
public sealed unsafe class RecordBatchBuilder : IDisposable
{
    private readonly ColumnBuilder[] _columns;

    /// <summary>Columns for each field of <paramref name="schema"/>, with room for <paramref name="capacity"/> rows at first.</summary>
    public RecordBatchBuilder(Schema schema, int capacity = 1024)
    {
        Schema = schema;
        _columns = [.. schema.FieldsList.Select(f => new ColumnBuilder(f.DataType, capacity))];
    }

    /// <summary>The schema of the batches.</summary>
    public Schema Schema { get; }

    /// <summary>The columns, in order.</summary>
    public ReadOnlySpan<ColumnBuilder> Columns => _columns;

    /// <summary>A column.</summary>
    public ColumnBuilder this[int index] => _columns[index];

    /// <summary>Rows so far: values of the first column.</summary>
    public int Length => _columns.Length == 0 ? 0 : _columns[0].Length;

    /// <summary>Bytes of values so far, for cutting batches by size.</summary>
    public long ByteLength
    {
        get
        {
            long bytes = 0;
            foreach (var column in _columns)
            {
                bytes += column.ByteLength;
            }

            return bytes;
        }
    }

    /// <summary>Appends rows of a batch with the same schema.</summary>
    public void Append(RecordBatch batch, int offset, int length)
    {
        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i].Append(batch.Column(i).Data, offset, length);
        }
    }

    /// <summary>Appends the rows of a batch with the same schema that <paramref name="rows"/> names.</summary>
    public void Append(RecordBatch batch, ReadOnlySpan<int> rows)
    {
        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i].Append(batch.Column(i).Data, rows);
        }
    }

    /// <summary>The rows so far as a batch of its own; the builder is empty afterwards and can be filled again.</summary>
    public RecordBatch Build()
    {
        var length = Length;
        foreach (var column in _columns)
        {
            if (column.Length != length)
            {
                throw new InvalidOperationException($"columns have {length} and {column.Length} rows");
            }
        }

        var root = (NativeArray*)NativeMemory.AllocZeroed((nuint)sizeof(NativeArray));
        try
        {
            NativeArray.Init(root, length, 0, buffers: 1, children: _columns.Length);
            for (var i = 0; i < _columns.Length; i++)
            {
                _columns[i].MoveTo(root->Children[i]);
            }

            return CArrowArrayImporter.ImportRecordBatch((CArrowArray*)root, Schema);
        }
        finally
        {
            // The importer moves the struct's content; only the shell is ours.
            NativeMemory.Free(root);
        }
    }

    /// <summary>Frees what was not built.</summary>
    public void Dispose()
    {
        foreach (var column in _columns)
        {
            column.Dispose();
        }
    }
}
