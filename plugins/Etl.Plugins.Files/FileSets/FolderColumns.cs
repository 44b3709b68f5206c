using System.Text;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.FileSets;

/// <summary>The columns of one file that its folders give: the same value in every row.</summary>
internal sealed class FolderColumns : IDisposable
{
    private readonly Dictionary<int, RecordBatch> _values = [];

    /// <summary>Of a file, for the columns of <paramref name="schema"/>. ETL4535: a folder's value is not of its column's type.</summary>
    public FolderColumns(string key, Schema schema) : this(key, Folders.Of(key), schema) { }

    /// <summary>The same for values that something else than the key gives.</summary>
    public FolderColumns(string key, IEnumerable<(string Column, string? Value)> values, Schema schema)
    {
        foreach (var (name, text) in values)
        {
            var column = schema.FieldsList.ToList().FindIndex(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (column >= 0)
            {
                _values[column] = One(key, schema.FieldsList[column], text);
            }
        }
    }

    /// <summary>Whether a column comes from a folder.</summary>
    public bool Has(int column) => _values.ContainsKey(column);

    /// <summary>A row's values.</summary>
    public void AppendRow(RecordBatchBuilder builder)
    {
        foreach (var column in _values.Keys)
        {
            Append(column, builder[column], 1);
        }
    }

    /// <summary>A column's value, for several rows.</summary>
    public void Append(int column, ColumnBuilder target, int rows) => target.Append(_values[column].Column(0).Data, new int[rows]);

    public void Dispose()
    {
        foreach (var value in _values.Values)
        {
            value.Dispose();
        }
    }

    private static RecordBatch One(string key, Field field, string? text)
    {
        using var builder = new RecordBatchBuilder(new Schema([field], null), 1);
        if (text is null && field.IsNullable)
        {
            builder[0].AppendNull();
        }
        else if (text is null || !CellText.TryAppend(Encoding.UTF8.GetBytes(text), builder[0]))
        {
            throw new EtlException(
                "ETL4535", $"'{key}' lies in a folder whose value of column '{field.Name}' is no {CellText.Describe(field.DataType)}", "Correct the folder's name, or the column's type in the contract.");
        }

        return builder.Build();
    }
}
