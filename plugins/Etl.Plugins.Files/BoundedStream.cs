namespace Etl.Plugins.Files;

/// <summary>The next bytes of a stream, and no more of it.</summary>
internal sealed class BoundedStream(Stream source, long length) : ForwardStream(source)
{
    private long _left = length;

    public override int Read(Span<byte> buffer) => Took(Source.Read(buffer[..(int)Math.Min(buffer.Length, _left)]));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        Took(await Source.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], cancellationToken));

    private int Took(int read)
    {
        _left -= read;
        return read;
    }
}
