using System.Globalization;
using Etl.Runtime.Reports;
using Spectre.Console;
using Spectre.Console.Rendering;

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
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new KnownOnly(new PercentageColumn()), new KnownOnly(new RemainingTimeColumn()))
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
            line.Task.Description = Markup.Escape(Describe(value, seconds));
            line.Task.IsIndeterminate = value.Phase == StagePhase.Publishing || (value.Phase == StagePhase.Running && value.ExpectedRows is null);
            // An estimate that was passed would show more than all of it; and a task that reaches its end counts as finished.
            line.Task.MaxValue = Math.Max(1, Math.Max(value.ExpectedRows ?? 0, value.Rows + (value.Phase == StagePhase.Done ? 0 : 1)));
            line.Task.Value = value.Phase == StagePhase.Done ? line.Task.MaxValue : line.Task.IsIndeterminate ? 0 : value.Rows;
            if (value.Phase is StagePhase.Done or StagePhase.Failed)
            {
                line.Task.StopTask();
            }
        }
    }

    /// <summary><c>orders 1,204,310 rows 38.1 MB/s</c>.</summary>
    private static string Describe(RunProgress value, double seconds)
    {
        var rate = value.Bytes > 0 && seconds > 0.5 && value.Phase == StagePhase.Running ? $" {TextReport.Bytes((long)(value.Bytes / seconds))}/s" : "";
        var phase = value.Phase switch { StagePhase.Publishing => " publishing", StagePhase.Failed => " failed", _ => "" };
        return string.Create(CultureInfo.InvariantCulture, $"{value.Stage} {TextReport.Number(value.Rows)} rows{rate}{phase}");
    }

    /// <summary>How much is left says nothing while the whole is not known.</summary>
    private sealed class KnownOnly(ProgressColumn column) : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            task.IsIndeterminate ? Text.Empty : column.Render(options, task, deltaTime);
    }

    private sealed record Line(ProgressTask Task, long Began);
}
