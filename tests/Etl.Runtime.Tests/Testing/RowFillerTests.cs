using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Runtime.Testing;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Testing;

public sealed class RowFillerTests
{
    private static readonly DateTimeOffset Clock = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Test]
    public void A_column_is_null_where_it_may_be_and_filled_by_its_type_where_not() => Assert.That(
        Filled([("id", Int64Type.Default, false), ("note", StringType.Default, true), ("ref", StringType.Default, false), ("price", new Decimal128Type(5, 2), false), ("paid", BooleanType.Default, false), ("day", Date32Type.Default, false), ("at", new TimestampType(TimeUnit.Microsecond, "UTC"), false)], ["id"], [], []),
        Is.EqualTo(new[] { "1 null ref-1 1.00 false 2026-03-01 2026-03-01T12:00:00Z", "2 null ref-2 2.00 false 2026-03-01 2026-03-01T12:00:00Z" }));

    [Test]
    public void A_made_up_key_is_none_that_the_test_gives() => Assert.That(
        Filled([("id", Int64Type.Default, false), ("ref", StringType.Default, false)], ["id"], [], [new(0, (Int128)1, default)], []),
        Is.EqualTo(new[] { "2 ref-2", "1 ref-3", "4 ref-4" }));

    [Test]
    public void Days_of_a_key_differ() => Assert.That(
        Filled([("day", Date32Type.Default, true)], ["day"], [], [], []), Is.EqualTo(new[] { "2026-03-01", "2026-03-02", "2026-03-03" }));

    [Test]
    public void A_small_type_is_not_overrun() => Assert.That(
        Filled([("n", Int8Type.Default, false)], [], [.. Enumerable.Repeat(System.Array.Empty<ExpectedCell>(), 200)]), Has.Length.EqualTo(200));

    private static string[] Filled((string Name, IArrowType Type, bool Nullable)[] columns, string[] keys, params ExpectedCell[][] rows)
    {
        var schema = new Schema(columns.Select(c => new Field(c.Name, c.Type, c.Nullable)), null);
        var complete = new RowFiller(schema, keys, Clock).Complete([.. rows.Select(cells => new ExpectedRow(default, cells))], 1);
        return [.. complete.Select(row => string.Join(' ', row.Select((v, i) => Cell.Format(v, columns[i].Type))))];
    }
}
