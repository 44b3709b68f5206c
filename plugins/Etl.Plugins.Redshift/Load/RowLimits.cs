using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Redshift.Load;

/// <summary>
/// Finds the rows that the cluster would refuse before they are sent: COPY of Parquet takes all rows of its files or none, and tells nobody which one was bad.
/// </summary>
internal sealed class RowLimits
{
    // 0001-01-01 and 9999-12-31 in days since 1970.
    private const long FirstDay = -719162;
    private const long LastDay = 2932896;
    private const long DayMicros = 86_400_000_000;
    private readonly (int Column, string Name, IArrowType Type, int Bytes)[] _limits;

    /// <summary>Of a schema, with the greatest length of each text in bytes.</summary>
    public RowLimits(Schema schema, Func<Field, int> bytesOf) =>
        _limits = [.. schema.FieldsList.Select((f, i) => (i, f.Name, f.DataType, f.DataType is StringType ? bytesOf(f) : 0)).Where(l => l.DataType is StringType or Date32Type or TimestampType)];

    /// <summary>Adds the rows that fit to a builder; the others go to <paramref name="refuse"/>, or end the load where nobody takes them (ETL4678).</summary>
    public async ValueTask AppendFittingAsync(RecordBatch batch, RecordBatchBuilder rows, string table, RefuseRow? refuse, CancellationToken cancel)
    {
        var bad = Bad(batch);
        if (bad.Count == 0)
        {
            rows.Append(batch, 0, batch.Length);
            return;
        }

        foreach (var (row, reason) in bad)
        {
            if (refuse is null)
            {
                throw new EtlException("ETL4678", $"{table} would refuse rows: {reason}", "Nothing was published. Add a check before the load that refuses such rows, or change the column.");
            }

            await refuse(batch, row, reason, cancel);
        }

        rows.Append(batch, [.. Enumerable.Range(0, batch.Length).Where(r => !bad.ContainsKey(r))]);
    }

    private SortedDictionary<int, string> Bad(RecordBatch batch)
    {
        var bad = new SortedDictionary<int, string>();
        foreach (var (column, name, type, bytes) in _limits)
        {
            var array = batch.Column(column);
            switch (type)
            {
                case StringType:
                    var offsets = MemoryMarshal.Cast<byte, int>(array.Data.Buffers[1].Span)[array.Data.Offset..];
                    for (var row = 0; row < batch.Length; row++)
                    {
                        if (offsets[row + 1] - offsets[row] > bytes && array.IsValid(row))
                        {
                            bad.TryAdd(row, $"a text of {RedshiftTypes.Text(offsets[row + 1] - offsets[row])} bytes is longer than its column's {RedshiftTypes.Text(bytes)} (column {name})");
                        }
                    }

                    break;
                case Date32Type:
                    Check(MemoryMarshal.Cast<byte, int>(array.Data.Buffers[1].Span)[array.Data.Offset..], array, v => v is < (int)FirstDay or > (int)LastDay);
                    break;
                default:
                    Check(MemoryMarshal.Cast<byte, long>(array.Data.Buffers[1].Span)[array.Data.Offset..], array, v => v is < FirstDay * DayMicros or >= (LastDay + 1) * DayMicros);
                    break;
            }

            void Check<T>(ReadOnlySpan<T> values, IArrowArray valid, Func<T, bool> isBeyond)
            {
                for (var row = 0; row < batch.Length; row++)
                {
                    if (isBeyond(values[row]) && valid.IsValid(row))
                    {
                        bad.TryAdd(row, $"a date or time is outside of the years 1 to 9999 (column {name})");
                    }
                }
            }
        }

        return bad;
    }
}
