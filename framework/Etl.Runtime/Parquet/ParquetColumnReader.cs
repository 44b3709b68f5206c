using System.Buffers;
using System.Buffers.Binary;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Parquet;
using Parquet.Schema;
using ArrowField = Apache.Arrow.Field;
using ConvertedType = Parquet.Meta.ConvertedType;
using ParquetField = Parquet.Schema.Field;
using PhysicalType = Parquet.Meta.Type;
using SchemaElement = Parquet.Meta.SchemaElement;

namespace Etl.Parquet;

/// <summary>
/// One column chunk into a column builder, through the physical type that the file has, so that no value changes. Written for files of
/// this writer and of others that follow the format; what it cannot read exactly is an error.
/// </summary>
internal sealed class ParquetColumnReader
{
    private readonly ParquetRowGroupReader _group;
    private readonly ArrowField _field;
    private readonly ColumnBuilder _target;
    private readonly ColumnBuilder _leaf;
    private readonly IArrowType _type;
    private readonly DataField _stored;
    private readonly ListField? _list;
    private readonly SchemaElement _element;

    public ParquetColumnReader(ParquetRowGroupReader group, ParquetField stored, ArrowField field, ColumnBuilder target)
    {
        (_group, _field, _target, _leaf) = (group, field, target, target.Items ?? target);
        _type = _leaf.Type;
        _list = stored as ListField;
        _stored = (_list?.Item ?? stored) as DataField ?? throw Mismatch("a nested type");
        if (_list is null != target.Items is null)
        {
            throw Mismatch(_list is null ? "a single value" : "a list");
        }

        _element = _stored.SchemaElement ?? throw Mismatch("an unknown type");
    }

    /// <summary>Reads the chunk's <paramref name="rows"/> rows.</summary>
    public ValueTask ReadAsync(int rows, CancellationToken cancel) => (_type, _element.Type) switch
    {
        (BooleanType, PhysicalType.BOOLEAN) => ReadAsync<bool>(rows, static (b, v) => b.Append(v), cancel),
        (Int8Type or Int16Type or Int32Type or Int64Type, PhysicalType.INT32) when IsInteger() => ReadAsync<int>(rows, static (b, v) => b.AppendInteger(v), cancel),
        (Int64Type, PhysicalType.INT64) when IsInteger() => ReadAsync<long>(rows, static (b, v) => b.Append(v), cancel),
        (Date32Type, PhysicalType.INT32) when _element.LogicalType?.DATE is not null || _element.ConvertedType == ConvertedType.DATE
            => ReadAsync<int>(rows, static (b, v) => b.Append(v), cancel),
        (TimestampType, PhysicalType.INT64) when _element.LogicalType?.TIMESTAMP?.Unit.MICROS is not null || _element.ConvertedType == ConvertedType.TIMESTAMP_MICROS
            => ReadAsync<long>(rows, static (b, v) => b.Append(v), cancel),
        (TimestampType, PhysicalType.INT64) when _element.LogicalType?.TIMESTAMP?.Unit.MILLIS is not null || _element.ConvertedType == ConvertedType.TIMESTAMP_MILLIS
            => ReadAsync<long>(rows, (b, v) => b.Append(FromMillis(v)), cancel),
        (TimestampType, PhysicalType.INT64) when _element.LogicalType?.TIMESTAMP?.Unit.NANOS is not null => ReadAsync<long>(rows, (b, v) => b.Append(FromNanos(v)), cancel),
        (Time64Type, PhysicalType.INT64) when _element.LogicalType?.TIME?.Unit.MICROS is not null || _element.ConvertedType == ConvertedType.TIME_MICROS
            => ReadAsync<long>(rows, static (b, v) => b.Append(v), cancel),
        (FloatType, PhysicalType.FLOAT) => ReadAsync<float>(rows, static (b, v) => b.Append(v), cancel),
        (DoubleType, PhysicalType.FLOAT) => ReadAsync<float>(rows, static (b, v) => b.Append((double)v), cancel),
        (DoubleType, PhysicalType.DOUBLE) => ReadAsync<double>(rows, static (b, v) => b.Append(v), cancel),
        (Decimal128Type d, PhysicalType.INT32) when IsDecimal(d) => ReadAsync<int>(rows, static (b, v) => b.Append((Int128)v), cancel),
        (Decimal128Type d, PhysicalType.INT64) when IsDecimal(d) => ReadAsync<long>(rows, static (b, v) => b.Append((Int128)v), cancel),
        (Decimal128Type d, PhysicalType.FIXED_LEN_BYTE_ARRAY or PhysicalType.BYTE_ARRAY) when IsDecimal(d)
            => ReadAsync<ReadOnlyMemory<byte>>(rows, static (b, v) => b.Append(BigEndian(v.Span)), cancel),
        (StringType or BinaryType, PhysicalType.BYTE_ARRAY) => ReadAsync<ReadOnlyMemory<byte>>(rows, static (b, v) => b.Append(v.Span), cancel),
        _ => throw Mismatch((_element.LogicalType, _element.ConvertedType) is (null, null) ? $"{_element.Type}" : $"{_element.Type} as {_element.ConvertedType}{(_element.Precision is { } p ? $"({p},{_element.Scale ?? 0})" : "")}"),
    };

    private async ValueTask ReadAsync<T>(int rows, Action<ColumnBuilder, T> append, CancellationToken cancel) where T : struct
    {
        var raw = RawField(typeof(T));
        var levels = checked((int)(_group.GetMetadata(raw)?.MetaData?.NumValues ?? throw Mismatch("no data")));
        if (raw.MaxRepetitionLevel == 0 && levels != rows)
        {
            throw Cut(levels, rows);
        }

        var values = ArrayPool<T>.Shared.Rent(Math.Max(1, levels));
        var definitions = raw.MaxDefinitionLevel > 0 ? ArrayPool<int>.Shared.Rent(Math.Max(1, levels)) : null;
        var repetitions = raw.MaxRepetitionLevel > 0 ? ArrayPool<int>.Shared.Rent(Math.Max(1, levels)) : null;
        try
        {
            if (levels > 0)
            {
                await _group.ReadRawAsync(raw, values.AsMemory(0, levels), Levels(definitions, levels), Levels(repetitions, levels), cancel);
            }

            Append(values, definitions, repetitions, levels, raw.MaxDefinitionLevel, append);
            if (_target.Length != rows)
            {
                throw Cut(_target.Length, rows);
            }
        }
        finally
        {
            ArrayPool<T>.Shared.Return(values, clearArray: true);
            if (definitions is not null)
            {
                ArrayPool<int>.Shared.Return(definitions);
            }

            if (repetitions is not null)
            {
                ArrayPool<int>.Shared.Return(repetitions);
            }
        }
    }

    // No conditional expression with null: an array converts to memory, and so null to empty memory, which means another thing here.
    private static Memory<int>? Levels(int[]? levels, int count)
    {
        if (levels is null)
        {
            return null;
        }

        return levels.AsMemory(0, count);
    }

    private void Append<T>(T[] values, int[]? definitions, int[]? repetitions, int levels, int defined, Action<ColumnBuilder, T> append)
    {
        var next = 0;
        for (var i = 0; i < levels; i++)
        {
            var definition = definitions?[i] ?? defined;
            if (repetitions is null)
            {
                AppendLeaf(definition);
                continue;
            }

            // Levels below those of the repeated group: 0 is a NULL list, 1 an empty one.
            if (definition == 0)
            {
                _target.AppendNull();
                continue;
            }

            if (definition > 1)
            {
                AppendLeaf(definition);
            }

            if (i + 1 == levels || repetitions[i + 1] == 0)
            {
                _target.EndList();
            }
        }

        void AppendLeaf(int definition)
        {
            if (definition == defined)
            {
                append(_leaf, values[next++]);
            }
            else
            {
                _leaf.AppendNull();
            }
        }
    }

    // The stored field again, with the physical CLR type: what the library checks values against.
    private DataField RawField(System.Type clr)
    {
        var leaf = new DataField(_stored.Name, clr, _stored.IsNullable);
        _ = _list is null
            ? new ParquetSchema(leaf)
            : new ParquetSchema(new ListField(_list.Name, leaf, _stored.Path.ToList()[1]));
        return leaf.MaxDefinitionLevel == _stored.MaxDefinitionLevel && leaf.MaxRepetitionLevel == _stored.MaxRepetitionLevel
            ? leaf
            : throw Mismatch("a nesting that this reader does not know");
    }

    private bool IsInteger() => _element.LogicalType is null or { INTEGER.IsSigned: true } && _element.ConvertedType is null or ConvertedType.INT_8 or ConvertedType.INT_16 or ConvertedType.INT_32 or ConvertedType.INT_64;

    private bool IsDecimal(Decimal128Type type) => (_element.Scale ?? 0) == type.Scale && _element.Precision <= type.Precision;

    private long FromMillis(long millis) => Math.Abs(millis) <= long.MaxValue / 1000 ? millis * 1000 : throw Mismatch("a time beyond what microseconds reach");

    private long FromNanos(long nanos) => nanos % 1000 == 0 ? nanos / 1000 : throw Mismatch("a time with parts of a microsecond");

    /// <summary>A whole number of up to 16 bytes.</summary>
    public static Int128 BigEndian(ReadOnlySpan<byte> bytes)
    {
        Span<byte> wide = stackalloc byte[16];
        wide.Fill(bytes.Length > 0 && (bytes[0] & 0x80) != 0 ? (byte)0xFF : (byte)0);
        bytes.CopyTo(wide[(16 - bytes.Length)..]);
        return BinaryPrimitives.ReadInt128BigEndian(wide);
    }

    private EtlException Cut(int values, int rows) => new("ETL4574", $"column '{_field.Name}' of a Parquet file has {values} of {rows} rows", "The file is damaged; restore it from a copy.");

    private EtlException Mismatch(string stored) => new("ETL4575", $"column '{_field.Name}' should be {(_type is Decimal128Type d ? $"decimal({d.Precision},{d.Scale})" : _type.Name)} and the Parquet file holds {stored}", "The file was written with another schema, or by a writer whose types this one does not read.");
}
