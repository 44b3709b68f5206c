using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Parquet;

namespace Etl.Plugins.FileSets;

/// <summary>The option <c>rows</c>: which rows are read. What statistics say is used to leave out what cannot hold one, and each row is looked at besides.</summary>
internal sealed class RowFilter(IReadOnlyList<Condition> conditions)
{
    /// <summary>For columns of <paramref name="schema"/>. ETL4536: a condition that cannot be read.</summary>
    public RowFilter(IReadOnlyDictionary<string, string> rows, RowSchema schema) : this(Condition.Parse(rows, "rows", schema))
    {
    }

    /// <summary>What is told of positions: of rows that were left out nothing is known later.</summary>
    public static string Fingerprint(IReadOnlyDictionary<string, string> rows) => string.Concat(rows.Select(r => $" rows {r.Key}={r.Value}"));

    /// <summary>The columns to read: those of <paramref name="schema"/>, and behind them those that only conditions are on.</summary>
    public Schema Widen(Schema schema)
    {
        var given = schema.FieldsList.Select(f => f.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return new([.. schema.FieldsList, .. conditions.Select(c => c.Field).Where(f => given.Add(f.Name))], null);
    }

    /// <summary>Whether a piece of data, by the ranges of its columns, may hold a row to read.</summary>
    public bool MayHold(Func<Field, ValueRange> rangeOf) => conditions.All(c => c.MayBeMetIn(rangeOf(c.Field)));

    /// <summary>The rows of a batch to read; null for all of them.</summary>
    public int[]? Select(RecordBatch batch)
    {
        if (conditions.Count == 0)
        {
            return null;
        }

        var keep = new bool[batch.Length];
        keep.AsSpan().Fill(true);
        foreach (var condition in conditions)
        {
            Keep(condition, batch.Column(condition.Field.Name), keep);
        }

        var kept = new List<int>();
        for (var row = 0; row < keep.Length; row++)
        {
            if (keep[row])
            {
                kept.Add(row);
            }
        }

        return kept.Count == keep.Length ? null : [.. kept];
    }

    private static void Keep(Condition condition, IArrowArray array, bool[] keep)
    {
        switch (condition.Field.DataType)
        {
            case Int8Type: Keep<sbyte, Int128>(v => v); break;
            case Int16Type: Keep<short, Int128>(v => v); break;
            case Int32Type or Date32Type: Keep<int, Int128>(v => v); break;
            case Int64Type or TimestampType or Time64Type: Keep<long, Int128>(v => v); break;
            case Decimal128Type: Keep<Int128, Int128>(v => v); break;
            case BooleanType: KeepEach(row => ((Int128)(BitUtility.GetBit(array.Data.Buffers[1].Span, array.Data.Offset + row) ? 1 : 0)).CompareTo((Int128)condition.Value)); break;
            case FloatType: KeepFloats<float>(v => v); break;
            case DoubleType: KeepFloats<double>(v => v); break;
            default: KeepEach(row => ((BinaryArray)array).GetBytes(row).SequenceCompareTo((byte[])condition.Value)); break;
        }

        void Keep<T, TWide>(Func<T, TWide> widen) where T : unmanaged where TWide : IComparable<TWide>
        {
            var wanted = (TWide)condition.Value;
            KeepEach(row => widen(Raw<T>(row)).CompareTo(wanted));
        }

        void KeepFloats<T>(Func<T, double> widen) where T : unmanaged
        {
            var wanted = (double)condition.Value;
            KeepEach(row => Condition.CompareFloats(widen(Raw<T>(row)), wanted));
        }

        T Raw<T>(int row) where T : unmanaged => MemoryMarshal.Cast<byte, T>(array.Data.Buffers[1].Span)[array.Data.Offset + row];

        void KeepEach(Func<int, int> orderOf)
        {
            for (var row = 0; row < keep.Length; row++)
            {
                keep[row] = keep[row] && array.IsValid(row) && condition.IsMet(orderOf(row));
            }
        }
    }
}
