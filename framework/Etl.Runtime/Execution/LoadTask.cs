using System.Globalization;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Reports;
using Etl.Runtime.Sql;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>Stages what comes in, by as many workers as the loader says pay. Rows that the target refuses become dead letters of the load's stage.</summary>
internal sealed class LoadTask(LoadNode node, ILoadSession session, BatchChannel input, RunResources resources)
{
    /// <summary>The rule that such rows break, in dead letters and reports.</summary>
    public const string TargetRule = "target";

    private long _refused;

    // Where rows that stop passing are deleted in the target, a refused row would have to be a deletion instead, which the target never gets: the run fails, as without.
    private IRefusingLoadSession? Refusing => node.Plan.DeletesExcluded ? null : session as IRefusingLoadSession;

    public async Task RunAsync(CancellationToken cancel)
    {
        var started = resources.Time.GetTimestamp();
        using var stopOthers = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var workers = Enumerable.Range(0, session.Parallelism).Select(_ => Task.Run(async () =>
        {
            try
            {
                var batches = ReadAsync(stopOthers.Token);
                await (Refusing?.StageAsync(batches, RefuseAsync, stopOthers.Token) ?? session.StageAsync(batches, stopOthers.Token));
            }
            catch
            {
                await stopOthers.CancelAsync();
                throw;
            }
        }, cancel));
        await TaskGroup.WhenAll([.. workers]);
        resources.Counts.Of(node.Id).AddElapsed(resources.Time.GetElapsedTime(started));
    }

    private async IAsyncEnumerable<RecordBatch> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        var counts = resources.Counts.Of(node.Id);
        counts.Opaque = true;
        var tags = resources.Tags(node.Id);
        while (await input.ReadAsync(cancel) is { } batch)
        {
            using (batch)
            {
                yield return batch;
                resources.FailPoints.Hit("load.batch");
                counts.AddIn(batch.Length);
                counts.AddBytes(BatchSize.Of(batch));
                EtlTelemetry.Wrote(tags, batch.Length);
                resources.Progress(new RunProgress(node.Id, StagePhase.Running, counts.RowsIn, null, counts.Bytes));
            }
        }
    }

    private async ValueTask RefuseAsync(RecordBatch batch, int row, string reason, CancellationToken cancel)
    {
        if (Interlocked.Increment(ref _refused) > resources.MostRefused)
        {
            throw new QualityException("ETL4122", string.Create(CultureInfo.InvariantCulture, $"{node.Plan.Target} refuses more than {resources.MostRefused:N0} rows, the last because {reason}"), "Nothing was published. So many are no accident: change the target, or mend or check the rows on the way.");
        }

        await resources.DeadLetters.WriteAsync(new Verdict(node.Id, TargetRule, Fate.DeadLetter, reason), node.Schema.Arrow, batch, [row], cancel);
        resources.Counts.Of(node.Id).AddDeadLettered(1);
        resources.Counts.AddRule(node.Id, TargetRule, 1);
    }
}
