using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Files;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

public sealed class CsvTests
{
    private static readonly CheckpointKey Key = new("test", "orders", "files");
    private static readonly (string, IArrowType)[] Columns = [("id", Int64Type.Default), ("note", StringType.Default), ("amount", new Decimal128Type(12, 2))];
    private static readonly RowSchema Rows = Schema(Columns);

    private string _folder = null!;
    private PluginContext _context = null!;
    private FileStore _store = null!;

    [SetUp]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("etl-csv-").FullName;
        _context = new(_folder, Path.Combine(_folder, ".etl"), 256L << 20, TimeProvider.System);
        _store = new(new FileStoreOptions { Root = "." }, _context);
    }

    [TearDown]
    public async Task Drop()
    {
        await _store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task Columns_come_by_name_and_quotes_tell_empty_text_from_NULL()
    {
        Write("in.csv", "\uFEFFnote,Amount,extra,id\r\n\"a \"\"b\"\", c\r\nd\",1.5,x,1\r\n\"\",-0.25,,2\n,,,3\n\n");
        Assert.That(await ReadAsync(), Is.EqualTo(new object?[][] { [1L, "a \"b\", c\r\nd", (Int128)150], [2L, "", (Int128)(-25)], [3L, null, null] }));
    }

    [Test]
    public async Task Files_that_match_are_read_without_header_in_another_format()
    {
        Write("a/x-1.csv", "1;'it''s';\\N\n");
        Write("a/x-2.csv", "2;\\N;7");
        Write("a/b/x-3.csv", "3;;");
        var options = new CsvExtractOptions { Path = "a/x-*.csv", Delimiter = ";", Quote = "'", NullText = "\\N", Header = false };
        Assert.That(await ReadAsync(options), Is.EqualTo(new object?[][] { [1L, "it's", null], [2L, null, (Int128)700] }));
        Assert.That(Thrown<EtlException>(() => ReadAsync(options with { Path = "a/y*.csv" })).Code, Is.EqualTo("ETL4533"));
    }

    [TestCase("id,note\n1,a\n", "in.csv:1: the header has no column 'amount', which the contract declares; it has id, note")]
    [TestCase("", "in.csv:1: the file is empty, and its first line must name the columns")]
    [TestCase("id,note,amount\n1,\"a\nb\",2\n1,a\n", "in.csv:4: the record has 2 fields, and 3 were expected")]
    [TestCase("id,note,amount\n1,a,2,3\n", "in.csv:2: the record has 4 fields, and 3 were expected")]
    [TestCase("id,note,amount\n1,a,1.234\n", "in.csv:2: column 'amount' is no decimal(12,2)")]
    [TestCase("id,note,amount\n1.5,a,1\n", "in.csv:2: column 'id' is no int64")]
    [TestCase("id,note,amount\n1,5\" pipe,1\n", "in.csv:2: a quote within field 2, which does not start with one")]
    [TestCase("id,note,amount\n1,\"a\"b,1\n", "in.csv:2: text after the closing quote of field 2")]
    [TestCase("id,note,amount\n1,\"a\n2,b,1\n", "in.csv:2: a quote that is never closed")]
    [TestCase("id,note,amount\n1,a\rb,1\n", "in.csv:2: a carriage return without a line feed")]
    [TestCase("id,id,note,amount\n", "in.csv:1: two columns are called 'id'")]
    public void What_is_wrong_is_told_with_file_and_line(string text, string message)
    {
        Write("in.csv", text);
        Assert.That(Thrown<EtlException>(() => ReadAsync()).Message, Is.EqualTo(message));
    }

    [Test]
    public void A_file_in_another_encoding_is_refused()
    {
        File.WriteAllText(Path.Combine(_folder, "in.csv"), "id,note,amount\n", Encoding.Unicode);
        Assert.That(Thrown<EtlException>(() => ReadAsync()).Message, Is.EqualTo("in.csv:1: the file is UTF-16, and only UTF-8 is read"));
        File.WriteAllBytes(Path.Combine(_folder, "in.csv"), [.. "id,note,amount\n1,"u8, 0xE9, .. ",1\n"u8]);
        Assert.That(Thrown<EtlException>(() => ReadAsync()).Message, Is.EqualTo("in.csv:2: column 'note' is no UTF-8 text"));
    }

    [Test]
    public async Task Records_longer_than_the_buffer_and_across_its_edge_are_whole()
    {
        var text = new StringBuilder("id,note,amount\r\n");
        var expected = new List<object?[]>();
        for (var i = 0; i < 300; i++)
        {
            var note = new string('x', i * 37) + "\"," + (i == 150 ? new string('y', 600_000) : "");
            text.Append(CultureInfo.InvariantCulture, $"{i},\"{note.Replace("\"", "\"\"", StringComparison.Ordinal)}\",1\r\n");
            expected.Add([(long)i, note, (Int128)100]);
        }

        Write("in.csv", text.ToString());
        Assert.That(await ReadAsync(), Is.EqualTo(expected));
    }

    [Test]
    public void What_is_written_is_read_back_whatever_it_holds()
    {
        var schema = Schema(
            ("a", StringType.Default), ("b", DoubleType.Default), ("c", new Decimal128Type(38, 9)), ("d", TimestampUtc), ("e", Timestamp), ("f", Date32Type.Default),
            ("g", BooleanType.Default), ("h", Time), ("i", Int64Type.Default), ("j", StringType.Default));
        var text = Gen.OneOf(Gen.String, Gen.Char["\"',;\r\n\\N =-"].Array[0, 8].Select(c => new string(c))).Select(t => string.Concat(t.EnumerateRunes().Select(r => r.ToString())));
        var row = Gen.Select(
            text.Null(), Gen.Double, Gen.Select(Gen.Long, Gen.Long, (a, b) => ((Int128)a * b) % ((Int128)BigInteger.Pow(10, 38) - 1)),
            Gen.Long[-62_135_596_800_000_000, 253_402_300_799_999_999], Gen.Int[-719_162, 2_932_896],
            Gen.Select(Gen.Bool, Gen.Long[0, 86_399_999_999], Gen.Long), text.Null());
        Gen.Select(row.Array[1, 40], Among(",", ";", "|", "\t"), Among("\"", "'"), Among("", "\\N", "null"), Gen.Bool).Sample(
            (rows, delimiter, quote, nullText, header) =>
            {
                var values = rows.Select(r => new object?[] { r.Item1, r.Item2, r.Item3, r.Item4, r.Item4, r.Item5, r.Item6.Item1, r.Item6.Item2, r.Item6.Item3, r.Item7 }).ToArray();
                Drop().GetAwaiter().GetResult();
                Make();
                LoadAsync(new() { Path = "out", Mode = FileLoadMode.Append, Delimiter = delimiter, Quote = quote, NullText = nullText, Header = header }, schema, values).GetAwaiter().GetResult();
                var read = ReadAsync(
                    new() { Path = "out/*.csv", Delimiter = delimiter, Quote = quote, NullText = nullText, Header = header },
                    [.. schema.Arrow.FieldsList.Select(f => (f.Name, f.DataType))]).GetAwaiter().GetResult();
                Assert.That(read, Is.EqualTo(values));
            },
            iter: 100, threads: 1);
    }

    [Test]
    public async Task One_column_of_NULLs_and_blanks_comes_back()
    {
        var schema = Schema(("a", StringType.Default));
        object?[][] values = [["x"], [null], [""], ["y"], [null]];
        await LoadAsync(new() { Path = "out", Mode = FileLoadMode.Append, Header = false }, schema, values);
        Assert.That(await ReadAsync(new() { Path = "out/*.csv", Header = false }, ("a", StringType.Default)), Is.EqualTo(values));
    }

    [Test]
    public async Task A_session_that_is_given_nothing_leaves_nothing()
    {
        await (await OpenAsync(new() { Path = "out", Mode = FileLoadMode.Append }, Rows)).DisposeAsync();
        Assert.That(Directory.EnumerateFileSystemEntries(_folder), Is.Empty);
    }

    [Test]
    public async Task Append_adds_a_file_and_replace_leaves_one()
    {
        var append = new CsvLoadOptions { Path = "out", Mode = FileLoadMode.Append };
        Assert.That((await LoadAsync(append, Rows, [1L, "a", null])).Inserted, Is.EqualTo(1));
        await LoadAsync(append, Rows);
        await LoadAsync(append, Rows, [2L, "b", null]);
        Assert.That(Directory.GetFiles(Path.Combine(_folder, "out")), Has.Length.EqualTo(2));
        var result = await LoadAsync(append with { Mode = FileLoadMode.Replace }, Rows, [3L, "c", null]);
        Assert.That(result with { Detail = null }, Is.EqualTo(new PublishResult(1, 0, 2, 0)));
        Assert.That(await ReadAsync(new() { Path = "out/*.csv" }), Is.EqualTo(new object?[][] { [3L, "c", null] }));
        Assert.That(Thrown<EtlException>(() => LoadAsync(append with { Mode = FileLoadMode.Replace }, Rows)).Code, Is.EqualTo("ETL4545"));
        await using var session = await OpenAsync(append, Rows);
        Assert.That(session.Checkpoint!.N, Is.EqualTo(4));
        Assert.That(Directory.GetFiles(Path.Combine(_folder, ".etl", "csv")), Is.Empty, "no staging file is left");
    }

    [Test]
    public async Task Of_two_runs_that_publish_the_same_number_one_is_shut_out()
    {
        var append = new CsvLoadOptions { Path = "out", Mode = FileLoadMode.Append };
        await using var first = await OpenAsync(append, Rows);
        await using var second = await OpenAsync(append, Rows);
        await first.StageAsync(Stream(Batch(Rows, [1L, "first", null])), default);
        await second.StageAsync(Stream(Batch(Rows, [2L, "second", null])), default);
        await second.PublishAsync(Next(second), default);
        var lost = Next(first);
        Thrown<FencedException>(async () => await first.PublishAsync(lost, default));
        Assert.That(await first.ResolveAsync(lost, default), Is.False);
        Assert.That(await ReadAsync(new() { Path = "out/*.csv" }), Is.EqualTo(new object?[][] { [2L, "second", null] }));
    }

    [Test]
    public async Task A_stop_before_the_commit_leaves_a_file_that_the_next_publish_removes()
    {
        var append = new CsvLoadOptions { Path = "out", Mode = FileLoadMode.Append };
        foreach (var (point, published) in new[] { ("csv.before_commit", false), ("csv.after_commit", true) })
        {
            await using var session = await OpenAsync(append, Rows, point);
            await session.StageAsync(Stream(Batch(Rows, [1L, point, null])), default);
            var next = Next(session);
            Thrown<IOException>(async () => await session.PublishAsync(next, default));
            Assert.That(await session.ResolveAsync(next, default), Is.EqualTo(published));
        }

        await LoadAsync(append, Rows, [2L, "next", null]);
        var commits = Directory.GetFiles(Path.Combine(_folder, "out/_etl", $"checkpoint-{Key.ShortName}")).Select(f => JsonNode.Parse(File.ReadAllText(f))!["file"]!.GetValue<string>()).ToList();
        Assert.That(commits, Has.Count.EqualTo(2));
        Assert.That(commits.Select(n => File.Exists(Path.Combine(_folder, n))), Is.All.True);
    }

    private static Gen<string> Among(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);

    private void Write(string path, string text)
    {
        var full = Path.Combine(_folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text, new UTF8Encoding(false));
    }

    // The store in a folder tells a lie on demand.
    [TestCase(true, false)]
    [TestCase(false, true)]
    public void What_a_store_without_conditional_writes_leaves_of_the_promise_is_said(bool isAtomic, bool said)
    {
        var store = new Lake.LocalFolderStore(_folder) { PutIfAbsentIsAtomic = isAtomic };
        var plan = new CsvLoader(new CsvLoadOptions { Path = "out", Mode = FileLoadMode.Append }, store, _context).Describe(Rows);
        Assert.That(plan.Guarantee.Contains("as long as one run at a time writes here", StringComparison.Ordinal), Is.EqualTo(said), plan.Guarantee);
    }

    private async Task<List<object?[]>> ReadAsync(CsvExtractOptions? options = null, params (string, IArrowType)[] columns)
    {
        var extractor = new CsvExtractor(options ?? new() { Path = "in.csv" }, _store);
        var contract = Contract("c", [], columns.Length == 0 ? Columns : columns);
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 7, 1, new Dictionary<string, object>()), default);
        return await ReadAllAsync(extraction);
    }

    private async Task<ILoadSession> OpenAsync(CsvLoadOptions options, RowSchema schema, string? stopAt = null) =>
        await new CsvLoader(options, _store, _context).OpenAsync(
            new(Key, schema, "run-1", false, "host:1", TimeSpan.FromMinutes(1), point =>
            {
                if (point == stopAt)
                {
                    throw new IOException(point);
                }
            }),
            default);

    private async Task<PublishResult> LoadAsync(CsvLoadOptions options, RowSchema schema, params object?[][] rows)
    {
        await using var session = await OpenAsync(options, schema);
        if (rows.Length > 0)
        {
            using var batch = Batch(schema, rows);
            await session.StageAsync(Stream(batch), default);
        }

        return await session.PublishAsync(Next(session), default);
    }

    private static Checkpoint Next(ILoadSession session) => new()
    {
        Key = Key,
        N = (session.Checkpoint?.N ?? 0) + 1,
        Fence = session.Fence,
        BatchId = Guid.NewGuid().ToString("N"),
        RunId = "run-1",
        PlanHash = "plan",
        Fingerprint = "f",
        Sources = new Dictionary<string, SourcePosition>(),
        CommittedAt = DateTimeOffset.UnixEpoch,
    };
}
