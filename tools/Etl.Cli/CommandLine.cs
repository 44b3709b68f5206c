using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Etl.Cli.Commands;
using Etl.Runtime.Diagnostics;

namespace Etl.Cli;

/// <summary>All commands, and the way from arguments to an exit code.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(CliHost host, IReadOnlyList<string> arguments)
    {
        var root = Root(host);
        var parse = root.Parse(arguments);
        if (parse.Action is not ParseErrorAction)
        {
            return await parse.InvokeAsync(Configuration(host, host.Out), host.Interruption.Token);
        }

        // `etl` and `etl runs` ask what there is.
        if (parse.UnmatchedTokens.Count == 0 && parse.CommandResult.Command.Subcommands.Count > 0 && parse.Errors.All(e => e.SymbolResult is CommandResult))
        {
            await root.Parse([.. arguments, "--help"]).InvokeAsync(Configuration(host, host.Error));
        }
        else
        {
            WriteUsageErrors(host, parse);
        }

        return ExitCode.InvalidInput;
    }

    // Signals and errors are ours: see Interruption and CliHost.
    private static InvocationConfiguration Configuration(CliHost host, TextWriter output) => new()
    {
        Output = output, Error = host.Error, ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false,
    };

    /// <summary>In the order in which a person meets them.</summary>
    private static RootCommand Root(CliHost host) => new("Moves data as YAML pipelines say: reads, transforms, checks and loads it, exactly once.")
    {
        RunCommand.Create(host),
        ReconcileCommand.Create(host),
        ValidateCommand.Create(host),
        TestCommand.Create(host),
        PlanCommand.Create(host),
        DiffCommand.Create(host),
        LineageCommand.Create(host),
        DocsCommand.Create(host),
        ExplainCommand.Create(host),
        NewCommand.Create(host),
        ContractCommand.Create(host),
        ProfileCommand.Create(host),
        SchemaCommand.Create(host),
        PluginsCommand.Create(host),
        RunsCommand.Create(host),
        DeadLettersCommand.Create(host),
        StateCommand.Create(host),
        LakeCommand.Create(host),
        ExecCommand.Create(host),
        SharedOptions.Output,
        SharedOptions.Trace,
    };

    private static void WriteUsageErrors(CliHost host, ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        var known = command.Subcommands.SelectMany(c => c.Aliases.Append(c.Name))
            .Concat(command.Options.Append(SharedOptions.Output).Append(SharedOptions.Trace).Select(o => o.Name))
            .ToList();
        // What is wrong says more than what is missing because of it.
        var specific = parse.Errors.Where(e => e.SymbolResult is not CommandResult || parse.UnmatchedTokens.Any(t => e.Message.Contains($"'{t}'", StringComparison.Ordinal))).ToList();
        foreach (var message in (specific.Count > 0 ? specific : parse.Errors).Select(e => e.Message.TrimEnd('.')).Distinct(StringComparer.Ordinal))
        {
            var meant = parse.UnmatchedTokens.Concat(parse.Tokens.Select(t => t.Value))
                .Where(t => message.Contains($"'{t}'", StringComparison.Ordinal) && !known.Contains(t))
                .Select(t => Suggest.Sentence(t, known))
                .FirstOrDefault();
            ErrorOutput.WriteText(host.Error, text => text, "ETL4600", message, $"{meant}`{Path(parse)} --help` shows what there is.");
        }
    }

    private static string Path(ParseResult parse)
    {
        var names = new List<string>();
        for (SymbolResult? result = parse.CommandResult; result is CommandResult command; result = result.Parent)
        {
            names.Insert(0, command.Command is RootCommand ? "etl" : command.Command.Name);
        }

        return string.Join(' ', names);
    }
}
