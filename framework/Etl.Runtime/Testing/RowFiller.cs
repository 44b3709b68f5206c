using System.Globalization;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Runtime.Testing;

/// <summary>
/// Completes rows of which a test tells some columns: NULL where the column may be NULL, else a value of its type that is the same in each
/// run and, where the type has enough values, another in each row. So keys are unique unless the test makes them equal.
/// </summary>
/// <param name="schema">All columns.</param>
/// <param name="keys">Columns that have a value even where they could be NULL.</param>
/// <param name="clock">The test's: what times are filled with.</param>
internal sealed class RowFiller(Schema schema, IReadOnlyList<string> keys, DateTimeOffset clock)
{
    private const int MostTries = 10_000;

    /// <summary>Whole rows, the first of them filled as row number <paramref name="first"/>.</summary>
    public IReadOnlyList<object?[]> Complete(IReadOnlyList<ExpectedRow> rows, int first)
    {
        var listed = schema.FieldsList.Select((_, i) => rows.SelectMany(r => r.Cells).Where(c => c.Column == i).Select(c => c.Value).ToHashSet()).ToArray();
        var complete = new List<object?[]>();
        var number = first;
        foreach (var row in rows)
        {
            var told = row.Cells.Select(c => c.Column).ToHashSet();
            // A value that the test gives to another row is not made up for this one.
            for (var tries = 0; tries < MostTries && schema.FieldsList.Where((f, i) => !told.Contains(i) && IsDistinct(f) && listed[i].Contains(Fill(f, number))).Any(); tries++)
            {
                number++;
            }

            var cells = schema.FieldsList.Select((f, i) => told.Contains(i) ? null : Fill(f, number)).ToArray();
            foreach (var cell in row.Cells)
            {
                cells[cell.Column] = cell.Value;
            }

            complete.Add(cells);
            number++;
        }

        return complete;
    }

    private bool IsKey(Field field) => keys.Contains(field.Name, StringComparer.OrdinalIgnoreCase);

    private bool IsDistinct(Field field) => (!field.IsNullable || IsKey(field)) && field.Name != RowSchema.OpColumn && !Equals(Fill(field, 1), Fill(field, 2));

    private object? Fill(Field field, int number)
    {
        if (field.IsNullable && !IsKey(field))
        {
            return null;
        }

        var later = IsKey(field) ? number - 1 : 0;
        return field.DataType switch
        {
            _ when field.Name == RowSchema.OpColumn => RowSchema.OpUpsert,
            BooleanType => false,
            StringType => string.Create(CultureInfo.InvariantCulture, $"{field.Name}-{number}"),
            BinaryType => Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture)),
            FloatType or DoubleType => (double)number,
            Decimal128Type d => number % Cell.Power(d.Precision - d.Scale) * Cell.Power(d.Scale),
            Date32Type => (Cell.Micros(clock.UtcDateTime) / (TimeSpan.TicksPerDay / TimeSpan.TicksPerMicrosecond)) + later,
            Time64Type => (long)later,
            TimestampType => Cell.Micros(clock.UtcDateTime) + later,
            ListType => System.Array.Empty<object?>(),
            _ when Cell.Limits(field.DataType) is (_, var most) => (object)(number % most),
            _ => throw new InvalidOperationException($"{field.DataType.Name} is not a type that rows move in"),
        };
    }
}
