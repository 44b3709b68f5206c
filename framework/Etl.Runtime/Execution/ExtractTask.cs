using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Reports;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>Reads the splits of one extraction, several at a time.</summary>
internal sealed class ExtractTask(ExtractNode node, IExtraction extraction, Outlet outlet, int parallelism, RunResources resources)
{
    private readonly List<SplitReport> _splits = [];
    private readonly DeclaredColumns _declared = new(node.Stage, node.Schema);

    /// <summary>What was read, in the order of the splits' ids.</summary>
    public IReadOnlyList<SplitReport> Splits
    {
        get
        {
            lock (_splits)
            {
                return [.. _splits.OrderBy(s => s.Split, StringComparer.Ordinal)];
            }
        }
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        await Parallel.ForEachAsync(extraction.Splits, new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancel }, ReadAsync);
        outlet.Complete();
        resources.Progress(new RunProgress(node.Id, StagePhase.Done, resources.Counts.Of(node.Id).RowsOut, extraction.EstimatedRows, resources.Counts.Of(node.Id).Bytes));
    }

    private async ValueTask ReadAsync(Split split, CancellationToken cancel)
    {
        using var span = EtlTelemetry.StartSplit(node.Id, split.Id);
        var started = resources.Time.GetTimestamp();
        var counts = resources.Counts.Of(node.Id);
        var tags = resources.Tags(node.Id);
        long rows = 0;
        await foreach (var batch in extraction.ReadAsync(split, cancel))
        {
            _declared.Require(batch);
            var bytes = BatchSize.Of(batch);
            rows += batch.Length;
            counts.AddOut(batch.Length);
            counts.AddBytes(bytes);
            EtlTelemetry.Read(tags, batch.Length, bytes);
            await outlet.WriteAsync(batch, cancel);
            resources.FailPoints.Hit("extract.batch");
            resources.Progress(new RunProgress(node.Id, StagePhase.Running, counts.RowsOut, extraction.EstimatedRows, counts.Bytes));
        }

        lock (_splits)
        {
            _splits.Add(new SplitReport(split.Id, rows, resources.Time.GetElapsedTime(started).TotalSeconds));
        }
    }
}
