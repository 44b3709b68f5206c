using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>
/// A session of an upsert that can make its target equal to a source that is read whole: beside the rows it is given every key that the source has, and
/// rows of other keys are deleted. A key may come without a row: its row is refused or excluded on the way, and what the target holds of it stays.
/// </summary>
public interface IReconcilingLoadSession : ILoadSession
{
    /// <summary>
    /// Stages keys; called once, at the same time as <see cref="ILoadSession.StageAsync"/>, also where there is no key at all. From then on
    /// <see cref="ILoadSession.PublishAsync"/> deletes, in its one step, the rows whose key is not among them, after it has applied what was staged.
    /// </summary>
    /// <param name="keys">Batches of the key's columns, by their names in <see cref="LoadRequest.Schema"/> and in the key's order. A key may come more than once. Read and owned as in <see cref="ILoadSession.StageAsync"/>.</param>
    /// <param name="cancel">Cancels.</param>
    ValueTask StageKeysAsync(IAsyncEnumerable<RecordBatch> keys, CancellationToken cancel);

    /// <summary>
    /// What <see cref="ILoadSession.PublishAsync"/> would do with what is staged: it is done, counted and rolled back, so that the target, its checkpoint and its audit stay
    /// as they are. Throws as a publish does.
    /// </summary>
    ValueTask<PublishResult> RehearseAsync(Checkpoint next, CancellationToken cancel);
}
