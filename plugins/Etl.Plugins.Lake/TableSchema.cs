using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Lake;

/// <summary>What a load makes of a table's columns.</summary>
/// <param name="Schema">The columns of the files that it writes, and of the table afterwards.</param>
internal sealed record TableSchema(Schema Schema)
{
    /// <summary>The column of mode changes that holds the epoch.</summary>
    public const string EpochColumn = "_etl_epoch";

    /// <summary>What a load of <paramref name="input"/> writes, before the table is known: <c>_op</c> is a column in mode changes only, and the run's date where files lie by it.</summary>
    public static Schema OfInput(RowSchema input, LoadMode mode, PartitionLayout layout)
    {
        var fields = input.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn);
        fields = mode != LoadMode.Changes ? fields : fields.Append(new Field(RowSchema.OpColumn, StringType.Default, false)).Append(new Field(EpochColumn, Int64Type.Default, false));
        return new Schema(layout.IsByRunDate ? fields.Append(new Field(layout.Column!, Date32Type.Default, false)) : fields, null);
    }

    /// <summary>
    /// The table's columns with those of the load. ETL4558: the table does not fit and the policy (or Delta) does not let it be changed. A table that
    /// is replaced takes the load's columns as they are.
    /// </summary>
    public static TableSchema Merge(Schema? table, Schema load, SchemaPolicy policy, bool replace)
    {
        if (table is null)
        {
            return policy.Create ? new TableSchema(load)
                : throw new EtlException("ETL4558", "the table is not there and schema.create is false", "Create it, or let the load do it.") { OptionPath = "schema.create" };
        }

        if (replace)
        {
            return new TableSchema(load);
        }

        var fields = new List<Field>();
        foreach (var field in table.FieldsList)
        {
            var mine = load.FieldsList.FirstOrDefault(f => Same(f.Name, field.Name));
            if (mine is null && !field.IsNullable)
            {
                throw new EtlException("ETL4558", $"the table's column '{field.Name}' is not null and the load does not have it", "Add it on the way.");
            }

            if (mine is not null && !DeltaSchema.SameType(mine, field))
            {
                throw new EtlException("ETL4558", $"the table's column '{field.Name}' is {DeltaSchema.TypeName(field)} and the load's is {DeltaSchema.TypeName(mine)}", "Cast it on the way; to change the table's type, run with --full-refresh, which writes the table anew.");
            }

            var relax = mine is { IsNullable: true } && !field.IsNullable;
            if (relax && !policy.Widen)
            {
                throw new EtlException("ETL4558", $"the table's column '{field.Name}' is not null and the load's can be NULL", "Refuse NULLs on the way, or set schema.widen.") { OptionPath = "schema.widen" };
            }

            fields.Add(relax ? new Field(field.Name, field.DataType, nullable: true) : field);
        }

        foreach (var field in load.FieldsList.Where(f => !table.FieldsList.Any(t => Same(t.Name, f.Name))))
        {
            if (!policy.AddColumns)
            {
                throw new EtlException("ETL4558", $"the table has no column '{field.Name}' and schema.add_columns is false", "Leave the column out on the way, or let the load add it.") { OptionPath = "schema.add_columns" };
            }

            // Files that are there do not have it.
            fields.Add(new Field(field.Name, field.DataType, nullable: true));
        }

        return new TableSchema(new Schema(fields, null));
    }

    /// <summary>Where each column of the files comes from, for batches of <paramref name="input"/>.</summary>
    public ColumnSource[] Sources(RowSchema input, long epoch, DateOnly? runDate) => [.. Schema.FieldsList.Select(f => input.Index(f.Name) switch
    {
        var index and >= 0 => new ColumnSource(index, null),
        _ when f.Name == EpochColumn => new ColumnSource(-1, (column, rows) => Repeat(rows, () => column.Append(epoch))),
        _ when f.Name == PartitionLayout.RunDateColumn && runDate is { } date => new ColumnSource(-1, (column, rows) => Repeat(rows, () => column.Append(date.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber))),
        _ when f.Name == RowSchema.OpColumn => new ColumnSource(-1, (column, rows) => Repeat(rows, () => column.Append(RowSchema.OpUpsert.AsSpan()))),
        _ => new ColumnSource(-1, (column, rows) => Repeat(rows, column.AppendNull)),
    })];

    /// <summary>Fills a column that a data file lacks: a partition column from the log, as other writers keep it there only; else NULLs.</summary>
    public static void FillMissing(ActiveFile file, Field field, ColumnBuilder column, int rows)
    {
        if (!file.PartitionValues.TryGetValue(field.Name, out var text))
        {
            Parquet.ParquetFileReader.FillNulls(field, column, rows);
            return;
        }

        if (string.IsNullOrEmpty(text))
        {
            Repeat(rows, column.AppendNull);
            return;
        }

        var culture = CultureInfo.InvariantCulture;
        switch (field.DataType)
        {
            case StringType:
                var bytes = Encoding.UTF8.GetBytes(text);
                Repeat(rows, () => column.Append(bytes));
                break;
            case BooleanType:
                Repeat(rows, () => column.Append(text == "true"));
                break;
            case Date32Type:
                var day = DateOnly.ParseExact(text, "yyyy-MM-dd", culture).DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;
                Repeat(rows, () => column.Append(day));
                break;
            case Int8Type or Int16Type or Int32Type or Int64Type:
                var number = long.Parse(text, culture);
                Repeat(rows, () => column.AppendInteger(number));
                break;
            default:
                throw new EtlException("ETL4553", $"the table is partitioned by '{field.Name}' of type {field.DataType.Name}, whose values this version does not read from the log", "Load into another table.");
        }
    }

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private static void Repeat(int count, Action append)
    {
        for (var i = 0; i < count; i++)
        {
            append();
        }
    }
}
