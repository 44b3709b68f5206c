using System.Text;
using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Files;
using Etl.Plugins.FileSets;
using Etl.Plugins.Tests.Lake;
using NUnit.Framework;
using Parquet;
using Parquet.Schema;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>The option <c>rows</c> of Parquet files: row groups that by their statistics hold no such row are not fetched, and none that does is lost.</summary>
public sealed class ParquetRowsTests
{
    private LocalFolderStore _store = null!;

    private string File => Path.Combine(_store.Folder, "in.parquet");

    [SetUp]
    public void Make() => _store = new(Directory.CreateTempSubdirectory("etl-rows-").FullName);

    [TearDown]
    public void Drop() => Directory.Delete(_store.Folder, recursive: true);

    [TestCase(1)]
    [TestCase(4)]
    public async Task Only_the_row_groups_of_a_range_are_fetched(int parallelism)
    {
        Copy("select i as id, timestamptz '2026-01-01 00:00:00+00' + interval (i) second as at, hash(i)::varchar || hash(i + 1)::varchar as note from range(200000) t(i)", 20_480);
        var all = await ReadAsync([], parallelism);
        Assert.That(all.Rows, Has.Count.EqualTo(200_000));
        var (rows, fetched, estimated) = await ReadAsync(new() { ["at"] = ">= 2026-01-02T12:00:00Z and < 2026-01-02T12:00:10Z" }, parallelism);
        Assert.That(rows.Select(r => (long)r[0]!), Is.EqualTo(Enumerable.Range(129_600, 10).Select(i => (long)i)));
        Assert.That(rows[0], Has.Length.EqualTo(2), "a column that only the condition is on is not given");
        TestContext.Out.WriteLine($"{all.Fetched} bytes of all, {fetched} of the range");
        Assert.That(fetched, Is.LessThan(all.Fetched / 4));
        Assert.That(estimated, Is.EqualTo(20_480), "one row group of ten");

        async Task<(List<object?[]> Rows, long Fetched, long? Estimated)> ReadAsync(Dictionary<string, string> conditions, int parallel)
        {
            _store.Ranges.Clear();
            await using var extraction = await OpenAsync(new() { Path = "in.parquet", Columns = ["id", "note"], Rows = conditions }, parallel, ("id", Int64Type.Default), ("note", StringType.Default), ("at", TimestampUtc));
            return (await ReadAllAsync(extraction), _store.Ranges.Sum(r => r.Length), extraction.EstimatedRows ?? 20_480);
        }
    }

    [Test]
    public async Task Statistics_that_a_writer_is_known_to_get_wrong_are_not_believed()
    {
        // Parquet.Net tells the range of times in milliseconds, whatever the column's unit.
        var (id, at) = (new DataField<long>("id"), new DateTimeDataField("at", DateTimeFormat.DateAndTimeMicros, isAdjustedToUTC: true, isNullable: false));
        await using (var file = System.IO.File.Create(File))
        {
            await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(id, at), file);
            using var group = writer.CreateRowGroup();
            await group.WriteAllPartsAsync<long>(id, new long[] { 1, 2 }, null, null, default);
            await group.WriteAllPartsAsync<DateTime>(at, new[] { new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc) }, null, null, default);
        }

        await using var extraction = await OpenAsync(new() { Path = "in.parquet", Columns = ["id"], Rows = new Dictionary<string, string> { ["at"] = ">= 2026-02-01T00:00:00Z" } }, 1, ("id", Int64Type.Default), ("at", TimestampUtc));
        Assert.That((await ReadAllAsync(extraction)).Select(r => (long)r[0]!), Is.EqualTo([2L]));
    }

    [Test]
    public async Task And_may_be_a_word_of_a_text()
    {
        Copy("select 1::bigint as id, 'Tom and Jerry' as name union all select 2, 'Tom'", 20_480);
        await using var extraction = await OpenAsync(new() { Path = "in.parquet", Columns = ["id"], Rows = new Dictionary<string, string> { ["name"] = "Tom and Jerry" } }, 1, ("id", Int64Type.Default), ("name", StringType.Default));
        Assert.That((await ReadAllAsync(extraction)).Select(r => (long)r[0]!), Is.EqualTo([1L]));
    }

    [Test]
    public void No_row_that_DuckDB_finds_is_lost([Range(1, 2)] int seed)
    {
        // Values that lie together, with NULLs, NaN and infinities among them, some groups of NULLs alone, and texts that differ late.
        (string Name, string Type)[] columns =
        [
            ("i", "integer"), ("d", "double"), ("f", "float"), ("s", "varchar"), ("ts", "timestamp"), ("tz", "timestamptz"), ("dt", "date"), ("n", "decimal(9,2)"), ("m", "decimal(38,3)"), ("b", "boolean"),
        ];
        Copy(
            $"""
            select id, if(id // 2048 = 2 or h % 9 = 0, null, v::integer) as i, case when h % 5 = 0 and id // 4096 = 1 then 'nan'::double when h % 97 = 0 then 'inf'::double when h % 89 = 0 then null else v / 3 end as d,
              case when h % 1000 = 0 then 'nan'::float else (v / 7)::float end as f, case when h % 11 = 0 then null else repeat('é', 40) || chr(97 + (v // 800)::integer) || v::varchar end as s,
              timestamp '1969-12-31' + interval (v * 7001) millisecond + interval (h % 1000) microsecond as ts, timestamptz '2026-01-01 00:00:00+00' + interval (v) minute as tz, date '1969-12-31' + (v // 100)::integer as dt,
              if(h % 13 = 0, null, (v / 10)::decimal(9,2)) as n, if(id // 2048 = 5, null, -v * 1000000000000000000::decimal(38,3)) as m, if(h % 10 = 0, null, id < 8000) as b
            from (select i as id, hash(i + {seed}) as h, (i - 1000 + (hash(i * {seed}) % 3000)::bigint)::bigint as v from range(16384) t(i))
            """,
            2048);
        var conditions = new RowConditions($"'{File}'", columns, 16_384);
        (string, IArrowType)[] declared =
        [
            ("id", Int64Type.Default), ("i", Int32Type.Default), ("d", DoubleType.Default), ("f", FloatType.Default), ("s", StringType.Default), ("ts", Timestamp), ("tz", TimestampUtc), ("dt", Date32Type.Default),
            ("n", new Decimal128Type(9, 2)), ("m", new Decimal128Type(38, 3)), ("b", BooleanType.Default),
        ];
        var (read, skipped) = (0L, 0L);
        conditions.Any.Sample(
            some =>
            {
                var extraction = OpenAsync(new() { Path = "in.parquet", Columns = ["id"], Rows = RowConditions.Options(some) }, 4, declared).GetAwaiter().GetResult();
                (read, skipped) = (read + extraction.Splits.Count, skipped + 8 - extraction.Splits.Count);
                var ids = ReadAllAsync(extraction).GetAwaiter().GetResult().Select(r => (long)r[0]!).Order();
                Assert.That(ids, Is.EqualTo(conditions.Expected(some)), string.Join(" and ", some.Select(c => c.Sql)));
            },
            iter: 60, threads: 1);
        TestContext.Out.WriteLine($"{read} row groups read, {skipped} skipped");
        Assert.That(skipped, Is.GreaterThan(read / 10));
    }

    [Test]
    public async Task Bounds_of_texts_need_not_be_values()
    {
        Copy("select i as id, 'key-' || lpad(i::varchar, 6, '0') || '-mmmmm' as s from range(8192) t(i)", 2048);
        // As writers do that cut them off: what is left is less, or greater, than all there is.
        Blur("key-000000-mmmmm", "key-000000-!!!!!");
        Blur("key-002047-mmmmm", "key-002047-~~~~~");
        Assert.That(await IdsAsync("= key-000000-mmmmm"), Is.EqualTo(new[] { 0L }));
        Assert.That(await IdsAsync("<= key-000000-mmmmm"), Is.EqualTo(new[] { 0L }));
        Assert.That(await IdsAsync(">= key-002047-mmmmm and < key-002049"), Is.EqualTo(new[] { 2047L, 2048 }));
        Assert.That(await IdsAsync("!= key-000000-!!!!!"), Has.Count.EqualTo(8192));

        async Task<List<long>> IdsAsync(string condition) => [.. (await ReadAllAsync(await OpenAsync(
            new() { Path = "in.parquet", Rows = new Dictionary<string, string> { ["s"] = condition } }, 4, ("id", Int64Type.Default), ("s", StringType.Default)))).Select(r => (long)r[0]!).Order()];
    }

    [Test]
    public void A_column_of_another_type_is_told_and_nothing_is_skipped_by_it()
    {
        Copy("select i as id, i::decimal(9,2) as n, i::usmallint as u from range(10) t(i)", 2048);
        string Error(string column, IArrowType type, string condition) => Thrown<EtlException>(async () => await ReadAllAsync(await OpenAsync(
            new() { Path = "in.parquet", Rows = new Dictionary<string, string> { [column] = condition } }, 4, (column, type)))).Code;
        Assert.That(Error("n", Int64Type.Default, "> 50000"), Is.EqualTo("ETL4575"));
        Assert.That(Error("n", new Decimal128Type(9, 4), "> 50000"), Is.EqualTo("ETL4575"));
        Assert.That(Error("u", Int32Type.Default, "> 50000"), Is.EqualTo("ETL4575"));
        Assert.That(Error("id", Date32Type.Default, "> 2200-01-01"), Is.EqualTo("ETL4575"));
    }

    [Test]
    public void A_position_is_of_the_conditions_too_and_a_wrong_one_is_told()
    {
        Copy("select 1::bigint as id", 2048);
        string Fingerprint(string? condition) => new ParquetExtractor(new() { Path = "*.parquet", Incremental = FileIncrement.Files, Rows = condition is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["id"] = condition } }, _store).Capabilities.Fingerprint;
        Assert.That(Fingerprint("> 1"), Is.EqualTo("file.parquet.files/1 rows id=> 1"));
        Assert.That(Fingerprint(null), Is.EqualTo("file.parquet.files/1"), "as before there were conditions");
        var error = Thrown<EtlException>(() => OpenAsync(new() { Path = "in.parquet", Rows = new Dictionary<string, string> { ["id"] = "> soon" } }, 1, ("id", Int64Type.Default)));
        Assert.That((error.Code, error.Message, error.OptionPath), Is.EqualTo(("ETL4536", "a condition on 'id' is no int64", "rows.id")));
    }

    private void Copy(string select, int groupRows) => Duck.Rows($"copy ({select}) to '{File}' (format parquet, row_group_size {groupRows})");

    // In the footer, where statistics are, and not in the data.
    private void Blur(string from, string to)
    {
        var bytes = System.IO.File.ReadAllBytes(File);
        var footer = bytes.AsSpan(bytes.Length - 8 - BitConverter.ToInt32(bytes, bytes.Length - 8));
        var found = 0;
        for (int at; (at = footer.IndexOf(Encoding.ASCII.GetBytes(from))) >= 0; found++)
        {
            Encoding.ASCII.GetBytes(to).CopyTo(footer[at..]);
        }

        Assert.That(found, Is.GreaterThan(0));
        System.IO.File.WriteAllBytes(File, bytes);
    }

    private async Task<IExtraction> OpenAsync(ParquetExtractOptions options, int parallelism, params (string, IArrowType)[] columns)
    {
        var extractor = new ParquetExtractor(options, _store);
        var contract = Contract("c", [], columns);
        return await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 10_000, parallelism, new Dictionary<string, object>()), default);
    }
}
