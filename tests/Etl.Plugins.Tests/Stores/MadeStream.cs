using System.Security.Cryptography;

namespace Etl.Plugins.Tests.Stores;

/// <summary>Random bytes that a seed makes, as a pipe gives them: forward only, of no known length, in pieces of odd sizes.</summary>
internal sealed class MadeStream(int seed, int length) : Stream
{
    public const string Broke = "the source broke";

    private readonly Random _random = new(seed);
    private int _read;

    /// <summary>Bytes after which reading fails.</summary>
    public int BreaksAfter { get; init; } = int.MaxValue;

    /// <summary>Called with the bytes read so far before more are.</summary>
    public Action<int> At { get; init; } = _ => { };

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public static string DigestOf(int seed, int length)
    {
        using var made = new MadeStream(seed, length);
        return Convert.ToHexString(SHA256.HashData(made));
    }

    public override int Read(Span<byte> buffer)
    {
        At(_read);
        if (_read >= BreaksAfter)
        {
            throw new IOException(Broke);
        }

        // The bytes must not depend on how they are asked for, and Random fills whole words.
        var piece = buffer[..Math.Min(Math.Min(buffer.Length, 65_536), length - _read)];
        foreach (ref var value in piece)
        {
            value = (byte)_random.Next();
        }

        _read += piece.Length;
        return piece.Length;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Read(buffer.Span));
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
