using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Reports;

namespace Etl.Cli.Commands;

/// <summary><c>etl lake verify | compact | vacuum PIPELINE</c>: what the tables of a pipeline need between its runs.</summary>
internal static class LakeCommand
{
    private static readonly TimeSpan LeastRetention = TimeSpan.FromDays(1);
    private static readonly Argument<string> Pipeline = new("pipeline") { Description = "The pipeline's file, or its id.", HelpName = "PIPELINE" };
    private static readonly Option<string?> Stage = new("--stage") { Description = "This load only; all that load a lake when absent.", HelpName = "LOAD" };
    private static readonly Option<bool> Deep = new("--deep") { Description = "Read every file and compare its content, instead of its size." };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only list what would be deleted." };
    private static readonly Option<bool> Unsafe = new("--unsafe-retention") { Description = "Accept less than 1d: whoever reads an older version just then finds its files gone." };

    private static readonly Option<bool> Look = new("--dry-run") { Description = "Only say what would be put together." };
    private static readonly Option<bool> Alone = new("--alone") { Description = "No run publishes to the table meanwhile: for stores without an atomic put-if-absent." };

    private static readonly Option<TimeSpan> OlderThan = new("--older-than")
    {
        Description = "Versions that were the table within this time stay readable: 7d, 36h.", HelpName = "TIME", DefaultValueFactory = _ => TimeSpan.FromDays(7), CustomParser = ParseTime,
    };

    public static Command Create(CliHost host)
    {
        var verify = new Command("verify", "Compares each table with its log: versions, checkpoints, files. Changes nothing.") { Pipeline, Stage, Deep, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(verify, async call =>
        {
            var tables = await call.App.VerifyLakeAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Parse.GetValue(Stage), call.Parse.GetValue(Deep), call.Cancel);
            Write(call, tables);
            return tables.Any(t => t.Result.Problems.Count > 0) ? ExitCode.Failed : ExitCode.Done;
        });

        var vacuum = new Command("vacuum", "Deletes data files that no version needs which may still be read, and uploads that were never ended.") { Pipeline, Stage, OlderThan, DryRun, Unsafe, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(vacuum, async call =>
        {
            var (retention, dryRun) = (call.Parse.GetValue(OlderThan), call.Parse.GetValue(DryRun));
            if (retention < LeastRetention && !call.Parse.GetValue(Unsafe))
            {
                throw Invocation.Usage("--older-than is below 1d: files would go that a reader of an older version may still be at", "Keep more, or, if nobody reads, add --unsafe-retention.");
            }

            Write(call, await call.App.VacuumLakeAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Parse.GetValue(Stage), retention, dryRun, call.Cancel), dryRun);
            return ExitCode.Done;
        });

        var compact = new Command("compact", "Writes the rows of small files into fewer, up to the load's target_file_size. Rows stay as they are, and runs may go on meanwhile.") { Pipeline, Stage, Look, Alone, SharedOptions.Environment, SharedOptions.Plugins };
        host.Handle(compact, async call =>
        {
            var dryRun = call.Parse.GetValue(Look);
            Write(call, await call.App.CompactLakeAsync(call.Scope, call.Parse.GetRequiredValue(Pipeline), call.Parse.GetValue(Stage), dryRun, call.Parse.GetValue(Alone), call.Cancel), dryRun);
            return ExitCode.Done;
        });
        return new Command("lake", "Checks and tends the tables that a pipeline loads into object stores.") { verify, compact, vacuum };
    }

    private static void Write(Invocation call, IReadOnlyList<OfStage<LakeInspection>> tables)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, Tables = tables.Select(t => new { t.Stage, t.Result.Table, TableVersion = t.Result.Version, t.Result.Files, t.Result.Bytes, t.Result.Problems }) });
            return;
        }

        foreach (var (stage, table) in tables)
        {
            var outcome = table.Problems.Count == 0 ? "as its log says" : Count(table.Problems.Count, "problem");
            call.Print($"{stage}: {table.Table} at version {table.Version.ToString(CultureInfo.InvariantCulture)}, {Count(table.Files, "file")}: {outcome}\n{Lines(table.Problems)}");
        }
    }

    private static void Write(Invocation call, IReadOnlyList<OfStage<LakeClearance>> tables, bool dryRun)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, DryRun = dryRun, Tables = tables.Select(t => new { t.Stage, t.Result.Table, t.Result.Files, t.Result.Bytes, t.Result.Unfinished }) });
            return;
        }

        foreach (var (stage, table) in tables)
        {
            call.Print($"{stage}: {Count(table.Files.Count, "file")}, {TextReport.Number(table.Bytes)} bytes, and {Count(table.Unfinished.Count, "unfinished upload")} {(dryRun ? "would be deleted" : "deleted")} in {table.Table}\n");
            call.Print(dryRun ? Lines(table.Files) + Lines(table.Unfinished) : "");
        }
    }

    private static void Write(Invocation call, IReadOnlyList<OfStage<LakeCompaction>> tables, bool dryRun)
    {
        if (call.Json)
        {
            call.PrintJson(new { Version = 1, DryRun = dryRun, Tables = tables.Select(t => new { t.Stage, t.Result.Table, TableVersion = t.Result.Version, t.Result.Folders, t.Result.BytesAfter, t.Result.Left, t.Result.Note }) });
            return;
        }

        foreach (var (stage, table) in tables)
        {
            var (files, into) = (table.Folders.Sum(f => f.Files), table.Folders.Sum(f => f.Into));
            var done = files == 0 ? $"nothing to put together in {table.Table}"
                : $"{Count(files, "file")} of {TextReport.Number(table.Folders.Sum(f => f.Bytes))} bytes in {Count(table.Folders.Count, "folder")} {(dryRun ? "would become" : "became")} {TextReport.Number(into)}{(dryRun ? $" in {table.Table}" : $" of {TextReport.Number(table.BytesAfter)} bytes in {table.Table}, version {table.Version.ToString(CultureInfo.InvariantCulture)}")}";
            call.Print($"{stage}: {done}{(table.Left == 0 ? "" : $"; {Count(table.Left, "file")} left as a run replaced some meanwhile")}{(table.Note is null ? "" : $"; {table.Note}")}\n");
            call.Print(dryRun ? Lines([.. table.Folders.Select(f => $"{(f.Folder.Length == 0 ? "." : f.Folder)}  {Count(f.Files, "file")} of {TextReport.Number(f.Bytes)} bytes into {TextReport.Number(f.Into)}")]) : "");
        }
    }

    private static string Count(int n, string what) => $"{TextReport.Number(n)} {what}{(n == 1 ? "" : "s")}";

    private static string Lines(IReadOnlyList<string> lines) => string.Concat(lines.Select(l => $"  {l}\n"));

    private static TimeSpan ParseTime(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (text.Length > 1 && text[^1] is 'd' or 'h' && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 100_000)
        {
            return text[^1] == 'd' ? TimeSpan.FromDays(number) : TimeSpan.FromHours(number);
        }

        result.AddError($"--older-than is '{text}'; it is a number of days or hours, such as 7d or 36h.");
        return default;
    }
}
