using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Cli.Progress;

/// <summary>Progress as lines of a log: each change of a stage's phase, and in between a line every ten seconds.</summary>
internal sealed class LogProgress(JsonLog log, TimeProvider time) : IProgress<RunProgress>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Dictionary<string, (StagePhase Phase, long Told)> stages = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Report(RunProgress value)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            if (stages.TryGetValue(value.Stage, out var last) && last.Phase == value.Phase && time.GetElapsedTime(last.Told, now) < Pause)
            {
                return;
            }

            stages[value.Stage] = (value.Phase, now);
        }

        var stage = log.ForStage(value.Stage);
        var rows = ("rows", (object?)value.Rows);
        switch (value.Phase)
        {
            case StagePhase.Running when value.ExpectedRows is { } expected:
                stage.Info("{rows} of about {expected_rows} rows", rows, ("expected_rows", expected), ("bytes", value.Bytes));
                break;
            case StagePhase.Running:
                stage.Info("{rows} rows", rows, ("bytes", value.Bytes));
                break;
            case StagePhase.Publishing:
                stage.Info("publishing {rows} rows", rows);
                break;
            case StagePhase.Done:
                stage.Info("done, {rows} rows", rows, ("bytes", value.Bytes));
                break;
            default:
                stage.Error("failed after {rows} rows", rows);
                break;
        }
    }
}
