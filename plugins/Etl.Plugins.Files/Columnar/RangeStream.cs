using System.Buffers;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Columnar;

/// <summary>
/// An object as a stream that can be read anywhere, fetched in parts: its end first, where a footer is, then of what is said to be wanted only, some megabytes at a time.
/// What is read within a part costs no request.
/// </summary>
internal sealed class RangeStream(IObjectStore store, string key, long size) : Stream
{
    /// <summary>Bytes of a part.</summary>
    public const int PartBytes = 4 << 20;

    private const int EndBytes = 64 << 10;

    // Fetching this much that nobody wants is cheaper than another request.
    private const int WorthwhileGap = 256 << 10;

    private byte[]? _part;
    private long _from;
    private int _length;
    private IReadOnlyList<(long From, long To)> _wanted = [];

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => size;

    public override long Position { get; set; }

    /// <summary>Why the store did not give a part; null if it always did. Tells a fault of the store, which may pass, from one of the file.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What will be read next, in order: a part goes on from one range into the next if little lies between.</summary>
    public void Want(IReadOnlyList<(long From, long To)> ranges) => _wanted = ranges;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= size || buffer.IsEmpty)
        {
            return 0;
        }

        if (_part is null || Position < _from || Position >= _from + _length)
        {
            await FetchAsync(cancellationToken);
        }

        var at = (int)(Position - _from);
        var read = Math.Min(buffer.Length, _length - at);
        _part.AsMemory(at, read).CopyTo(buffer);
        Position += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    // The library reads most by the asynchronous call, and what it does not is in the part already, or worth waiting for.
    public override int Read(Span<byte> buffer)
    {
        var bytes = new byte[buffer.Length];
        var read = ReadAsync(bytes).AsTask().GetAwaiter().GetResult();
        bytes.AsSpan(0, read).CopyTo(buffer);
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => size + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && _part is not null)
        {
            ArrayPool<byte>.Shared.Return(_part);
            _part = null;
        }

        base.Dispose(disposing);
    }

    private async ValueTask FetchAsync(CancellationToken cancel)
    {
        var (from, to) = Part();
        _part ??= ArrayPool<byte>.Shared.Rent(PartBytes);
        (_from, _length) = (from, 0);
        try
        {
            await using var content = await store.GetRangeAsync(key, from, to - from, cancel)
                ?? throw new EtlException("ETL4533", $"'{key}' was there when the run started and is gone", "Do not move files while they are read.");
            var length = await content.ReadAtLeastAsync(_part.AsMemory(0, (int)(to - from)), (int)(to - from), throwOnEndOfStream: false, cancel);
            _length = length == to - from ? length
                : throw new EtlException("ETL4537", string.Create(CultureInfo.InvariantCulture, $"'{key}' had {size} bytes when the run started and has others now"), "Write files under another name and rename them when they are whole; then run again.");
        }
        catch (Exception e)
        {
            Failure = e;
            throw;
        }
    }

    private (long From, long To) Part()
    {
        if (size <= EndBytes || Position >= size - EndBytes)
        {
            return (Math.Max(0, size - EndBytes), size);
        }

        var most = Math.Min(size, Position + PartBytes);
        var to = 0L;
        foreach (var (from, end) in _wanted)
        {
            if (to == 0 ? from <= Position && Position < end : from <= to + WorthwhileGap)
            {
                to = Math.Max(to, end);
            }
        }

        // Of what nobody announced, such as the format's first bytes or a long footer.
        return (Position, Math.Min(most, to == 0 ? Position + EndBytes : to));
    }
}
