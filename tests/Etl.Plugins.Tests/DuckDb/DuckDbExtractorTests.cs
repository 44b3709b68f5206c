using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.DuckDb;
using NUnit.Framework;

namespace Etl.Plugins.Tests.DuckDb;

[TestFixture]
internal sealed class DuckDbExtractorTests
{
    private static readonly DataContract Contract = new("shop", "1.0.0", "items",
    [
        new(new Field("id", Int64Type.Default, false), "bigint", 1, false, null), new(new Field("name", StringType.Default, true), "varchar", null, false, null),
        new(new Field("changed", new TimestampType(TimeUnit.Microsecond, "UTC"), true), "timestamptz", null, false, null), new(new Field("gone", BooleanType.Default, true), "boolean", null, false, null),
    ], "items.yaml");

    private DuckDbFile _file;

    [SetUp]
    public void Open()
    {
        _file = new DuckDbFile();
        _file.Sql("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR, changed TIMESTAMPTZ, gone BOOLEAN)");
        _file.Sql("INSERT INTO items VALUES (1, 'one', '2024-01-01 00:00:00.000001+00', false), (2, 'two', '2024-01-01 00:00:00.000001+00', true), (3, 'three', '2024-01-02 00:00:00+00', NULL)");
    }

    [TearDown]
    public void Close() => _file.Dispose();

    [Test]
    public async Task A_table_is_read_whole_in_the_contracts_types()
    {
        var (rows, _) = await Read(new DuckDbTableExtractOptions { Table = "items" }, null);
        Assert.That(rows, Is.EquivalentTo(new[] { "1 one ", "2 two ", "3 three " }));
    }

    [Test]
    public async Task An_increment_reads_what_lies_beyond_the_position()
    {
        var options = new DuckDbTableExtractOptions { Table = "items", Incremental = new IncrementalOptions { Cursor = "changed", DeletedWhen = "gone" } };
        var (first, reached) = await Read(options, null);
        Assert.That(first, Is.EqualTo(new[] { "1 one upsert", "2 two delete", "3 three upsert" }));
        Assert.That(reached.Position.ToJsonString(), Is.EqualTo("""{"cursor":"2024-01-02 00:00:00+00","key":["3"]}""").Or.EqualTo("""{"cursor":"2024-01-02 00:00:00\u002B00","key":["3"]}"""));
        var (nothing, same) = await Read(options, reached);
        Assert.That(nothing, Is.Empty);
        _file.Sql("INSERT INTO items VALUES (4, 'four', '2024-01-02 00:00:00+00', false), (0, 'same time, lesser key', '2024-01-02 00:00:00+00', false)");
        _file.Sql("UPDATE items SET name = 'ONE', changed = '2024-01-03 00:00:00+00' WHERE id = 1");
        var (second, last) = await Read(options, same);
        Assert.That(second, Is.EqualTo(new[] { "4 four upsert", "1 ONE upsert" }));
        Assert.That((await Read(options, last)).Rows, Is.Empty);
    }

    [Test]
    public async Task A_query_takes_parameters_and_reads_increments()
    {
        var options = new DuckDbQueryExtractOptions { Query = "select id, upper(name) as name, changed, gone from items where id >= $least -- all\n;", Incremental = new IncrementalOptions { Cursor = "changed" } };
        var extractor = new DuckDbQueryExtractor(options, _file.Connection);
        Assert.That((await Read(extractor, null, new Dictionary<string, object> { ["least"] = 2L })).Rows, Is.EqualTo(new[] { "2 TWO ", "3 THREE " }));
    }

    [TestCase(NullCursor.Include, 2)]
    [TestCase(NullCursor.Skip, 1)]
    [TestCase(NullCursor.Fail, -1)]
    [Property("Fault", 51)]
    public async Task Null_cursors_are_treated_as_said(NullCursor nulls, int expected)
    {
        _file.Sql("DELETE FROM items WHERE id > 1");
        _file.Sql("INSERT INTO items VALUES (9, 'nine', NULL, false)");
        var options = new DuckDbTableExtractOptions { Table = "items", Incremental = new IncrementalOptions { Cursor = "changed", NullCursor = nulls } };
        if (expected < 0)
        {
            Assert.That(async () => await Read(options, null), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4110"));
            return;
        }

        var (rows, reached) = await Read(options, null);
        Assert.That(rows, Has.Count.EqualTo(expected));
        Assert.That((await Read(options, reached)).Rows, Has.Count.EqualTo(expected - 1));
    }

    [TestCase("ALTER TABLE items DROP name", "ETL4414")]
    [TestCase("ALTER TABLE items ALTER changed TYPE VARCHAR", "ETL4415")]
    [TestCase("DROP TABLE items", "ETL4414")]
    public void Drift_is_told_before_the_first_row(string change, string code)
    {
        _file.Sql(change);
        Assert.That(async () => await Read(new DuckDbTableExtractOptions { Table = "items" }, null), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo(code));
    }

    [Test]
    public void A_position_of_another_source_is_refused()
    {
        var options = new DuckDbTableExtractOptions { Table = "items", Incremental = new IncrementalOptions { Cursor = "changed" } };
        Assert.That(async () => await Read(options, new SourcePosition("duckdb.table/1", "duckdb:other.duckdb", [])), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4413"));
    }

    [Test]
    public void Source_sql_cannot_write()
    {
        var extractor = new DuckDbTableExtractor(new DuckDbTableExtractOptions { Table = "items", Incremental = new IncrementalOptions { Cursor = "changed", DeletedWhen = "true) END; DELETE FROM items; --" } }, _file.Connection);
        Assert.That(async () => await Read(extractor, null), Throws.InstanceOf<EtlException>());
        Assert.That(_file.Sql("SELECT count(*) FROM items"), Is.EqualTo("3"));
    }

    [Test]
    public async Task The_catalog_lists_and_describes()
    {
        _file.Sql("CREATE SCHEMA shop");
        _file.Sql("CREATE TABLE shop.more (u UUID, h HUGEINT, price DECIMAL(9,2) NOT NULL)");
        Assert.That(await _file.Connection.ListTablesAsync("*", default), Is.EqualTo(new[] { "items" }));
        Assert.That(await _file.Connection.ListTablesAsync("*.*", default), Is.EqualTo(new[] { "items", "shop.more" }));
        var items = await _file.Connection.DescribeTableAsync("items", default);
        Assert.That(items!.PrimaryKey, Is.EqualTo(new[] { "id" }));
        var more = await _file.Connection.DescribeTableAsync("shop.more", default);
        Assert.That(more!.Columns.Select(c => $"{c.Name} {c.PhysicalType} {c.Field.DataType.Name} {c.Field.IsNullable}"), Is.EqualTo(new[] { "u UUID utf8 True", "h HUGEINT decimal128 True", "price DECIMAL(9,2) decimal128 False" }));
        Assert.That(await _file.Connection.DescribeTableAsync("nowhere", default), Is.Null);
        await _file.Connection.CheckAsync(default);
    }

    private Task<(List<string> Rows, SourcePosition Reached)> Read(DuckDbTableExtractOptions options, SourcePosition? from) => Read(new DuckDbTableExtractor(options, _file.Connection), from);

    private static async Task<(List<string> Rows, SourcePosition Reached)> Read(IExtractor extractor, SourcePosition? from, IReadOnlyDictionary<string, object>? parameters = null)
    {
        var schema = extractor.DescribeOutput(Contract);
        await using var extraction = await extractor.OpenAsync(new ExtractRequest(Contract, schema, from, 65536, 2, parameters ?? new Dictionary<string, object>()), default);
        var rows = new List<string>();
        foreach (var split in extraction.Splits)
        {
            await foreach (var batch in extraction.ReadAsync(split, default))
            {
                Assert.That(batch.Schema, Is.SameAs(schema.Arrow));
                for (var i = 0; i < batch.Length; i++)
                {
                    rows.Add($"{((Int64Array)batch.Column(0)).GetValue(i)} {((StringArray)batch.Column(1)).GetString(i)} {(schema.HasOp ? ((StringArray)batch.Column(4)).GetString(i) : "")}");
                }

                batch.Dispose();
            }
        }

        return (rows, extraction.Reached);
    }
}
