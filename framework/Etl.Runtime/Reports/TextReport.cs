using System.Globalization;
using System.Text;
using Etl.Contracts;

namespace Etl.Runtime.Reports;

/// <summary>The report as a person reads it: how it ended, what each stage counted, what each target became, what was refused.</summary>
public static class TextReport
{
    /// <summary>Plain text without colours, lines ended by a line feed.</summary>
    public static string Write(RunReport report)
    {
        var text = new StringBuilder();
        text.Append(Invariant($"{report.Pipeline}: {Ending(report)}\n"));
        text.Append(Invariant($"  run {report.RunId}, environment {report.Environment}, started {report.StartedAt.ToUniversalTime():yyyy-MM-dd HH:mm:ss} UTC\n"));
        if (report.Error is { } error)
        {
            AppendError(text.Append('\n'), error, "  ");
        }

        if (report.Status != RunStatus.NothingNew)
        {
            AppendStages(text, report.Stages);
            AppendLoads(text, report.Loads);
        }

        ProfileText.AppendTo(text, report);
        AppendRules(text, report.Rules);
        AppendDeadLetters(text, report.DeadLetters);
        AppendLines(text, "checkpoints", [.. report.Loads
            .Where(l => l.Checkpoint is not null && report.Status != RunStatus.NothingNew)
            .Select(l => $"{l.Stage}: {l.Checkpoint}")]);
        AppendLines(text, "warnings", report.Warnings);
        return text.ToString();
    }

    /// <summary>A number of rows with thousands separators: <c>1,234,567</c>.</summary>
    public static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in the largest unit that gives at least one: <c>48.2 MB</c>; powers of 1024.</summary>
    public static string Bytes(long value) => value switch
    {
        >= 1L << 30 => Invariant($"{value / (double)(1L << 30):0.0} GB"),
        >= 1L << 20 => Invariant($"{value / (double)(1L << 20):0.0} MB"),
        >= 1L << 10 => Invariant($"{value / (double)(1L << 10):0.0} KB"),
        _ => Invariant($"{value} B"),
    };

    /// <summary>A duration: <c>0.42 s</c>, <c>12.4 s</c>, <c>3 min 05 s</c>, <c>2 h 07 min</c>.</summary>
    public static string Duration(double seconds) => seconds switch
    {
        < 9.995 => Invariant($"{seconds:0.00} s"),
        < 59.95 => Invariant($"{seconds:0.0} s"),
        < 3599.5 => Invariant($"{(long)Math.Round(seconds) / 60} min {(long)Math.Round(seconds) % 60:00} s"),
        _ => Invariant($"{(long)Math.Round(seconds / 60) / 60} h {(long)Math.Round(seconds / 60) % 60:00} min"),
    };

    private static string Ending(RunReport report) => report.Status switch
    {
        RunStatus.NothingNew => Invariant($"nothing new {Since(report.Loads)}, in {Duration(report.Seconds)}"),
        RunStatus.Refused => $"refused by data quality after {Duration(report.Seconds)}; nothing was published",
        RunStatus.Running => "running",
        var status => $"{Word(status)} {(status == RunStatus.Succeeded ? "in" : "after")} {Duration(report.Seconds)}{Published(report)}",
    };

    private static string Since(IReadOnlyList<LoadReport> loads)
    {
        var since = loads
            .Where(l => l.Epoch is not null)
            .Select(l => Invariant($"epoch {l.Epoch}{(l.Checkpoint is null ? "" : $" ({l.Checkpoint})")}"))
            .Distinct(StringComparer.Ordinal)
            .ToList();
        return since.Count == 0 ? "to read" : "since " + string.Join(", ", since);
    }

    // After a failure the first question is what the targets hold now.
    private static string Published(RunReport report)
    {
        if (report.Status == RunStatus.Succeeded || report.Loads.Count == 0)
        {
            return "";
        }

        var published = report.Loads.Where(l => l.Status == LoadStatus.Published).Select(l => l.Stage).ToList();
        return published.Count == 0 ? "; nothing was published" : $"; published: {string.Join(", ", published)}";
    }

    private static void AppendStages(StringBuilder text, IReadOnlyList<StageReport> stages)
    {
        if (stages.Count == 0)
        {
            return;
        }

        var table = new TextTable(
            "stage", "", ">rows in", ">rows out", ">excluded", ">duplicates", ">unmatched", ">dead letters", ">time", ">size", ">rows/s");
        foreach (var s in stages)
        {
            var moved = s.RowsOut ?? s.RowsIn ?? 0;
            table.Add(
                s.Stage,
                $"{s.Kind} {s.Component}",
                Optional(s.RowsIn),
                Optional(s.RowsOut),
                NotZero(s.Excluded),
                NotZero(s.Deduplicated),
                Optional(s.Unmatched),
                NotZero(s.DeadLettered),
                s.Seconds is { } seconds ? Duration(seconds) : "",
                s.Bytes is { } bytes ? Bytes(bytes) : "",
                // Below a tenth of a second a rate says more about the clock than about the stage.
                s.Seconds > 0.1 && moved > 0 ? Number((long)(moved / s.Seconds.Value)) : "");
        }

        table.AppendTo(text.Append('\n'));
        if (stages.Any(s => s.Retries > 0))
        {
            text.Append("  retried: ").AppendJoin(", ", stages.Where(s => s.Retries > 0).Select(s => Invariant($"{s.Stage} {s.Retries} {(s.Retries == 1 ? "time" : "times")}"))).Append('\n');
        }
    }

    private static void AppendLoads(StringBuilder text, IReadOnlyList<LoadReport> loads)
    {
        if (loads.Count == 0)
        {
            return;
        }

        var table = new TextTable("target", "", "mode", ">inserted", ">updated", ">deleted", ">unchanged", ">epoch", "");
        foreach (var l in loads)
        {
            var counted = l.Status is LoadStatus.Published or LoadStatus.Compared;
            table.Add(
                l.Stage,
                l.Target,
                l.Mode,
                counted ? Number(l.Inserted) : "",
                counted ? NotZero(l.Updated) : "",
                counted ? NotZero(l.Deleted) : "",
                counted ? NotZero(l.Unchanged) : "",
                Optional(l.Epoch),
                l.Status switch { LoadStatus.Published => l.Detail ?? "", LoadStatus.Compared => "compared only: a repair would do this", _ => Word(l.Status) });
        }

        table.AppendTo(text.Append('\n'));
        foreach (var l in loads.Where(l => l.Error is not null))
        {
            AppendError(text, l.Error! with { Stage = l.Error!.Stage ?? l.Stage }, "  ");
        }
    }

    private static void AppendRules(StringBuilder text, IReadOnlyList<RuleResult> rules)
    {
        var broken = rules.Where(r => r.Outcome is RuleOutcome.Broken or RuleOutcome.Accepted).ToList();
        var passed = rules.Count(r => r.Outcome == RuleOutcome.Passed);
        var unchecked_ = rules.Count(r => r.Outcome == RuleOutcome.NotChecked);
        if (broken.Count + passed == 0)
        {
            return;
        }

        text.Append(Invariant($"\n  rules: {passed} passed, {broken.Count} broken{(unchecked_ == 0 ? "" : $", {unchecked_} not checked")}\n"));
        foreach (var r in broken)
        {
            var what = r.FailedRows is { } rows ? $"{Number(rows)} {(rows == 1 ? "row" : "rows")}, {Done(r.Action)}" : Done(r.Action);
            text.Append(Invariant($"    {r.Stage}.{r.Rule}: {what}{(r.Detail is null ? "" : $" ({r.Detail})")}{Accepted(r)}\n"));
        }
    }

    private static string Accepted(RuleResult r) =>
        r.Outcome == RuleOutcome.Accepted ? $"; accepted for this run: {r.AcceptedReason ?? "no reason given"}" : "";

    private static string Done(RefusalAction action) => action switch
    {
        RefusalAction.DeadLetter => "to dead letters",
        RefusalAction.Exclude => "excluded",
        RefusalAction.Warn => "warned of",
        _ => "on_fail: fail",
    };

    private static void AppendDeadLetters(StringBuilder text, IReadOnlyList<DeadLetterReport> letters)
    {
        if (letters.Count > 0)
        {
            AppendLines(text, $"dead letters: {Number(letters.Sum(d => d.Rows))} rows", [.. letters.Select(d => $"{d.Stage}: {Number(d.Rows)} in {d.Path}")]);
        }
    }

    private static void AppendLines(StringBuilder text, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count > 0)
        {
            text.Append('\n').Append("  ").Append(title).Append('\n');
            foreach (var line in lines)
            {
                text.Append("    ").Append(line).Append('\n');
            }
        }
    }

    private static void AppendError(StringBuilder text, ReportError error, string indent)
    {
        text.Append(indent).Append("error").Append(error.Code is null ? "" : " " + error.Code)
            .Append(error.Stage is null ? "" : $" in stage {error.Stage}").Append(": ").Append(error.Message).Append('\n');
        if (error.Hint is not null)
        {
            text.Append(indent).Append("  ").Append(error.Hint).Append('\n');
        }
    }

    private static string Word<T>(T value) where T : struct, Enum =>
        System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()).Replace('_', ' ');

    private static string Optional(long? value) => value is { } v ? Number(v) : "";

    private static string NotZero(long value) => value == 0 ? "" : Number(value);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
