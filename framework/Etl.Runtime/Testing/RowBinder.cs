using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>Gives the cells of a written row their columns and types.</summary>
internal sealed class RowBinder(DiagnosticBag bag)
{
    /// <summary>The row; what the bag was told of is left out. An <paramref name="expected"/> row may say NULL of any column.</summary>
    public ExpectedRow Bind(YamlMap row, Schema schema, string where, bool expected = false)
    {
        var cells = new List<ExpectedCell>();
        var columns = new RowSchema(schema);
        foreach (var entry in row.Entries)
        {
            var index = columns.Index(entry.Key);
            if (index < 0)
            {
                bag.AddError(entry.KeySpan, "ETL3082", $"there is no column '{entry.Key}' in {where}", $"{Suggest.Sentence(entry.Key, columns.Names)}Columns are: {string.Join(", ", columns.Names)}.");
                continue;
            }

            if (cells.Exists(c => c.Column == index))
            {
                bag.AddError(entry.KeySpan, "ETL3082", $"the column '{columns.Arrow.FieldsList[index].Name}' is there twice", "Names are compared without regard to case; remove one.");
                continue;
            }

            if (Value(entry, schema.FieldsList[index], expected, out var value))
            {
                cells.Add(new ExpectedCell(index, value, entry.Value.Span));
            }
        }

        return new ExpectedRow(row.Span, cells);
    }

    /// <summary>Reports rows that have the key of an earlier one: a source or a target holds each once.</summary>
    public void CheckKeys(IReadOnlyList<ExpectedRow> written, IReadOnlyList<object?[]> complete, Schema schema, IEnumerable<IReadOnlyList<string>> keys, string where)
    {
        foreach (var key in keys.Where(k => k.Count > 0))
        {
            var columns = key.Select(k => new RowSchema(schema).Index(k)).ToList();
            for (var row = 1; row < complete.Count; row++)
            {
                if (Enumerable.Range(0, row).Any(before => columns.TrueForAll(c => Cell.Same(complete[before][c], complete[row][c]))))
                {
                    var values = string.Join(", ", columns.Select(c => Cell.Format(complete[row][c], schema.FieldsList[c].DataType)));
                    var told = written[row].Cells.FirstOrDefault(c => columns.Contains(c.Column));
                    bag.AddError(
                        told.Span.Line > 0 ? told.Span : written[row].Span, "ETL3085", $"a row above has the same ({string.Join(", ", key)}) = ({values})",
                        $"'{where}' holds each key once; give what changes later in `then`.");
                }
            }
        }
    }

    private bool Value(YamlEntry entry, Field field, bool expected, out object? value)
    {
        value = null;
        if (Cell.IsNull(entry.Value))
        {
            if (!expected && !field.IsNullable)
            {
                bag.AddError(entry.Value.Span, "ETL3084", $"'{field.Name}' cannot be NULL here", "The contract declares it required; leave it out and it is filled.");
                return false;
            }

            return true;
        }

        if (!Cell.TryParse(entry.Value, field.DataType, out value))
        {
            var found = entry.Value is YamlScalar scalar ? $"'{scalar.Written}'" : entry.Value.Kind;
            bag.AddError(entry.Value.Span, "ETL3083", $"'{field.Name}' is {found}; it must be {Cell.Noun(field.DataType)}");
            return false;
        }

        if (field.Name == RowSchema.OpColumn && field.DataType is StringType && value is not (RowSchema.OpUpsert or RowSchema.OpDelete))
        {
            bag.AddError(entry.Value.Span, "ETL3083", $"'{field.Name}' is '{value}'; it must be {RowSchema.OpUpsert} or {RowSchema.OpDelete}");
            return false;
        }

        return true;
    }
}
