using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.Plugins.Files;

/// <summary>Where a batch of parsed rows ends.</summary>
internal static class TextBatch
{
    private const long Bytes = 16L << 20;

    /// <summary>By rows, or by bytes, which are counted now and then.</summary>
    public static bool IsFull(RecordBatchBuilder builder, ExtractRequest request) =>
        builder.Length == request.BatchRows || (builder.Length % 16 == 0 && builder.ByteLength >= Bytes);
}
