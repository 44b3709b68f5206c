using Apache.Arrow;

namespace Etl.Plugins.Postgres.Load;

/// <summary>Batches of a stream, some at a time.</summary>
internal sealed class RestOfStream(IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel) : IAsyncDisposable
{
    private readonly IAsyncEnumerator<RecordBatch> _source = batches.GetAsyncEnumerator(cancel);
    private bool _isGiven = true;
    private bool _hasMore = true;

    /// <summary>A stream of one batch.</summary>
    public static async IAsyncEnumerable<RecordBatch> Only(RecordBatch batch)
    {
        await Task.CompletedTask;
        yield return batch;
    }

    /// <summary>Whether there is a batch that was not given yet. Asks for it, and so lets go of the one before.</summary>
    public async ValueTask<bool> HasMoreAsync()
    {
        if (_hasMore && _isGiven)
        {
            _hasMore = await _source.MoveNextAsync();
            _isGiven = false;
        }

        return _hasMore;
    }

    /// <summary>Whole batches until there are <paramref name="rows"/> rows or no more; each is shared into <paramref name="held"/>, if that is given, before its owner may free it.</summary>
    public async IAsyncEnumerable<RecordBatch> TakeAsync(long rows, List<RecordBatch>? held)
    {
        while (rows > 0 && await HasMoreAsync())
        {
            var batch = _source.Current;
            _isGiven = true;
            rows -= batch.Length;
            held?.Add(batch.SliceShared(0, batch.Length));
            yield return batch;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
