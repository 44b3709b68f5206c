using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Files;
using Etl.Plugins.FileSets;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>Which files an extractor reads, whatever their format.</summary>
public sealed class FileSetTests
{
    private static readonly (string, IArrowType)[] Columns = [("id", Int64Type.Default), ("dt", Date32Type.Default), ("country", StringType.Default)];
    private static readonly DateTime Earlier = new(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime Later = new(2101, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private FilesFolder _files = null!;

    [SetUp]
    public void Make() => _files = new();

    [TearDown]
    public async Task Drop() => await _files.DisposeAsync();

    [Test]
    public async Task Two_stars_are_any_folders_that_are_not_hidden()
    {
        foreach (var (key, i) in new[] { "a.csv", "x/b.csv", "x/y/c.csv", "x/y/d.txt", "_tmp/e.csv", "x/.git/f.csv", "z/x/g.csv" }.Select((k, i) => (k, i)))
        {
            _files.Write($"in/{key}", $"id\n{i}\n");
        }

        Assert.That(await IdsAsync("in/**/*.csv"), Is.EqualTo(new[] { 0, 1, 2, 6 }));
        Assert.That(await IdsAsync("in/**/x/*.csv"), Is.EqualTo(new[] { 1, 6 }));
        Assert.That(await IdsAsync("in/*/*.csv"), Is.EqualTo(new[] { 4, 1 }));
        Assert.That(await IdsAsync("in/x/**"), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(new CsvExtractRules().Validate(new CsvExtractOptions { Path = "in/x**.csv" }).Errors.Single().ErrorMessage, Does.Contain("'**' by itself"));
    }

    [Test]
    public async Task Folders_give_columns_and_say_what_is_passed_over([Values] bool json)
    {
        _files.Write("in/dt=2026-01-01/country=NL/a", json ? "{\"id\":1,\"country\":\"no\"}" : "id,country\n1,no\n");
        _files.Write("in/dt=2026-01-02/country=C%C3%B4te/a", json ? "{\"id\":2}\n{\"id\":3}" : "id\n2\n3\n");
        _files.Write("in/dt=2026-02-01/country=__HIVE_DEFAULT_PARTITION__/a", json ? "{\"id\":4}" : "id\n4\n");
        Assert.That(await ReadAsync(json), Is.EqualTo(new object?[][] { [1L, 20454, "NL"], [2L, 20455, "Côte"], [3L, 20455, "Côte"], [4L, 20485, null] }));
        Assert.That((await ReadAsync(json, ("dt", ">= 2026-01-02"))).Select(r => r[0]), Is.EqualTo(new[] { 2L, 3, 4 }));
        Assert.That((await ReadAsync(json, ("dt", "> 2026-01-01 and < 2026-02-01"), ("country", "!= NL"))).Select(r => r[0]), Is.EqualTo(new[] { 2L, 3 }));
        Assert.That((await ReadAsync(json, ("country", "NL"))).Select(r => r[0]), Is.EqualTo(new[] { 1L }));
        Assert.That(Thrown<EtlException>(() => ReadAsync(json, ("dt", "soon"))).Code, Is.EqualTo("ETL4536"));
        Assert.That(Thrown<EtlException>(() => ReadAsync(json, ("id", "1"))).Code, Is.EqualTo("ETL4535"));
        _files.Write("in/dt=May/country=NL/a", "");
        Assert.That(Thrown<EtlException>(() => ReadAsync(json)).Message, Does.Contain("'in/dt=May/country=NL/a' lies in a folder whose value of column 'dt' is no date"));
    }

    [Test]
    public async Task Compressed_files_are_told_by_their_names_or_by_the_option()
    {
        var text = Encoding.UTF8.GetBytes("id\n" + string.Concat(Enumerable.Repeat("7\n", 50_000)));
        _files.Write("a.csv.gz", Packed(text, FileCompression.Gzip));
        _files.Write("b.csv.zst", Packed(text, FileCompression.Zstd));
        // Two members, one after the other, are one file.
        _files.Write("c.csv.gz", [.. Packed("id\n1\n"u8.ToArray(), FileCompression.Gzip), .. Packed("2\n"u8.ToArray(), FileCompression.Gzip)]);
        _files.Write("d", Packed("id\n3\n"u8.ToArray(), FileCompression.Zstd));
        Assert.That(await IdsAsync("a.csv.gz"), Has.Count.EqualTo(50_000));
        Assert.That(await IdsAsync("b.csv.zst"), Has.Count.EqualTo(50_000));
        Assert.That(await IdsAsync("c.csv.gz"), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(await FilesFolder.RowsAsync(new CsvExtractor(new() { Path = "d", Compression = FileCompression.Zstd }, _files.Store), Columns[0]), Has.Count.EqualTo(1));
    }

    [TestCase("a.csv.gz")]
    [TestCase("a.csv.zst")]
    public void A_compressed_file_that_is_cut_off_or_no_such_file_is_an_error(string key)
    {
        var random = new Random(1);
        var packed = Packed(Encoding.UTF8.GetBytes("id\n" + string.Concat(Enumerable.Range(0, 20_000).Select(_ => $"{random.Next()}\n"))), Compressed.Of(key));
        _files.Write(key, packed[..(packed.Length / 2)]);
        Assert.That(Thrown<EtlException>(() => IdsAsync(key)).Code, Is.EqualTo("ETL4538"));
        _files.Write(key, packed[..^3]);
        Assert.That(Thrown<EtlException>(() => IdsAsync(key)).Code, Is.EqualTo("ETL4538"));
        _files.Write(key, "id\n1\n");
        Assert.That(Thrown<EtlException>(() => IdsAsync(key)).Code, Is.EqualTo("ETL4538"));
    }

    [Test]
    public async Task A_file_that_grows_or_shrinks_while_it_is_read_is_an_error()
    {
        _files.Write("a.csv", "id\n1\n");
        var extractor = new CsvExtractor(new() { Path = "a.csv" }, _files.Store);
        var contract = Contract("c", [], Columns[0]);
        foreach (var text in new[] { "id\n1\n2\n", "id\n", "" })
        {
            _files.Write("a.csv", "id\n1\n");
            await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 7, 1, new Dictionary<string, object>()), default);
            _files.Write("a.csv", text);
            Assert.That(Thrown<EtlException>(() => ReadAllAsync(extraction)).Code, Is.EqualTo("ETL4537"));
        }
    }

    [Test]
    public async Task Each_file_is_read_once_and_a_late_one_too_whatever_its_name()
    {
        _files.Write("in/b.csv", "id\n1\n");
        var (rows, position) = await NextAsync(FileIncrement.Files, null);
        Assert.That(rows, Is.EqualTo(new[] { 1L }));
        _files.Write("in/a.csv", "id\n2\n");
        _files.Write("in/c.csv", "id\n3\n");
        (rows, position) = await NextAsync(FileIncrement.Files, position);
        Assert.That(rows, Is.EqualTo(new[] { 2L, 3 }));
        // A file that is gone stays remembered: restored as it was, it is not read again.
        var (path, moved) = (_files.PathOf("in/b.csv"), _files.PathOf("b.old"));
        File.Move(path, moved);
        (rows, position) = await NextAsync(FileIncrement.Files, position);
        Assert.That(rows, Is.Empty);
        File.Move(moved, path);
        (rows, position) = await NextAsync(FileIncrement.Files, position);
        Assert.That(rows, Is.Empty);
        Assert.That(position.Position["read"]!.GetValue<string>(), Is.EqualTo("3 files"));
        Assert.That((await NextAsync(FileIncrement.Files, null)).Rows, Is.EqualTo(new[] { 2L, 1, 3 }), "from the beginning");
    }

    [Test]
    public async Task A_file_that_changed_is_refused_or_read_again_or_left([Values] FileIncrement increment)
    {
        _files.Write("in/a.csv", "id\n1\n");
        var (_, position) = await NextAsync(increment, null);
        _files.Write("in/a.csv", "id\n2\n");
        File.SetLastWriteTimeUtc(_files.PathOf("in/a.csv"), Later);
        Assert.That(Thrown<EtlException>(() => NextAsync(increment, position)).Message, Does.Match(@"^'in/a.csv' was written at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ, after it was read or after its turn$"));
        Assert.That((await NextAsync(increment, position, OnChangedFile.Ignore)).Rows, Is.Empty);
        (var rows, position) = await NextAsync(increment, position, OnChangedFile.ReadAgain);
        Assert.That(rows, Is.EqualTo(new[] { 2L }));
        Assert.That((await NextAsync(increment, position)).Rows, Is.Empty);
        Assert.That(new CsvExtractor(new() { Path = "in/*.csv", Incremental = increment, OnChanged = OnChangedFile.ReadAgain }, _files.Store).Capabilities.MayRepeat, Is.True);
    }

    [Test]
    public async Task By_names_only_the_last_is_remembered_and_a_late_one_is_noticed()
    {
        _files.Write("in/b.csv", "id\n1\n");
        File.SetLastWriteTimeUtc(_files.PathOf("in/b.csv"), Earlier);
        var (_, position) = await NextAsync(FileIncrement.Names, null);
        _files.Write("in/c.csv", "id\n2\n");
        (var rows, position) = await NextAsync(FileIncrement.Names, position);
        Assert.That(rows, Is.EqualTo(new[] { 2L }));
        Assert.That(position.Position["last"]!.GetValue<string>(), Is.EqualTo("in/c.csv"));
        _files.Write("in/a.csv", "id\n3\n");
        File.SetLastWriteTimeUtc(_files.PathOf("in/a.csv"), Later);
        Assert.That(Thrown<EtlException>(() => NextAsync(FileIncrement.Names, position)).Code, Is.EqualTo("ETL4534"));
    }

    [Test]
    public async Task No_file_yet_is_nothing_new_with_a_warning_and_a_foreign_position_is_refused()
    {
        var extractor = Incremental(FileIncrement.Files);
        var contract = Contract("c", [], Columns[0]);
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 7, 1, new Dictionary<string, object>()), default);
        Assert.That(extraction.Splits, Is.Empty);
        Assert.That(extraction.Warnings.Single(), Does.StartWith("no file matches 'in/*.csv'"));
        var reached = extraction.Reached;
        Assert.That(Thrown<EtlException>(() => NextAsync(FileIncrement.Names, reached)).Code, Is.EqualTo("ETL4539"));
        Assert.That(Thrown<EtlException>(() => NextAsync(FileIncrement.Files, reached with { Identity = "file:///elsewhere/" })).Code, Is.EqualTo("ETL4539"));
        Assert.That(Thrown<EtlException>(() => NextAsync(FileIncrement.Files, reached with { Position = new JsonObject { ["_files"] = "AAAA" } })).Code, Is.EqualTo("ETL4539"));
    }

    [Test]
    public void A_hundred_thousand_files_take_little_more_than_two_megabytes()
    {
        var read = FilesRead.Parse(FileIncrement.Files, null);
        var files = Enumerable.Range(0, 100_000).Select(i => new StoredObject($"in/dt=2026-01-01/part-{i}.csv", i, DateTimeOffset.UnixEpoch)).ToList();
        files.ForEach(read.Add);
        var json = read.ToJson();
        Assert.That(json.ToJsonString(), Has.Length.LessThan(2_200_000));
        var again = FilesRead.Parse(FileIncrement.Files, json);
        Assert.That(files.Select(again.StateOf), Is.All.EqualTo(FileState.Read));
        Assert.That(again.StateOf(files[7] with { Size = 8 }), Is.EqualTo(FileState.Changed));
        Assert.That(again.StateOf(files[7] with { Key = "in/other" }), Is.EqualTo(FileState.New));
    }

    private static byte[] Packed(byte[] bytes, FileCompression compression)
    {
        using var target = new MemoryStream();
        using (var packed = compression == FileCompression.Gzip ? new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true) : (Stream)new ZstdSharp.CompressionStream(target))
        {
            packed.Write(bytes);
        }

        return target.ToArray();
    }

    private CsvExtractor Incremental(FileIncrement increment, OnChangedFile onChanged = OnChangedFile.Fail) =>
        new(new() { Path = "in/*.csv", Incremental = increment, OnChanged = onChanged }, _files.Store);

    private async Task<(List<long> Rows, SourcePosition Reached)> NextAsync(FileIncrement increment, SourcePosition? from, OnChangedFile onChanged = OnChangedFile.Fail)
    {
        var (rows, reached) = await FilesFolder.ReadAsync(Incremental(increment, onChanged), Contract("c", [], Columns[0]), from);
        return ([.. rows.Select(r => (long)r[0]!)], reached);
    }

    private async Task<List<long>> IdsAsync(string path) => [.. (await FilesFolder.RowsAsync(new CsvExtractor(new() { Path = path }, _files.Store), Columns[0])).Select(r => (long)r[0]!)];

    private Task<List<object?[]>> ReadAsync(bool json, params (string Column, string Condition)[] partitions)
    {
        var conditions = partitions.ToDictionary(p => p.Column, p => p.Condition);
        return FilesFolder.RowsAsync(
            json ? new JsonExtractor(new() { Path = "in/**", Partitions = conditions }, _files.Store) : new CsvExtractor(new() { Path = "in/**", Partitions = conditions }, _files.Store), Columns);
    }
}
