using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary>
/// What delta-kernel-rs reads of tables that were written here: each type, partition values as the log keeps them, and a table on S3. That it finds the files of every table that these
/// tests make is asserted by <see cref="DeltaLogChecker"/>, and the rows of orders by <see cref="LakeTable.Read"/>.
/// </summary>
public sealed class DeltaReaderTests
{
    // ClickHouse's calendar is of the years 1900 to 2299, and it has no NULL in the place of a list: an empty one stands for it.
    private static readonly (string Name, IArrowType Type, object?[] Values, string[] Texts)[] Columns =
    [
        ("b", BooleanType.Default, [true, false, true, null], ["true", "false", "true", "∅"]),
        ("i8", Int8Type.Default, [127L, -128L, 0L, null], ["127", "-128", "0", "∅"]),
        ("i16", Int16Type.Default, [32767L, -32768L, 0L, null], ["32767", "-32768", "0", "∅"]),
        ("i32", Int32Type.Default, [2147483647L, -2147483648L, 0L, null], ["2147483647", "-2147483648", "0", "∅"]),
        ("i64", Int64Type.Default, [long.MaxValue, long.MinValue, 0L, null], ["9223372036854775807", "-9223372036854775808", "0", "∅"]),
        ("f", FloatType.Default, [1.5f, float.NaN, float.NegativeInfinity, null], ["1.5", "nan", "-inf", "∅"]),
        ("d", DoubleType.Default, [double.NaN, 0.1, double.PositiveInfinity, null], ["nan", "0.1", "inf", "∅"]),
        ("s", StringType.Default, ["é😀\u0001\t'\"\\", "", new string('z', 40) + "ü", null], ["é😀\u0001\t'\"\\", "", new string('z', 40) + "ü", "∅"]),
        ("y", BinaryType.Default, [new byte[] { 0, 255, 128 }, System.Array.Empty<byte>(), new byte[] { 10 }, null], ["00FF80", "", "0A", "∅"]),
        ("dt", Date32Type.Default, [-25567, 120529, 0, null], ["1900-01-01", "2299-12-31", "1970-01-01", "∅"]),
        ("n9", new Decimal128Type(9, 2), [(Int128)999999999, (Int128)(-999999999), (Int128)5, null], ["9999999.99", "-9999999.99", "0.05", "∅"]),
        ("n18", new Decimal128Type(18, 0), [(Int128)999999999999999999, (Int128)(-999999999999999999), (Int128)5, null], ["999999999999999999", "-999999999999999999", "5", "∅"]),
        ("n38", new Decimal128Type(38, 10), [Int128.Parse("99999999999999999999999999999999999999"), Int128.Parse("-99999999999999999999999999999999999999"), (Int128)5, null], ["9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999", "0.0000000005", "∅"]),
        ("ts", Timestamp, [1_774_751_400_123_456, -1L, 0L, null], ["2026-03-29 02:30:00.123456", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000000", "∅"]),
        ("tz", TimestampUtc, [1_774_751_400_123_456, -1L, 0L, null], ["2026-03-29 02:30:00.123456", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000000", "∅"]),
        ("l", new ListType(new Field("element", Int32Type.Default, true)), [new long?[] { 1, null, -3 }, System.Array.Empty<long?>(), new long?[] { 7 }, null], ["[1,NULL,-3]", "[]", "[7]", "[]"]),
    ];

    [Test]
    public async Task Each_value_of_each_type_is_read_as_it_was_loaded_and_found_by_it()
    {
        var table = new LakeTable(new() { Path = "orders", Mode = LoadMode.Append, CheckpointEvery = 3 });
        for (var row = 0; row < 4; row++)
        {
            // Each row is a file, which the reader may pass over by what the log tells of its values.
            await LoadAsync(table, Columns.Select(c => (c.Name, c.Type)), [[.. Columns.Select(c => c.Values[row])]]);
        }

        var (folder, source) = Of(table);
        DeltaLogChecker.Check(folder);
        var all = $"select {string.Join(", ", Columns.Select(c => c.Type is BinaryType ? $"hex({c.Name})" : $"toString({c.Name})"))} from {source}";
        var expected = Enumerable.Range(0, 4).Select(row => string.Join('|', Columns.Select(c => c.Texts[row])));
        Assert.That(KernelReader.Rows(all), Is.EquivalentTo(expected));
        // And from the log's checkpoint alone.
        Directory.GetFiles(Path.Combine(folder, "_delta_log"), "*.json").ToList().ForEach(File.Delete);
        Assert.That(KernelReader.Rows(all), Is.EquivalentTo(expected));
        AssertFound(source, Columns.Where(c => c.Type is not (ListType or BinaryType)).SelectMany(c => Conditions(c.Name, c.Type, c.Texts)));
    }

    private static IEnumerable<TestCaseData> Partitions()
    {
        string[] odd = ["a b", "a/b=c", "100%", "%41", "é😀", "'\"", "\\", "?*:#&{}[]<>|;", "..", " x ", "\t\n\u0001", "__HIVE_DEFAULT_PARTITION__", "x"];
        yield return Case("text", StringType.Default, odd, odd);
        yield return Case("boolean", BooleanType.Default, [true, false], ["true", "false"]);
        yield return Case("byte", Int8Type.Default, [-128L, 0L], ["-128", "0"]);
        yield return Case("long", Int64Type.Default, [long.MinValue, long.MaxValue], ["-9223372036854775808", "9223372036854775807"]);
        yield return Case("date", Date32Type.Default, [-25567, 20541], ["1900-01-01", "2026-03-29"]);
        yield return Case("date", Date32Type.Default, [-25567, 20541], ["1900-01-01", "2026-03-29"], "orders/{year}/{month}/{day}");
        yield return Case("time", TimestampUtc, [0L, 1_774_751_400_123_456], ["1970-01-01 00:00:00.000000", "2026-03-29 02:30:00.123456"], "orders/{year}-{month}-{day}-{hour}");

        static TestCaseData Case(string name, IArrowType type, object?[] values, string[] texts, string path = "orders") => new TestCaseData(type, path, values.Append(null).ToArray(), texts.Append("∅").ToArray()).SetArgDisplayNames(name, path);
    }

    [TestCaseSource(nameof(Partitions))]
    public async Task Each_partition_is_read_with_its_value_and_found_by_it(IArrowType type, string path, object?[] values, string[] texts)
    {
        var table = new LakeTable(new() { Path = path, PartitionBy = "p", Mode = LoadMode.Append });
        await LoadAsync(table, [("id", Int64Type.Default), ("p", type)], values.Select((v, i) => new object?[] { (long)i, v }));
        var (folder, source) = Of(table);
        DeltaLogChecker.Check(folder);
        Assert.That(KernelReader.Rows($"select toString(p) from {source} order by id"), Is.EqualTo(texts));
        AssertFound(source, Conditions("p", type, texts));
    }

    private static IEnumerable<string> Conditions(string column, IArrowType type, string[] texts) => texts.Select(t => t == "∅" ? $"{column} is null" : $"{column} = {Literal(type, t)}");

    // A condition finds the rows that meet it in all that is read without one.
    private static void AssertFound(string source, IEnumerable<string> conditions)
    {
        var found = conditions.Select(c => KernelReader.Rows($"select count() from {source} where {c}").Single());
        Assert.That(string.Join('|', found), Is.EqualTo(KernelReader.Rows($"select {string.Join(", ", conditions.Select(c => $"countIf({c})"))} from {source}").Single()), string.Join('\n', conditions));
    }

    private static string Literal(IArrowType type, string text) => type switch
    {
        BooleanType => text,
        StringType => $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'",
        Date32Type => $"toDate32('{text}')",
        TimestampType => $"toDateTime64('{text}', 6, 'UTC')",
        Decimal128Type d => $"toDecimal128('{text}', {d.Scale})",
        FloatType => $"toFloat32('{text}')",
        DoubleType => $"toFloat64('{text}')",
        _ => $"toInt64('{text}')",
    };

    private static async Task LoadAsync(LakeTable table, IEnumerable<(string Name, IArrowType Type)> columns, IEnumerable<object?[]> rows)
    {
        var schema = Schema([.. columns]);
        await using var session = await table.OpenAsync(schema: schema);
        using var batch = Batch(schema, [.. rows]);
        await session.StageAsync(Stream(batch), default);
        await session.PublishAsync(table.Next(session), default);
    }

    private static (string Folder, string Source) Of(LakeTable table) => Path.Combine(table.Store.Folder, "orders") is var folder ? (folder, KernelReader.Local(folder)) : default;
}
