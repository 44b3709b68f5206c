using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation;

namespace Etl.Runtime.Execution;

/// <summary>Runs a transformer in code; disposes each input batch when the next is asked for, as the contract says.</summary>
internal sealed class TransformTask(TransformNode node, RowSchema inputSchema, BatchChannel input, Outlet outlet, RunResources resources)
{
    private readonly DeclaredColumns _declared = new(node.Stage, node.Schema);

    public async Task RunAsync(CancellationToken cancel)
    {
        var counts = resources.Counts.Of(node.Id);
        counts.Opaque = true;
        await foreach (var batch in node.Transformer.TransformAsync(new BatchStream(inputSchema, ReadAsync(counts, cancel)), cancel).WithCancellation(cancel))
        {
            _declared.Require(batch);
            counts.AddOut(batch.Length);
            await outlet.WriteAsync(batch, cancel);
        }

        outlet.Complete();
    }

    private async IAsyncEnumerable<RecordBatch> ReadAsync(StageCounts counts, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (await input.ReadAsync(cancel, counts.Clock) is { } batch)
        {
            using (batch)
            {
                counts.AddIn(batch.Length);
                yield return batch;
            }
        }
    }
}
