using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Files;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

public sealed class JsonTests
{
    private static readonly (string, IArrowType)[] Columns = [("id", Int64Type.Default), ("note", StringType.Default), ("amount", new Decimal128Type(12, 2))];
    private FilesFolder _files = null!;

    [SetUp]
    public void Make() => _files = new();

    [TearDown]
    public async Task Drop() => await _files.DisposeAsync();

    [TestCase("\uFEFF{\"id\":1,\"note\":\"a\\\"b\",\"amount\":1.5}\r\n\n {\"amount\":\"-0.25\",\"x\":[{\"y\":1}],\"id\":2,\"note\":\"\"} \n{\"id\":3}", TestName = "Objects_on_lines_are_rows")]
    [TestCase("\n[ {\"id\":1,\"note\":\"a\\u0022b\",\n\"amount\":1.50},{\"id\":2,\"note\":\"\",\"amount\":-25e-2} ,\n {\"amount\":null,\"id\":3}\n]\n", TestName = "The_objects_of_an_array_are_rows")]
    public async Task Objects_become_rows(string text)
    {
        _files.Write("in.json", text);
        Assert.That(await ReadAsync(), Is.EqualTo(new object?[][] { [1L, "a\"b", (Int128)150], [2L, "", (Int128)(-25)], [3L, null, null] }));
    }

    [Test]
    public async Task Empty_files_and_empty_arrays_have_no_rows()
    {
        _files.Write("a.json", "");
        _files.Write("b.json", " [ ] \n");
        Assert.That(await ReadAsync(new() { Path = "*.json" }), Is.Empty);
    }

    [Test]
    public async Task Columns_are_found_within_objects_and_JSON_stays_as_it_is_written()
    {
        _files.Write("in.json", """
            {"id":1,"who":{"name":"Ann","home":{"city":"Ghent"}},"raw":{"a": [1, 2.50]},"tags":["x",null,"z"]}
            {"id":2,"who":{"home":null},"raw":"text","tags":[]}
            {"id":3,"who":null,"raw":null}
            """);
        var list = new ListType(new Field("item", StringType.Default, true));
        var contract = new DataContract("c", "1.0.0", "c",
            [.. new (string Name, IArrowType Type, string? Physical)[] { ("id", Int64Type.Default, null), ("city", StringType.Default, null), ("raw", StringType.Default, "jsonb"), ("tags", list, null) }
                .Select(c => new ContractColumn(new Field(c.Name, c.Type, true), c.Physical, null, false, null))], "c.yaml");
        var extractor = new JsonExtractor(new() { Path = "in.json", Members = new Dictionary<string, string> { ["city"] = "$.who.home.city" } }, _files.Store);
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 7, 1, new Dictionary<string, object>()), default);
        var rows = new List<string>();
        await foreach (var batch in extraction.ReadAsync(extraction.Splits[0], default))
        {
            using (batch)
            {
                var (city, raw, tags) = ((StringArray)batch.Column(1), (StringArray)batch.Column(2), (ListArray)batch.Column(3));
                rows.AddRange(Enumerable.Range(0, batch.Length).Select(i =>
                    $"{city.GetString(i)}|{raw.GetString(i)}|{(tags.IsNull(i) ? "NULL" : string.Join(',', ((IEnumerable<string?>)(StringArray)tags.GetSlicedValues(i)).Select(t => t ?? "NULL")))}"));
            }
        }

        Assert.That(rows, Is.EqualTo(new[] { "Ghent|{\"a\": [1, 2.50]}|x,NULL,z", "|\"text\"|", "||NULL" }));
    }

    [TestCase("{\"id\":1}\n{\"id\":1.5}\n", "in.json:2: column 'id' is no int64")]
    [TestCase("{\"id\":\"x\"}", "in.json:1: column 'id' is no int64")]
    [TestCase("{\"note\":5}", "in.json:1: column 'note' is no string of UTF-8 text")]
    [TestCase("{\"note\":{\"a\":1}}", "in.json:1: column 'note' is an object or a list, which the contract takes only as physicalType json")]
    [TestCase("{\"note\":\"\\ud800\"}", "in.json:1: column 'note' is no string of UTF-8 text")]
    [TestCase("{\"amount\":1.234}", "in.json:1: column 'amount' is no decimal(12,2)")]
    [TestCase("{\"amount\":true}", "in.json:1: column 'amount' is no decimal(12,2)")]
    [TestCase("{\"id\":1,\"id\":2}", "in.json:1: member 'id' is there twice")]
    [TestCase("{\"id\":1}\n[1]", "in.json:2: an object was expected")]
    [TestCase("{\"id\":1}\n{\"id\":2} {\"id\":3}\n", "in.json:2: no valid JSON at byte 10 of the object")]
    [TestCase("{\"id\":1}\n{\"id\":\n", "in.json:2: no valid JSON at byte 7 of the object")]
    [TestCase("[{\"id\":1},\n{\"id\":2}", "in.json:2: the array has no end; the file is cut off")]
    [TestCase("[{\"id\":1},\n{\"id\":", "in.json:2: no valid JSON at byte 7 of the object")]
    [TestCase("[{\"id\":1}\n{\"id\":2}]", "in.json:2: a comma or the end of the array was expected")]
    [TestCase("[{\"id\":1},\n\n5]", "in.json:3: an object was expected")]
    [TestCase("[]\n{}", "in.json:2: text after the end of the array")]
    public void What_is_wrong_is_told_with_file_and_line(string text, string message)
    {
        _files.Write("in.json", text);
        Assert.That(Thrown<EtlException>(() => ReadAsync()).Message, Is.EqualTo(message));
    }

    [Test]
    public void A_required_column_that_is_absent_and_two_columns_at_one_place_are_refused()
    {
        _files.Write("in.json", "{\"id\":null}");
        var extractor = new JsonExtractor(new() { Path = "in.json" }, _files.Store);
        Assert.That(
            Thrown<EtlException>(() => FilesFolder.ReadAsync(extractor, Contract("c", ["id"], ("id", Int64Type.Default)))).Message,
            Is.EqualTo("in.json:1: column 'id' has no value, and the contract says required"));
        var overlapping = new JsonExtractor(new() { Path = "in.json", Members = new Dictionary<string, string> { ["note"] = "$.id.text" } }, _files.Store);
        Assert.That(Assert.Throws<EtlException>(() => overlapping.DescribeOutput(Contract("c", [], Columns)))!.Code, Is.EqualTo("ETL4579"));
    }

    [Test]
    public async Task Objects_longer_than_the_buffer_and_across_its_edge_are_whole([Values] bool array)
    {
        var text = new StringBuilder(array ? "[" : "");
        var expected = new List<object?[]>();
        for (var i = 0; i < 300; i++)
        {
            var note = new string('x', i * 37) + "\",\n{" + (i == 150 ? new string('y', 600_000) : "");
            text.Append(CultureInfo.InvariantCulture, $"{(array && i > 0 ? "," : "")}{{\"id\":{i},\"note\":{JsonSerializer.Serialize(note)}}}\n");
            expected.Add([(long)i, note, null]);
        }

        _files.Write("in.json", text.Append(array ? "]" : "").ToString());
        Assert.That(await ReadAsync(), Is.EqualTo(expected));
    }

    [Test]
    public void What_is_written_is_read_back_whatever_it_holds()
    {
        var schema = Schema(
            ("a", StringType.Default), ("b", DoubleType.Default), ("c", new Decimal128Type(38, 9)), ("d", TimestampUtc), ("e", Timestamp), ("f", Date32Type.Default),
            ("g", BooleanType.Default), ("h", Time), ("i \"n\"", Int64Type.Default), ("j", BinaryType.Default));
        var text = Gen.OneOf(Gen.String, Gen.Char["\"'\\/\b\r\n\0\u2028é😀"].Array[0, 8].Select(c => new string(c))).Select(t => string.Concat(t.EnumerateRunes().Select(r => r.ToString())));
        var row = Gen.Select(
            text.Null(), Gen.OneOf(Gen.Double, Gen.Int[0, 2].Select(i => new[] { double.NaN, double.PositiveInfinity, -0.0 }[i])), Gen.Select(Gen.Long, Gen.Long, (a, b) => ((Int128)a * b) % ((Int128)BigInteger.Pow(10, 38) - 1)),
            Gen.Long[-62_135_596_800_000_000, 253_402_300_799_999_999], Gen.Int[-719_162, 2_932_896],
            Gen.Select(Gen.Bool, Gen.Long[0, 86_399_999_999], Gen.Long), Gen.Byte.Array[0, 9]);
        Gen.Select(row.Array[1, 40], Gen.Enum<FileCompression>()).Sample(
            (rows, compression) =>
            {
                var values = rows.Select(r => new object?[] { r.Item1, r.Item2, r.Item3, r.Item4, r.Item4, r.Item5, r.Item6.Item1, r.Item6.Item2, r.Item6.Item3, r.Item7 }).ToArray();
                Drop().GetAwaiter().GetResult();
                Make();
                FilesFolder.LoadAsync(new JsonLoader(new() { Path = "out", Mode = FileLoadMode.Append, Compression = compression }, _files.Store, _files.Context), schema, values).GetAwaiter().GetResult();
                var read = FilesFolder.RowsAsync(new JsonExtractor(new() { Path = "out/*.json*" }, _files.Store), [.. schema.Arrow.FieldsList.Select(f => (f.Name, f.DataType))]).GetAwaiter().GetResult();
                Assert.That(read, Is.EqualTo(values));
                Assert.That(Directory.GetFiles(_files.PathOf("out")).Single(), Does.EndWith(compression switch { FileCompression.Gzip => ".json.gz", FileCompression.Zstd => ".json.zst", _ => ".json" }));
            },
            iter: 100, threads: 1);
    }

    [Test]
    public void A_damaged_file_gives_rows_or_an_error_that_says_where_and_nothing_else([Values] bool array)
    {
        const string record = "{\"id\":12,\"note\":\"a\\u00e9\\n\",\"amount\":-1.5,\"more\":[{\"x\":null},true]}";
        var text = Encoding.UTF8.GetBytes(array ? $"[{record},\n{record}]" : $"{record}\n{record}\n");
        Gen.Select(Gen.Int[0, text.Length - 1], Gen.OneOf(Gen.Byte, Gen.Char["{}[]\",:\\\n0e-"].Select(c => (byte)c)), Gen.Int[0, 2]).Array[1, 3].Sample(
            changes =>
            {
                var damaged = text.ToList();
                foreach (var (at, value, what) in changes.Where(c => c.Item1 < damaged.Count))
                {
                    _ = what switch { 0 => damaged[at] = value, 1 => Insert(damaged, at, value), _ => Remove(damaged, at) };
                }

                _files.Write("in.json", [.. damaged]);
                try
                {
                    _ = ReadAsync().GetAwaiter().GetResult();
                }
                catch (EtlException e)
                {
                    Assert.That(e.Message, Does.Match("^in.json:[1-9]: "));
                }
            },
            iter: 600, threads: 1);

        static byte Insert(List<byte> bytes, int at, byte value)
        {
            bytes.Insert(at, value);
            return value;
        }

        static byte Remove(List<byte> bytes, int at)
        {
            bytes.RemoveAt(at);
            return 0;
        }
    }

    [Test]
    public void Every_line_that_is_written_is_JSON_to_another_parser()
    {
        var list = new ListType(new Field("item", Int64Type.Default, true));
        var schema = Schema(("id", Int64Type.Default), ("note", StringType.Default), ("n", DoubleType.Default), ("l", list));
        using var builder = new Etl.Contracts.Arrow.RecordBatchBuilder(schema.Arrow, 2);
        builder[0].Append(long.MaxValue);
        builder[1].Append("a\"\n\\é".AsSpan());
        builder[2].Append(double.NaN);
        builder[3].Items!.Append(1L);
        builder[3].Items!.AppendNull();
        builder[3].EndList();
        using var batch = builder.Build();
        using var target = new MemoryStream();
        var writer = new JsonWriter(target, schema.Names);
        writer.Write(batch);
        writer.Flush();
        Assert.That(Encoding.UTF8.GetString(target.ToArray()), Is.EqualTo("{\"id\":9223372036854775807,\"note\":\"a\\\"\\n\\\\é\",\"n\":\"NaN\",\"l\":[1,null]}\n"));
        Assert.That(JsonDocument.Parse(target.ToArray()).RootElement.GetProperty("note").GetString(), Is.EqualTo("a\"\n\\é"));
    }

    private Task<List<object?[]>> ReadAsync(JsonExtractOptions? options = null) => FilesFolder.RowsAsync(new JsonExtractor(options ?? new() { Path = "in.json" }, _files.Store), Columns);
}
