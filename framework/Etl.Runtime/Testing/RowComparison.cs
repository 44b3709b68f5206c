using Apache.Arrow;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Testing;

/// <summary>
/// Compares rows of which some columns are told with the rows that are there. Order does not matter. A row that tells its key is compared with the
/// row of that key; others are given to equal rows as far as can be, and what is left to the rows that are most like them.
/// </summary>
/// <param name="what">What holds the rows, for messages.</param>
/// <param name="schema">Their columns.</param>
/// <param name="key">Columns that pair rows; empty for none.</param>
/// <param name="hides">Columns whose found values are not told; what the test expects, its author has written.</param>
internal sealed class RowComparison(string what, Schema schema, IReadOnlyList<int> key, Predicate<string> hides)
{
    /// <summary>What differs, in the order of the expected rows.</summary>
    /// <param name="expected">Rows as told.</param>
    /// <param name="found">Whole rows.</param>
    /// <param name="span">Of the list, for rows that nobody expects.</param>
    public IEnumerable<TestDifference> Compare(IReadOnlyList<ExpectedRow> expected, IReadOnlyList<object?[]> found, SourceSpan span)
    {
        var pairs = Pair(expected, found);
        for (var i = 0; i < expected.Count; i++)
        {
            if (pairs[i] < 0)
            {
                yield return new TestDifference(expected[i].Span, $"{what}: there is no row {Text(expected[i])}");
                continue;
            }

            var row = found[pairs[i]];
            foreach (var cell in expected[i].Cells.Where(c => !Cell.Same(c.Value, row[c.Column])))
            {
                var field = schema.FieldsList[cell.Column];
                yield return new TestDifference(cell.Span, $"{what}, row {Name(expected[i], row)}: {field.Name} is {Found(cell.Column, row[cell.Column])}, expected {Cell.Format(cell.Value, field.DataType)}");
            }
        }

        foreach (var row in found.Where((_, i) => !pairs.Contains(i)))
        {
            yield return new TestDifference(span, $"{what}: nobody expects the row {Text(row)}");
        }
    }

    // For each expected row the index of the found one, or -1.
    private int[] Pair(IReadOnlyList<ExpectedRow> expected, IReadOnlyList<object?[]> found)
    {
        var pairs = Enumerable.Repeat(-1, expected.Count).ToArray();
        var free = Enumerable.Range(0, found.Count).ToHashSet();
        for (var i = 0; i < expected.Count; i++)
        {
            if (TellsKey(expected[i]) && free.FirstOrDefault(f => key.All(k => Equal(expected[i], found[f], k)), -1) is var at and >= 0)
            {
                pairs[i] = at;
                free.Remove(at);
            }
        }

        // Augmenting paths: an earlier row gives its partner up when it can have another.
        var open = Enumerable.Range(0, expected.Count).Where(i => pairs[i] < 0 && !TellsKey(expected[i])).ToList();
        var taken = new Dictionary<int, int>();
        bool Find(int i, HashSet<int> tried) => free.Any(f => Matches(expected[i], found[f]) && tried.Add(f) && (!taken.TryGetValue(f, out var other) || Find(other, tried)) && Take(f, i));
        bool Take(int f, int i)
        {
            taken[f] = i;
            return true;
        }

        open.ForEach(i => Find(i, []));
        foreach (var (f, i) in taken)
        {
            pairs[i] = f;
            free.Remove(f);
        }

        foreach (var i in open.Where(i => pairs[i] < 0))
        {
            var nearest = free.MaxBy(f => Likeness(expected[i], found[f]));
            if (free.Count > 0 && Likeness(expected[i], found[nearest]) > 0)
            {
                pairs[i] = nearest;
                free.Remove(nearest);
            }
        }

        return pairs;
    }

    private bool TellsKey(ExpectedRow row) => key.Count > 0 && key.All(k => row.Cells.Any(c => c.Column == k));

    private static bool Equal(ExpectedRow row, object?[] found, int column) => row.Cells.Any(c => c.Column == column && Cell.Same(c.Value, found[column]));

    private static bool Matches(ExpectedRow row, object?[] found) => row.Cells.All(c => Cell.Same(c.Value, found[c.Column]));

    private static int Likeness(ExpectedRow row, object?[] found) => row.Cells.Count(c => Cell.Same(c.Value, found[c.Column]));

    private string Name(ExpectedRow expected, object?[] found)
    {
        var same = (TellsKey(expected) ? key : [.. expected.Cells.Where(c => Cell.Same(c.Value, found[c.Column])).Select(c => c.Column).Take(2)]).ToList();
        return string.Join(", ", same.Select(c => $"{schema.FieldsList[c].Name} = {Found(c, found[c])}"));
    }

    private string Text(ExpectedRow row) => row.Cells.Count == 0 ? "{ }" : $"{{ {string.Join(", ", row.Cells.Select(c => Text(c.Column, c.Value)))} }}";

    private string Text(object?[] row) => $"{{ {string.Join(", ", row.Select((value, i) => (value, i)).Where(c => c.value is not null).Select(c => $"{schema.FieldsList[c.i].Name}: {Found(c.i, c.value)}"))} }}";

    private string Found(int column, object? value) => value is not null && hides(schema.FieldsList[column].Name) ? Redactor.Mask : Cell.Format(value, schema.FieldsList[column].DataType);

    private string Text(int column, object? value) => $"{schema.FieldsList[column].Name}: {Cell.Format(value, schema.FieldsList[column].DataType)}";
}
