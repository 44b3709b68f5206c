using System.Globalization;
using System.Text;

namespace Etl.Benchmarks;

/// <summary>The results as a page.</summary>
internal static class Page
{
    /// <summary>Markdown.</summary>
    public static string Write(IReadOnlyList<Result> results, IReadOnlyList<StartUp> startUps, Arguments options, string serverVersion)
    {
        var text = new StringBuilder();
        Line(text, $"""
            {options.Rows:N0} rows, {options.Pairs} alternating pairs, medians; {Environment.ProcessorCount} processors, PostgreSQL {serverVersion} on the same machine, .NET {Environment.Version}.

            | name | work | limit | goal | ratio | limit against itself | limit | ours | client CPU of both | peak memory |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
            """);
        foreach (var r in results)
        {
            Line(text, $"| {r.Benchmark.Name} | {r.Benchmark.Work} | {r.Benchmark.LimitText} | {r.Benchmark.Goal:0.00} | **{r.Ratio:0.00}** | {r.Control.Least:0.00} to {r.Control.Most:0.00} | {r.LimitSeconds:0.00} s | {r.Seconds:0.00} s | {r.LimitCpuSeconds:0.0}, {r.CpuSeconds:0.0} s | {(r.PeakBytes == 0 ? "" : $"{r.PeakBytes >> 20} MB")} |");
        }

        foreach (var r in results.Where(r => r.Benchmark.Plotted))
        {
            // At most sixty points, each the greatest of its share of the seconds.
            var resident = r.Ours[^1].Resident;
            var points = resident.Chunk(Math.Max(1, (resident.Count + 59) / 60)).Select(c => c.Max() >> 20).ToList();
            Line(text, $"""

                Memory of `{r.Benchmark.Name}`, its last run, resident, in MB; that of the limit was {r.Limits.Max(l => l.PeakBytes) >> 20} MB at its peak.

                ```mermaid
                xychart-beta
                    x-axis "seconds" 0 --> {r.Ours[^1].Seconds:0}
                    y-axis "MB" 0 --> {(r.PeakBytes >> 20) * 5 / 4}
                    line [{string.Join(", ", points)}]
                ```
                """);
        }

        if (startUps.Count > 0)
        {
            Line(text, $"""

                | start-up | goal | median | peak memory |
                | --- | --- | --- | --- |
                """);
            foreach (var s in startUps)
            {
                Line(text, $"| `{s.Command}` | {(double.IsNaN(s.Goal) ? "" : $"{s.Goal:0} ms")} | {s.Milliseconds:0} ms | {s.PeakBytes >> 20} MB |");
            }
        }

        return text.ToString();
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
