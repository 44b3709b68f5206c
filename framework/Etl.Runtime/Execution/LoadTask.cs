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

    private readonly RecordBatch?[] _last = new RecordBatch?[session.Parallelism];
    private long _refused;

    // Where rows that stop passing are deleted in the target, a refused row would have to be a deletion instead, which the target never gets: the run fails, as without.
    private IRefusingLoadSession? Refusing => node.Plan.DeletesExcluded ? null : session as IRefusingLoadSession;

    public async Task RunAsync(CancellationToken cancel)
    {
        using var stopOthers = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var workers = Enumerable.Range(0, session.Parallelism).Select(worker => Task.Run(async () =>
        {
            try
            {
                var batches = ReadAsync(worker, stopOthers.Token);
                await (Refusing?.StageAsync(batches, RefuseAsync, stopOthers.Token) ?? session.StageAsync(batches, stopOthers.Token));
            }
            catch (Exception e)
            {
                if (_last[worker] is { } batch)
                {
                    RowMask.Note(resources.Hidden, node.Id, e, batch);
                }

                await stopOthers.CancelAsync();
                throw;
            }
            finally
            {
                Keep(worker, null);
            }
        }, cancel));
        await TaskGroup.WhenAll([.. workers]);
    }

    private async IAsyncEnumerable<RecordBatch> ReadAsync(int worker, [EnumeratorCancellation] CancellationToken cancel)
    {
        var counts = resources.Counts.Of(node.Id);
        counts.Opaque = true;
        var tags = resources.Tags(node.Id);
        while (await input.ReadAsync(cancel, counts.Clock, worker) is { } batch)
        {
            try
            {
                yield return batch;
                resources.FailPoints.Hit("load.batch");
                counts.AddIn(batch.Length);
                counts.AddBytes(BatchSize.Of(batch));
                EtlTelemetry.Wrote(tags, batch.Length);
                resources.Progress(new RunProgress(node.Id, StagePhase.Running, counts.RowsIn, null, counts.Bytes));
            }
            finally
            {
                Keep(worker, batch);
            }
        }
    }

    // What a target says of a batch may hold its values: where some are hidden, the last one stays to be asked for them.
    private void Keep(int worker, RecordBatch? batch)
    {
        _last[worker]?.Dispose();
        _last[worker] = resources.Hidden.Any ? batch : null;
        if (!resources.Hidden.Any)
        {
            batch?.Dispose();
        }
    }

    private async ValueTask RefuseAsync(RecordBatch batch, int row, string said, CancellationToken cancel)
    {
        var reason = RowMask.Reason(resources.Hidden, node.Id, said, batch, row);
        if (Interlocked.Increment(ref _refused) > resources.MostRefused)
        {
            throw new QualityException("ETL4122", string.Create(CultureInfo.InvariantCulture, $"{node.Plan.Target} refuses more than {resources.MostRefused:N0} rows, the last because {reason}"), "Nothing was published. So many are no accident: change the target, or mend or check the rows on the way.");
        }

        await resources.DeadLetters.WriteAsync(new Verdict(node.Id, TargetRule, Fate.DeadLetter, reason), node.Schema.Arrow, batch, [row], cancel);
        resources.Counts.Of(node.Id).AddDeadLettered(1);
        resources.Counts.AddRule(node.Id, TargetRule, 1);
    }
}
