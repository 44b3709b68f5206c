using System.Diagnostics;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>
/// Named points at which <c>ETL_FAILPOINT=NAME[@N]:ACTION[,SETTING=VALUE...]</c> stops a run, the N-th time that it comes there, so that a crash at any
/// step of the protocol can be rehearsed with the program that ships. Actions: <c>kill</c>, <c>throw</c>, <c>sleep:SECONDS</c>, and <c>pause</c>, which goes
/// on when a line comes on standard input. Settings: <c>batch_rows</c>, and in seconds <c>lease</c> and <c>grace</c>, for which a run that was told to stop is waited. Off unless the variable is set; when it is,
/// each plan and each run report says so (ETL4390).
/// </summary>
public sealed class FailPoints
{
    private readonly string _action = "";
    private readonly int _onHit = 1;
    private readonly TimeSpan _sleep;
    private int _hits;
    private readonly Action<string>? _visit;

    /// <summary>Tells a test of each point that a run in its own process passes; what it throws ends the run there.</summary>
    internal FailPoints(Action<string> visit) => _visit = visit;

    internal FailPoints(string? setting)
    {
        Warning = string.IsNullOrEmpty(setting) ? null : $"ETL_FAILPOINT is set to '{setting}': this is a rehearsal of a failure";
        foreach (var part in setting?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            var understood = part.Split('=', 2) switch
            {
                ["batch_rows", var rows] => (BatchRows = Count(rows)) is not null,
                ["lease", var seconds] => (Lease = Seconds(seconds)) is not null,
                ["grace", var seconds] => (Grace = Seconds(seconds)) is not null,
                [_] => Point(part, out _action, out _onHit, out _sleep),
                _ => false,
            };
            if (!understood)
            {
                Problem ??= new EtlException("ETL4314", $"ETL_FAILPOINT: '{part}' is not understood", "It is NAME[@N]:kill, :throw, :pause or :sleep:SECONDS, and batch_rows=N, lease=SECONDS, grace=SECONDS, with commas between. Or unset it.");
            }
        }
    }

    /// <summary>From the environment.</summary>
    public static FailPoints Current { get; } = new(Environment.GetEnvironmentVariable("ETL_FAILPOINT"));

    /// <summary>The point that is on; null when none is.</summary>
    public string? Active { get; private set; }

    /// <summary>What plans and reports say of it; null when nothing is on.</summary>
    public string? Warning { get; }

    /// <summary>What of the variable is not understood; a run and a plan refuse it. Null for nothing.</summary>
    public EtlException? Problem { get; }

    /// <summary>Rows in a batch that a source yields, if they were set.</summary>
    public int? BatchRows { get; }

    /// <summary>How long a lease lasts, if it was set.</summary>
    public TimeSpan? Lease { get; }

    /// <summary>How long a run that was told to stop is waited for, if it was set.</summary>
    public TimeSpan? Grace { get; }

    /// <summary>Passes through a point.</summary>
    public void Hit(string name)
    {
        _visit?.Invoke(name);
        if (Active != name || Interlocked.Increment(ref _hits) != _onHit)
        {
            return;
        }

        if (_action == "kill")
        {
            Process.GetCurrentProcess().Kill();
            Thread.Sleep(Timeout.Infinite);
        }

        if (_action == "pause")
        {
            Console.Error.WriteLine($"fail point {name}");
            Console.In.ReadLine();
            return;
        }

        if (_action == "sleep")
        {
            Thread.Sleep(_sleep);
            return;
        }

        throw new EtlException("ETL4390", $"the fail point '{name}' is on", "Unset ETL_FAILPOINT.");
    }

    private bool Point(string text, out string action, out int onHit, out TimeSpan sleep)
    {
        (onHit, sleep) = (1, default);
        var parts = text.Split(':');
        action = parts.Length == 1 ? "kill" : parts[1];
        var named = parts[0].Split('@');
        Active = named[0];
        var counted = named.Length == 1 || (named.Length == 2 && Count(named[1]) is { } hit && (onHit = hit) > 0);
        var acts = (action, parts.Length) switch
        {
            ("kill" or "throw" or "pause", <= 2) => true,
            ("sleep", 3) => Seconds(parts[2]) is { } seconds && (sleep = seconds) >= TimeSpan.Zero,
            _ => false,
        };
        return Active.Length > 0 && counted && acts;
    }

    private static int? Count(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 ? count : null;

    private static TimeSpan? Seconds(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds < int.MaxValue / 1000 ? TimeSpan.FromSeconds(seconds) : null;
}
