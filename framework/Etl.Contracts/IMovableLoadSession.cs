namespace Etl.Contracts;

/// <summary>
/// A session whose load can go on under another name. A pipeline or a load stage that is renamed has another key, under which its target knows nothing of it.
/// </summary>
public interface IMovableLoadSession : ILoadSession
{
    /// <summary>
    /// Gives what the target keeps under the session's key, checkpoint and audit, to <paramref name="next"/>'s key and commits <paramref name="next"/> there, an epoch without
    /// rows: in one atomic step, under the conditions of <see cref="ILoadSession.PublishAsync"/> and with its exceptions. Called in its place, with nothing staged. Nothing is
    /// left under the session's key, and nobody holds the lease of the other.
    /// </summary>
    /// <returns>False, and nothing has changed, where something was ever committed under the other key or a run holds its lease.</returns>
    ValueTask<bool> MoveAsync(Checkpoint next, CancellationToken cancel);
}
