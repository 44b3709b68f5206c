using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Testing;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Testing;

public sealed class RowComparisonTests
{
    private static readonly Schema Columns = new(
        [new Field("id", Int64Type.Default, false), new Field("name", StringType.Default, true), new Field("city", StringType.Default, true)], null);

    private static readonly object?[][] Found = [[(Int128)1, "Ada", "Paris"], [(Int128)2, "Bo", "Paris"], [(Int128)3, "Bo", "Rome"]];

    [Test]
    public void Order_does_not_matter_and_columns_that_are_not_told_are_not_looked_at() =>
        Assert.That(Compare([0], Row(1, ("id", 3)), Row(2, ("city", "Paris"), ("name", "Ada")), Row(3, ("name", "Bo"))), Is.Empty);

    // The first row could have any of two; taking the wrong one would leave nothing for the last.
    [Test]
    public void A_row_that_fits_several_leaves_each_other_its_own() =>
        Assert.That(Compare([], Row(1, ("city", "Paris")), Row(2, ("name", "Bo")), Row(3, ("city", "Paris"), ("name", "Bo"))), Is.Empty);

    [Test]
    public void A_row_with_its_key_is_compared_with_the_row_of_that_key() => Assert.That(
        Compare([0], Row(1, ("id", 1), ("name", "Bo")), Row(2, ("id", 2)), Row(3, ("id", 3), ("city", null))),
        Is.EqualTo(new[] { "t.yaml:1:2: people, row id = 1: name is Ada, expected Bo", "t.yaml:3:2: people, row id = 3: city is Rome, expected null" }));

    [Test]
    public void What_is_left_over_is_compared_with_what_is_most_like_it() => Assert.That(
        Compare([], Row(1, ("id", 1), ("name", "Ada"), ("city", "Oslo")), Row(2, ("id", 2)), Row(3, ("id", 3))),
        Is.EqualTo(new[] { "t.yaml:1:3: people, row id = 1, name = Ada: city is Paris, expected Oslo" }));

    [Test]
    public void Rows_that_are_missing_and_rows_that_nobody_expects_are_told() => Assert.That(
        Compare([0], Row(1, ("id", 1)), Row(2, ("id", 2)), Row(3, ("id", 9), ("name", "Bo"))),
        Is.EqualTo(new[] { "t.yaml:3:1: people: there is no row { id: 9, name: Bo }", "t.yaml:9:9: people: nobody expects the row { id: 3, name: Bo, city: Rome }" }));

    private static string[] Compare(int[] key, params ExpectedRow[] rows) =>
        [.. new RowComparison("people", Columns, key, _ => false).Compare(rows, Found, new SourceSpan("t.yaml", 9, 9)).Select(d => d.ToString())];

    // Row n stands in line n, and its cells in columns 1, 2, 3 of it.
    private static ExpectedRow Row(int line, params (string Column, object? Value)[] cells) => new(
        new SourceSpan("t.yaml", line, 1),
        [.. cells.Select((c, i) => new ExpectedCell(Columns.GetFieldIndex(c.Column), c.Value is int n ? (Int128)n : c.Value, new SourceSpan("t.yaml", line, i + 1)))]);
}
