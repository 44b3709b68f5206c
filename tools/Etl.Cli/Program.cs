using Etl.Cli;
using Etl.Runtime.Compilation;
using Etl.Runtime.Execution;

NativeHeap.Limit();
if (args is ["run" or "validate" or "plan" or "test", ..])
{
    FirstUse.Begin();
}

using var interruption = new Interruption(Environment.Exit, StopLimit.OfProcess, TimeProvider.System);
var host = new CliHost
{
    App = () => new EtlApp(TimeProvider.System),
    Out = new PlainText(Console.Out),
    Error = new PlainText(Console.Error),
    Terminal = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") == "dumb" ? null : Console.Error,
    Time = TimeProvider.System,
    Interruption = interruption,
};
var code = await CommandLine.RunAsync(host, args);
// Not by returning: a thread that a plugin started, or never gave back, would keep the process.
Environment.Exit(code);
