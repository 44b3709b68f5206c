using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts.Arrow;

namespace Etl.Runtime.Testing;

/// <summary>Rows of cells as a batch, and back.</summary>
internal static class CellBatch
{
    /// <summary>A batch of its own, to be disposed by whoever reads it.</summary>
    public static RecordBatch Of(Schema schema, IReadOnlyList<object?[]> rows)
    {
        using var builder = new RecordBatchBuilder(schema, Math.Max(1, rows.Count));
        foreach (var row in rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                Append(builder[i], row[i]);
            }
        }

        return builder.Build();
    }

    /// <summary>The rows of a batch.</summary>
    public static IEnumerable<object?[]> Rows(RecordBatch batch)
    {
        for (var row = 0; row < batch.Length; row++)
        {
            var cells = new object?[batch.ColumnCount];
            for (var i = 0; i < cells.Length; i++)
            {
                cells[i] = Read(batch.Column(i), row);
            }

            yield return cells;
        }
    }

    private static void Append(ColumnBuilder column, object? value)
    {
        switch (value, column.Type)
        {
            case (null, _): column.AppendNull(); break;
            case (bool b, _): column.Append(b); break;
            case (string s, _): column.Append(s.AsSpan()); break;
            case (byte[] bytes, _): column.Append(bytes.AsSpan()); break;
            case (double d, FloatType): column.Append((float)d); break;
            case (double d, _): column.Append(d); break;
            case (long days, Date32Type): column.Append((int)days); break;
            case (long micros, _): column.Append(micros); break;
            case (Int128 n, Decimal128Type): column.Append(n); break;
            case (Int128 n, UInt8Type): column.Append((byte)n); break;
            case (Int128 n, UInt16Type): column.Append((ushort)n); break;
            case (Int128 n, UInt32Type): column.Append((uint)n); break;
            case (Int128 n, UInt64Type): column.Append((ulong)n); break;
            case (Int128 n, _): column.AppendInteger((long)n); break;
            case (object?[] items, ListType):
                foreach (var item in items)
                {
                    Append(column.Items!, item);
                }

                column.EndList();
                break;
            default: throw new InvalidOperationException($"{value.GetType()} does not fit {column.Type.Name}");
        }
    }

    private static object? Read(IArrowArray array, int row) => array.IsNull(row) ? null : array switch
    {
        BooleanArray a => a.GetValue(row)!.Value,
        StringArray a => a.GetString(row),
        BinaryArray a => a.GetBytes(row).ToArray(),
        FloatArray a => (double)a.Values[row],
        DoubleArray a => a.Values[row],
        Decimal128Array a => Whole(a.ValueBuffer.Span.Slice((a.Offset + row) * 16, 16)),
        Date32Array a => (long)a.Values[row],
        Time64Array a => a.Values[row],
        TimestampArray a => a.Values[row],
        Int8Array a => (Int128)a.Values[row],
        Int16Array a => (Int128)a.Values[row],
        Int32Array a => (Int128)a.Values[row],
        Int64Array a => (Int128)a.Values[row],
        UInt8Array a => (Int128)a.Values[row],
        UInt16Array a => (Int128)a.Values[row],
        UInt32Array a => (Int128)a.Values[row],
        UInt64Array a => (Int128)a.Values[row],
        ListArray a => Items(a.GetSlicedValues(row)),
        _ => throw new InvalidOperationException($"an array of {array.Data.DataType.Name} is not one that rows move in"),
    };

    private static Int128 Whole(ReadOnlySpan<byte> littleEndian) => System.Buffers.Binary.BinaryPrimitives.ReadInt128LittleEndian(littleEndian);

    private static object?[] Items(IArrowArray values) => [.. Enumerable.Range(0, values.Length).Select(i => Read(values, i))];
}
