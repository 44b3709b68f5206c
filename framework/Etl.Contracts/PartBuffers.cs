using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Etl.Contracts;

/// <summary>
/// Memory for the parts in which objects go to a store: so many buffers for all that it writes at a time, so that what is held does not grow with the number of
/// uploads. An upload that has sent off all that it read needs no buffer of another to go on, so none waits for ever.
/// </summary>
/// <param name="partBytes">Of one part; only the last of an object is shorter.</param>
/// <param name="count">Parts that are filled or on their way at a time.</param>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore has no handle, and a part may come back after its store was closed.")]
public sealed class PartBuffers(int partBytes, int count = 8)
{
    private readonly SemaphoreSlim _free = new(count);

    /// <summary>The next part of a stream, once there is room for it. The caller disposes it when it was sent.</summary>
    /// <param name="content">Read as far as one part goes.</param>
    /// <param name="hash">Gets the bytes too.</param>
    /// <param name="cancel">Ends the wait, or the reading.</param>
    public async ValueTask<Part> FillAsync(Stream content, IncrementalHash hash, CancellationToken cancel)
    {
        await _free.WaitAsync(cancel);
        var bytes = ArrayPool<byte>.Shared.Rent(partBytes);
        try
        {
            var length = await content.ReadAtLeastAsync(bytes.AsMemory(0, partBytes), partBytes, throwOnEndOfStream: false, cancel);
            hash.AppendData(bytes, 0, length);
            return new Part(this, bytes, length, isLast: length < partBytes);
        }
        catch
        {
            GiveBack(bytes);
            throw;
        }
    }

    /// <summary>The first part and those that come after it, none of them empty; each is the caller's to dispose.</summary>
    public async IAsyncEnumerable<Part> FromAsync(Part first, Stream content, IncrementalHash hash, [EnumeratorCancellation] CancellationToken cancel)
    {
        var part = first;
        while (!part.Bytes.IsEmpty)
        {
            var isLast = part.IsLast;
            yield return part;
            if (isLast)
            {
                yield break;
            }

            part = await FillAsync(content, hash, cancel);
        }

        part.Dispose();
    }

    private void GiveBack(byte[] bytes)
    {
        ArrayPool<byte>.Shared.Return(bytes);
        _free.Release();
    }

    /// <summary>A part of an object, and the room that it takes.</summary>
    public sealed class Part : IDisposable
    {
        private readonly PartBuffers _buffers;
        private readonly int _length;
        private byte[]? _bytes;

        internal Part(PartBuffers buffers, byte[] bytes, int length, bool isLast) => (_buffers, _bytes, _length, IsLast) = (buffers, bytes, length, isLast);

        /// <summary>Whether nothing comes after it. It may be empty.</summary>
        public bool IsLast { get; }

        /// <summary>What it holds, until it is disposed.</summary>
        public ReadOnlyMemory<byte> Bytes => (_bytes ?? throw new ObjectDisposedException(nameof(Part))).AsMemory(0, _length);

        /// <summary>A stream over it.</summary>
        public MemoryStream Open() => new(_bytes ?? throw new ObjectDisposedException(nameof(Part)), 0, _length, writable: false);

        /// <inheritdoc/>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _bytes, null) is { } bytes)
            {
                _buffers.GiveBack(bytes);
            }
        }
    }
}
