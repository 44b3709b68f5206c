using System.CommandLine;
using System.CommandLine.Parsing;
using Etl.Contracts;

namespace Etl.Cli;

/// <summary>What commands share: where text goes, how the framework is reached, and what becomes of errors.</summary>
internal sealed class CliHost
{
    /// <summary>Makes the facade, once for a command.</summary>
    public required Func<IEtlApp> App { get; init; }

    /// <summary>For what was asked for, and nothing else.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>For progress, logs and errors.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>The terminal behind <see cref="Error"/>, on which a person sees progress move; null where there is none.</summary>
    public TextWriter? Terminal { get; init; }

    /// <summary>The clock.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Signals.</summary>
    public required Interruption Interruption { get; init; }

    /// <summary>Gives a command its work. Whatever is thrown is printed here, redacted, and becomes an exit code.</summary>
    public void Handle(Command command, Func<Invocation, Task<int>> work)
    {
        foreach (var argument in command.Arguments)
        {
            argument.Validators.Add(RefuseOptions);
        }

        command.SetAction((parse, cancel) => InvokeAsync(parse, work, cancel));
    }

    // The parser takes an option that it does not know for an argument; a file that is called so is written ./--name.
    private static void RefuseOptions(ArgumentResult result)
    {
        foreach (var token in result.Tokens.Where(t => t.Value.StartsWith("--", StringComparison.Ordinal)))
        {
            result.AddError($"Unrecognized option '{token.Value}'");
        }
    }

    private async Task<int> InvokeAsync(ParseResult parse, Func<Invocation, Task<int>> work, CancellationToken cancel)
    {
        await using var app = App();
        var call = new Invocation(this, parse, app, cancel);
        try
        {
            return await work(call);
        }
        catch (DiagnosticsException e)
        {
            ErrorOutput.Write(call, e);
            return ExitCode.InvalidInput;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            await Error.WriteLineAsync("cancelled");
            return Interruption.ExitCode;
        }
        // The last place before the process ends: an error becomes a line that a person can read, never a stack.
#pragma warning disable CA1031
        catch (Exception e)
#pragma warning restore CA1031
        {
            ErrorOutput.Write(call, e);
            return e is EtlException known ? ExitCode.Of(known) : ExitCode.Failed;
        }
    }
}

/// <summary>One call of a command.</summary>
/// <param name="Host">Where text goes.</param>
/// <param name="Parse">The arguments.</param>
/// <param name="App">The framework.</param>
/// <param name="Cancel">Cancelled by a signal.</param>
internal sealed record Invocation(CliHost Host, ParseResult Parse, IEtlApp App, CancellationToken Cancel)
{
    /// <summary>Whether <c>--output json</c> was given.</summary>
    public bool Json => Parse.GetValue(SharedOptions.Output) == "json";

    /// <summary>Whether <c>--trace</c> was given.</summary>
    public bool Trace => Parse.GetValue(SharedOptions.Trace);

    /// <summary>What <c>--env</c> and <c>--plugins</c> say.</summary>
    public Scope Scope => SharedOptions.Scope(Parse);

    /// <summary>Prints text as it is, without secrets.</summary>
    public void Print(string text) => Host.Out.Write(App.Redact(text));

    /// <summary>Prints one JSON document, without secrets.</summary>
    public void PrintJson(object document) => Host.Out.Write(App.Redact(JsonOutput.Write(document)) + "\n");

    /// <summary>A usage error when the value of a required thing is missing or wrong in a way that the parser cannot tell.</summary>
    public static EtlException Usage(string message, string? hint = null) => new("ETL4601", message, hint);
}
