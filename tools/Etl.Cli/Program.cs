using Etl.Cli;

NativeHeap.Limit();
using var interruption = new Interruption(Environment.Exit);
var host = new CliHost
{
    App = () => new EtlApp(TimeProvider.System),
    Out = Console.Out,
    Error = Console.Error,
    ErrorIsTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
    Time = TimeProvider.System,
    Interruption = interruption,
};
return await CommandLine.RunAsync(host, args);
