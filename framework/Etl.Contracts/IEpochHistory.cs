namespace Etl.Contracts;

/// <summary>
/// A loader whose target keeps the checkpoint of each epoch beside the newest one. What became of a load's dead letters is told by them, so
/// only such a load can have them replayed or discarded.
/// </summary>
public interface IEpochHistory
{
    /// <summary>
    /// The checkpoints that were committed under this key, the oldest first; takes nothing and creates nothing. Epochs of which an older
    /// version of the loader kept no checkpoint are left out; one whose checkpoint is damaged has only its number (<see cref="Checkpoint.Unreadable"/>).
    /// </summary>
    IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, CancellationToken cancel);
}
