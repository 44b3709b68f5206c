using Apache.Arrow;

namespace Etl.Runtime.Execution;

/// <summary>How much memory a batch holds.</summary>
internal static class BatchSize
{
    /// <summary>Bytes of its buffers; those of a slice count in full, since it keeps them alive.</summary>
    public static long Of(RecordBatch batch)
    {
        long bytes = 0;
        for (var i = 0; i < batch.ColumnCount; i++)
        {
            bytes += Of(batch.Column(i).Data);
        }

        return bytes;
    }

    private static long Of(ArrayData data)
    {
        long bytes = 0;
        foreach (var buffer in data.Buffers)
        {
            bytes += buffer.Length;
        }

        foreach (var child in data.Children ?? [])
        {
            bytes += Of(child);
        }

        return bytes;
    }
}
