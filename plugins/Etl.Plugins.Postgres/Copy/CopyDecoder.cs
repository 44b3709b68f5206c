using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Postgres.Copy;

/// <summary>
/// Decodes binary COPY, in pieces of any size, into the columns of a <see cref="RecordBatchBuilder"/>. It knows nothing of where
/// the bytes come from. Not thread-safe; after an exception the builder holds half a row and is of no use.
/// </summary>
internal sealed unsafe class CopyDecoder
{
    private readonly RecordBatchBuilder _builder;
    private readonly Column[] _columns;
    private readonly int _maxRows;
    private readonly long _maxBytes;
    private long _bytes;
    private bool _headerRead;

    /// <summary>Fills <paramref name="builder"/> up to a number of rows or bytes, whichever comes first.</summary>
    public CopyDecoder(RecordBatchBuilder builder, int maxRows, long maxBytes)
    {
        _builder = builder;
        (_maxRows, _maxBytes) = (maxRows, maxBytes);
        _columns = [.. builder.Schema.FieldsList.Select((f, i) => new Column(f.Name, f.DataType, f.IsNullable, builder[i]))];
    }

    /// <summary>The trailer was read: there are no more rows.</summary>
    public bool Ended { get; private set; }

    /// <summary>The builder holds a full batch: take it with <see cref="Take"/> before decoding on.</summary>
    public bool Full => _builder.Length >= _maxRows || _bytes >= _maxBytes;

    /// <summary>The rows so far.</summary>
    public RecordBatch Take()
    {
        _bytes = 0;
        return _builder.Build();
    }

    /// <summary>Decodes whole rows until the bytes end, the batch is full or the trailer comes; returns how many bytes it took.</summary>
    public int Decode(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            byte* p = start, end = start + bytes.Length;
            if (!_headerRead)
            {
                if (bytes.Length < CopyFormat.Header.Length)
                {
                    return 0;
                }

                if (!bytes[..11].SequenceEqual(CopyFormat.Header[..11]) || CopyFormat.Int32At(p + 15) != 0)
                {
                    throw Malformed("it does not start with the signature of binary COPY");
                }

                p += CopyFormat.Header.Length;
                _headerRead = true;
            }

            while (!Full && end - p >= 2)
            {
                int fields = CopyFormat.Int16At(p);
                if (fields == -1)
                {
                    Ended = true;
                    p += 2;
                    break;
                }

                if (fields != _columns.Length)
                {
                    throw Malformed($"a row has {fields} fields, {_columns.Length} were expected");
                }

                if (!IsWhole(p + 2, end))
                {
                    break;
                }

                var next = Row(p + 2);
                _bytes += next - p;
                p = next;
            }

            return (int)(p - start);
        }
    }

    private bool IsWhole(byte* p, byte* end)
    {
        for (var i = 0; i < _columns.Length; i++)
        {
            if (end - p < 4)
            {
                return false;
            }

            var length = CopyFormat.Int32At(p);
            p += 4;
            if (length > 0)
            {
                if (end - p < length)
                {
                    return false;
                }

                p += length;
            }
        }

        return true;
    }

    private byte* Row(byte* p)
    {
        foreach (var column in _columns)
        {
            var length = CopyFormat.Int32At(p);
            p += 4;
            if (length < 0)
            {
                if (!column.Nullable)
                {
                    throw new EtlException("ETL4465", $"column '{column.Name}' is NULL in a row, and the contract says that it never is", "Correct the source, or say required: false in the contract.");
                }

                column.Builder.AppendNull();
            }
            else
            {
                Value(column, p, length);
                p += length;
            }
        }

        return p;
    }

    private static void Value(Column column, byte* p, int length)
    {
        var builder = column.Builder;
        switch (column.Kind)
        {
            case CopyKind.Int64 when length == 8: builder.Append(CopyFormat.Int64At(p)); break;
            case CopyKind.Int32 when length == 4: builder.Append(CopyFormat.Int32At(p)); break;
            case CopyKind.Bytes: builder.Append(new ReadOnlySpan<byte>(p, length)); break;
            case CopyKind.Timestamp when length == 8: builder.Append(Timestamp(column, CopyFormat.Int64At(p))); break;
            case CopyKind.Numeric when length >= 8:
                if (!CopyNumeric.TryDecode(p, length, column.Precision, column.Scale, out var number))
                {
                    throw new EtlException("ETL4463", $"column '{column.Name}' holds a numeric that does not fit decimal({column.Precision},{column.Scale}): NaN, an infinity, or more digits", "Read it as text (logicalType: string in the contract), or declare more digits.");
                }

                builder.Append(number);
                break;
            case CopyKind.Bool when length == 1: builder.Append(*p != 0); break;
            case CopyKind.Date when length == 4: builder.Append(Date(column, CopyFormat.Int32At(p))); break;
            case CopyKind.Time when length == 8: builder.Append(CopyFormat.Int64At(p)); break;
            case CopyKind.Int16 when length == 2: builder.Append(CopyFormat.Int16At(p)); break;
            case CopyKind.Float64 when length == 8: builder.Append(BitConverter.Int64BitsToDouble(CopyFormat.Int64At(p))); break;
            case CopyKind.Float32 when length == 4: builder.Append(BitConverter.Int32BitsToSingle(CopyFormat.Int32At(p))); break;
            case CopyKind.List: List(column, p, length); break;
            default: throw Malformed($"column '{column.Name}' has {length} bytes where {column.Kind} was expected");
        }
    }

    // dimensions, has-nulls flag, element type; for each dimension its size and lower bound; the elements.
    private static void List(Column column, byte* p, int length)
    {
        var end = p + length;
        var dimensions = length >= 12 ? CopyFormat.Int32At(p) : throw Malformed($"column '{column.Name}' has {length} bytes where an array was expected");
        if (dimensions > 1 || (dimensions == 1 && CopyFormat.Int32At(p + 16) != 1))
        {
            throw new EtlException("ETL4466", $"column '{column.Name}' holds an array of {dimensions} dimensions or with a lower bound that is not 1", "A list keeps neither. Read the column as text (logicalType: string in the contract): it then comes as JSON.");
        }

        if (dimensions == 1)
        {
            var count = CopyFormat.Int32At(p + 12);
            var item = column.Item!;
            p += 20;
            for (var i = 0; i < count; i++)
            {
                var size = end - p >= 4 ? CopyFormat.Int32At(p) : int.MaxValue;
                p += 4;
                if (size < 0)
                {
                    item.Builder.AppendNull();
                }
                else if (size <= end - p)
                {
                    Value(item, p, size);
                    p += size;
                }
                else
                {
                    throw Malformed($"an array in column '{column.Name}' is cut short");
                }
            }
        }

        column.Builder.EndList();
    }

    private static int Date(Column column, int days) => days is int.MaxValue or int.MinValue
        ? throw Infinite(column)
        : days + CopyFormat.DaysTo2000;

    private static long Timestamp(Column column, long microseconds) => microseconds switch
    {
        long.MaxValue or long.MinValue => throw Infinite(column),
        > long.MaxValue - CopyFormat.MicrosecondsTo2000 => throw new EtlException("ETL4464", $"column '{column.Name}' holds a time after the year 294246, which a timestamp in microseconds cannot hold", "Correct the source, or read it as text (logicalType: string in the contract)."),
        _ => microseconds + CopyFormat.MicrosecondsTo2000,
    };

    private static EtlException Infinite(Column column) =>
        new("ETL4464", $"column '{column.Name}' holds infinity, which is no date or time", "Exclude such rows in the source, or read it as text (logicalType: string in the contract).");

    private static EtlException Malformed(string why) => new("ETL4468", $"the server's COPY stream cannot be read: {why}", "This is a defect of this program or of something between it and the server.");

    private sealed class Column
    {
        public Column(string name, IArrowType type, bool nullable, ColumnBuilder builder)
        {
            (Name, Nullable, Builder, Kind) = (name, nullable, builder, CopyFormat.KindOf(type));
            if (type is Decimal128Type d)
            {
                (Precision, Scale) = (d.Precision, d.Scale);
            }

            Item = type is ListType list ? new Column(name, list.ValueDataType, true, builder.Items!) : null;
        }

        public readonly string Name;
        public readonly bool Nullable;
        public readonly ColumnBuilder Builder;
        public readonly CopyKind Kind;
        public readonly int Precision;
        public readonly int Scale;
        public readonly Column? Item;
    }
}
