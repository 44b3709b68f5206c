using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary>The option <c>rows</c> of a Delta table: files that by the log's statistics hold no such row are not opened, and none that does is lost.</summary>
public sealed class DeltaRowsTests
{
    private static readonly (string Name, IArrowType Type)[] Columns =
    [
        ("id", Int64Type.Default), ("i", Int32Type.Default), ("d", DoubleType.Default), ("s", StringType.Default), ("ts", Timestamp), ("tz", TimestampUtc), ("dt", Date32Type.Default), ("n", new Decimal128Type(12, 2)), ("b", BooleanType.Default), ("m", new Decimal128Type(38, 3)),
    ];

    [Test]
    public async Task Files_of_other_rows_are_not_opened()
    {
        var table = await MakeAsync(new Random(1), files: 10, rows: 20);
        table.Store.Ranges.Clear();
        await using var extraction = await OpenAsync(table, new() { ["id"] = ">= 35 and < 62" });
        Assert.That((await ReadAllAsync(extraction)).Select(r => (long)r[0]!).Order(), Is.EqualTo(Enumerable.Range(35, 27).Select(i => (long)i)));
        Assert.That(table.Store.Ranges.Select(r => r.Key).Distinct().Count(), Is.EqualTo(3));
    }

    [Test]
    public async Task No_row_that_DuckDB_finds_is_lost([Range(1, 2)] int seed)
    {
        var table = await MakeAsync(new Random(seed), files: 12, rows: 15);
        var conditions = new RowConditions(
            $"read_parquet('{table.Store.Folder}/orders/*.parquet')",
            [("i", "integer"), ("d", "double"), ("s", "varchar"), ("ts", "timestamp"), ("tz", "timestamptz"), ("dt", "date"), ("n", "decimal(12,2)"), ("b", "boolean"), ("m", "decimal(38,3)")],
            12 * 15);
        var (opened, all) = (0, 0);
        conditions.Any.Sample(
            some =>
            {
                table.Store.Ranges.Clear();
                var extraction = OpenAsync(table, RowConditions.Options(some)).GetAwaiter().GetResult();
                var ids = ReadAllAsync(extraction).GetAwaiter().GetResult().Select(r => (long)r[0]!).Order();
                Assert.That(ids, Is.EqualTo(conditions.Expected(some)), string.Join(" and ", some.Select(c => c.Sql)));
                (opened, all) = (opened + table.Store.Ranges.Select(r => r.Key).Distinct().Count(), all + 12);
            },
            iter: 60, threads: 1);
        TestContext.Out.WriteLine($"{opened} of {all} files opened");
        Assert.That(opened, Is.LessThan(all * 9 / 10));
    }

    [TestCase("""{"numRecords":1,"minValues":{"ts":"2026-01-01T00:00:00.123"},"maxValues":{"ts":"2026-01-01T00:00:00.123"}}""", true, Description = "cut to milliseconds")]
    [TestCase("""{"numRecords":1,"minValues":{"ts":"2026-01-01T00:00:00.124"},"maxValues":{"ts":"2026-01-01T00:00:01.000"}}""", true, Description = "within the slack")]
    [TestCase("""{"numRecords":1,"minValues":{"ts":"2026-01-01T00:00:00.125"},"maxValues":{"ts":"2026-01-01T00:00:01.000"}}""", false)]
    [TestCase("""{"numRecords":1,"minValues":{"ts":20454},"maxValues":{"ts":"soon"}}""", true, Description = "what cannot be read says nothing")]
    [TestCase("""{"numRecords":1,"nullCount":{"ts":1}}""", false)]
    [TestCase("""{"numRecords":1,"nullCount":{"ts":0}}""", true)]
    [TestCase("{}", true)]
    public async Task What_other_writers_tell_is_taken_as_far_as_it_holds(string statistics, bool isOpened)
    {
        var table = await MakeAsync(new Random(1), files: 1, rows: 1);
        var entry = Path.Combine(table.Store.Folder, "orders", "_delta_log", $"{0:D20}.json");
        var lines = (await File.ReadAllLinesAsync(entry)).Select(l => System.Text.Json.Nodes.JsonNode.Parse(l)!.AsObject()).ToList();
        lines.Single(l => l.ContainsKey("add"))["add"]!["stats"] = statistics;
        await File.WriteAllLinesAsync(entry, lines.Select(l => l.ToJsonString()));
        await using var extraction = await OpenAsync(table, new() { ["ts"] = "= 2026-01-01T00:00:00.123456" });
        Assert.That(extraction.Splits.Count > 0 || table.Store.Ranges.Any(r => r.Key.EndsWith(".parquet", StringComparison.Ordinal)), Is.EqualTo(isOpened));
    }

    // Values grow from file to file, with NULLs and NaN among them, files of NULLs alone, and texts that differ where statistics are cut off.
    private static async Task<LakeTable> MakeAsync(Random random, int files, int rows)
    {
        var table = new LakeTable(new() { Path = "orders", Mode = LoadMode.Append });
        var schema = Schema(Columns);
        for (var file = 0; file < files; file++)
        {
            await using var session = await table.OpenAsync(schema: schema);
            using var batch = Batch(schema, [.. Enumerable.Range(0, rows).Select(row =>
            {
                var value = (file * 1000L) + random.Next(-800, 1800);
                object? Or(int nulls, object? other) => random.Next(nulls) == 0 ? null : other;
                return new object?[]
                {
                    (long)((file * rows) + row), file == 2 ? null : Or(6, value), Or(8, random.Next(9) == 0 ? double.NaN : random.Next(30) == 0 ? double.PositiveInfinity : value / 3d),
                    Or(7, new string('é', 30) + "😀"[..(2 * random.Next(2))] + (char)('a' + file) + value), (value * 3_600_000_000) + random.Next(1_000_000), Or(5, (value * 60_000_000) + random.Next(1_000_000)), Or(9, (int)value),
                    Or(9, (Int128)value * 33), Or(9, file < 5), Or(9, (Int128)value * -1_000_000_000_000_000_000),
                };
            })]);
            await session.StageAsync(Stream(batch), default);
            await session.PublishAsync(table.Next(session), default);
        }

        return table;
    }

    private static async Task<IExtraction> OpenAsync(LakeTable table, Dictionary<string, string> rows)
    {
        var contract = Contract("c", [], Columns);
        var extractor = new DeltaExtractor(new() { Path = "orders", Columns = ["id"], Rows = rows }, table.Store, new PluginContext(table.Store.Folder, table.Store.Folder + ".state", 1 << 30, TimeProvider.System));
        return await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 100, 2, new Dictionary<string, object>()), default);
    }
}
