using System.Runtime.CompilerServices;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Runtime.Execution;

/// <summary>
/// Reads a source whole, whatever was read before, and gives the key of each row to targets. The snapshot is younger than the targets' positions, and no run but this one
/// writes to them meanwhile: a key that a target holds and the snapshot lacks is gone from the source, and one that comes later is read by the next run.
/// </summary>
internal sealed class WholeRead(IExtractor extractor, Func<CancellationToken, IReadOnlyList<KeyTap>> openTaps) : IExtractor
{
    public ExtractorCapabilities Capabilities => extractor.Capabilities;

    public RowSchema DescribeOutput(DataContract? contract) => extractor.DescribeOutput(contract);

    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel)
    {
        if (request.From is not null)
        {
            // Who would read on from the position refuses another system, or one that is behind it: what a standby or a restored copy lacks was not deleted.
            await (await extractor.OpenAsync(request, cancel)).DisposeAsync();
        }

        var whole = await extractor.OpenAsync(request with { From = null, Once = false, Whole = true }, cancel);
        var taps = openTaps(cancel);
        var extraction = new Extraction(whole, taps);
        if (whole.Splits.Count == 0)
        {
            await extraction.CompleteAsync();
        }

        return extraction;
    }

    private sealed class Extraction(IExtraction whole, IReadOnlyList<KeyTap> taps) : IExtraction
    {
        private int _read;

        public IReadOnlyList<Split> Splits => whole.Splits;

        public SourcePosition Reached => whole.Reached;

        public long? EstimatedRows => whole.EstimatedRows;

        public IReadOnlyList<string> Warnings => whole.Warnings;

        public async IAsyncEnumerable<RecordBatch> ReadAsync(Split split, [EnumeratorCancellation] CancellationToken cancel)
        {
            await foreach (var batch in whole.ReadAsync(split, cancel))
            {
                foreach (var tap in taps)
                {
                    await tap.WriteAsync(batch);
                }

                yield return batch;
            }

            if (Interlocked.Increment(ref _read) == whole.Splits.Count)
            {
                await CompleteAsync();
            }
        }

        public async ValueTask CompleteAsync()
        {
            foreach (var tap in taps)
            {
                await tap.CompleteAsync();
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var tap in taps)
            {
                await tap.DisposeAsync();
            }

            await whole.DisposeAsync();
        }
    }
}
