using System.Runtime.InteropServices;

namespace Etl.Cli;

/// <summary>
/// SIGINT and SIGTERM. The first asks what runs to stop: it gives up its epoch, drops what it staged and reports. The second ends
/// the process at once, which is safe too, and leaves the tidying to the next run; so does the
/// first, where what runs does not hear it in time.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private readonly Action<int> exit;
    private readonly ITimer patience;
    private readonly TimeSpan limit;
    private int exitCode;

    /// <param name="exit">Ends the process with a code.</param>
    /// <param name="limit">What is given to whatever runs, after the first signal.</param>
    /// <param name="time">The clock.</param>
    public Interruption(Action<int> exit, TimeSpan limit, TimeProvider time)
    {
        (this.exit, this.limit) = (exit, limit);
        patience = time.CreateTimer(_ => exit(ExitCode), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => On(context, Cli.ExitCode.Interrupted)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => On(context, Cli.ExitCode.Terminated)),
        ];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Whether a signal came.</summary>
    public bool Requested => Volatile.Read(ref exitCode) != 0;

    /// <summary>130 or 143, by the first signal; 130 when something else cancelled.</summary>
    public int ExitCode => Requested ? Volatile.Read(ref exitCode) : Cli.ExitCode.Interrupted;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }

        patience.Dispose();
        source.Dispose();
    }

    private void On(PosixSignalContext context, int code)
    {
        context.Cancel = true;
        if (Interlocked.CompareExchange(ref exitCode, code, 0) != 0)
        {
            exit(code);
        }

        // Before the cancellation, whose callbacks may block.
        patience.Change(limit, Timeout.InfiniteTimeSpan);
        source.Cancel();
    }
}
