using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Sqlite;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

public sealed class SqliteExtractionTests
{
    private SqliteFolder _folder = null!;

    [SetUp]
    public void Make() => _folder = new();

    [TearDown]
    public void Drop() => _folder.Dispose();

    [Test]
    public async Task A_table_is_described_by_declared_types_and_affinity()
    {
        _folder.Execute(
            """
            create table t (id integer primary key, a real, b text not null, c blob, d decimal(12,2), e boolean, f date, g datetime,
              h timestamp with time zone, i varchar(20), j, k numeric, l bigint, m time)
            """);
        await using var database = _folder.Database();
        var table = await database.DescribeTableAsync("main.t", default);
        Assert.That(table!.PrimaryKey, Is.EqualTo(new[] { "id" }));
        Assert.That(table.Columns.Select(c => c.Field.DataType.TypeId), Is.EqualTo(new[]
        {
            ArrowTypeId.Int64, ArrowTypeId.Double, ArrowTypeId.String, ArrowTypeId.Binary, ArrowTypeId.Decimal128, ArrowTypeId.Boolean, ArrowTypeId.Date32,
            ArrowTypeId.Timestamp, ArrowTypeId.Timestamp, ArrowTypeId.String, ArrowTypeId.Binary, ArrowTypeId.Double, ArrowTypeId.Int64, ArrowTypeId.Time64,
        }));
        Assert.That(((TimestampType)table.Columns[7].Field.DataType).Timezone, Is.Null);
        Assert.That(((TimestampType)table.Columns[8].Field.DataType).Timezone, Is.EqualTo("UTC"));
        Assert.That(table.Columns.Where(c => !c.Field.IsNullable).Select(c => c.Name), Is.EqualTo(new[] { "id", "b" }));
        Assert.That(await database.DescribeTableAsync("nowhere", default), Is.Null);
        _folder.Execute("create view v as select 1; create table _etl_x (a)");
        Assert.That(await database.ListTablesAsync("*", default), Is.EqualTo(new[] { "t", "v" }));
    }

    [TestCase("decimal(12,2)", "12.5", "1250")]
    [TestCase("decimal(12,2)", "'12.50'", "1250")]
    [TestCase("decimal(12,2)", "-7", "-700")]
    [TestCase("decimal(12,2)", "0.1", "10")]
    [TestCase("decimal(12,2)", "1e3", "100000")]
    [TestCase("decimal(12,2)", "'+.5'", "50")]
    [TestCase("decimal(12,2)", "12.345", null)]
    [TestCase("decimal(12,2)", "12345678901.0", null)]
    [TestCase("decimal(12,2)", "'twelve'", null)]
    [TestCase("decimal(38,0)", "cast('99999999999999999999999999999999999999' as text)", "99999999999999999999999999999999999999")]
    [TestCase("integer", "9223372036854775807", "9223372036854775807")]
    [TestCase("integer", "7.0", "7")]
    [TestCase("integer", "7.5", null)]
    [TestCase("integer", "'seven'", null)]
    [TestCase("double", "7", "7")]
    [TestCase("double", "9007199254740993", null)]
    [TestCase("text", "'é'", "é")]
    [TestCase("text", "''", "")]
    [TestCase("text", "'a' || char(0) || 'b'", "a\0b")]
    [TestCase("text", "7", null)]
    [TestCase("text", "cast(x'C328' as text)", null)]
    [TestCase("boolean", "1", "True")]
    [TestCase("boolean", "'FALSE'", "False")]
    [TestCase("boolean", "2", null)]
    [TestCase("date", "'1970-01-02'", "1")]
    [TestCase("date", "'0001-01-01'", "-719162")]
    [TestCase("date", "'2026-02-29'", null)]
    [TestCase("date", "'1970-01-02T00:00:00'", "1")]
    [TestCase("date", "'1970-01-02T00:00:01'", null)]
    [TestCase("date", "86400", "1")]
    [TestCase("timestamp", "'1970-01-01 00:00:01.5'", "1500000")]
    [TestCase("timestamp", "'1970-01-01'", "0")]
    [TestCase("timestamp", "'1970-01-01T00:00:01Z'", null)]
    [TestCase("timestamptz", "'1970-01-01T00:00:01Z'", "1000000")]
    [TestCase("timestamptz", "'1970-01-01T02:00:01+02:00'", "1000000")]
    [TestCase("timestamptz", "'1969-12-31T19:30:00-0430'", "0")]
    [TestCase("timestamptz", "'1970-01-01 00:00:01'", "1000000")]
    [TestCase("timestamptz", "'1970-01-01T00:00:00.123456789Z'", null)]
    [TestCase("timestamptz", "'1970-01-01T00:00:00.123456000Z'", "123456")]
    [TestCase("timestamptz", "1.25", "1250000")]
    [TestCase("timestamptz", "'1970-01-01T24:00:00Z'", null)]
    [TestCase("timestamptz", "1700000000000", null)]
    [TestCase("time", "'23:59:59.999999'", "86399999999")]
    [TestCase("blob", "x'00FF'", "System.Byte[]")]
    public async Task A_value_is_taken_as_the_contract_says_or_refused(string type, string sql, string? expected)
    {
        _folder.Execute($"create table t (id integer primary key, v); insert into t values (41, null), (42, {sql})");
        await using var database = _folder.Database();
        var extractor = new SqliteTableExtractor(new() { Table = "t" }, database);
        var contract = Contract("t", ["id"], ("id", Int64Type.Default), ("v", TypeOf(type)));
        await using var extraction = await extractor.OpenAsync(Request(extractor, contract), default);
        if (expected is null)
        {
            var error = Thrown<EtlException>(async () => await ReadAllAsync(extraction));
            Assert.That(error!.Code, Is.EqualTo("ETL4512"));
            Assert.That(error.Message, Does.StartWith("table 't', id = 42: column 'v' holds "));
            return;
        }

        var rows = await ReadAllAsync(extraction);
        Assert.That(rows[0][1], Is.Null);
        Assert.That(FormattableString.Invariant($"{rows[1][1]}"), Is.EqualTo(expected));
    }

    [Test]
    public async Task An_increment_is_what_lies_beyond_cursor_and_key()
    {
        _folder.Execute("create table t (id integer primary key, at timestamptz); insert into t values (1, '2026-01-01T00:00:00Z'), (2, '2026-01-02T00:00:00Z'), (3, '2026-01-02T00:00:00Z')");
        var (rows, position) = await IncrementAsync(null);
        Assert.That(rows, Is.EqualTo(new long[] { 1, 2, 3 }));
        (rows, var same) = await IncrementAsync(position);
        Assert.That(rows, Is.Empty);
        Assert.That(same.Position.ToJsonString(), Is.EqualTo(position.Position.ToJsonString()));

        // A tie with the last row read, beyond it by key; a changed row; one whose cursor lies before, which the guarantee excludes.
        _folder.Execute("insert into t values (4, '2026-01-02T00:00:00Z'), (5, '2025-12-31T00:00:00Z'); update t set at = '2026-01-03T00:00:00Z' where id = 1");
        (rows, position) = await IncrementAsync(position);
        Assert.That(rows, Is.EqualTo(new long[] { 1, 4 }));
        Assert.That(position.Position.ToJsonString(), Is.EqualTo("""{"values":[{"type":"text","value":"2026-01-03T00:00:00Z"},{"type":"integer","value":"1"}]}"""));
    }

    [Test]
    public async Task Rows_without_a_cursor_follow_the_policy()
    {
        _folder.Execute("create table t (id integer primary key, at timestamptz); insert into t values (1, '2026-01-01T00:00:00Z'), (2, null)");
        var error = Thrown<EtlException>(async () => await IncrementAsync(null));
        Assert.That(error!.Code, Is.EqualTo("ETL4110"));
        var (rows, position) = await IncrementAsync(null, NullCursor.Skip);
        Assert.That(rows, Is.EqualTo(new long[] { 1 }));
        (rows, _) = await IncrementAsync(position, NullCursor.Include);
        Assert.That(rows, Is.EqualTo(new long[] { 2 }));
        (rows, _) = await IncrementAsync(null, NullCursor.Include);
        Assert.That(rows, Is.EqualTo(new long[] { 1, 2 }));
    }

    [Test]
    public async Task A_row_that_counts_as_deleted_is_marked()
    {
        _folder.Execute("create table t (id integer primary key, at timestamptz, gone text); insert into t values (1, '2026-01-01', null), (2, '2026-01-01', 'x')");
        await using var database = _folder.Database();
        var extractor = new SqliteTableExtractor(
            new() { Table = "t", Columns = ["id"], Incremental = new() { Cursor = "at", DeletedWhen = "gone is not null -- soft" } }, database);
        var contract = Contract("t", ["id"], ("id", Int64Type.Default), ("at", TimestampUtc), ("gone", StringType.Default));
        var schema = extractor.DescribeOutput(contract);
        Assert.That(schema.Names, Is.EqualTo(new[] { "id", "_op" }));
        Assert.That(schema.Key, Is.EqualTo(new[] { "id" }));
        await using var extraction = await extractor.OpenAsync(Request(extractor, contract), default);
        Assert.That(await ReadAllAsync(extraction), Is.EqualTo(new object[][] { [1L, "upsert"], [2L, "delete"] }));
    }

    [Test]
    public async Task All_rows_come_from_one_snapshot()
    {
        _folder.Execute("pragma journal_mode = wal; create table t (id integer primary key); with recursive s(value) as (select 1 union all select value + 1 from s where value < 10) insert into t select value from s");
        await using var database = _folder.Database();
        var extractor = new SqliteTableExtractor(new() { Table = "t" }, database);
        var contract = Contract("t", ["id"], ("id", Int64Type.Default));
        await using var extraction = await extractor.OpenAsync(Request(extractor, contract), default);
        _folder.Execute("delete from t");
        Assert.That(await ReadAllAsync(extraction), Has.Count.EqualTo(10));
    }

    [Test]
    public async Task A_query_takes_typed_parameters_and_nothing_but_one_select()
    {
        _folder.Execute("create table t (id integer primary key, region text, amount real); insert into t values (1, 'eu', 0.21), (2, 'us', 0.5), (3, 'eu', 0.1)");
        await using var database = _folder.Database();
        var contract = Contract("q", [], ("id", Int64Type.Default));
        var parameters = new Dictionary<string, object> { ["region"] = "eu", ["least"] = 0.21m };
        var extractor = new SqliteQueryExtractor(new() { Query = "select id from t where region = $region and amount >= $least -- all\n;" }, database);
        await using var extraction = await extractor.OpenAsync(Request(extractor, contract) with { Parameters = parameters }, default);
        Assert.That(await ReadAllAsync(extraction), Is.EqualTo(new object[][] { [1L] }));

        foreach (var (query, code) in new[]
        {
            ("select id from t); delete from t; select 1 from (select 1", "ETL4504"),
            ("delete from t", "ETL4500"),
            ("select id from t where region = $nobody", "ETL4509"),
            ("select region from t", "ETL4507"),
            ("select \"nonsense\" as id from t", "ETL4500"),
        })
        {
            var refused = new SqliteQueryExtractor(new() { Query = query }, database);
            var error = Thrown<EtlException>(async () =>
            {
                await using var opened = await refused.OpenAsync(Request(refused, contract), default);
                await ReadAllAsync(opened);
            });
            Assert.That(error.Code, Is.EqualTo(code), query);
        }

        Assert.That(_folder.Query("select count(*) from t")[0][0], Is.EqualTo(3L));
    }

    [Test]
    public async Task What_is_missing_is_told_before_the_first_row()
    {
        await using var database = _folder.Database();
        var contract = Contract("t", ["id"], ("id", Int64Type.Default), ("v", StringType.Default));
        var extractor = new SqliteTableExtractor(new() { Table = "t" }, database);
        Assert.That(Thrown<EtlException>(Open)!.Code, Is.EqualTo("ETL4501"));
        _folder.Execute("create table other (id)");
        Assert.That(Thrown<EtlException>(Open)!.Code, Is.EqualTo("ETL4506"));
        _folder.Execute("create table t (id integer primary key, w text)");
        Assert.That(Thrown<EtlException>(Open)!.Message, Is.EqualTo("table 't' has no column 'v', which the contract declares"));
        Assert.That(Assert.Throws<EtlException>(() => extractor.DescribeOutput(null))!.Code, Is.EqualTo("ETL3001"));

        async Task Open()
        {
            await using var extraction = await extractor.OpenAsync(Request(extractor, contract), default);
        }
    }

    [Test]
    public async Task A_million_rows_cost_no_object_each()
    {
        _folder.Execute(
            """
            create table t (id integer primary key, email text, amount decimal(12,2), at timestamptz);
            with recursive s(value) as (select 1 union all select value + 1 from s where value < 1000000)
            insert into t select value, 'user' || value || '@example.com', value / 100.0, strftime('%Y-%m-%dT%H:%M:%fZ', value, 'unixepoch') from s
            """);
        await using var database = _folder.Database();
        var extractor = new SqliteTableExtractor(new() { Table = "t" }, database);
        var contract = Contract("t", ["id"], ("id", Int64Type.Default), ("email", StringType.Default), ("amount", new Decimal128Type(12, 2)), ("at", TimestampUtc));
        await using var extraction = await extractor.OpenAsync(Request(extractor, contract) with { BatchRows = 65_536 }, default);
        var (rows, before) = (0L, GC.GetTotalAllocatedBytes(precise: true));
        await foreach (var batch in extraction.ReadAsync(extraction.Splits[0], default))
        {
            rows += batch.Length;
            batch.Dispose();
        }

        var perRow = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)rows;
        TestContext.Out.WriteLine($"{perRow:F2} bytes a row");
        Assert.That(rows, Is.EqualTo(1_000_000));
        Assert.That(perRow, Is.LessThan(16));
    }

    [Test]
    public async Task A_read_can_be_cancelled()
    {
        await using var database = _folder.Database();
        _folder.Execute("create table t (id integer primary key)");
        var endless = "with recursive n(id) as (select 1 union all select id + 1 from n) select max(id) as id from n";
        var extractor = new SqliteQueryExtractor(new() { Query = endless }, database);
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await using var extraction = await extractor.OpenAsync(Request(extractor, Contract("q", [], ("id", Int64Type.Default))), default);
        Assert.That(async () => await ReadAllAsync(extraction, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static IArrowType TypeOf(string name) => name switch
    {
        "integer" => Int64Type.Default,
        "double" => DoubleType.Default,
        "text" => StringType.Default,
        "blob" => BinaryType.Default,
        "boolean" => BooleanType.Default,
        "date" => Date32Type.Default,
        "time" => Time,
        "timestamp" => Timestamp,
        "timestamptz" => TimestampUtc,
        "decimal(12,2)" => new Decimal128Type(12, 2),
        _ => new Decimal128Type(38, 0),
    };

    private static ExtractRequest Request(IExtractor extractor, DataContract contract, SourcePosition? from = null) =>
        new(contract, extractor.DescribeOutput(contract), from, 4, 2, new Dictionary<string, object>());

    private async Task<(List<long> Ids, SourcePosition Reached)> IncrementAsync(SourcePosition? from, NullCursor nulls = NullCursor.Fail)
    {
        await using var database = _folder.Database();
        var extractor = new SqliteTableExtractor(new() { Table = "t", Incremental = new() { Cursor = "at", NullCursor = nulls } }, database);
        var contract = Contract("t", ["id"], ("id", Int64Type.Default), ("at", TimestampUtc));
        await using var extraction = await extractor.OpenAsync(Request(extractor, contract, from), default);
        var rows = await ReadAllAsync(extraction);
        return ([.. rows.Select(r => (long)r[0]!).Order()], extraction.Reached);
    }
}
