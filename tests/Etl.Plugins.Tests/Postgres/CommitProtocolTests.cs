using Apache.Arrow;
using Etl.Contracts;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

public sealed class CommitProtocolTests
{
    private const string Source = "CREATE TABLE s (id int PRIMARY KEY, v text); INSERT INTO s SELECT g, 'v' || g FROM generate_series(1, 1000) g;";

    [TestCase("postgres.staged")]
    [TestCase("postgres.publish.before_commit")]
    public async Task A_failure_before_the_commit_publishes_nothing_and_the_next_run_does_it_all(string point)
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        var loader = db.Loader("t", TableLoadMode.Append);
        Assert.That(async () => await Steps.CopyAsync(db.Table("s"), loader, contract, failPoint: Stop(point)), Throws.TypeOf<StopException>());
        Assert.That(await db.TextAsync("SELECT to_regclass('t')"), Is.Null);
        Assert.That(await db.TextAsync("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'stg%'"), Is.EqualTo("0"));
        Assert.That((await Steps.CopyAsync(db.Table("s"), loader, contract)).Inserted, Is.EqualTo(1000));
    }

    [Test]
    public async Task A_lost_answer_to_the_commit_is_resolved_by_the_batch_id()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var (load, request, next) = await StagedAsync(db, Stop("postgres.publish.after_commit"));
        await using (load)
        {
            Assert.That(await WholeText.OfAsync(async () => await load.PublishAsync(next, CancellationToken.None)), Is.EqualTo($"ETL4301: the commit of epoch 1 of default/p/load to {db.Connection.Display} got no answer. The next step reads the target's checkpoint to learn what happened."));
            Assert.That(await load.ResolveAsync(next with { BatchId = "another" }, CancellationToken.None), Is.False);
            Assert.That(await load.ResolveAsync(next, CancellationToken.None), Is.True);
            Assert.That(load.Checkpoint?.N, Is.EqualTo(1));
        }

        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("1000"));
    }

    [Test]
    public async Task A_backend_that_dies_before_the_commit_leaves_the_outcome_unknown_and_nothing_published()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var (load, _, next) = await StagedAsync(db, point =>
        {
            if (point == "postgres.publish.before_commit")
            {
                KillBackends(db);
            }
        });
        await using (load)
        {
            Assert.That(async () => await load.PublishAsync(next, CancellationToken.None), Throws.TypeOf<CommitOutcomeUnknownException>());
            Assert.That(await load.ResolveAsync(next, CancellationToken.None), Is.False);
        }

        Assert.That(await db.TextAsync("SELECT to_regclass('t')"), Is.Null);
        Assert.That((await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), await db.ContractAsync("s"))).Inserted, Is.EqualTo(1000));
    }

    [Test]
    public async Task A_backend_that_dies_while_rows_are_staged_or_read_is_a_transient_error()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var contract = await db.ContractAsync("s");
        var schema = db.Table("s").DescribeOutput(contract);
        await using var load = await db.Loader("t", TableLoadMode.Append).OpenAsync(Steps.Request(schema), CancellationToken.None);
        await using var extraction = await db.Table("s").OpenAsync(contract, batchRows: 100);
        async IAsyncEnumerable<RecordBatch> KillingAsync()
        {
            var read = 0;
            await foreach (var batch in extraction.ReadDisposingAsync(extraction.Splits[0]))
            {
                yield return batch;
                if (++read == 3)
                {
                    KillBackends(db);
                }
            }
        }

        var error = Assert.CatchAsync(async () => await load.StageAsync(KillingAsync(), CancellationToken.None));
        Assert.That(db.Connection.IsTransient((await error)!), Is.True, (await error)!.ToString());
    }

    [Test]
    public async Task The_same_epoch_is_not_published_twice()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var (load, _, next) = await StagedAsync(db);
        await using (load)
        {
            await load.PublishAsync(next, CancellationToken.None);
            Assert.That(await WholeText.OfAsync(async () => await load.PublishAsync(next, CancellationToken.None)), Is.EqualTo("ETL4477: epoch 1 of default/p/load cannot be published: the last committed is 1. It is committed already."));
        }

        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("1000"));
    }

    [Test]
    public async Task A_session_whose_lease_ran_out_is_fenced()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var (zombie, request, next) = await StagedAsync(db);
        await using (zombie)
        {
            await db.RunAsync("UPDATE _etl.checkpoint SET lease_until = clock_timestamp() - interval '1 s'");
            await using var newer = await db.Loader("t", TableLoadMode.Append).OpenAsync(request with { Owner = "other:2" }, CancellationToken.None);
            Assert.That(newer.Fence, Is.EqualTo(zombie.Fence + 1));
            Assert.That(await db.TextAsync("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'stg%'"), Is.EqualTo("0"));
            Assert.That(await zombie.RenewAsync(CancellationToken.None), Is.False);
            Assert.That(await WholeText.OfAsync(async () => await zombie.PublishAsync(next, CancellationToken.None)), Is.EqualTo("ETL4302: a newer run has taken over default/p/load; this one (fence 1) publishes nothing. Another run of this pipeline is newer. Look at `etl runs list`."));
            Assert.That(await newer.RenewAsync(CancellationToken.None), Is.True);
        }

        Assert.That(await db.TextAsync("SELECT to_regclass('t')"), Is.Null);
    }

    [Test]
    public async Task A_lease_is_held_until_it_is_given_back()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var (first, request, _) = await StagedAsync(db);
        var loader = db.Loader("t", TableLoadMode.Append);
        Assert.That(async () => await loader.OpenAsync(request with { Owner = "other:2" }, CancellationToken.None), Throws.TypeOf<LeaseHeldException>().With.Message.Contains("test:1 holds the lease of default/p/load for another 60 s"));
        await first.DisposeAsync();
        await using var second = await loader.OpenAsync(request with { Owner = "other:2" }, CancellationToken.None);
        Assert.That(second.Fence, Is.GreaterThan(first.Fence));
    }

    [Test]
    public async Task Of_a_checkpoint_that_was_deleted_the_audit_keeps_fence_and_position_for_whoever_restores_it()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), await db.ContractAsync("s"));
        await db.RunAsync("DELETE FROM _etl.checkpoint");
        Assert.That(await WholeText.OfAsync(async () => await StagedAsync(db)), Is.EqualTo("ETL4315: the checkpoint of default/p/load is gone, and the target was loaded up to epoch 1. Nothing was read or written. To go on where the target is: `etl state reset p load --to-epoch 1 --yes`; to load it anew: --full-refresh."));
        Assert.That(await db.TextAsync("SELECT count(*) FROM _etl.checkpoint"), Is.EqualTo("0"), "a refusal leaves what it found");

        var request = Steps.Request(db.Table("s").DescribeOutput(await db.ContractAsync("s"))) with { Restores = true };
        await using var load = await db.Loader("t", TableLoadMode.Append).OpenAsync(request, CancellationToken.None);
        Assert.That((load.Fence, load.Checkpoint!.N, load.Checkpoint.Sources.Count), Is.EqualTo((2L, 1L, 1)));
    }

    [Test]
    public async Task A_checkpoint_that_was_edited_is_refused_except_by_a_full_refresh_which_goes_on_behind_it()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        await Steps.CopyAsync(db.Table("s"), db.Loader("t", TableLoadMode.Append), await db.ContractAsync("s"));
        await db.RunAsync("UPDATE _etl.checkpoint SET checkpoint = replace(checkpoint, '\"n\":1', '\"n\":7')");
        Assert.That(async () => await StagedAsync(db), Throws.TypeOf<EtlException>().With.Property("Code").EqualTo("ETL6001"));

        var request = Steps.Request(db.Table("s").DescribeOutput(await db.ContractAsync("s"))) with { FullRefresh = true };
        await using var load = await db.Loader("t", TableLoadMode.Append).OpenAsync(request, CancellationToken.None);
        Assert.That((load.Checkpoint!.N, load.Checkpoint.Sources), Is.EqualTo((1L, new Dictionary<string, SourcePosition>())));
    }

    [Test]
    public async Task Two_loads_into_one_table_have_checkpoints_of_their_own()
    {
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(Source);
        var (one, _, next) = await StagedAsync(db);
        var (two, _, other) = await StagedAsync(db, stage: "second");
        await using (one)
        await using (two)
        {
            await Task.WhenAll(one.PublishAsync(next, CancellationToken.None).AsTask().ContinueWith(_ => two.PublishAsync(other, CancellationToken.None).AsTask(), TaskScheduler.Default).Unwrap());
        }

        Assert.That(await db.TextAsync("SELECT count(*) FROM t"), Is.EqualTo("2000"));
    }

    private sealed class StopException() : Exception("stopped by the test");

    private static Action<string> Stop(string at) => point =>
    {
        if (point == at)
        {
            throw new StopException();
        }
    };

    private static async Task<(ILoadSession Load, LoadRequest Request, Checkpoint Next)> StagedAsync(TestDatabase db, Action<string>? failPoint = null, string stage = "load")
    {
        var contract = await db.ContractAsync("s");
        var extractor = db.Table("s");
        var request = Steps.Request(extractor.DescribeOutput(contract), failPoint: failPoint, stage: stage);
        var load = await db.Loader("t", TableLoadMode.Append).OpenAsync(request, CancellationToken.None);
        await using var extraction = await extractor.OpenAsync(contract);
        foreach (var split in extraction.Splits)
        {
            await load.StageAsync(extraction.ReadDisposingAsync(split), CancellationToken.None);
        }

        return (load, request, Steps.Next(load, request, extraction.Reached));
    }

    private static void KillBackends(TestDatabase db)
    {
        using var session = new NpgsqlConnection(db.ConnectionString);
        session.Open();
        using var kill = new NpgsqlCommand("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'etl' AND state <> 'idle' AND datname = current_database()", session);
        kill.ExecuteNonQuery();
    }
}
