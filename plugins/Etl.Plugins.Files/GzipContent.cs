using System.IO.Compression;

namespace Etl.Plugins.Files;

/// <summary>
/// What is in a gzip file, to its end. .NET's own stream takes a file that was cut off for one that ends there, and rows would be lost in silence. So a member of known
/// content is put behind the file: only behind a whole member does it come out, and it is held back.
/// </summary>
internal sealed class GzipContent(Stream source) : ForwardStream(new GZipStream(new Followed(source, Seal), CompressionMode.Decompress))
{
    private static readonly byte[] Mark = [0x8E, 0x1D, 0xF3, 0x62, 0xA9, 0x04, 0x57, 0xCB, 0x30, 0xE8, 0x7F, 0x91, 0xD6, 0x2A, 0xBC, 0x45];
    private static readonly byte[] Seal = MakeSeal();
    private readonly byte[] _buffer = new byte[(1 << 16) + Mark.Length];
    private int _start;
    private int _end;

    // All but the last bytes, which may be the mark.
    private int Ready => _end - _start - Mark.Length;

    public override int Read(Span<byte> buffer)
    {
        while (Ready <= 0)
        {
            MakeRoom();
            if (IsEnd(Source.Read(_buffer.AsSpan(_end))))
            {
                return 0;
            }
        }

        return Take(buffer);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (Ready <= 0)
        {
            MakeRoom();
            if (IsEnd(await Source.ReadAsync(_buffer.AsMemory(_end), cancellationToken)))
            {
                return 0;
            }
        }

        return Take(buffer.Span);
    }

    private void MakeRoom()
    {
        Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
        (_start, _end) = (0, _end - _start);
    }

    private bool IsEnd(int read)
    {
        _end += read;
        return read == 0 && (_buffer.AsSpan(_start, _end - _start).SequenceEqual(Mark) ? true : throw new InvalidDataException("the file ends in the middle of its content"));
    }

    private int Take(Span<byte> buffer)
    {
        var length = Math.Min(buffer.Length, Ready);
        _buffer.AsSpan(_start, length).CopyTo(buffer);
        _start += length;
        return length;
    }

    private static byte[] MakeSeal()
    {
        using var target = new MemoryStream();
        using (var member = new GZipStream(target, CompressionLevel.Fastest))
        {
            member.Write(Mark);
        }

        return target.ToArray();
    }

    // A stream's bytes, then others.
    private sealed class Followed(Stream source, byte[] after) : ForwardStream(source)
    {
        private int _next = -1;

        public override int Read(Span<byte> buffer)
        {
            var read = _next < 0 ? Source.Read(buffer) : 0;
            return read > 0 ? read : After(buffer);
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = _next < 0 ? await Source.ReadAsync(buffer, cancellationToken) : 0;
            return read > 0 ? read : After(buffer.Span);
        }

        private int After(Span<byte> buffer)
        {
            _next = Math.Max(0, _next);
            var length = Math.Min(buffer.Length, after.Length - _next);
            after.AsSpan(_next, length).CopyTo(buffer);
            _next += length;
            return length;
        }
    }
}
