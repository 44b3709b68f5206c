using System.Diagnostics;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>
/// Named points at which <c>ETL_FAILPOINT=NAME[@N]:ACTION[,SETTING=VALUE...]</c> stops a run, the N-th time that it comes there, so that a crash at any
/// step of the protocol can be rehearsed with the program that ships. Actions: <c>kill</c>, <c>throw</c>, <c>sleep:SECONDS</c>, and <c>pause</c>, which goes
/// on when a line comes on standard input. Settings: <c>batch_rows</c> and <c>lease</c> (seconds). Off unless the variable is set; when it is,
/// each plan and each run report says so (ETL4390).
/// </summary>
public sealed class FailPoints
{
    private readonly Dictionary<string, string> _settings = new(StringComparer.Ordinal);
    private readonly string _action = "";
    private readonly int _onHit = 1;
    private int _hits;
    private readonly Action<string>? _visit;

    /// <summary>Tells a test of each point that a run in its own process passes; what it throws ends the run there.</summary>
    internal FailPoints(Action<string> visit) => _visit = visit;

    private FailPoints(string? setting)
    {
        foreach (var part in setting?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            if (part.Split('=', 2) is [var name, var value])
            {
                _settings[name] = value;
                continue;
            }

            var colon = part.IndexOf(':', StringComparison.Ordinal);
            (Active, _action) = colon < 0 ? (part, "kill") : (part[..colon], part[(colon + 1)..]);
            if (Active.Split('@') is [var point, var hit])
            {
                (Active, _onHit) = (point, int.Parse(hit, CultureInfo.InvariantCulture));
            }
        }

        Warning = string.IsNullOrEmpty(setting) ? null : $"ETL_FAILPOINT is set to '{setting}': this is a rehearsal of a failure";
    }

    /// <summary>From the environment.</summary>
    public static FailPoints Current { get; } = new(Environment.GetEnvironmentVariable("ETL_FAILPOINT"));

    /// <summary>The point that is on; null when none is.</summary>
    public string? Active { get; }

    /// <summary>What plans and reports say of it; null when nothing is on.</summary>
    public string? Warning { get; }

    /// <summary>Rows in a batch that a source yields, if they were set.</summary>
    public int? BatchRows => _settings.TryGetValue("batch_rows", out var rows) ? int.Parse(rows, CultureInfo.InvariantCulture) : null;

    /// <summary>How long a lease lasts, if it was set.</summary>
    public TimeSpan? Lease => _settings.TryGetValue("lease", out var seconds) ? TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)) : null;

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

        if (_action.StartsWith("sleep:", StringComparison.Ordinal))
        {
            Thread.Sleep(TimeSpan.FromSeconds(double.Parse(_action.AsSpan(6), CultureInfo.InvariantCulture)));
            return;
        }

        throw new EtlException("ETL4390", $"the fail point '{name}' is on", "Unset ETL_FAILPOINT.");
    }
}
