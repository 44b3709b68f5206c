using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Parquet;
using Parquet.Schema;
using Field = Apache.Arrow.Field;
using ParquetField = Parquet.Schema.Field;

namespace Etl.Parquet;

/// <summary>Reads a Parquet file as record batches of a given Arrow schema, one row group at a time, in native memory.</summary>
internal sealed class ParquetFileReader : IAsyncDisposable
{
    private readonly ParquetReader _reader;
    private readonly Dictionary<string, ParquetField> _fields;

    private ParquetFileReader(ParquetReader reader)
    {
        _reader = reader;
        _fields = reader.Schema.Fields.ToDictionary(f => f.Name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>How many row groups the file has.</summary>
    public int RowGroups => _reader.RowGroupCount;

    /// <summary>Rows of the whole file.</summary>
    public long Rows => _reader.RowGroups.Sum(g => g.RowCount);

    /// <summary>Reads the footer. The stream must be seekable; it is closed on disposal. ETL4574 for what is no Parquet file.</summary>
    public static async ValueTask<ParquetFileReader> OpenAsync(Stream input, string name, CancellationToken cancel)
    {
        try
        {
            return new ParquetFileReader(await ParquetReader.CreateAsync(input, leaveStreamOpen: false, cancellationToken: cancel));
        }
        catch (Exception e) when (ParquetDamage.IsShownBy(e))
        {
            await input.DisposeAsync();
            throw new EtlException("ETL4574", $"{name} is not a whole Parquet file: {e.Message}", "It is cut off or damaged; restore it from a copy.", e);
        }
    }

    /// <summary>Whether the file has a column.</summary>
    public bool Has(string column) => _fields.ContainsKey(column);

    /// <summary>The file's columns as fields, and the names of those that cannot be read, such as nested ones.</summary>
    public (IReadOnlyList<Field> Fields, IReadOnlyList<string> Unreadable) Columns()
    {
        var columns = _reader.Schema.Fields.Select(f => (f.Name, Field: ParquetTypes.FieldOf(f))).ToList();
        return ([.. columns.Select(c => c.Field).OfType<Field>()], [.. columns.Where(c => c.Field is null).Select(c => c.Name)]);
    }

    /// <summary>Rows of one row group.</summary>
    public long RowsOf(int rowGroup) => _reader.RowGroups[rowGroup].RowCount;

    /// <summary>Whether a column's times are instants; null for one whose values are no timestamps.</summary>
    public bool? IsInstant(string column) => _reader.Metadata?.Schema.Find(e => e.Name.Equals(column, StringComparison.OrdinalIgnoreCase)) is not { } element ? null
        : element.LogicalType?.TIMESTAMP?.IsAdjustedToUTC
            ?? (element.ConvertedType is global::Parquet.Meta.ConvertedType.TIMESTAMP_MICROS or global::Parquet.Meta.ConvertedType.TIMESTAMP_MILLIS ? true : null);

    /// <summary>What the file tells of a column's values in a row group, without reading them.</summary>
    public ValueRange RangeOf(int rowGroup, Field field)
    {
        if (!_fields.TryGetValue(field.Name, out var stored) || stored is not DataField { SchemaElement: { } element })
        {
            return ValueRange.Unknown;
        }

        var chunk = _reader.Metadata!.RowGroups[rowGroup].Columns.Find(c => c.MetaData is { } data && data.PathInSchema.SequenceEqual([stored.Name]));
        var writer = _reader.CustomMetadata.ContainsKey(ParquetFileWriter.Mark) ? null : _reader.Metadata.CreatedBy ?? "";
        return chunk is null ? ValueRange.Unknown : StoredStatistics.RangeOf(chunk.MetaData!, element, field, RowsOf(rowGroup), writer);
    }

    /// <summary>Where the data of some columns of a row group lies: first byte and the one after the last, in the file's order.</summary>
    public IReadOnlyList<(long From, long To)> RangesOf(int rowGroup, Schema schema)
    {
        var wanted = schema.FieldsList.Select(f => f.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return [.. _reader.Metadata!.RowGroups[rowGroup].Columns.Select(c => c.MetaData!)
            .Where(c => wanted.Contains(c.PathInSchema[0]))
            .Select(c => (From: c.DictionaryPageOffset is > 0 and var d ? Math.Min(d, c.DataPageOffset) : c.DataPageOffset, c.TotalCompressedSize))
            .Select(c => (c.From, c.From + c.TotalCompressedSize)).Order()];
    }

    /// <summary>
    /// The columns of <paramref name="schema"/> of one row group, found by name. A column that the file lacks is filled by
    /// <paramref name="missing"/> (called with the field, its builder and the number of rows), or with NULLs. ETL4575: the file holds another type.
    /// </summary>
    public async ValueTask<RecordBatch> ReadAsync(int rowGroup, Schema schema, Action<Field, ColumnBuilder, int>? missing, CancellationToken cancel)
    {
        var group = _reader.OpenRowGroupReader(rowGroup);
        var rows = checked((int)group.RowCount);
        using var builder = new RecordBatchBuilder(schema, rows);
        for (var i = 0; i < schema.FieldsList.Count; i++)
        {
            var field = schema.FieldsList[i];
            if (_fields.TryGetValue(field.Name, out var stored))
            {
                await new ParquetColumnReader(group, stored, field, builder[i]).ReadAsync(rows, cancel);
            }
            else if (missing is not null)
            {
                missing(field, builder[i], rows);
            }
            else
            {
                FillNulls(field, builder[i], rows);
            }
        }

        return builder.Build();
    }

    /// <summary>All rows, batch by batch; each batch is the caller's to dispose.</summary>
    public async IAsyncEnumerable<RecordBatch> ReadAllAsync(Schema schema, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        for (var group = 0; group < RowGroups; group++)
        {
            yield return await ReadAsync(group, schema, missing: null, cancel);
        }
    }

    /// <summary>NULLs for a column that a file lacks; ETL4576 when the column cannot be NULL.</summary>
    public static void FillNulls(Field field, ColumnBuilder column, int rows)
    {
        if (!field.IsNullable && rows > 0)
        {
            throw new EtlException("ETL4576", $"the file has no column '{field.Name}', which is declared not null", "Declare it nullable: older files do not have it.");
        }

        for (var i = 0; i < rows; i++)
        {
            column.AppendNull();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _reader.DisposeAsync();
}
