using Etl.Contracts;
using Etl.Plugins.Tests.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>What is left of a load into Redshift that was broken off, and of two at once.</summary>
[Category("Integration")]
public sealed class CommitProtocolTests
{
    [TestCase("redshift.fence_taken")]
    [TestCase("redshift.file_sent")]
    [TestCase("redshift.manifest_sent")]
    [TestCase("redshift.copied")]
    [TestCase("redshift.staged")]
    [TestCase("redshift.publish.begun")]
    [TestCase("redshift.publish.applied")]
    [TestCase("redshift.publish.before_commit")]
    public async Task A_failure_before_the_commit_publishes_nothing_and_the_next_run_does_it_all(string point)
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Upsert, [new(1), new(2)]);
        Assert.That(async () => await warehouse.LoadAsync(TableLoadMode.Upsert, [new(2, "paid"), new(3)], failPoint: Stop(point)), Throws.TypeOf<StoppedException>());
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id || status, ',' ORDER BY id) FROM orders"), Is.EqualTo("1new,2new"));
        Assert.That(await warehouse.LoadAsync(TableLoadMode.Upsert, [new(2, "paid"), new(3)]), Is.EqualTo(new PublishResult(1, 1, 0, 0)));
        Assert.That(await warehouse.LeftoversAsync(), Is.Empty);
    }

    [Test]
    public async Task What_a_killed_run_left_in_staging_goes_with_the_next_one()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var request = Steps.Request(Order.Schema);
        var gone = await warehouse.Loader(TableLoadMode.Append).OpenAsync(request, CancellationToken.None);
        await gone.StageAsync(Order.Batch(Order.Schema, new(1), new(2)), CancellationToken.None);
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(warehouse.BucketFolder, "_etl_redshift/stage", request.Key.ShortName, "1")).FullName, "half.parquet"), "half");
        Assert.That(await warehouse.LeftoversAsync(), Has.Count.EqualTo(2));
        await warehouse.LoadAsync(TableLoadMode.Append, [new(3)]);
        Assert.That(await warehouse.LeftoversAsync(), Is.Empty);
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id::text, ',') FROM orders"), Is.EqualTo("3"));
        Assert.That(async () => await gone.PublishAsync(Steps.Next(gone, request), CancellationToken.None), Throws.TypeOf<FencedException>(), "the older session has lost its turn");
    }

    [Test]
    public async Task A_lost_answer_to_the_commit_is_resolved_by_the_batch_id()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var request = Steps.Request(Order.Schema, failPoint: Stop("redshift.publish.after_commit"));
        await using var load = await warehouse.Loader(TableLoadMode.Append).OpenAsync(request, CancellationToken.None);
        await load.StageAsync(Order.Batch(Order.Schema, new Order(1)), CancellationToken.None);
        var next = Steps.Next(load, request);
        Assert.That(async () => await load.PublishAsync(next, CancellationToken.None), Throws.TypeOf<CommitOutcomeUnknownException>());
        Assert.That(await load.ResolveAsync(next with { BatchId = "another" }, CancellationToken.None), Is.False);
        Assert.That(await load.ResolveAsync(next, CancellationToken.None), Is.True);
        Assert.That(await warehouse.Behind.TextAsync("SELECT count(*) FROM orders"), Is.EqualTo("1"));
    }

    [Test]
    public async Task A_second_run_is_refused_while_the_first_holds_the_lease_and_takes_it_when_that_ran_out()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var request = Steps.Request(Order.Schema);
        await using var first = await warehouse.Loader(TableLoadMode.Append).OpenAsync(request, CancellationToken.None);
        var held = await Assert.ThrowsAsync<LeaseHeldException>(async () => await warehouse.Loader(TableLoadMode.Append).OpenAsync(request with { Owner = "other:2" }, CancellationToken.None));
        Assert.That(held!.Owner, Is.EqualTo("test:1"));
        await warehouse.Behind.RunAsync($"UPDATE _etl.load_{request.Key.ShortName} SET lease_until = '2000-01-01'");
        await using var second = await warehouse.Loader(TableLoadMode.Append).OpenAsync(request with { Owner = "other:2" }, CancellationToken.None);
        Assert.That(second.Fence, Is.EqualTo(2));
        Assert.That(await first.RenewAsync(CancellationToken.None), Is.False);
    }

    [Test]
    [Property("Fault", 41)]
    public async Task Two_pipelines_that_publish_to_one_table_at_the_same_time_both_succeed_as_error_1023_is_tried_again()
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Append, [new(0)]);
        var (firstIsIn, secondIsIn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var attempts = 0;
        void Meet(string point, TaskCompletionSource mine, TaskCompletionSource other)
        {
            if (point == "redshift.publish.begun")
            {
                Interlocked.Increment(ref attempts);
                mine.TrySetResult();
                other.Task.Wait();
            }
        }

        // Both have read when either writes.
        await Task.WhenAll(
            Task.Run(() => warehouse.LoadAsync(TableLoadMode.Append, [new(1)], stage: "one", failPoint: p => Meet(p, firstIsIn, secondIsIn))),
            Task.Run(() => warehouse.LoadAsync(TableLoadMode.Append, [new(2)], stage: "two", failPoint: p => Meet(p, secondIsIn, firstIsIn))));
        Assert.That(await warehouse.Behind.TextAsync("SELECT string_agg(id::text, ',' ORDER BY id) FROM orders"), Is.EqualTo("0,1,2"));
        Assert.That(attempts, Is.EqualTo(3), "one of the two was refused and tried again");
    }

    [Test]
    public async Task Two_pipelines_with_tables_of_their_own_never_meet()
    {
        await using var warehouse = await Warehouse.StartAsync();
        var (firstIsIn, secondIsIn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var (attempts, alone) = (0, 0);
        void Meet(string point, TaskCompletionSource mine, TaskCompletionSource other)
        {
            if (point == "redshift.publish.before_commit")
            {
                Interlocked.Increment(ref attempts);
                mine.TrySetResult();
                if (!other.Task.Wait(TimeSpan.FromSeconds(20)))
                {
                    Interlocked.Increment(ref alone);
                }
            }
        }

        await Task.WhenAll(
            Task.Run(() => warehouse.LoadAsync(TableLoadMode.Append, [new(1)], stage: "one", loader: warehouse.Loader(TableLoadMode.Append, table: "one"), failPoint: p => Meet(p, firstIsIn, secondIsIn))),
            Task.Run(() => warehouse.LoadAsync(TableLoadMode.Append, [new(2)], stage: "two", loader: warehouse.Loader(TableLoadMode.Append, table: "two"), failPoint: p => Meet(p, secondIsIn, firstIsIn))));
        Assert.That((attempts, alone), Is.EqualTo((2, 0)), "no error 1023, and neither waits for the other");
    }

    [TestCase("CREATE SCHEMA IF NOT EXISTS _etl", "orders", "orders")]
    [TestCase("CREATE SCHEMA IF NOT EXISTS \"sales\"", "sales.one", "sales.two")]
    [TestCase("CREATE TABLE \"public\".\"orders\"", "orders", "orders")]
    public async Task Two_pipelines_that_make_the_same_thing_at_the_same_moment_both_succeed(string statement, string first, string second)
    {
        await using var warehouse = await Warehouse.StartAsync();
        var both = new CountdownEvent(2);
        warehouse.Server.Before = async sql =>
        {
            if (sql.StartsWith(statement, StringComparison.Ordinal) && !both.IsSet)
            {
                both.Signal();
                await Task.Run(() => both.Wait(TimeSpan.FromSeconds(20)));
            }
        };
        await Task.WhenAll(new[] { (1, first), (2, second) }.Select(p => Task.Run(() =>
            warehouse.LoadAsync(TableLoadMode.Append, [new(p.Item1)], stage: $"load_{p.Item1}", loader: warehouse.Loader(TableLoadMode.Append, table: p.Item2)))));
        Assert.That(both.IsSet, Is.True, "the two met");
        Assert.That(await warehouse.Behind.TextAsync($"SELECT string_agg(id::text, ',' ORDER BY id) FROM (SELECT id FROM {first} UNION SELECT id FROM {second}) AS loaded"), Is.EqualTo("1,2"));
    }

    [TestCase("redshift.publish.before_commit", false)]
    [TestCase("redshift.publish.after_commit", true)]
    public async Task A_load_that_is_renamed_keeps_checkpoint_and_audit_and_a_move_that_is_broken_off_happened_or_did_not(string point, bool happened)
    {
        await using var warehouse = await Warehouse.StartAsync();
        await warehouse.LoadAsync(TableLoadMode.Append, [new(1)]);
        var loader = warehouse.Loader(TableLoadMode.Append);
        var old = Steps.Request(Order.Schema);
        var key = old.Key with { Stage = "renamed" };
        await using (var broken = (IMovableLoadSession)await loader.OpenAsync(old with { FailPoint = Stop(point) }, CancellationToken.None))
        {
            var next = Steps.Next(broken, old) with { Key = key };
            Assert.That(async () => await broken.MoveAsync(next, CancellationToken.None), happened ? Throws.TypeOf<CommitOutcomeUnknownException>() : Throws.TypeOf<StoppedException>());
            Assert.That(await broken.ResolveAsync(next, CancellationToken.None), Is.EqualTo(happened));
        }

        if (!happened)
        {
            await using var session = (IMovableLoadSession)await loader.OpenAsync(old, CancellationToken.None);
            Assert.That(await session.MoveAsync(Steps.Next(session, old) with { Key = key }, CancellationToken.None), Is.True);
        }

        Assert.That(await loader.ReadCheckpointAsync(old.Key, CancellationToken.None), Is.Null);
        var epochs = new List<(string Stage, long N)>();
        await foreach (var epoch in loader.ReadEpochsAsync(key, CancellationToken.None))
        {
            epochs.Add((epoch.Key.Stage, epoch.N));
        }

        Assert.That(epochs, Is.EqualTo(new[] { (old.Key.Stage, 1L), ("renamed", 2L) }));
        await using (var renamed = await loader.OpenAsync(old with { Key = key }, CancellationToken.None))
        {
            Assert.That((renamed.Checkpoint!.N, renamed.Fence), Is.EqualTo((2, happened ? 3 : 4)));
        }

        // Loaded under both names: nothing is moved.
        await warehouse.LoadAsync(TableLoadMode.Append, [new(2)]);
        await using var again = (IMovableLoadSession)await loader.OpenAsync(old, CancellationToken.None);
        Assert.That(await again.MoveAsync(Steps.Next(again, old) with { Key = key }, CancellationToken.None), Is.False);
        Assert.That((await loader.ReadCheckpointAsync(old.Key, CancellationToken.None))!.N, Is.EqualTo(1));
    }

    private static Action<string> Stop(string point) => p =>
    {
        if (p == point)
        {
            throw new StoppedException();
        }
    };

    private sealed class StoppedException : Exception;
}
