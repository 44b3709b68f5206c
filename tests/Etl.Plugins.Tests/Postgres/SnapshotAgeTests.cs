using Etl.Contracts;
using Etl.Plugins.Postgres;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>A snapshot keeps the server from cleaning up, so it may be told how old it may get.</summary>
public sealed class SnapshotAgeTests
{
    private static readonly PostgresIncrementalOptions Limited = new() { Cursor = "id", MaxSnapshotAge = TimeSpan.FromMinutes(30) };

    [Test]
    public async Task A_reading_whose_snapshot_gets_too_old_is_ended_at_the_server_and_says_so()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY, filler text NOT NULL); INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 100000) i");
        var time = new Alarm();
        await using var extraction = await OpenAsync(db, db.Table("t", Limited), time);
        await using var batches = extraction.ReadAsync(extraction.Splits[0], CancellationToken.None).GetAsyncEnumerator();
        Assert.That(await batches.MoveNextAsync(), Is.True);
        batches.Current.Dispose();
        Assert.That(time.Due, Is.EqualTo(TimeSpan.FromMinutes(30)));
        time.Ring();

        // Nobody asks for the next batch, and the server is free all the same.
        await NoSnapshotAsync(db);
        Assert.That(
            async () =>
            {
                while (await batches.MoveNextAsync())
                {
                    batches.Current.Dispose();
                }
            },
            Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4489")
                .And.Message.EqualTo($"the snapshot of {db.Connection.Display} got older than incremental.max_snapshot_age (00:30:00), and not all of it was read")
                .And.Property("Hint").EqualTo("Nothing was published. Run when the target takes rows faster, or allow a longer time; the server cannot clean up while a snapshot lives."));
        Assert.That(async () => await extraction.ReadAsync(extraction.Splits[0], CancellationToken.None).GetAsyncEnumerator().MoveNextAsync(), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL4489"));
    }

    [Test]
    public async Task What_was_read_by_then_is_read()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)");
        var time = new Alarm();
        SourcePosition reached;
        await using (var extraction = await OpenAsync(db, db.Query("SELECT * FROM t", Limited), time))
        {
            Assert.That(await extraction.CountAsync(), Is.EqualTo(10));
            time.Ring();
            await NoSnapshotAsync(db);
            reached = extraction.Reached;
        }

        Assert.That(time.Due, Is.Null, "the alarm is put away with the extraction");
        await using var next = await db.Query("SELECT * FROM t", Limited).OpenAsync(await db.ContractAsync("t"), reached);
        Assert.That(next.Reached.Position.ToJsonString(), Is.EqualTo(reached.Position.ToJsonString()));
    }

    [Test]
    public async Task A_snapshot_is_ended_though_it_has_all_sessions_of_the_pool()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY)");
        await using var narrow = new PostgresConnection(db.Options with { PoolSize = 1 });
        var time = new Alarm();
        await using var extraction = await OpenAsync(db, db.Table("t", Limited, narrow), time);
        time.Ring();
        await NoSnapshotAsync(db);
    }

    [Test]
    public async Task A_snapshot_that_could_not_be_ended_is_ended_later()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY)");
        var time = new Alarm();
        await using var extraction = await OpenAsync(db, db.Table("t", Limited), time);

        // Nobody disallows sessions from within the database.
        await using (var session = new NpgsqlConnection(PostgresServer.ConnectionString))
        {
            await session.OpenAsync();
            await SetLimitAsync(session, "false");
            time.Ring();
            while (time.Due != TimeSpan.FromSeconds(10))
            {
                await Task.Delay(20);
            }

            await SetLimitAsync(session, "true");
        }

        time.Ring();
        await NoSnapshotAsync(db);

        async Task SetLimitAsync(NpgsqlConnection session, string allowed)
        {
            await using var command = new NpgsqlCommand($"ALTER DATABASE {db.Name} ALLOW_CONNECTIONS {allowed}", session);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Test]
    public async Task A_session_is_not_given_back_while_it_is_being_ended()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY)");
        await using var narrow = new PostgresConnection(db.Options with { PoolSize = 1 });
        var time = new Alarm();
        for (var i = 0; i < 12; i++)
        {
            // Given back before, while and after the one that ends it is on its way.
            var extraction = await OpenAsync(db, db.Table("t", Limited, narrow), time);
            time.Ring();
            await Task.Delay(3 * i);
            await extraction.DisposeAsync();
            Assert.That(time.Due, Is.Null);
            for (var used = 0; used < 5; used++)
            {
                // The pool's only session.
                await narrow.CheckAsync(CancellationToken.None);
                await Task.Delay(10);
            }
        }
    }

    [Test]
    public async Task Without_a_limit_nothing_is_timed()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync("CREATE TABLE t (id bigint PRIMARY KEY)");
        var time = new Alarm();
        await using var extraction = await OpenAsync(db, db.Table("t", Limited with { MaxSnapshotAge = null }), time);
        Assert.That(time.Due, Is.Null);
    }

    private static async Task<IExtraction> OpenAsync(TestDatabase db, IExtractor extractor, TimeProvider time)
    {
        var contract = await db.ContractAsync("t");
        return await extractor.OpenAsync(
            new ExtractRequest(contract, extractor.DescribeOutput(contract), null, 100, 2, new Dictionary<string, object>()) { Time = time }, CancellationToken.None);
    }

    // The test's own session asks in a snapshot too.
    private static async Task NoSnapshotAsync(TestDatabase db)
    {
        while (await db.TextAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'etl' AND backend_xmin IS NOT NULL") != "0")
        {
            await Task.Delay(20);
        }
    }

    /// <summary>A clock with one timer, which rings when a test says so.</summary>
    private sealed class Alarm : TimeProvider
    {
        private TimerCallback? _callback;

        public TimeSpan? Due { get; private set; }

        public void Ring() => _callback!(null);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_callback, Due) = (callback, dueTime);
            return new Timer(this);
        }

        private sealed class Timer(Alarm alarm) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                alarm.Due = dueTime;
                return true;
            }

            public void Dispose() => alarm.Due = null;

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
