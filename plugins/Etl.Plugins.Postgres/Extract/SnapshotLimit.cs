using System.Collections.Concurrent;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// Ends the sessions that hold a snapshot once it is too old, at the server: the run may be waiting for its target and not look at them. What is read by then is read,
/// so a run that only publishes goes on.
/// </summary>
internal sealed class SnapshotLimit : IDisposable
{
    private readonly PostgresConnection _connection;
    private readonly TimeSpan? _age;
    private readonly ConcurrentDictionary<int, bool> _sessions = new();
    private readonly ITimer? _timer;
    private volatile bool _passed;

    /// <param name="connection">Where the snapshot is.</param>
    /// <param name="age">How old it may get, from now on; null for no limit.</param>
    /// <param name="time">The clock.</param>
    public SnapshotLimit(PostgresConnection connection, TimeSpan? age, TimeProvider time)
    {
        _connection = connection;
        _age = age;
        _timer = age is null ? null : time.CreateTimer(_ => _ = EndAsync(), null, age.Value, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether the snapshot was ended.</summary>
    public bool Passed => _passed;

    /// <summary>What to tell of a reading that was ended.</summary>
    public EtlException Error => new(
        "ETL4489", $"the snapshot of {_connection.Display} got older than incremental.max_snapshot_age ({_age:c}), and not all of it was read",
        "Nothing was published. Run when the target takes rows faster, or allow a longer time; the server cannot clean up while a snapshot lives.");

    /// <summary>Another session holds the snapshot.</summary>
    public void Watch(int processId)
    {
        if (_age is not null)
        {
            _sessions[processId] = true;
            Require();
        }
    }

    /// <summary>A session is given back: it is not the snapshot's any more.</summary>
    public void Forget(int processId) => _sessions.TryRemove(processId, out _);

    /// <summary>ETL4489 once the snapshot was ended.</summary>
    public void Require()
    {
        if (_passed)
        {
            throw Error;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer?.Dispose();
        _sessions.Clear();
    }

    private async Task EndAsync()
    {
        _passed = true;
        foreach (var processId in _sessions.Keys.Where(p => _sessions.TryRemove(p, out _)))
        {
            await _connection.EndBackendAsync(processId);
        }
    }
}
