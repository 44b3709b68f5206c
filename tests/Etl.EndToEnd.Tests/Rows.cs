using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Compares tables, row by row, both ways.</summary>
internal static class Rows
{
    private const int Shown = 5;

    /// <summary>A row as one text, of columns that are text already; SQLite, DuckDB and PostgreSQL read it alike.</summary>
    public static string Line(params string[] columns) => string.Join(" || '|' || ", columns.Select(c => $"coalesce({c}, '∅')"));

    public static void AreEqual(IReadOnlyList<string> expected, IReadOnlyList<string> actual, string what)
    {
        var missing = Except(expected, actual);
        var extra = Except(actual, expected);
        Assert.That(
            (actual.Count, missing.Count, extra.Count), Is.EqualTo((expected.Count, 0, 0)),
            $"{what}: rows, missing, extra\nmissing:\n{string.Join('\n', missing.Take(Shown))}\nextra:\n{string.Join('\n', extra.Take(Shown))}");
    }

    // As EXCEPT ALL.
    private static List<string> Except(IReadOnlyList<string> rows, IReadOnlyList<string> others)
    {
        var left = others.CountBy(r => r).ToDictionary(StringComparer.Ordinal);
        var rest = new List<string>();
        foreach (var row in rows)
        {
            if (left.GetValueOrDefault(row) is var count and > 0)
            {
                left[row] = count - 1;
            }
            else
            {
                rest.Add(row);
            }
        }

        return rest;
    }
}
