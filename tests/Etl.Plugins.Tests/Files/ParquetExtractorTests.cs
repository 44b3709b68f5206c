using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Files;
using Etl.Plugins.Tests.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>Parquet files of another writer (DuckDB), read through an object store.</summary>
public sealed class ParquetExtractorTests
{
    private LocalFolderStore _store = null!;

    [SetUp]
    public void Make() => _store = new(Directory.CreateTempSubdirectory("etl-parquet-").FullName);

    [TearDown]
    public void Drop() => Directory.Delete(_store.Folder, recursive: true);

    [Test]
    public async Task Of_a_wide_file_only_the_wanted_columns_are_fetched_by_row_group()
    {
        var wide = string.Join(", ", Enumerable.Range(0, 20).Select(i => $"hash(i + {i}) % 1000003 as c{i}"));
        Copy($"select i as id, {wide}, 'note ' || i as note from range(300000) t(i)", "wide.parquet", ", row_group_size 100000");
        var size = new FileInfo(Path.Combine(_store.Folder, "wide.parquet")).Length;
        await using var extraction = await OpenAsync(new() { Path = "wide.parquet" }, parallelism: 4, ("note", StringType.Default), ("id", Int64Type.Default));
        Assert.That(extraction.Splits.Select(s => s.Id), Is.EqualTo(new[] { "file-0-0", "file-0-1", "file-0-2" }));
        Assert.That(extraction.EstimatedRows, Is.EqualTo(300_000));
        var rows = await ReadAllAsync(extraction);
        Assert.That(rows.Select(r => (long)r[1]!).Order(), Is.EqualTo(Enumerable.Range(0, 300_000).Select(i => (long)i)));
        Assert.That(rows.All(r => (string?)r[0] == $"note {r[1]}"), Is.True);
        var fetched = _store.Ranges.Sum(r => r.Length);
        TestContext.Out.WriteLine($"{size} bytes, {fetched} fetched in {_store.Ranges.Count} requests");
        Assert.That(fetched, Is.LessThan(size / 2));
        Assert.That(_store.Ranges, Has.Count.LessThan(24));
    }

    [Test]
    public async Task Folders_are_columns_and_files_of_other_folders_are_not_touched()
    {
        Duck.Rows($"copy (select i as id, date '2026-01-01' + cast(i as integer) as dt from range(4) t(i)) to '{_store.Folder}/in' (format parquet, partition_by (dt))");
        var options = new ParquetExtractOptions { Path = "in/**/*.parquet", Partitions = new Dictionary<string, string> { ["dt"] = "> 2026-01-02" } };
        await using var extraction = await OpenAsync(options, parallelism: 1, ("id", Int64Type.Default), ("dt", Date32Type.Default));
        Assert.That(extraction.Splits, Has.Count.EqualTo(2), "a file each");
        Assert.That(await ReadAllAsync(extraction), Is.EqualTo(new object?[][] { [2L, 20456], [3L, 20457] }));
        Assert.That(_store.Ranges.Select(r => r.Key).Distinct(), Has.None.Contains("dt=2026-01-01"));
    }

    [Test]
    public async Task Each_type_of_another_writer_comes_exactly()
    {
        Copy("""
            select * from (values
              (true, 1::tinyint, -2::smallint, 3::integer, 4::bigint, 0.5::float, 0.1::double, 12.34::decimal(9,2), -1234567890123456.78::decimal(18,2), 12345678901234567890123456789.123::decimal(38,3), 'é', 'a'::blob,
                date '1969-12-31', time '23:59:59.999999', timestamp '2026-01-01 00:00:00.000001', timestamptz '2026-01-01 00:00:00+00', timestamp_ms '2026-01-01 00:00:00.001', timestamp_ns '2026-01-01 00:00:00.000002'),
              (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null))
            t(b, i1, i2, i4, i8, f4, f8, d9, d18, d38, s, x, d, t, ts, tz, ms, ns)
            """, "in.parquet");
        const long start = 1767225600000000;
        var rows = await ReadAllAsync(await OpenAsync(new() { Path = "in.parquet" }, 1,
            ("b", BooleanType.Default), ("i1", Int16Type.Default), ("i2", Int32Type.Default), ("i4", Int64Type.Default), ("i8", Int64Type.Default), ("f4", DoubleType.Default), ("f8", DoubleType.Default),
            ("d9", new Decimal128Type(12, 2)), ("d18", new Decimal128Type(18, 2)), ("d38", new Decimal128Type(38, 3)), ("s", StringType.Default), ("x", BinaryType.Default), ("d", Date32Type.Default),
            ("t", Time), ("ts", Timestamp), ("tz", TimestampUtc), ("ms", Timestamp), ("ns", Timestamp)));
        Assert.That(rows[0], Is.EqualTo(new object?[]
        {
            true, 1L, -2L, 3L, 4L, 0.5, 0.1, (Int128)1234, (Int128)(-123456789012345678), Int128.Parse("12345678901234567890123456789123", System.Globalization.CultureInfo.InvariantCulture), "é", "a"u8.ToArray(), -1,
            86_399_999_999L, start + 1, start, start + 1000, start + 2,
        }));
        Assert.That(rows[1], Is.All.Null);
    }

    [Test]
    public void What_does_not_fit_is_told_with_file_row_group_and_column()
    {
        Copy("select i as id, i::varchar as note, timestamp_ns '2026-01-01 00:00:00.0000001' as ns, now() as at from range(3) t(i)", "in.parquet");
        string Error(string column, IArrowType type, ParquetExtractOptions? options = null) =>
            Thrown<EtlException>(async () => await ReadAllAsync(await OpenAsync(options ?? new() { Path = "in.parquet" }, 1, (column, type)))).Message;
        Assert.That(Error("note", Int64Type.Default), Is.EqualTo("'in.parquet', row group 0: column 'note' should be int64 and the Parquet file holds BYTE_ARRAY as UTF8"));
        Assert.That(Error("id", Int32Type.Default), Is.EqualTo("'in.parquet', row group 0: column 'id' should be int32 and the Parquet file holds INT64 as INT_64"));
        Assert.That(Error("ns", Timestamp), Is.EqualTo("'in.parquet', row group 0: column 'ns' should be timestamp and the Parquet file holds a time with parts of a microsecond"));
        Assert.That(Error("at", Timestamp), Is.EqualTo("'in.parquet': column 'at' holds instants, and the contract declares timestamps without one"));
        Assert.That(Error("other", Int64Type.Default), Is.EqualTo("'in.parquet' has no column 'other', which the contract declares"));
        var bytes = File.ReadAllBytes(Path.Combine(_store.Folder, "in.parquet"));
        File.WriteAllBytes(Path.Combine(_store.Folder, "cut.parquet"), bytes[..^20]);
        Assert.That(Error("id", Int64Type.Default, new() { Path = "cut.parquet" }), Does.StartWith("'cut.parquet' is not a whole Parquet file"));
        bytes.AsSpan(4, 60).Fill(0xFF);
        File.WriteAllBytes(Path.Combine(_store.Folder, "bad.parquet"), bytes);
        Assert.That(Error("id", Int64Type.Default, new() { Path = "bad.parquet" }), Does.StartWith("'bad.parquet', row group 0 cannot be read"));
    }

    [Test]
    public void A_damaged_file_gives_rows_or_an_error_that_names_it_and_nothing_else()
    {
        Copy("select i as id, 'note ' || (i % 50) as note, (i * 1.5)::decimal(12,2) as amount, [i, null] as l from range(3000) t(i)", "in.parquet");
        var bytes = File.ReadAllBytes(Path.Combine(_store.Folder, "in.parquet"));
        var list = new ListType(new Apache.Arrow.Field("item", Int64Type.Default, true));
        Gen.Select(Gen.Int[0, bytes.Length - 1], Gen.Byte).Array[1, 3].Sample(
            changes =>
            {
                var damaged = bytes.ToArray();
                foreach (var (at, value) in changes)
                {
                    damaged[at] = value;
                }

                File.WriteAllBytes(Path.Combine(_store.Folder, "in.parquet"), damaged);
                try
                {
                    CountAsync(("id", Int64Type.Default), ("note", StringType.Default), ("amount", new Decimal128Type(12, 2)), ("l", list)).GetAwaiter().GetResult();
                }
                catch (EtlException e)
                {
                    Assert.That(e.Message, Does.Contain("in.parquet"));
                }
            },
            iter: 600, threads: 1);
    }

    private async Task<int> CountAsync(params (string, IArrowType)[] columns)
    {
        await using var extraction = await OpenAsync(new() { Path = "in.parquet" }, 1, columns);
        var rows = 0;
        foreach (var split in extraction.Splits)
        {
            await foreach (var batch in extraction.ReadAsync(split, default))
            {
                rows += batch.Length;
                batch.Dispose();
            }
        }

        return rows;
    }

    [Test]
    public void A_connection_that_breaks_is_told_from_a_file_that_is_damaged([Range(0, 3)] int part)
    {
        Copy("select i as id, hash(i) as h, hash(i + 1) as g from range(300000) t(i)", "in.parquet");
        _store.BeforeRange = n => _ = n == part ? throw new IOException("the connection was reset") : n;
        Assert.That(
            Thrown<IOException>(async () => await ReadAllAsync(await OpenAsync(new() { Path = "in.parquet" }, 1, ("id", Int64Type.Default)))).Message, Is.EqualTo("the connection was reset"));
    }

    [Test]
    public async Task A_column_that_older_files_lack_is_NULL_when_that_is_asked_for()
    {
        Copy("select 1::bigint as id", "a.parquet");
        Copy("select 2::bigint as id, 'x' as note", "b.parquet");
        var rows = await ReadAllAsync(await OpenAsync(new() { Path = "*.parquet", OnMissing = OnMissingColumn.AsNull }, 1, ("id", Int64Type.Default), ("note", StringType.Default)));
        Assert.That(rows, Is.EqualTo(new object?[][] { [1L, null], [2L, "x"] }));
    }

    private void Copy(string select, string file, string more = "") => Duck.Rows($"copy ({select}) to '{_store.Folder}/{file}' (format parquet{more})");

    private async Task<IExtraction> OpenAsync(ParquetExtractOptions options, int parallelism, params (string, IArrowType)[] columns)
    {
        var extractor = new ParquetExtractor(options, _store);
        var contract = Contract("c", [], columns);
        return await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 10_000, parallelism, new Dictionary<string, object>()), default);
    }
}
