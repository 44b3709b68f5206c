using System.Threading.Channels;
using Apache.Arrow;

namespace Etl.Runtime.Execution;

/// <summary>
/// Where batches wait between two nodes, bounded in bytes: a writer waits while the readers are behind, and so the source does. Several
/// writers, several readers. A batch belongs to who reads it.
/// </summary>
internal sealed class BatchChannel(long capacityBytes)
{
    private readonly Channel<(RecordBatch Batch, long Bytes)> _queue = Channel.CreateUnbounded<(RecordBatch, long)>();
    private readonly Lock _lock = new();
    private long _bytes;
    private TaskCompletionSource? _room;

    /// <summary>Waits for room; one batch is always let in, however large. A batch that could not be handed over is disposed.</summary>
    public async ValueTask WriteAsync(RecordBatch batch, CancellationToken cancel, StageClock? clock = null)
    {
        var bytes = BatchSize.Of(batch);
        try
        {
            await RoomAsync(bytes, clock, cancel);
        }
        catch
        {
            batch.Dispose();
            throw;
        }

        if (!_queue.Writer.TryWrite((batch, bytes)))
        {
            batch.Dispose();
            throw new OperationCanceledException("the channel is closed");
        }
    }

    private async ValueTask RoomAsync(long bytes, StageClock? clock, CancellationToken cancel)
    {
        while (true)
        {
            Task room;
            lock (_lock)
            {
                if (_bytes == 0 || _bytes + bytes <= capacityBytes)
                {
                    _bytes += bytes;
                    return;
                }

                room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            var since = clock?.Now ?? 0;
            await room.WaitAsync(cancel);
            clock?.GotRoom(since);
        }
    }

    /// <summary>The next batch; null at the end.</summary>
    public async ValueTask<RecordBatch?> ReadAsync(CancellationToken cancel, StageClock? clock = null, int worker = 0)
    {
        var since = clock?.Now ?? 0;
        while (await _queue.Reader.WaitToReadAsync(cancel))
        {
            if (_queue.Reader.TryRead(out var item))
            {
                Release(item.Bytes);
                clock?.GotInput(since, worker);
                return item.Batch;
            }
        }

        clock?.GotInput(since, worker);
        return null;
    }

    /// <summary>No more batches will come.</summary>
    public void Complete() => _queue.Writer.TryComplete();

    /// <summary>Disposes what nobody will read.</summary>
    public void Drain()
    {
        Complete();
        while (_queue.Reader.TryRead(out var item))
        {
            Release(item.Bytes);
            item.Batch.Dispose();
        }
    }

    private void Release(long bytes)
    {
        lock (_lock)
        {
            _bytes -= bytes;
            _room?.SetResult();
            _room = null;
        }
    }
}
