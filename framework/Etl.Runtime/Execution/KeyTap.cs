using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>Hands the keys of all rows that a source gives to a target, past the stages that may refuse the rows.</summary>
internal sealed class KeyTap : IAsyncDisposable
{
    // Keys wait for the target as rows do; a few batches are enough.
    private const long Capacity = 16 << 20;

    private readonly BatchChannel _channel = new(Capacity);
    private readonly CancellationTokenSource _stop;
    private readonly IReconcilingLoadSession _session;
    private readonly Schema _schema;
    private readonly int[] _columns;
    private readonly Task _staging;

    /// <param name="session">The target.</param>
    /// <param name="source">The rows that the source gives.</param>
    /// <param name="columns">The key's columns there.</param>
    /// <param name="key">The same columns by their names in the target's rows.</param>
    /// <param name="cancel">Ends all of it.</param>
    public KeyTap(IReconcilingLoadSession session, RowSchema source, IReadOnlyList<string> columns, IReadOnlyList<string> key, CancellationToken cancel)
    {
        _session = session;
        _columns = [.. columns.Select(source.Index)];
        _schema = new Schema(_columns.Zip(key, (at, name) => new Field(name, source.Arrow.FieldsList[at].DataType, source.Arrow.FieldsList[at].IsNullable)), null);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _staging = Task.Run(StageAsync, CancellationToken.None);
    }

    /// <summary>Hands on the keys of a batch, which stays the caller's.</summary>
    public async ValueTask WriteAsync(RecordBatch batch)
    {
        try
        {
            await _channel.WriteAsync(new RecordBatch(_schema, _columns.Select(c => BatchStream.ShareColumn(batch, c)), batch.Length), _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Where the target stopped taking them, its error is the one to tell.
            await _staging;
            throw;
        }
    }

    /// <summary>All keys were written; waits until the target has them.</summary>
    public async ValueTask CompleteAsync()
    {
        _channel.Complete();
        await _staging;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        // An error of it was told by who wrote to it.
        await _staging.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        _channel.Drain();
        _stop.Dispose();
    }

    private async Task StageAsync()
    {
        try
        {
            await _session.StageKeysAsync(ReadAsync(_stop.Token), _stop.Token);
        }
        catch
        {
            await _stop.CancelAsync();
            throw;
        }
    }

    private async IAsyncEnumerable<RecordBatch> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        while (await _channel.ReadAsync(cancel) is { } batch)
        {
            using (batch)
            {
                yield return batch;
            }
        }
    }
}
