using System.CommandLine;
using System.CommandLine.Invocation;
using Etl.Cli.Commands;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli;

/// <summary>All commands, and the way from arguments to an exit code.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(CliHost host, IReadOnlyList<string> arguments)
    {
        var parse = Root(host).Parse(arguments);
        if (parse.Action is ParseErrorAction)
        {
            WriteUsageErrors(host, parse);
            return ExitCode.InvalidInput;
        }

        return await parse.InvokeAsync(
            new InvocationConfiguration
            {
                Output = host.Out,
                Error = host.Error,
                // Signals and errors are ours: see Interruption and CliHost.
                ProcessTerminationTimeout = null,
                EnableDefaultExceptionHandler = false,
            },
            host.Interruption.Token);
    }

    /// <summary>In the order in which a person meets them.</summary>
    private static RootCommand Root(CliHost host) => new("Moves data as YAML pipelines say: reads, transforms, checks and loads it, exactly once.")
    {
        RunCommand.Create(host),
        ValidateCommand.Create(host),
        PlanCommand.Create(host),
        ExplainCommand.Create(host),
        NewCommand.Create(host),
        ContractCommand.Create(host),
        SchemaCommand.Create(host),
        PluginsCommand.Create(host),
        RunsCommand.Create(host),
        DeadLettersCommand.Create(host),
        StateCommand.Create(host),
        SharedOptions.Output,
        SharedOptions.Trace,
    };

    private static void WriteUsageErrors(CliHost host, ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        var known = command.Subcommands.SelectMany(c => c.Aliases.Append(c.Name))
            .Concat(command.Options.Append(SharedOptions.Output).Append(SharedOptions.Trace).Select(o => o.Name))
            .ToList();
        foreach (var message in parse.Errors.Select(e => e.Message.TrimEnd('.')).Distinct(StringComparer.Ordinal))
        {
            var meant = parse.UnmatchedTokens.Where(t => message.Contains($"'{t}'", StringComparison.Ordinal)).Select(t => Suggest.Sentence(t, known)).FirstOrDefault();
            ErrorOutput.WriteText(host.Error, text => text, "ETL4600", message, $"{meant}`{Path(parse)} --help` shows what there is.");
        }
    }

    private static string Path(ParseResult parse)
    {
        var names = new List<string>();
        for (var result = (System.CommandLine.Parsing.SymbolResult?)parse.CommandResult; result is System.CommandLine.Parsing.CommandResult command; result = result.Parent)
        {
            names.Insert(0, command.Command is RootCommand ? "etl" : command.Command.Name);
        }

        return string.Join(' ', names);
    }
}
