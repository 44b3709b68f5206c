using System.Collections.Concurrent;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// Ends the sessions that hold a snapshot once it is too old, at the server: the run may be waiting for its target and not look at them. What is read by then is read,
/// so a run that only publishes goes on.
/// </summary>
internal sealed class SnapshotLimit : IAsyncDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly PostgresConnection _connection;
    private readonly TimeSpan? _age;
    private readonly ConcurrentDictionary<int, bool> _sessions = new();
    private readonly ITimer? _timer;
    private Task _ending = Task.CompletedTask;
    private volatile bool _passed;

    /// <param name="connection">Where the snapshot is.</param>
    /// <param name="age">How old it may get, from now on; null for no limit.</param>
    /// <param name="time">The clock.</param>
    public SnapshotLimit(PostgresConnection connection, TimeSpan? age, TimeProvider time)
    {
        _connection = connection;
        _age = age;
        if (age is not null)
        {
            // It starts when there is something to start it again with.
            _timer = time.CreateTimer(_ => End(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(age.Value, Timeout.InfiniteTimeSpan);
        }
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

    /// <summary>Before a session is given back: it is not the snapshot's any more. Nothing ends it once this has returned, whoever has it then.</summary>
    public ValueTask ForgetAsync(int processId)
    {
        lock (_gate)
        {
            _sessions.TryRemove(processId, out _);
            return new(_ending);
        }
    }

    /// <summary>ETL4489 once the snapshot was ended.</summary>
    public void Require()
    {
        if (_passed)
        {
            throw Error;
        }
    }

    /// <summary>Before the snapshot is given back, as <see cref="ForgetAsync"/> of all its sessions.</summary>
    public async ValueTask DisposeAsync()
    {
        Task ending;
        lock (_gate)
        {
            _sessions.Clear();
            ending = _ending;
        }

        await ending;
        _timer?.Dispose();
    }

    private void End()
    {
        lock (_gate)
        {
            _passed = true;
            _ending = EndAsync();
        }
    }

    private async Task EndAsync()
    {
        await Task.Yield();
        foreach (var processId in _sessions.Keys.Where(_sessions.ContainsKey))
        {
            if (await _connection.EndBackendAsync(processId))
            {
                _sessions.TryRemove(processId, out _);
            }
        }

        if (!_sessions.IsEmpty)
        {
            _timer!.Change(Again, Timeout.InfiniteTimeSpan);
        }
    }
}
