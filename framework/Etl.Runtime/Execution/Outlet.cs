using Apache.Arrow;

namespace Etl.Runtime.Execution;

/// <summary>The end of a node: every reader gets each batch, and none gets a copy.</summary>
internal sealed class Outlet(IReadOnlyList<BatchChannel> readers, StageClock? clock = null)
{
    /// <summary>Hands a batch over; it must not be used afterwards.</summary>
    public async ValueTask WriteAsync(RecordBatch batch, CancellationToken cancel)
    {
        if (readers.Count == 0)
        {
            batch.Dispose();
            return;
        }

        try
        {
            for (var i = 1; i < readers.Count; i++)
            {
                await readers[i].WriteAsync(batch.SliceShared(0, batch.Length), cancel, clock);
            }
        }
        catch
        {
            batch.Dispose();
            throw;
        }

        await readers[0].WriteAsync(batch, cancel, clock);
    }

    /// <summary>No more batches will come.</summary>
    public void Complete()
    {
        foreach (var reader in readers)
        {
            reader.Complete();
        }
    }
}
