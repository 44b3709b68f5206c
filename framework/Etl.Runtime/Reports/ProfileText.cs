using System.Globalization;
using System.Text;

namespace Etl.Runtime.Reports;

/// <summary>
/// A run's profile as a picture: a line for each stage and each publish over the same time, so that what waited for what can be seen. A stage's bar holds
/// its times in proportion, not in their order.
/// </summary>
internal static class ProfileText
{
    private const int Width = 48;

    // Below this there is nothing to explain.
    private const double LeastSeconds = 0.05;

    /// <summary>Appends it; nothing for a report without a profile.</summary>
    public static void AppendTo(StringBuilder text, RunReport report)
    {
        if (report.Process is not { } process)
        {
            return;
        }

        text.Append(Invariant($"\n  where the time went: {TextReport.Duration(report.Seconds)}; {process.CpuSeconds:0.0} s of processor, {TextReport.Bytes(process.PeakBytes)} of memory at the peak, {process.GcPauseSeconds:0.00} s of garbage collection\n"));
        text.Append("    # busy   . waits for input   > waits for output   = publishes\n");
        var table = new TextTable("", "", ">busy", ">input", ">output", ">spilled", "");
        foreach (var stage in report.Stages)
        {
            if (stage.Profile is { } p)
            {
                table.Add(stage.Stage, Bar(p, report.Seconds), Seconds(p.Busy), Seconds(p.WaitedForInput), Seconds(p.WaitedForOutput), p.SpilledBytes is { } bytes ? TextReport.Bytes(bytes) : "", "");
            }
        }

        foreach (var load in report.Loads)
        {
            if (load.Publish is { } publish)
            {
                table.Add($"{load.Stage} publish", Bar(publish.From, publish.From + publish.Seconds, report.Seconds, n => new string('=', n)), Seconds(publish.Seconds), "", "", "", Steps(publish));
            }
        }

        table.AppendTo(text);
        if (Narrowest(report.Stages) is { } narrow)
        {
            text.Append(Invariant($"  of the stages that run side by side, {narrow.Stage} sets the pace: busy {narrow.Profile!.Busy / (narrow.Profile.To - narrow.Profile.From):0 %} of its time\n"));
        }
    }

    private static StageReport? Narrowest(IReadOnlyList<StageReport> stages) =>
        stages.Where(s => s.Profile is { } p && p.To - p.From > LeastSeconds).MaxBy(s => s.Profile!.Busy / (s.Profile.To - s.Profile.From));

    private static string Bar(StageProfile p, double seconds) => Bar(p.From, p.To, seconds, length =>
    {
        var total = Math.Max(p.Busy + p.WaitedForInput + p.WaitedForOutput, 1e-9);
        var input = (int)Math.Round(length * p.WaitedForInput / total);
        var output = Math.Min(length - input, (int)Math.Round(length * p.WaitedForOutput / total));
        return new string('.', input) + new string('#', length - input - output) + new string('>', output);
    });

    private static string Bar(double from, double to, double seconds, Func<int, string> fill)
    {
        var scale = Width / Math.Max(seconds, 1e-9);
        var start = Math.Clamp((int)(from * scale), 0, Width - 1);
        var end = Math.Clamp((int)Math.Ceiling(to * scale), start + 1, Width);
        return "|" + (new string(' ', start) + fill(end - start)).PadRight(Width) + "|";
    }

    private static string Steps(PublishProfile publish) =>
        string.Join(", ", publish.Steps.Where(s => s.Seconds >= publish.Seconds / 100).Select(s => $"{s.Name} {TextReport.Duration(s.Seconds)}"));

    private static string Seconds(double seconds) => seconds < LeastSeconds / 10 ? "" : TextReport.Duration(seconds);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
