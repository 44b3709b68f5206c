using System.Threading.Channels;
using Apache.Arrow;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>
/// Hands batches from an async stream to DuckDB's threads. Each is shared, not copied: the giver may dispose its own as soon as it is
/// asked for the next one.
/// </summary>
internal sealed class StagedBatches : IBatchSource, IDisposable
{
    private readonly Channel<RecordBatch> _channel = Channel.CreateBounded<RecordBatch>(2);

    public async Task FillAsync(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        try
        {
            await foreach (var batch in batches.WithCancellation(cancel))
            {
                var shared = batch.SliceShared(0, batch.Length);
                try
                {
                    await _channel.Writer.WriteAsync(shared, cancel);
                }
                catch
                {
                    shared.Dispose();
                    throw;
                }
            }

            _channel.Writer.Complete();
        }
        catch (Exception e)
        {
            _channel.Writer.TryComplete(e);
            throw;
        }
    }

    public RecordBatch? Next(CancellationToken cancel)
    {
        while (true)
        {
            if (_channel.Reader.TryRead(out var batch))
            {
                return batch;
            }

            // False at the end; the giver's exception otherwise. DuckDB's thread has nothing else to do meanwhile.
            var more = _channel.Reader.WaitToReadAsync(cancel);
            if (!(more.IsCompleted ? more.GetAwaiter().GetResult() : more.AsTask().GetAwaiter().GetResult()))
            {
                return null;
            }
        }
    }

    public void Dispose()
    {
        _channel.Writer.TryComplete();
        while (_channel.Reader.TryRead(out var batch))
        {
            batch.Dispose();
        }
    }
}
