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
