using System.Globalization;
using Etl.Cli;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Tests.Cli;

/// <summary>One call of the command line in this process, with a scripted framework behind it.</summary>
internal sealed record CliSession(int ExitCode, string Out, string Error, ScriptedApp App)
{
    /// <summary>Runs a command whose arguments are parted by single spaces.</summary>
    public static Task<CliSession> RunAsync(string arguments, Func<object, object?> answer) => RunAsync(arguments.Split(' '), answer);

    /// <inheritdoc cref="RunAsync(string, Func{object, object?})"/>
    public static async Task<CliSession> RunAsync(
        string[] arguments, Func<object, object?> answer, Func<IProgress<RunProgress>, JsonLog, CancellationToken, Task>? during = null)
    {
        using var interruption = new Interruption(_ => { }, TimeSpan.FromMinutes(5), TimeProvider.System);
        var app = during is null ? new ScriptedApp { Answer = answer } : new ScriptedApp { Answer = answer, During = during };
        var (output, error) = (new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" }, new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" });
        var host = new CliHost { App = () => app, Out = output, Error = error, Time = TimeProvider.System, Interruption = interruption };
        var code = await CommandLine.RunAsync(host, arguments);
        return new CliSession(code, output.ToString(), error.ToString(), app);
    }
}
