using Apache.Arrow.Types;
using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>A commit of which no answer came may reach the store at any time later: it is the table's, or can never be.</summary>
[Property("Fault", 15)]
public class LakeLateCommitTests
{
    private static readonly Order[] One = [new(9, 19723, "old", 9)];
    private static readonly Order[] Two = [new(1, 19723, "a", 150), new(2, 19724, null, -5)];

    [TestCase(true)]
    [TestCase(false)]
    public async Task One_that_was_resolved_as_not_committed_arrives_later_and_is_refused(bool isFirst)
    {
        var table = new LakeTable(LakeTable.Upsert());
        var before = isFirst ? [] : One;
        if (!isFirst)
        {
            await table.LoadAsync(One);
        }

        await using (var session = await table.OpenAsync())
        {
            var next = await LoseAsync(table, session);
            Assert.That(table.DataFiles(), Has.Count.EqualTo(before.Length + 2), "nothing is deleted while the outcome is unknown");
            Assert.That(await session.ResolveAsync(next, default), Is.False);
        }

        Assert.That(table.DataFiles(), Has.Count.EqualTo(before.Length));
        await table.Store.ArriveAsync();
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(before)));
        await table.LoadAsync(Two);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. before, .. Two])));
    }

    [Test]
    public async Task One_that_arrives_while_it_is_asked_for_is_committed()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(One);
        await using (var session = await table.OpenAsync())
        {
            var next = await LoseAsync(table, session);
            var arrives = true;
            table.Store.BeforePutIfAbsent = _ =>
            {
                if (arrives)
                {
                    arrives = false;
                    table.Store.ArriveAsync().GetAwaiter().GetResult();
                }
            };
            Assert.That(await session.ResolveAsync(next, default));
        }

        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. One, .. Two])));
    }

    [Test]
    public async Task The_question_can_be_asked_again_where_its_own_answer_was_lost()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await using (var session = await table.OpenAsync())
        {
            var next = await LoseAsync(table, session);
            table.Store.AfterPutIfAbsent = _ => throw new IOException("connection reset");
            await Assert.ThrowsAsync<IOException>(() => session.ResolveAsync(next, default).AsTask());
            table.Store.AfterPutIfAbsent = _ => { };
            Assert.That(await session.ResolveAsync(next, default), Is.False);
        }

        await table.Store.ArriveAsync();
        Assert.That(table.Read(), Is.Empty);
        Assert.That(table.Store.Keys(), Is.EqualTo(new[] { "orders/_delta_log/00000000000000000000.json" }));
    }

    [Test]
    public async Task A_version_that_is_taken_and_cannot_be_read_yet_is_nobodys()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(One);
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Two);
            var next = table.Next(session);
            table.Store.PutsTwice = true;
            table.Store.Hides = key => key.EndsWith("1.json", StringComparison.Ordinal);
            var unknown = await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
            Assert.That(unknown!.Message, Is.EqualTo("no answer came to the commit of version 1 of orders/: the store has orders/_delta_log/00000000000000000001.json and does not give it"));
            await Assert.ThrowsAsync<IOException>(() => session.ResolveAsync(next, default).AsTask());
            table.Store.Hides = _ => false;
            Assert.That(await session.ResolveAsync(next, default));
        }

        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. One, .. Two])));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task One_of_a_process_that_is_gone_is_found_by_the_next_run_or_refused(bool arrivesFirst)
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(One);
        table.RunId = "gone";
        await using (var gone = await table.OpenAsync())
        {
            // Never resolved: its files stay, as those of a process that was killed.
            await LoseAsync(table, gone);
        }

        (table.RunId, table.GoneRuns) = ("run-2", ["gone"]);
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Two);
            if (arrivesFirst)
            {
                await table.Store.ArriveAsync();
                await Assert.ThrowsAsync<FencedException>(() => session.PublishAsync(table.Next(session), default).AsTask());
            }
            else
            {
                await session.PublishAsync(table.Next(session), default);
            }
        }

        await table.Store.ArriveAsync();
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. One, .. Two])));
        Assert.That(table.DataFiles(), Has.Count.EqualTo(3));
        Assert.That((await table.LoadAsync(Two)).Unchanged, Is.EqualTo(2));
    }

    /// <summary>Where a fence is all that a table is, no row ever had its columns.</summary>
    public enum FenceOf
    {
        ARunThatEnded,
        AProcessThatWasKilled,
        AnotherRunMeanwhile,
    }

    [Test]
    public async Task A_table_that_only_a_fence_made_takes_columns_and_partitions_of_the_next_load([Values] FenceOf fence, [Values(LoadMode.Upsert, LoadMode.Append, LoadMode.ReplacePartitions)] LoadMode mode)
    {
        var fencing = new LakeTable(LakeTable.Upsert()) { RunId = "gone", Key = new("test", "others", "lake") };
        var table = new LakeTable(new() { Path = "orders", PartitionBy = "name", Mode = mode, Key = mode == LoadMode.Upsert ? ["code"] : [] }) { Elsewhere = fencing.Store, GoneRuns = ["gone"] };
        var schema = TypedRows.Schema(("code", Int32Type.Default), ("name", StringType.Default), ("day", StringType.Default));
        await using var early = fence == FenceOf.AnotherRunMeanwhile ? await table.OpenAsync(schema: schema) : null;
        var session = await fencing.OpenAsync();
        var next = await LoseAsync(fencing, session);
        if (fence == FenceOf.AProcessThatWasKilled)
        {
            fencing.Store.AfterPutIfAbsent = _ => throw new IOException("killed");
            await Assert.ThrowsAsync<IOException>(() => session.ResolveAsync(next, default).AsTask());
            fencing.Store.AfterPutIfAbsent = _ => { };
        }
        else
        {
            Assert.That(await session.ResolveAsync(next, default), Is.False);
            await session.DisposeAsync();
        }

        await using (var late = early ?? await table.OpenAsync(schema: schema))
        {
            using var batch = TypedRows.Batch(schema, [1L, "a", "Monday"], [2L, "b", null]);
            await late.StageAsync(TypedRows.Stream(batch), default);
            Assert.That((await late.PublishAsync(table.Next(late), default)).Inserted, Is.EqualTo(2));
        }

        await fencing.Store.ArriveAsync();
        var folder = Path.Combine(fencing.Store.Folder, "orders");
        Assert.That(DeltaLogChecker.Check(folder), Has.Count.EqualTo(2));
        Assert.That(KernelReader.Rows($"select code, name, day from {KernelReader.Local(folder)} order by code"), Is.EqualTo(new[] { "1|a|Monday", "2|b|∅" }));
        Assert.That(fencing.DataFiles(), Has.Count.EqualTo(2), "what the fenced run staged is gone");
        // From now on the table is as it was loaded.
        Assert.That((await ErrorText.ThrownAsync(() => fencing.LoadAsync(Two))).Code, Is.EqualTo("ETL4561"));
    }

    [Test]
    public async Task A_fences_mark_on_a_table_with_files_is_not_believed()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        await table.RewriteLogAsync("\"configuration\":{", "\"configuration\":{\"etl.fence\":\"true\"");
        table.Options = LakeTable.Upsert("orders", null);
        Assert.That((await ErrorText.ThrownAsync(() => table.LoadAsync([Two[0]]))).Code, Is.EqualTo("ETL4561"), "other partitions");
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task A_store_that_cannot_shut_it_out_is_left_as_it_is()
    {
        var table = new LakeTable(LakeTable.Upsert());
        table.Store.PutIfAbsentIsAtomic = false;
        await using (var session = await table.OpenAsync())
        {
            var next = await LoseAsync(table, session);
            Assert.That(await session.ResolveAsync(next, default), Is.False);
        }

        Assert.That(table.Store.Keys(), Is.Empty);
    }

    // Stages two rows and publishes them, by a request that stays on its way.
    private static async Task<Checkpoint> LoseAsync(LakeTable table, ILoadSession session)
    {
        table.Store.Delays = _ => true;
        await LakeTable.StageAsync(session, Two);
        var next = table.Next(session);
        await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => session.PublishAsync(next, default).AsTask());
        table.Store.Delays = _ => false;
        return next;
    }
}
