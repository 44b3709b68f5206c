namespace Etl.Plugins.Tests.Stores;

/// <summary>A stream without a length or a position that gives a little at a time, and may break at its end.</summary>
internal sealed class Trickle(byte[] bytes, bool breaks = false, (int Position, Action Do)? at = null) : Stream
{
    private int _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var length = Math.Min(Math.Min(buffer.Length, 100_003), bytes.Length - _position);
        if (length == 0 && breaks)
        {
            throw new IOException("the source broke");
        }

        bytes.AsSpan(_position, length).CopyTo(buffer);
        _position += length;
        if (at is var (position, action) && _position >= position)
        {
            action();
        }

        return length;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Read(buffer.Span));
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
