using Apache.Arrow.Types;
using Etl.Contracts;
using Parquet.Schema;
using ArrowField = Apache.Arrow.Field;
using ArrowSchema = Apache.Arrow.Schema;

namespace Etl.Parquet;

/// <summary>
/// A column of a Parquet file in two views: what the file declares (such as TIMESTAMP in microseconds) and what its bytes are (such as
/// int64). Values are written and read through the second, so that nothing passes through <see cref="DateTime"/> or <see cref="decimal"/>.
/// </summary>
/// <param name="Field">The Arrow field.</param>
/// <param name="Declared">What the footer says.</param>
/// <param name="Raw">The leaf whose CLR type is the physical one.</param>
internal sealed record ParquetColumn(ArrowField Field, Field Declared, DataField Raw)
{
    /// <summary>Name of the group that repeats in a list, as the format's specification has it.</summary>
    private const string ListContainer = "list";

    /// <summary>Name of a list's item.</summary>
    private const string ListItem = "element";

    /// <summary>The type of the leaf: the item's for a list.</summary>
    public IArrowType LeafType => Field.DataType is ListType list ? list.ValueDataType : Field.DataType;

    /// <summary>The columns of a schema and the schema to declare. ETL4570 for a type that Parquet files here do not hold.</summary>
    public static (ParquetSchema Declared, ParquetColumn[] Columns) Map(ArrowSchema schema)
    {
        var declared = new List<Field>();
        var raw = new List<Field>();
        foreach (var field in schema.FieldsList)
        {
            if (field.DataType is ListType list)
            {
                var (item, rawItem) = Leaf(ListItem, list.ValueDataType, list.ValueField.IsNullable, field.Name);
                declared.Add(new ListField(field.Name, item, ListContainer));
                raw.Add(new ListField(field.Name, rawItem, ListContainer));
            }
            else
            {
                var (leaf, rawLeaf) = Leaf(field.Name, field.DataType, field.IsNullable, field.Name);
                declared.Add(leaf);
                raw.Add(rawLeaf);
            }
        }

        // Levels are known once a field belongs to a schema.
        _ = new ParquetSchema(raw);
        var columns = schema.FieldsList.Select((f, i) => new ParquetColumn(f, declared[i], raw[i] is ListField l ? (DataField)l.Item : (DataField)raw[i]));
        return (new ParquetSchema(declared), [.. columns]);
    }

    private static (DataField Declared, DataField Raw) Leaf(string name, IArrowType type, bool nullable, string column) => type switch
    {
        BooleanType => Same<bool>(name, nullable),
        Int8Type => Same<sbyte>(name, nullable),
        Int16Type => Same<short>(name, nullable),
        Int32Type => Same<int>(name, nullable),
        Int64Type => Same<long>(name, nullable),
        FloatType => Same<float>(name, nullable),
        DoubleType => Same<double>(name, nullable),
        Date32Type => (new DataField<DateOnly>(name, nullable), new DataField<int>(name, nullable)),
        TimestampType { Unit: TimeUnit.Microsecond } t => (
            new DateTimeDataField(name, DateTimeFormat.Timestamp, isAdjustedToUTC: !string.IsNullOrEmpty(t.Timezone), DateTimeTimeUnit.Micros, nullable),
            new DataField<long>(name, nullable)),
        Time64Type { Unit: TimeUnit.Microsecond } => (
            new TimeDataField(name, TimeUnitPrecision.Micros, nullable) { IsAdjustedToUtc = false }, new DataField<long>(name, nullable)),
        Decimal128Type { Scale: >= 0 } d when d.Scale <= d.Precision => Decimal(name, d, nullable),
        StringType => (new DataField<string>(name, nullable), Bytes(name, nullable)),
        BinaryType => (Bytes(name, nullable), Bytes(name, nullable)),
        _ => throw new EtlException("ETL4570", $"column '{column}' has the type {type.Name}, which is not written to Parquet", "Cast it to one of: boolean, an integer, float, double, decimal(p,s), text, binary, date, time or timestamp in microseconds, or a list of these."),
    };

    private static (DataField Declared, DataField Raw) Decimal(string name, Decimal128Type type, bool nullable) => type.Precision switch
    {
        <= 9 => (new DecimalDataField(name, type.Precision, type.Scale, isNullable: nullable), new DataField<int>(name, nullable)),
        <= 18 => (new DecimalDataField(name, type.Precision, type.Scale, isNullable: nullable), new DataField<long>(name, nullable)),
        _ => (new BigDecimalDataField(name, type.Precision, type.Scale, nullable), new BigDecimalDataField(name, type.Precision, type.Scale, nullable)),
    };

    private static (DataField Declared, DataField Raw) Same<T>(string name, bool nullable) => (new DataField<T>(name, nullable), new DataField<T>(name, nullable));

    private static DataField Bytes(string name, bool nullable) => new(name, typeof(ReadOnlyMemory<byte>), nullable);
}
