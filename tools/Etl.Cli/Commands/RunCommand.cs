using System.CommandLine;
using Etl.Cli.Progress;
using Etl.Contracts;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Cli.Commands;

/// <summary><c>etl run PIPELINE</c>: compiles, executes, prints the report.</summary>
internal static class RunCommand
{
    private static readonly Argument<string?> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id; that of the plan when absent.", Arity = ArgumentArity.ZeroOrOne, HelpName = "PIPELINE" };
    private static readonly Option<FileInfo?> Plan = new("--plan") { Description = "Run this plan, written by `etl plan --json FILE`, or nothing: exit code 2 if what it was made from has changed.", HelpName = "FILE" };
    private static readonly Option<bool> FullRefresh = new("--full-refresh") { Description = "Read everything and replace the targets." };
    private static readonly Option<string?> From = new("--from") { Description = "Backfill: read again from here, with --to.", HelpName = "A" };
    private static readonly Option<string?> To = new("--to") { Description = "Backfill: up to here, this not included.", HelpName = "B" };
    private static readonly Option<string[]> Accept = new("--accept") { Description = "Publish although this rule refuses; needs --reason; may be given several times.", HelpName = "RULE" };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why a refusal is accepted; kept in the audit.", HelpName = "TEXT" };
    private static readonly Option<bool> Wait = new("--wait") { Description = "Wait for another run of the pipeline to end." };
    private static readonly Option<bool> Profile = new("--profile") { Description = "Report where the time went: each stage busy and waiting, each publish by its steps." };
    private static readonly Option<ByteSize?> Memory = new("--memory") { Description = "The memory budget, such as 512MB.", HelpName = "SIZE", CustomParser = SharedOptions.ParseBytes };

    public static Command Create(CliHost host)
    {
        var command = new Command("run", "Runs a pipeline and prints what it did.") { Pipeline, Plan, FullRefresh, From, To };
        AddOptions(command);
        host.Handle(command, call => ReportAsync(call, Request(call) with
        {
            Pipeline = call.Parse.GetValue(Pipeline),
            Plan = call.Parse.GetValue(Plan)?.ToString(),
            EnvironmentIsGiven = call.Parse.GetResult(SharedOptions.Environment) is { Implicit: false },
            FullRefresh = call.Parse.GetValue(FullRefresh),
            From = call.Parse.GetValue(From),
            To = call.Parse.GetValue(To),
        }));
        return command;
    }

    /// <summary>The options of a run, whatever it reads.</summary>
    public static void AddOptions(Command command)
    {
        foreach (var option in new Option[] { SharedOptions.Parameters, SharedOptions.Environment, SharedOptions.Date, Accept, Reason, Wait, Profile, SharedOptions.Plugins, Memory })
        {
            command.Add(option);
        }
    }

    /// <summary>Runs and prints the report. ETL4601: options that do not go together.</summary>
    public static async Task<int> ReportAsync(Invocation call, RunRequest request)
    {
        Check(request);
        var report = await ExecuteAsync(call, request);
        call.Print(call.Json ? JsonReport.Write(report) + "\n" : TextReport.Write(report));
        return ExitCode.Of(report, call.Host.Interruption.ExitCode);
    }

    /// <summary>What the options of <see cref="AddOptions"/> ask for.</summary>
    public static RunRequest Request(Invocation call)
    {
        var parse = call.Parse;
        return new RunRequest
        {
            Scope = call.Scope,
            Parameters = SharedOptions.ParametersOf(parse),
            Date = parse.GetValue(SharedOptions.Date),
            AcceptedRules = parse.GetValue(Accept) ?? [],
            AcceptReason = parse.GetValue(Reason),
            Wait = parse.GetValue(Wait),
            Profile = parse.GetValue(Profile),
            Memory = parse.GetValue(Memory),
        };
    }

    private static void Check(RunRequest request)
    {
        var problem = request switch
        {
            { Pipeline: null, Plan: null } => Invocation.Usage("there is nothing to run", "Give a pipeline: etl run PIPELINE; or a plan: etl run --plan FILE."),
            { From: null, To: not null } or { From: not null, To: null } => Invocation.Usage("--from and --to go together", "A backfill reads --from A --to B, B not included."),
            { FullRefresh: true, From: not null } => Invocation.Usage("--full-refresh reads everything, so --from and --to mean nothing", "Leave one of them out."),
            { AcceptedRules.Count: > 0 } when string.IsNullOrWhiteSpace(request.AcceptReason) => Invocation.Usage("--accept needs --reason", "The reason is kept in the audit: --reason 'known bad import'."),
            { AcceptedRules.Count: 0, AcceptReason: not null } => Invocation.Usage("--reason says why a rule is accepted, and no --accept names one", "Add --accept RULE."),
            _ => null,
        };
        if (problem is not null)
        {
            throw problem;
        }
    }

    // A person sees bars; a scheduler, or whoever traces, gets lines.
    private static async Task<RunReport> ExecuteAsync(Invocation call, RunRequest request)
    {
        var host = call.Host;
        if (host.Terminal is { } terminal && !call.Trace)
        {
            return await TerminalProgress.ShowAsync(terminal, host.Time, progress => call.App.RunAsync(request, progress, JsonLog.None, call.Cancel));
        }

        var log = new JsonLog(host.Error, call.App.Redact, host.Time, call.Trace ? LogLevel.Debug : LogLevel.Info);
        return await call.App.RunAsync(request, new LogProgress(log, host.Time), log, call.Cancel);
    }
}
