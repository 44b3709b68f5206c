namespace Etl.DuckDb;

/// <summary>
/// One statement's time on a connection. Cancelling interrupts DuckDB until the statement ends: DuckDB forgets an interrupt that
/// comes before it has started.
/// </summary>
internal sealed class DuckOperation : IDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(20);
    private readonly DuckConnection _connection;
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _registration;
    private readonly Lock _gate = new();
    private Timer? _timer;
    private bool _ended;

    public DuckOperation(DuckConnection connection, CancellationToken cancel)
    {
        _connection = connection;
        Caller = cancel;
        _source = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _registration = cancel.UnsafeRegister(static self => ((DuckOperation)self!).StartInterrupting(), this);
    }

    /// <summary>What the caller gave.</summary>
    public CancellationToken Caller { get; }

    public bool IsCancelled => Caller.IsCancellationRequested;

    /// <summary>What a source waits on: also cancelled when the caller stops reading.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Wakes sources that wait, and DuckDB: nobody reads the result any more.</summary>
    public void GiveUp()
    {
        _source.Cancel();
        Interrupt();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            _timer?.Dispose();
        }

        _registration.Dispose();
        _connection.End(this);
        _source.Dispose();
    }

    private void StartInterrupting()
    {
        lock (_gate)
        {
            if (!_ended)
            {
                _timer = new Timer(static self => ((DuckOperation)self!).Interrupt(), this, TimeSpan.Zero, Again);
            }
        }
    }

    private void Interrupt()
    {
        // Under the gate: the connection is not closed meanwhile.
        lock (_gate)
        {
            if (!_ended)
            {
                _connection.Interrupt();
            }
        }
    }
}
