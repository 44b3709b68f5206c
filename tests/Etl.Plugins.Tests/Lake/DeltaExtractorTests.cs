using System.Text.Json.Nodes;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary>A table that the loader makes, read as a source.</summary>
public sealed class DeltaExtractorTests
{
    private static readonly DataContract Orders = Contract("orders", [], ("id", Int64Type.Default), ("day", Date32Type.Default), ("note", StringType.Default), ("amount", new Decimal128Type(12, 2)));
    private static readonly DeltaExtractOptions Whole = new() { Path = "orders" };

    [Test]
    public async Task A_table_is_read_whole_by_partition_and_as_it_was()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([new(1, 10, "a", 100), new(2, 11, null, -5), new(3, null, "c", 7)]);
        await table.LoadAsync([new(2, 11, "b", 6), new(1, 10, "a", 100, IsDeleted: true)], schema: LakeTable.OrderChanges);
        object?[] b = [2L, 11, "b", (Int128)6];
        object?[] c = [3L, null, "c", (Int128)7];
        Assert.That(await RowsAsync(table, Whole), Is.EqualTo(new[] { b, c }));
        Assert.That(await RowsAsync(table, Whole with { Version = 0 }), Is.EqualTo(new object?[][] { [1L, 10, "a", (Int128)100], [2L, 11, null, (Int128)(-5)], c }));
        table.Store.Ranges.Clear();
        Assert.That(await RowsAsync(table, Whole with { Partitions = new Dictionary<string, string> { ["day"] = "<= 1970-01-12" } }), Is.EqualTo(new[] { b }));
        Assert.That(table.Store.Ranges.Select(r => r.Key).Distinct().Count(), Is.EqualTo(1));
        Assert.That(Thrown<EtlException>(() => RowsAsync(table, Whole with { Version = 9 })).Code, Is.EqualTo("ETL4583"));
        Assert.That(Thrown<EtlException>(() => RowsAsync(table, Whole with { Path = "other" })).Code, Is.EqualTo("ETL4582"));
        Assert.That(Thrown<EtlException>(() => RowsAsync(table, Whole, Contract("c", [], ("id", Int64Type.Default), ("x", StringType.Default)))).Message,
            Is.EqualTo("the table has no column 'x', which the contract declares; it has id, day, note, amount"));
    }

    [Test]
    public async Task Appended_rows_are_read_once_whatever_rearranges_the_files()
    {
        var options = Whole with { Incremental = DeltaIncrement.Appends };
        var table = new LakeTable(new() { Path = "orders", Mode = LoadMode.Append });
        await table.LoadAsync([new(1, 1, "a", 1)]);
        var (ids, position) = await NextAsync(table, options, null);
        Assert.That(ids, Is.EqualTo(new[] { 1L }));
        await table.LoadAsync([new(2, 1, "b", 1)]);
        Rearrange(table, version: 2);
        await table.LoadAsync([new(3, 2, "c", 1)]);
        (ids, position) = await NextAsync(table, options, position);
        Assert.That(ids, Is.EqualTo(new[] { 2L, 3 }), "and not row 1, which lies in a new file");
        (ids, position) = await NextAsync(table, options, position);
        Assert.That(ids, Is.Empty);
        Assert.That((await NextAsync(table, options, null)).Ids, Is.EqualTo(new[] { 1L, 2, 3 }));

        Assert.That(Thrown<EtlException>(() => NextAsync(table, options, position with { Identity = "another" })).Code, Is.EqualTo("ETL4584"));
    }

    [Test]
    public async Task Of_a_table_whose_rows_change_new_files_are_read_whole_and_appends_are_refused()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([new(1, 1, "a", 1), new(2, 1, "b", 1), new(3, 2, "c", 1)]);
        var appends = Whole with { Incremental = DeltaIncrement.Appends };
        var rewrites = Whole with { Incremental = DeltaIncrement.Rewrites };
        var (_, exact) = await NextAsync(table, appends, null);
        var (_, position) = await NextAsync(table, rewrites, null);
        await table.LoadAsync([new(2, 1, "b2", 1)]);
        await table.LoadAsync([new(2, 1, "b3", 1), new(4, 3, "d", 1)]);
        Assert.That(Thrown<EtlException>(() => NextAsync(table, appends, exact)).Message, Does.StartWith("version 1 of the table 'orders/' removes rows"));
        var rows = await RowsAsync(table, rewrites, from: position);
        Assert.That(rows.Select(r => $"{r[0]}{r[2]}"), Is.EqualTo(new[] { "1a", "2b3", "4d" }), "one version of each, and not what lies untouched in day 2");
        Assert.That(new DeltaExtractor(rewrites, table.Store, new PluginContext(table.Store.Folder, table.Store.Folder + ".state", 1 << 30, TimeProvider.System)).Capabilities.MayRepeat, Is.True);
    }

    [Test]
    public async Task What_the_loader_writes_comes_back_whatever_it_holds()
    {
        var schema = Schema(("a", StringType.Default), ("b", DoubleType.Default), ("c", new Decimal128Type(38, 9)), ("d", TimestampUtc), ("e", Timestamp), ("f", Date32Type.Default), ("g", BooleanType.Default), ("h", BinaryType.Default), ("i", Int64Type.Default));
        var random = new Random(7);
        var rows = Enumerable.Range(0, 500).Select(i => new object?[]
        {
            i % 7 == 0 ? null : new string('é', i % 5) + i, random.NextDouble() * i, (Int128)random.NextInt64() * random.Next(), random.NextInt64(-62_135_596_800_000_000, 253_402_300_799_999_999), (long)i, random.Next(-700_000, 2_900_000),
            i % 3 == 0 ? null : i % 2 == 0, BitConverter.GetBytes(i), random.NextInt64(),
        }).ToArray();
        foreach (var compression in Enum.GetValues<ParquetCompression>())
        {
            var table = new LakeTable(new() { Path = "orders", Mode = LoadMode.Append, Compression = compression });
            await using (var session = await table.OpenAsync(schema: schema))
            {
                using var batch = Batch(schema, rows);
                await session.StageAsync(Stream(batch), default);
                await session.PublishAsync(table.Next(session), default);
            }

            var contract = Contract("c", [], [.. schema.Arrow.FieldsList.Select(f => (f.Name, f.DataType))]);
            Assert.That(await ReadAllAsync(await OpenAsync(table, Whole, contract, null)), Is.EqualTo(rows), compression.ToString());
        }
    }

    // As OPTIMIZE does: the live files under other names, with no change of data.
    private static void Rearrange(LakeTable table, int version)
    {
        var log = Path.Combine(table.Store.Folder, "orders", "_delta_log");
        var lines = new List<string>();
        foreach (var add in Directory.GetFiles(log).Order(StringComparer.Ordinal).SelectMany(File.ReadLines).Select(l => JsonNode.Parse(l)!["add"]).OfType<JsonObject>())
        {
            var path = add["path"]!.GetValue<string>();
            File.Copy(Path.Combine(table.Store.Folder, "orders", path), Path.Combine(table.Store.Folder, "orders", $"moved-{path}"));
            lines.Add(new JsonObject { ["remove"] = new JsonObject { ["path"] = path, ["dataChange"] = false, ["deletionTimestamp"] = 0 } }.ToJsonString());
            var copy = add.DeepClone().AsObject();
            (copy["path"], copy["dataChange"]) = ($"moved-{path}", false);
            lines.Add(new JsonObject { ["add"] = copy }.ToJsonString());
        }

        File.WriteAllLines(Path.Combine(log, $"{version:D20}.json"), lines);
    }

    private static async Task<(List<long> Ids, SourcePosition Reached)> NextAsync(LakeTable table, DeltaExtractOptions options, SourcePosition? from)
    {
        await using var extraction = await OpenAsync(table, options, Orders, from);
        return ([.. (await ReadAllAsync(extraction)).Select(r => (long)r[0]!).Order()], extraction.Reached);
    }

    private static async Task<List<object?[]>> RowsAsync(LakeTable table, DeltaExtractOptions options, DataContract? contract = null, SourcePosition? from = null)
    {
        await using var extraction = await OpenAsync(table, options, contract ?? Orders, from);
        return [.. (await ReadAllAsync(extraction)).OrderBy(r => (long)r[0]!)];
    }

    private static async Task<IExtraction> OpenAsync(LakeTable table, DeltaExtractOptions options, DataContract contract, SourcePosition? from)
    {
        var extractor = new DeltaExtractor(options, table.Store, new PluginContext(table.Store.Folder, table.Store.Folder + ".state", 1 << 30, TimeProvider.System));
        return await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), from, 100, 2, new Dictionary<string, object>()), default);
    }
}
