using System.Globalization;
using Etl.Plugins.Files;

namespace Etl.Plugins.Gcs;

/// <summary>An answer's body. However long it takes as a whole, a read to which nothing comes for <paramref name="patience"/> is an <see cref="IOException"/>, as that of a lost connection.</summary>
internal sealed class PatientStream(Stream body, TimeSpan patience) : ForwardStream(body)
{
    public override int Read(Span<byte> buffer)
    {
        var bytes = new byte[buffer.Length];
        var read = ReadAsync(bytes, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        bytes.AsSpan(0, read).CopyTo(buffer);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            return await Source.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"nothing more of the answer came for {patience.TotalSeconds} seconds"), e);
        }
    }
}
