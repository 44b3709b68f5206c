using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>Stages what comes in, by as many workers as the loader says pay.</summary>
internal sealed class LoadTask(LoadNode node, ILoadSession session, BatchChannel input, RunResources resources)
{
    public async Task RunAsync(CancellationToken cancel)
    {
        using var stopOthers = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var workers = Enumerable.Range(0, session.Parallelism).Select(worker => Task.Run(async () =>
        {
            try
            {
                await session.StageAsync(ReadAsync(worker, stopOthers.Token), stopOthers.Token);
            }
            catch
            {
                await stopOthers.CancelAsync();
                throw;
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
}
