using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts.Arrow;
using Etl.Runtime.Execution;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Execution;

public sealed class BatchChannelTests
{
    private static readonly Schema Numbers = new([new Field("n", Int64Type.Default, false)], null);

    [Test]
    public async Task A_writer_waits_until_a_reader_has_made_room()
    {
        var channel = new BatchChannel(BatchSize.Of(Batch(1000)) + 1);
        await channel.WriteAsync(Batch(1000), CancellationToken.None);
        var second = channel.WriteAsync(Batch(1000), CancellationToken.None).AsTask();
        Assert.That(second.IsCompleted, Is.False);
        (await channel.ReadAsync(CancellationToken.None))!.Dispose();
        await second;
        channel.Drain();
    }

    [Test]
    public async Task A_batch_larger_than_the_channel_is_let_in_alone()
    {
        var channel = new BatchChannel(1);
        await channel.WriteAsync(Batch(1000), CancellationToken.None);
        channel.Complete();
        using var batch = await channel.ReadAsync(CancellationToken.None);
        Assert.Multiple(async () =>
        {
            Assert.That(batch!.Length, Is.EqualTo(1000));
            Assert.That(await channel.ReadAsync(CancellationToken.None), Is.Null);
        });
    }

    [Test]
    public async Task Readers_of_an_outlet_each_have_the_batch_as_long_as_they_want()
    {
        var (first, second) = (new BatchChannel(1 << 20), new BatchChannel(1 << 20));
        await new Outlet([first, second]).WriteAsync(Batch(10), CancellationToken.None);
        (await first.ReadAsync(CancellationToken.None))!.Dispose();
        using var kept = await second.ReadAsync(CancellationToken.None);
        Assert.That(((Int64Array)kept!.Column(0)).Values.ToArray(), Is.EqualTo(Enumerable.Range(0, 10).Select(i => (long)i)));
    }

    [Test]
    public async Task A_waiting_writer_can_be_cancelled()
    {
        var channel = new BatchChannel(1);
        await channel.WriteAsync(Batch(10), CancellationToken.None);
        using var cancel = new CancellationTokenSource();
        var waiting = channel.WriteAsync(Batch(10), cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThatAsync(() => waiting, Throws.InstanceOf<OperationCanceledException>());
        channel.Drain();
    }

    private static RecordBatch Batch(int rows)
    {
        using var builder = new RecordBatchBuilder(Numbers, rows);
        for (var i = 0; i < rows; i++)
        {
            builder[0].Append((long)i);
        }

        return builder.Build();
    }
}
