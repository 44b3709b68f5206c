using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts.Arrow;
using Etl.Runtime.Execution;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Execution;

public sealed class StageClockTests
{
    [Test]
    public async Task A_writer_without_room_waits_for_output_and_a_reader_without_batches_for_input()
    {
        var time = new SettableTime();
        var (writer, reader) = (new StageClock(time), new StageClock(time));
        var channel = new BatchChannel(1);
        await channel.WriteAsync(Batch(), CancellationToken.None, writer);
        var second = channel.WriteAsync(Batch(), CancellationToken.None, writer).AsTask();
        time.Now += TimeSpan.FromSeconds(3);
        (await channel.ReadAsync(CancellationToken.None, reader))!.Dispose();
        await second;
        (await channel.ReadAsync(CancellationToken.None, reader))!.Dispose();
        var third = channel.ReadAsync(CancellationToken.None, reader).AsTask();
        time.Now += TimeSpan.FromSeconds(5);
        channel.Complete();
        Assert.That(await third, Is.Null);
        Assert.Multiple(() =>
        {
            Assert.That(writer.WaitedForOutput, Is.EqualTo(TimeSpan.FromSeconds(3)));
            Assert.That(writer.WaitedForInput, Is.EqualTo(TimeSpan.Zero));
            Assert.That(reader.WaitedForInput, Is.EqualTo(TimeSpan.FromSeconds(5)));
            Assert.That(reader.WaitedForOutput, Is.EqualTo(TimeSpan.Zero));
        });
    }

    [Test]
    public void Waits_are_the_mean_of_the_workers()
    {
        var time = new SettableTime();
        var clock = new StageClock(time);
        clock.Begin(writers: 2);
        var since = clock.Now;
        time.Now += TimeSpan.FromSeconds(4);
        clock.GotInput(since, worker: 1);
        clock.GotInput(since, worker: 2);
        clock.GotRoom(since);
        Assert.That((clock.WaitedForInput, clock.WaitedForOutput), Is.EqualTo((TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(2))));
    }

    [Test]
    public void A_publish_is_told_by_its_steps()
    {
        var time = new SettableTime();
        var origin = time.GetTimestamp();
        time.Now += TimeSpan.FromSeconds(10);
        var clock = new PublishClock(time);
        clock.Begin();
        time.Now += TimeSpan.FromSeconds(2);
        clock.Step("update");
        time.Now += TimeSpan.FromSeconds(3);
        clock.Step("commit");
        time.Now += TimeSpan.FromSeconds(1);
        var profile = clock.End(origin);
        Assert.That((profile.From, profile.Seconds), Is.EqualTo((10.0, 6.0)));
        Assert.That(profile.Steps.Select(s => (s.Name, s.Seconds)), Is.EqualTo(new[] { ("update", 2.0), ("commit", 3.0) }));
    }

    private static RecordBatch Batch()
    {
        using var builder = new RecordBatchBuilder(new Schema([new Field("n", Int64Type.Default, false)], null), 1);
        builder[0].Append(1L);
        return builder.Build();
    }

    private sealed class SettableTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
