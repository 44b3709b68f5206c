using System.Numerics;
using System.Text.Json.Nodes;
using Apache.Arrow.Types;
using CsCheck;
using Etl.Contracts;
using Etl.Plugins.Sqlite;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests;

public sealed class SqliteLoadTests
{
    private static readonly CheckpointKey Key = new("test", "orders", "shop");
    private static readonly RowSchema Rows = Schema(("id", Int64Type.Default), ("status", StringType.Default), ("amount", new Decimal128Type(12, 2)));
    private static readonly RowSchema Changes = Schema(("id", Int64Type.Default), ("status", StringType.Default), ("amount", new Decimal128Type(12, 2)), ("_op", StringType.Default));

    private SqliteFolder _folder = null!;

    [SetUp]
    public void Make() => _folder = new();

    [TearDown]
    public void Drop() => _folder.Dispose();

    [Test]
    public async Task Append_adds_rows_and_moves_the_checkpoint_with_them()
    {
        Assert.That(await LoadAsync(TableLoadMode.Append, Rows, [1L, "new", (Int128)1250], [1L, null, null]), Is.EqualTo(new PublishResult(2, 0, 0, 0)));
        Assert.That(await LoadAsync(TableLoadMode.Append, Rows, [2L, "", (Int128)(-5)]), Is.EqualTo(new PublishResult(1, 0, 0, 0)));
        Assert.That(Target(), Is.EqualTo(new object?[][] { [1L, "new", 12.5], [1L, null, null], [2L, "", -0.05] }));
        Assert.That(_folder.Query("select n, inserted, rows from _etl_epoch order by n"), Is.EqualTo(new object[][] { [1L, 2L, 2L], [2L, 1L, 1L] }));
        Assert.That(_folder.Query("select name from sqlite_schema where name like '\\_etl\\_stage%' escape '\\'"), Is.Empty);
    }

    [Test]
    public async Task Upsert_counts_what_it_inserted_updated_deleted_and_left()
    {
        Assert.That(await LoadAsync(TableLoadMode.Upsert, Rows, [1L, "new", (Int128)100], [2L, "new", (Int128)200], [3L, "new", null]), Is.EqualTo(new PublishResult(3, 0, 0, 0)));
        var result = await LoadAsync(
            TableLoadMode.Upsert, Changes,
            [1L, "new", (Int128)100, "upsert"],
            [2L, "NEW", (Int128)200, "upsert"],
            [3L, "new", null, "delete"],
            [4L, "paid", (Int128)1, "upsert"],
            [5L, "gone before it came", null, "delete"]);
        Assert.That(result, Is.EqualTo(new PublishResult(1, 1, 1, 1)));
        Assert.That(Target(), Is.EqualTo(new object?[][] { [1L, "new", 1L], [2L, "NEW", 2L], [4L, "paid", 0.01] }));
    }

    [Test]
    public async Task Upsert_of_several_versions_of_a_key_keeps_the_last()
    {
        var result = await LoadAsync(TableLoadMode.Upsert, Changes, [1L, "a", null, "upsert"], [2L, "b", null, "upsert"], [1L, "c", null, "upsert"], [2L, null, null, "delete"]);
        Assert.That(result, Is.EqualTo(new PublishResult(1, 0, 0, 0)));
        Assert.That(Target(), Is.EqualTo(new object?[][] { [1L, "c", null] }));
    }

    [Test]
    public async Task A_key_that_is_called_unique_and_is_not_is_refused_rather_than_settled()
    {
        var unique = Rows with { Key = ["id"] };
        var error = await Assert.CatchAsync<EtlException>(async () => await LoadAsync(TableLoadMode.Upsert, unique, [1L, "a", null], [2L, "b", null], [1L, "c", null]));
        Assert.That(error?.Code, Is.EqualTo("ETL4528"));
        Assert.That(_folder.Query("select name from sqlite_schema where name = 'orders'"), Is.Empty);
        Assert.That(await LoadAsync(TableLoadMode.Upsert, unique, [1L, "a", null], [2L, "b", null]), Is.EqualTo(new PublishResult(2, 0, 0, 0)));
    }

    [Test]
    public async Task Upsert_sees_a_change_of_case_in_a_column_that_ignores_it()
    {
        _folder.Execute("create table orders (id integer primary key, status text collate nocase, amount decimal(12,2), extra text default 'kept'); insert into orders (id, status) values (1, 'NEW')");
        Assert.That(await LoadAsync(TableLoadMode.Upsert, Rows, [1L, "new", null]), Is.EqualTo(new PublishResult(0, 1, 0, 0)));
        Assert.That(_folder.Query("select status, extra from orders"), Is.EqualTo(new object[][] { ["new", "kept"] }));
    }

    [Test]
    public async Task Replace_and_full_refresh_hold_these_rows_and_no_others()
    {
        await LoadAsync(TableLoadMode.Replace, Rows, [1L, "a", null], [2L, "b", null]);
        Assert.That(await LoadAsync(TableLoadMode.Replace, Rows, [3L, "c", null]), Is.EqualTo(new PublishResult(1, 0, 2, 0)));
        Assert.That(Target(), Is.EqualTo(new object?[][] { [3L, "c", null] }));
        var error = Thrown<EtlException>(async () => await LoadAsync(TableLoadMode.Replace, Rows));
        Assert.That(error!.Code, Is.EqualTo("ETL4524"));
        Assert.That(Target(), Has.Count.EqualTo(1));

        await using var session = await OpenAsync(TableLoadMode.Upsert, Changes, fullRefresh: true);
        await session.StageAsync(Stream(Batch(Changes, [3L, "x", null, "delete"], [4L, "d", null, "upsert"])), default);
        Assert.That(await session.PublishAsync(Next(session), default), Is.EqualTo(new PublishResult(1, 0, 1, 0)));
        Assert.That(Target(), Is.EqualTo(new object?[][] { [4L, "d", null] }));
    }

    [Test]
    public async Task A_second_run_waits_for_the_lease_and_a_newer_fence_shuts_the_older_out()
    {
        var first = await OpenAsync(TableLoadMode.Append, Rows);
        Assert.That(Thrown<LeaseHeldException>(async () => await OpenAsync(TableLoadMode.Append, Rows))!.Message, Does.StartWith("host:1 is loading test/orders/shop; its lease ends in "));
        Assert.That(await first.RenewAsync(default), Is.True);
        await first.StageAsync(Stream(Batch(Rows, [1L, "old", null])), default);
        _folder.Execute("update _etl_checkpoint set lease_until = 0");

        await using var second = await OpenAsync(TableLoadMode.Append, Rows);
        Assert.That(second.Fence, Is.EqualTo(first.Fence + 1));
        Assert.That(await first.RenewAsync(default), Is.False);
        Thrown<FencedException>(async () => await first.StageAsync(Stream(Batch(Rows, [1L, "old", null])), default));
        Thrown<FencedException>(async () => await first.PublishAsync(Next(first), default));
        await first.DisposeAsync();
        Assert.That(await second.RenewAsync(default), Is.True, "the older one gave back a lease that was not its own");
        await second.StageAsync(Stream(Batch(Rows, [2L, "new", null])), default);
        await second.PublishAsync(Next(second), default);
        Assert.That(Target(), Is.EqualTo(new object?[][] { [2L, "new", null] }));
    }

    [Test]
    public async Task A_stop_before_the_commit_publishes_nothing_and_one_after_it_everything()
    {
        foreach (var (point, published) in new[] { ("sqlite.before_commit", false), ("sqlite.after_commit", true) })
        {
            await using (var session = await OpenAsync(TableLoadMode.Append, Rows, stopAt: point))
            {
                await session.StageAsync(Stream(Batch(Rows, [1L, point, null])), default);
                var next = Next(session);
                Thrown<IOException>(async () => await session.PublishAsync(next, default));
                Assert.That(await session.ResolveAsync(next, default), Is.EqualTo(published));
            }

            Assert.That(_folder.Query("select n from _etl_checkpoint")[0][0], Is.EqualTo(published ? 1L : 0L));
        }

        Assert.That(Target(), Is.EqualTo(new object?[][] { [1L, "sqlite.after_commit", null] }));
        Assert.That(await LoadAsync(TableLoadMode.Append, Rows, [2L, "next", null]), Is.EqualTo(new PublishResult(1, 0, 0, 0)));
    }

    [Test]
    public async Task An_epoch_that_does_not_follow_is_refused()
    {
        await using var session = await OpenAsync(TableLoadMode.Append, Rows);
        Thrown<FencedException>(async () => await session.PublishAsync(Next(session) with { N = 3 }, default));
        Assert.That(await session.PublishAsync(Next(session), default), Is.EqualTo(new PublishResult(0, 0, 0, 0)));
        Thrown<FencedException>(async () => await session.PublishAsync(Next(session), default));
    }

    [Test]
    public async Task The_checkpoint_comes_back_as_it_was_written()
    {
        Checkpoint written;
        await using (var session = await OpenAsync(TableLoadMode.Append, Rows))
        {
            Assert.That(session.Checkpoint, Is.Null);
            written = Next(session);
            await session.PublishAsync(written, default);
        }

        await using var again = await OpenAsync(TableLoadMode.Append, Rows);
        Assert.That(again.Checkpoint!.ToJson(), Is.EqualTo(written.ToJson()));
    }

    [Test]
    public async Task Columns_are_added_and_types_that_would_change_values_refused()
    {
        _folder.Execute("create table orders (id integer primary key, status integer)");
        Assert.That(Thrown<EtlException>(async () => await OpenAsync(TableLoadMode.Append, Rows))!.Code, Is.EqualTo("ETL4523"));
        _folder.Execute("drop table orders; create table orders (id integer primary key, status text)");
        await LoadAsync(TableLoadMode.Append, Rows, [1L, "a", (Int128)1]);
        Assert.That(Target(), Is.EqualTo(new object[][] { [1L, "a", 0.01] }));
    }

    [Test]
    public void A_key_without_a_value_and_deletions_into_append_are_refused()
    {
        Assert.That(Thrown<EtlException>(async () => await LoadAsync(TableLoadMode.Upsert, Rows, [null, "a", null]))!.Code, Is.EqualTo("ETL4525"));
        var loader = new SqliteTableLoader(new() { Table = "orders", Mode = TableLoadMode.Append }, _folder.Database());
        Assert.That(Assert.Throws<EtlException>(() => loader.Describe(Changes))!.OptionPath, Is.EqualTo("mode"));
    }

    [Test]
    public void The_plan_shows_what_would_be_issued()
    {
        var loader = new SqliteTableLoader(new() { Table = "orders", Mode = TableLoadMode.Upsert, Key = ["id"] }, _folder.Database());
        Assert.That(loader.Describe(Changes).Statements, Is.EqualTo(new[]
        {
            """create table "orders" ("id" INTEGER not null, "status" TEXT, "amount" DECIMAL(12,2), primary key ("id"))""",
            """delete from "orders" where ("id") in (select "id" from "_etl_stage" where "_op" = 1)""",
            """update "orders" as t set "status" = s."status", "amount" = s."amount" from "_etl_stage" as s where t."id" = s."id" and s."_op" = 0 and (t."status" is not s."status" collate binary or t."amount" is not s."amount" collate binary)""",
            """insert into "orders" ("id", "status", "amount") select s."id", s."status", s."amount" from "_etl_stage" as s left join "orders" as t on t."id" = s."id" where t."id" is null and s."_op" = 0 order by s.rowid""",
        }));
    }

    [Test]
    public void Values_of_all_types_come_back_as_they_went()
    {
        var schema = Schema(
            ("id", Int64Type.Default), ("d15", new Decimal128Type(15, 4)), ("d38", new Decimal128Type(38, 10)), ("ts", Timestamp), ("tz", TimestampUtc), ("day", Date32Type.Default),
            ("time", Time), ("real", DoubleType.Default), ("text", StringType.Default), ("blob", BinaryType.Default), ("flag", BooleanType.Default), ("big", Int64Type.Default));
        var digits38 = (Int128)BigInteger.Pow(10, 38) - 1;
        var micros = Gen.Long[-62_135_596_800_000_000, 253_402_300_799_999_999];
        var row = Gen.Select(
            Gen.Long[-999_999_999_999_999, 999_999_999_999_999],
            Gen.Select(Gen.Long, Gen.Long, (a, b) => ((Int128)a * b) % digits38),
            micros, micros, Gen.Int[-719_162, 2_932_896],
            Gen.Long[0, 86_399_999_999],
            Gen.Select(Gen.Double[-1e300, 1e300], Gen.String, Gen.Byte.Array[0, 20]),
            Gen.Select(Gen.Bool, Gen.Long));
        row.Array[1, 50].Sample(
            rows =>
            {
                _folder.Dispose();
                _folder = new();
                var values = rows.Select((r, i) => new object?[]
                {
                    (long)i, (Int128)r.Item1, r.Item2, r.Item3, r.Item4, r.Item5, r.Item6, r.Item7.Item1, Sane(r.Item7.Item2), r.Item7.Item3, r.Item8.Item1, r.Item8.Item2,
                }).ToArray();
                LoadAsync(TableLoadMode.Append, schema, values).GetAwaiter().GetResult();
                Assert.That(ReadBack(schema).GetAwaiter().GetResult(), Is.EqualTo(values));
            },
            iter: 20, threads: 1);
        Assert.That(_folder.Query("select count(*) from orders where abs(unixepoch(tz, 'subsec') - cast(strftime('%s', tz) as real)) >= 1")[0][0], Is.EqualTo(0L), "SQLite's own functions read the texts");
    }

    [TestCase(253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z")]
    [TestCase(253_402_214_400_000_000, "9999-12-31T00:00:00.000000Z")]
    [TestCase(-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z")]
    [TestCase(-62_135_510_400_000_001, "0001-01-01T23:59:59.999999Z")]
    [TestCase(-1, "1969-12-31T23:59:59.999999Z")]
    public async Task A_microsecond_beside_midnight_keeps_its_day(long micros, string text)
    {
        await LoadAsync(TableLoadMode.Append, Schema(("at", TimestampUtc)), [micros]);
        Assert.That(_folder.Query("select at from orders")[0][0], Is.EqualTo(text));
    }

    [Test]
    public void What_SQLite_would_change_silently_is_refused()
    {
        var real = Schema(("id", DoubleType.Default));
        Assert.That(Thrown<EtlException>(async () => await LoadAsync(TableLoadMode.Append, real, [double.NaN]))!.Code, Is.EqualTo("ETL4526"));
        var time = Schema(("id", TimestampUtc));
        Assert.That(Thrown<EtlException>(async () => await LoadAsync(TableLoadMode.Append, time, [long.MaxValue]))!.Code, Is.EqualTo("ETL4526"));
        var list = Schema(("id", new ListType(Int64Type.Default)));
        Assert.That(Assert.Throws<EtlException>(() => new SqliteTableLoader(new() { Table = "t", Mode = TableLoadMode.Append }, _folder.Database()).Describe(list))!.Code, Is.EqualTo("ETL4520"));
    }

    [Test]
    public async Task A_seed_makes_the_database_once_and_a_broken_one_leaves_nothing()
    {
        File.WriteAllText(Path.Combine(_folder.Path, "seed.sql"), "create table a (x); insert into a values (1); create tabel b (x);");
        await using (var broken = _folder.Database("seed.sql"))
        {
            Thrown<SqliteError>(async () => await broken.CheckAsync(default));
            Assert.That(Directory.GetFiles(_folder.Path).Select(Path.GetFileName), Is.EqualTo(new[] { "seed.sql" }));
        }

        File.WriteAllText(Path.Combine(_folder.Path, "seed.sql"), "create table a (x); insert into a values (1);");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await using var database = _folder.Database("seed.sql");
            await database.CheckAsync(default);
        }));
        Assert.That(_folder.Query("select count(*) from a")[0][0], Is.EqualTo(1L));
        Assert.That(_folder.Query("pragma journal_mode")[0][0], Is.EqualTo("wal"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.That(File.GetUnixFileMode(_folder.File), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    private static string Sane(string text) => string.Concat(text.EnumerateRunes().Select(r => r.ToString()));

    private List<object?[]> Target() => _folder.Query("select id, status, amount from orders order by id");

    private async Task<List<object?[]>> ReadBack(RowSchema schema)
    {
        await using var database = _folder.Database();
        var extractor = new SqliteTableExtractor(new() { Table = "orders" }, database);
        var live = (await database.DescribeTableAsync("orders", default))!;
        Assert.That(live.Columns.Select(c => c.Field.DataType.TypeId), Is.EqualTo(schema.Arrow.FieldsList.Select(f => f.DataType.TypeId)));
        var contract = Contract("orders", [], [.. schema.Arrow.FieldsList.Select(f => (f.Name, f.DataType))]);
        await using var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), null, 7, 1, new Dictionary<string, object>()), default);
        return await ReadAllAsync(extraction);
    }

    private async Task<ILoadSession> OpenAsync(TableLoadMode mode, RowSchema schema, bool fullRefresh = false, string? stopAt = null)
    {
        var loader = new SqliteTableLoader(new() { Table = "orders", Mode = mode, Key = mode == TableLoadMode.Upsert ? ["id"] : [] }, _folder.Database());
        return await loader.OpenAsync(
            new(Key, schema, "run-1", fullRefresh, "host:1", TimeSpan.FromMinutes(1), point =>
            {
                if (point == stopAt)
                {
                    throw new IOException(point);
                }
            }),
            default);
    }

    private static Checkpoint Next(ILoadSession session, long rows = 0) => new()
    {
        Key = Key,
        N = (session.Checkpoint?.N ?? 0) + 1,
        Fence = session.Fence,
        BatchId = Guid.NewGuid().ToString("N"),
        RunId = "run-1",
        PlanHash = "plan",
        Fingerprint = "f",
        Sources = new Dictionary<string, SourcePosition> { ["orders"] = new("k/1", "here", new JsonObject { ["x"] = 1 }) },
        Rows = rows,
        CommittedAt = DateTimeOffset.UnixEpoch,
    };

    private async Task<PublishResult> LoadAsync(TableLoadMode mode, RowSchema schema, params object?[][] rows)
    {
        await using var session = await OpenAsync(mode, schema);
        if (rows.Length > 0)
        {
            using var batch = Batch(schema, rows);
            await session.StageAsync(Stream(batch), default);
        }

        return await session.PublishAsync(Next(session, rows.Length), default);
    }
}
