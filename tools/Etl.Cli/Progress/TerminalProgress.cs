using System.Globalization;
using Etl.Runtime.Reports;
using Spectre.Console;

namespace Etl.Cli.Progress;

/// <summary>Progress as a line for each stage that redraws itself on standard error, and is gone when the run is over.</summary>
internal sealed class TerminalProgress : IProgress<RunProgress>
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Line> lines = new(StringComparer.Ordinal);
    private readonly ProgressContext context;
    private readonly TimeProvider time;

    private TerminalProgress(ProgressContext context, TimeProvider time) => (this.context, this.time) = (context, time);

    /// <summary>Draws while <paramref name="work"/> runs.</summary>
    public static Task<T> ShowAsync<T>(TextWriter error, TimeProvider time, Func<IProgress<RunProgress>, Task<T>> work)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) });
        return console.Progress()
            .AutoClear(true)
            .HideCompleted(false)
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(context => work(new TerminalProgress(context, time)));
    }

    /// <inheritdoc/>
    public void Report(RunProgress value)
    {
        lock (gate)
        {
            if (!lines.TryGetValue(value.Stage, out var line))
            {
                line = new Line(context.AddTask(Markup.Escape(value.Stage)), time.GetTimestamp());
                lines.Add(value.Stage, line);
            }

            var seconds = time.GetElapsedTime(line.Began).TotalSeconds;
            line.Task.Description = Markup.Escape(Text(value, seconds));
            // An estimate that was passed would show more than all of it.
            line.Task.MaxValue = Math.Max(1, Math.Max(value.ExpectedRows ?? 0, value.Rows));
            line.Task.IsIndeterminate = value.ExpectedRows is null && value.Phase is StagePhase.Running or StagePhase.Publishing;
            line.Task.Value = value.Phase == StagePhase.Done ? line.Task.MaxValue : value.Rows;
            if (value.Phase is StagePhase.Done or StagePhase.Failed)
            {
                line.Task.StopTask();
            }
        }
    }

    /// <summary><c>orders 1,204,310 rows 38.1 MB/s</c>.</summary>
    private static string Text(RunProgress value, double seconds)
    {
        var rate = value.Bytes > 0 && seconds > 0.5 && value.Phase == StagePhase.Running ? $" {TextReport.Bytes((long)(value.Bytes / seconds))}/s" : "";
        var phase = value.Phase switch { StagePhase.Publishing => " publishing", StagePhase.Failed => " failed", _ => "" };
        return string.Create(CultureInfo.InvariantCulture, $"{value.Stage} {TextReport.Number(value.Rows)} rows{rate}{phase}");
    }

    private sealed record Line(ProgressTask Task, long Began);
}
