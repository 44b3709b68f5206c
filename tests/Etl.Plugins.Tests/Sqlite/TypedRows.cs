using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using NUnit.Framework;

namespace Etl.Plugins.Tests;

/// <summary>Rows as arrays of what a test writes down: long, float, double, bool, string, byte[], int (date), Int128 (decimal), long?[] (list), null.</summary>
internal static class TypedRows
{
    public static readonly IArrowType Timestamp = new TimestampType(TimeUnit.Microsecond, (string?)null);
    public static readonly IArrowType TimestampUtc = new TimestampType(TimeUnit.Microsecond, "UTC");
    public static readonly IArrowType Time = new Time64Type(TimeUnit.Microsecond);

    public static RowSchema Schema(params (string Name, IArrowType Type)[] columns) =>
        new(new Schema(columns.Select(c => new Field(c.Name, c.Type, c.Name != RowSchema.OpColumn)), null));

    public static DataContract Contract(string table, string[] key, params (string Name, IArrowType Type)[] columns) => new(
        table, "1.0.0", table,
        [.. columns.Select(c => new ContractColumn(
            new Field(c.Name, c.Type, !key.Contains(c.Name)), null, key.Contains(c.Name) ? System.Array.IndexOf(key, c.Name) + 1 : null, false, null))],
        $"{table}.yaml");

    public static RecordBatch Batch(RowSchema schema, params object?[][] rows)
    {
        using var builder = new RecordBatchBuilder(schema.Arrow, rows.Length);
        foreach (var row in rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                Append(builder[i], row[i]);
            }
        }

        return builder.Build();
    }

    public static async IAsyncEnumerable<RecordBatch> Stream(params RecordBatch[] batches)
    {
        foreach (var batch in batches)
        {
            await Task.Yield();
            yield return batch;
        }
    }

    public static async Task<List<object?[]>> ReadAllAsync(IExtraction extraction, CancellationToken cancel = default)
    {
        var rows = new List<object?[]>();
        foreach (var split in extraction.Splits)
        {
            await foreach (var batch in extraction.ReadAsync(split, cancel))
            {
                using (batch)
                {
                    rows.AddRange(Read(batch));
                }
            }
        }

        return rows;
    }

    public static IEnumerable<object?[]> Read(RecordBatch batch) =>
        Enumerable.Range(0, batch.Length).Select(row => Enumerable.Range(0, batch.ColumnCount).Select(i => Value(batch.Column(i), row)).ToArray());

    /// <summary>The error of this type, or a kind of it, with which <paramref name="act"/> ends.</summary>
    public static T Thrown<T>(Func<Task> act) where T : Exception
    {
        try
        {
            act().GetAwaiter().GetResult();
        }
        catch (T error)
        {
            return error;
        }

        throw new AssertionException($"{typeof(T).Name} was expected");
    }

    private static object? Value(IArrowArray array, int row) => array.IsNull(row) ? null : array switch
    {
        Int64Array a => a.GetValue(row),
        Int32Array a => (long?)a.GetValue(row),
        Int16Array a => (long?)a.GetValue(row),
        DoubleArray a => a.GetValue(row),
        BooleanArray a => a.GetValue(row),
        StringArray a => a.GetString(row),
        BinaryArray a => a.GetBytes(row).ToArray(),
        Date32Array a => a.Values[row],
        Time64Array a => a.Values[row],
        TimestampArray a => a.Values[row],
        Decimal128Array a => MemoryMarshal.Read<Int128>(a.ValueBuffer.Span[((a.Offset + row) * 16)..]),
        _ => throw new NotSupportedException(array.GetType().Name),
    };

    private static void Append(ColumnBuilder column, object? value)
    {
        switch (value)
        {
            case null: column.AppendNull(); break;
            case long v when column.Type is Int32Type or Int16Type or Int8Type or Int64Type: column.AppendInteger(v); break;
            case long v: column.Append(v); break;
            case int v: column.Append(v); break;
            case float v: column.Append(v); break;
            case double v: column.Append(v); break;
            case bool v: column.Append(v); break;
            case string v: column.Append(v.AsSpan()); break;
            case byte[] v: column.Append(v.AsSpan()); break;
            case Int128 v: column.Append(v); break;
            case long?[] items:
                items.ToList().ForEach(i => Append(column.Items!, i));
                column.EndList();
                break;
            default: throw new NotSupportedException(value.GetType().Name);
        }
    }
}
