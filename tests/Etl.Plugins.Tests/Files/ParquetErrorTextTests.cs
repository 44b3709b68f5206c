using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Files;
using Etl.Plugins.Tests.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

/// <summary>What a person reads when a Parquet file is not what its contract says, whole: with file, row group and column.</summary>
public sealed partial class ParquetErrorTextTests
{
    private LocalFolderStore _store = null!;

    [SetUp]
    public void Make()
    {
        _store = new(Directory.CreateTempSubdirectory("etl-parquet-").FullName);
        Duck.Rows($"copy (select i as id, i::varchar as note, (i * 1.5)::decimal(18,4) as amount, now() as at from range(3) t(i)) to '{_store.Folder}/in.parquet' (format parquet)");
    }

    [TearDown]
    public void Drop() => Directory.Delete(_store.Folder, recursive: true);

    private static IEnumerable<TestCaseData> Columns()
    {
        yield return Case("of_another_type", "note", Int64Type.Default, """
            ETL4575: 'in.parquet', row group 0: column 'note' should be int64 and the Parquet file holds BYTE_ARRAY as UTF8
              The file was written with another schema, or by a writer whose types this one does not read.
            """);
        yield return Case("of_more_digits", "amount", new Decimal128Type(12, 2), """
            ETL4575: 'in.parquet', row group 0: column 'amount' should be decimal(12,2) and the Parquet file holds INT64 as DECIMAL(18,4)
              The file was written with another schema, or by a writer whose types this one does not read.
            """);
        yield return Case("that_is_not_there", "city", StringType.Default, """
            ETL4580: 'in.parquet' has no column 'city', which the contract declares
              Correct the contract, or let such columns be NULL: on_missing: as_null.
              at on_missing
            """);
        yield return Case("of_instants", "at", Timestamp, """
            ETL4581: 'in.parquet': column 'at' holds instants, and the contract declares timestamps without one
              Declare the type that the file has, and convert it on the way (`at time zone`).
            """);

        static TestCaseData Case(string name, string column, IArrowType type, string told) => new TestCaseData(new Field(column, type, true), told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Columns))]
    public async Task A_column(Field column, string told) => Assert.That(await ToldAsync("in.parquet", column), Is.EqualTo(told));

    [Test]
    public async Task A_column_that_may_be_missing_and_may_not_be_NULL() => Assert.That(
        await ToldAsync("in.parquet", new Field("city", StringType.Default, false), OnMissingColumn.AsNull), Is.EqualTo("""
        ETL4576: 'in.parquet', row group 0: the file has no column 'city', which is declared not null
          Declare it nullable: older files do not have it.
        """));

    [Test]
    public async Task A_file_that_is_cut_off_and_one_that_was_overwritten()
    {
        var bytes = await File.ReadAllBytesAsync(Path.Combine(_store.Folder, "in.parquet"));
        await File.WriteAllBytesAsync(Path.Combine(_store.Folder, "cut.parquet"), bytes[..^20]);
        bytes.AsSpan(4, 60).Fill(0xFF);
        await File.WriteAllBytesAsync(Path.Combine(_store.Folder, "bad.parquet"), bytes);
        var id = new Field("id", Int64Type.Default, true);
        Assert.That(Tail().Replace(await ToldAsync("cut.parquet", id), "tail: BYTES"), Is.EqualTo("""
            ETL4574: 'cut.parquet' is not a whole Parquet file: not a parquet file, head: 50415231, tail: BYTES
              It is cut off or damaged; restore it from a copy.
            """));
        Assert.That(Reason().Replace(await ToldAsync("bad.parquet", id), "cannot be read: REASON"), Is.EqualTo("""
            ETL4574: 'bad.parquet', row group 0 cannot be read: REASON
              The file is damaged, or written in a way that this version does not read.
            """));
    }

    private Task<string> ToldAsync(string file, Field column, OnMissingColumn onMissing = OnMissingColumn.Fail) => ErrorText.OfAsync(async () =>
    {
        var extractor = new ParquetExtractor(new() { Path = file, OnMissing = onMissing }, _store);
        var contract = new DataContract("c", "1.0.0", "c", [new ContractColumn(column, null, null, false, null)], "c.yaml");
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 10_000, 1, new Dictionary<string, object>()), default);
        await ReadAllAsync(extraction);
    });

    [GeneratedRegex("cannot be read: .+")]
    private static partial Regex Reason();

    [GeneratedRegex("tail: [0-9A-F]{8}")]
    private static partial Regex Tail();
}
