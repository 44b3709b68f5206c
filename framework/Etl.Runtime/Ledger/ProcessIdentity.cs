using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Etl.Runtime.Ledger;

/// <summary>A process, told from a later one that was given the same number by when it began.</summary>
/// <param name="Host">The machine's name.</param>
/// <param name="Id">The process number there.</param>
/// <param name="StartedAtSeconds">When it began, in seconds since 1970.</param>
public sealed record ProcessIdentity(string Host, int Id, long StartedAtSeconds)
{
    // The system derives a process's start from its uptime and its clock: the same one can differ by the clock's corrections.
    private const long Tolerance = 5;

    /// <summary>This process.</summary>
    public static ProcessIdentity Current { get; } = Of(Process.GetCurrentProcess());

    /// <summary><c>host:id:start</c>, as the owner of a lease.</summary>
    public override string ToString() => FormattableString.Invariant($"{Host}:{Id}:{StartedAtSeconds}");

    /// <summary>Reads what <see cref="ToString"/> gives; null for anything else.</summary>
    public static ProcessIdentity? Parse(string? text) =>
        text?.Split(':') is [var host, var id, var start]
        && int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? new ProcessIdentity(host, number, seconds)
            : null;

    /// <summary>Whether it is known to have ended. Of another machine nothing is known, so false.</summary>
    public bool IsGone()
    {
        if (!string.Equals(Host, Environment.MachineName, StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            using var process = Process.GetProcessById(Id);
            return process.HasExited || Math.Abs(Of(process).StartedAtSeconds - StartedAtSeconds) > Tolerance;
        }
        catch (ArgumentException)
        {
            return true;
        }
        catch (InvalidOperationException)
        {
            return true;
        }
        catch (Win32Exception)
        {
            // Another user's process: it is there, and when it began is not ours to see.
            return false;
        }
    }

    private static ProcessIdentity Of(Process process) =>
        new(Environment.MachineName, process.Id, new DateTimeOffset(process.StartTime.ToUniversalTime(), TimeSpan.Zero).ToUnixTimeSeconds());
}
