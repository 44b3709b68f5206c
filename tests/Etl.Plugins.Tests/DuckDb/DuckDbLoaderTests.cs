using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.DuckDb;
using NUnit.Framework;

namespace Etl.Plugins.Tests.DuckDb;

[TestFixture]
internal sealed class DuckDbLoaderTests
{
    private static readonly CheckpointKey Key = new("default", "orders", "warehouse");
    private DuckDbFile _file;

    [SetUp]
    public void Open() => _file = new DuckDbFile();

    [TearDown]
    public void Close() => _file.Dispose();

    [Test]
    public async Task Upsert_inserts_updates_what_differs_and_deletes()
    {
        var first = await Load(TableLoadMode.Upsert, 1, DuckDbFile.Changes, [DuckDbFile.Batch(DuckDbFile.Changes, (1, "a", 100, "upsert"), (2, "b", 200, "upsert"), (3, null, null, "upsert"))]);
        Assert.That(first, Is.EqualTo(new PublishResult(3, 0, 0, 0)));
        var second = await Load(TableLoadMode.Upsert, 2, DuckDbFile.Changes, [
            DuckDbFile.Batch(DuckDbFile.Changes, (1, "a", 100, "upsert"), (2, "B", 200, "upsert")), DuckDbFile.Batch(DuckDbFile.Changes, (3, null, null, "delete"), (4, "d", null, "upsert"), (5, "e", 1, "delete"))]);
        Assert.That(second, Is.EqualTo(new PublishResult(1, 1, 1, 2)), "1 is equal, 5 was never there");
        Assert.That(_file.Sql("SELECT * FROM orders ORDER BY id"), Is.EqualTo("1|a|1.00\n2|B|2.00\n4|d|"));
        Assert.That(_file.Sql("SELECT n, rows, inserted, updated, deleted, unchanged FROM _etl.epoch ORDER BY n"), Is.EqualTo("1|3|3|0|0|0\n2|5|1|1|1|2"));
    }

    [Test]
    public async Task Append_adds_rows()
    {
        await Load(TableLoadMode.Append, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]);
        Assert.That(await Load(TableLoadMode.Append, 2, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]), Is.EqualTo(new PublishResult(1, 0, 0, 0)));
        Assert.That(_file.Sql("SELECT count(*) FROM orders"), Is.EqualTo("2"));
    }

    [Test]
    public async Task Replace_leaves_these_rows_and_no_others_and_keeps_views()
    {
        await Load(TableLoadMode.Replace, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1), (2, "b", 2))]);
        _file.Sql("CREATE VIEW names AS SELECT name FROM orders");
        Assert.That(await Load(TableLoadMode.Replace, 2, DuckDbFile.Orders, [DuckDbFile.Batch((2, "c", 3))]), Is.EqualTo(new PublishResult(1, 0, 2, 0, "replaced")));
        Assert.That(_file.Sql("SELECT * FROM names"), Is.EqualTo("c"));
        Assert.That(async () => await Load(TableLoadMode.Replace, 3, DuckDbFile.Orders, []), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4419"));
        Assert.That(_file.Sql("SELECT count(*) FROM orders"), Is.EqualTo("1"));
    }

    [Test]
    public async Task A_full_refresh_leaves_no_ghosts()
    {
        await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1), (2, "b", 2))]);
        await Load(TableLoadMode.Upsert, 2, DuckDbFile.Orders, [DuckDbFile.Batch((2, "b", 2))], fullRefresh: true);
        Assert.That(_file.Sql("SELECT id FROM orders"), Is.EqualTo("2"));
    }

    [Test]
    public async Task A_full_refresh_without_rows_empties_no_table_and_fills_an_empty_one_with_nothing()
    {
        await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [], fullRefresh: true);
        await Load(TableLoadMode.Upsert, 2, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]);
        Assert.That(async () => await Load(TableLoadMode.Upsert, 3, DuckDbFile.Orders, [], fullRefresh: true), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4419"));
        Assert.That(_file.Sql("SELECT id FROM orders"), Is.EqualTo("1"));
    }

    [Test]
    public async Task The_same_epoch_is_refused_a_second_time()
    {
        await Load(TableLoadMode.Append, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]);
        Assert.That(async () => await Load(TableLoadMode.Append, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]), Throws.InstanceOf<FencedException>());
        Assert.That(_file.Sql("SELECT count(*) FROM orders"), Is.EqualTo("1"));
        Assert.That(_file.Sql("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'stage_%'"), Is.EqualTo("0"));
    }

    [Test]
    public async Task An_older_fence_publishes_nothing()
    {
        var old = await Session(TableLoadMode.Append, DuckDbFile.Orders, "old", lease: TimeSpan.FromMilliseconds(1));
        await old.StageAsync(DuckDbFile.Stream(DuckDbFile.Batch((1, "old", 1))), default);
        await Task.Delay(50);
        await using (var young = await Session(TableLoadMode.Append, DuckDbFile.Orders, "young"))
        {
            Assert.That(young.Fence, Is.EqualTo(old.Fence + 1));
            Assert.That(async () => await old.PublishAsync(Next(1, old.Fence), default), Throws.InstanceOf<FencedException>());
            Assert.That(await old.RenewAsync(default), Is.False);
            await old.DisposeAsync();
            await young.StageAsync(DuckDbFile.Stream(DuckDbFile.Batch((2, "young", 1))), default);
            await young.PublishAsync(Next(1, young.Fence), default);
        }

        Assert.That(_file.Sql("SELECT name FROM orders"), Is.EqualTo("young"));
    }

    [Test]
    public async Task A_live_lease_is_respected_and_given_back()
    {
        await using (await Session(TableLoadMode.Append, DuckDbFile.Orders, "one"))
        {
            Assert.That(async () => await Session(TableLoadMode.Append, DuckDbFile.Orders, "two"), Throws.InstanceOf<LeaseHeldException>());
        }

        await using var two = await Session(TableLoadMode.Append, DuckDbFile.Orders, "two");
        Assert.That(two.Checkpoint, Is.Null);
        Assert.That(await two.RenewAsync(default), Is.True);
    }

    [Test]
    public async Task An_unknown_outcome_is_resolved_by_the_batch_id()
    {
        await Load(TableLoadMode.Append, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]);
        await using var session = await Session(TableLoadMode.Append, DuckDbFile.Orders, "run");
        Assert.That(session.Checkpoint!.N, Is.EqualTo(1));
        Assert.That(await session.ResolveAsync(session.Checkpoint, default), Is.True);
        Assert.That(await session.ResolveAsync(session.Checkpoint with { BatchId = "another" }, default), Is.False);
        Assert.That(await session.ResolveAsync(Next(2, session.Fence), default), Is.False);
    }

    [Test]
    public async Task Nothing_staged_moves_the_checkpoint_only()
    {
        await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]);
        Assert.That(await Load(TableLoadMode.Upsert, 2, DuckDbFile.Orders, []), Is.EqualTo(new PublishResult(0, 0, 0, 0)));
        Assert.That(_file.Sql("SELECT n FROM _etl.checkpoint"), Is.EqualTo("2"));
    }

    [TestCase("publish_begun")]
    [TestCase("before_commit")]
    public async Task A_failure_before_the_commit_publishes_nothing(string point)
    {
        Assert.That(async () => await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))], failAt: point), Throws.InstanceOf<InvalidDataException>());
        Assert.That(_file.Sql("SELECT n, batch_id FROM _etl.checkpoint"), Is.EqualTo("0|"));
        Assert.That(await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1))]), Is.EqualTo(new PublishResult(1, 0, 0, 0)));
    }

    [Test]
    public void A_key_that_repeats_is_refused() =>
        Assert.That(async () => await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "a", 1), (1, "b", 1))]),
            Throws.InstanceOf<EtlException>().With.Message.EqualTo("1 keys (id) come more than once in the rows for main.orders"));

    [Test]
    public void An_exception_of_the_rows_comes_through()
    {
        var thrown = new InvalidDataException("the source broke");
        Assert.That(
            async () =>
            {
                await using var session = await Session(TableLoadMode.Append, DuckDbFile.Orders, "run");
                await session.StageAsync(Broken(thrown), default);
            },
            Throws.Exception.SameAs(thrown));
    }

    [Test]
    public async Task Columns_are_added_and_widened_as_the_policy_allows()
    {
        _file.Sql("CREATE TABLE orders (id INTEGER PRIMARY KEY, name VARCHAR, extra DATE)");
        _file.Sql("INSERT INTO orders VALUES (1, 'a', DATE '2024-01-01')");
        var refused = (await Assert.ThrowsAsync<EtlException>(async () => await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [], policy: new SchemaPolicy { AddColumns = false })))!;
        Assert.That((refused.Code, refused.Hint), Is.EqualTo(("ETL4417", "Allow it, or run: ALTER TABLE \"main\".\"orders\" ADD COLUMN \"amount\" DECIMAL(12,2)")));
        _file.Sql("CREATE TABLE plain AS SELECT 1::INTEGER AS id, 'a' AS name");
        await Load(TableLoadMode.Upsert, 1, DuckDbFile.Orders, [DuckDbFile.Batch((1, "b", 5), (5_000_000_000, "c", 1))], table: "plain");
        Assert.That(_file.Sql("SELECT * FROM plain ORDER BY id"), Is.EqualTo("1|b|0.05\n5000000000|c|0.01"));
        _file.Sql("CREATE TABLE narrow (id BIGINT, name VARCHAR, amount DATE)");
        Assert.That(async () => await Load(TableLoadMode.Append, 2, DuckDbFile.Orders, [], table: "narrow"), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL4418"));
    }

    [Test]
    public void Append_refuses_changes()
    {
        var loader = Loader(TableLoadMode.Append, "orders", new SchemaPolicy());
        Assert.That(() => loader.Describe(DuckDbFile.Changes), Throws.InstanceOf<EtlException>().With.Property("Code").EqualTo("ETL3021"));
        Assert.That(loader.Describe(DuckDbFile.Orders).Statements[0], Is.EqualTo("CREATE TABLE \"main\".\"orders\" (\"id\" BIGINT NOT NULL, \"name\" VARCHAR, \"amount\" DECIMAL(12,2))"));
    }

    private static async IAsyncEnumerable<RecordBatch> Broken(Exception error)
    {
        yield return DuckDbFile.Batch((1, "a", 1));
        await Task.Yield();
        throw error;
    }

    private static Checkpoint Next(long n, long fence, long rows = 0) => new()
    {
        Key = Key, N = n, Fence = fence, BatchId = $"batch-{n}-{fence}", RunId = "run", PlanHash = "plan", Fingerprint = "", Sources = new Dictionary<string, SourcePosition>(), Rows = rows,
    };

    private DuckDbTableLoader Loader(TableLoadMode mode, string table, SchemaPolicy policy) => new(
        new DuckDbTableLoadOptions { Table = table, Mode = mode, Key = mode == TableLoadMode.Upsert ? ["id"] : [], Schema = policy }, _file.Connection);

    private ValueTask<ILoadSession> Session(TableLoadMode mode, RowSchema schema, string run, TimeSpan? lease = null) =>
        Loader(mode, "orders", new SchemaPolicy()).OpenAsync(new LoadRequest(Key, schema, run, false, $"host:{run}", lease ?? TimeSpan.FromMinutes(1), static _ => { }), default);

    private async Task<PublishResult> Load(
        TableLoadMode mode, long n, RowSchema schema, RecordBatch[] batches, bool fullRefresh = false, string? failAt = null, SchemaPolicy? policy = null, string table = "orders")
    {
        var request = new LoadRequest(Key, schema, "run", fullRefresh, "host:1", TimeSpan.FromMinutes(1), point =>
        {
            if (point == failAt)
            {
                throw new InvalidDataException(point);
            }
        });
        await using var session = await Loader(mode, table, policy ?? new SchemaPolicy()).OpenAsync(request, default);
        var rows = batches.Sum(b => b.Length);
        await session.StageAsync(DuckDbFile.Stream(batches), default);
        return await session.PublishAsync(Next(n, session.Fence, rows), default);
    }
}
