using System.Diagnostics;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>
/// Named points at which <c>ETL_FAILPOINT=NAME:kill|throw|sleep:SECONDS</c> stops a run, so that a crash at any step of the protocol can be
/// rehearsed with the program that ships. Off unless the variable is set; when it is, the log and the plan say so.
/// </summary>
public sealed class FailPoints
{
    private readonly string? _name;
    private readonly string _action = "";
    private readonly Action<string>? _visit;

    /// <summary>Tells a test of each point that a run in its own process passes; what it throws ends the run there.</summary>
    internal FailPoints(Action<string> visit) => _visit = visit;

    private FailPoints(string? setting)
    {
        if (string.IsNullOrEmpty(setting))
        {
            return;
        }

        var colon = setting.IndexOf(':', StringComparison.Ordinal);
        (_name, _action) = colon < 0 ? (setting, "kill") : (setting[..colon], setting[(colon + 1)..]);
    }

    /// <summary>From the environment.</summary>
    public static FailPoints Current { get; } = new(Environment.GetEnvironmentVariable("ETL_FAILPOINT"));

    /// <summary>The point that is on; null when none is.</summary>
    public string? Active => _name;

    /// <summary>Passes through a point.</summary>
    public void Hit(string name)
    {
        _visit?.Invoke(name);
        if (_name != name)
        {
            return;
        }

        if (_action == "kill")
        {
            Process.GetCurrentProcess().Kill();
            Thread.Sleep(Timeout.Infinite);
        }

        if (_action.StartsWith("sleep:", StringComparison.Ordinal))
        {
            Thread.Sleep(TimeSpan.FromSeconds(double.Parse(_action.AsSpan(6), CultureInfo.InvariantCulture)));
            return;
        }

        throw new EtlException("ETL4390", $"the fail point '{name}' is on", "Unset ETL_FAILPOINT.");
    }
}
