using System.Globalization;
using Etl.Contracts;
using ZstdSharp;

namespace Etl.Plugins.Files;

/// <summary>A file's content, decompressed; that it is the file which was found, and whole, is seen at its end.</summary>
internal static class FileContent
{
    /// <summary>
    /// ETL4533: the file is gone. While it is read, ETL4537: it has another size than when it was found; ETL4538: what is compressed is cut off or damaged.
    /// </summary>
    public static async ValueTask<Stream> OpenAsync(IObjectStore store, string key, long size, FileCompression? compression, CancellationToken cancel)
    {
        var bytes = await store.GetAsync(key, cancel)
            ?? throw new EtlException("ETL4533", $"'{key}' was there when the run started and is gone", "Do not move files while they are read.");
        var counted = new CountedStream(bytes, key, size);
        var kind = compression ?? Compressed.Of(key);
        return kind == FileCompression.None ? counted : new DecompressedStream(Compressed.Read(counted, kind), key);
    }

    private sealed class CountedStream(Stream source, string key, long size) : ForwardStream(source)
    {
        private long _read;

        public override int Read(Span<byte> buffer) => Took(Source.Read(buffer), buffer.Length);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Took(await Source.ReadAsync(buffer, cancellationToken), buffer.Length);

        private int Took(int read, int wanted)
        {
            _read += read;
            return (read == 0 && wanted > 0 && _read != size) || _read > size
                ? throw new EtlException("ETL4537", string.Create(CultureInfo.InvariantCulture, $"'{key}' had {size} bytes when the run started and has others now"), "Write files under another name and rename them when they are whole; then run again.")
                : read;
        }
    }

    private sealed class DecompressedStream(Stream source, string key) : ForwardStream(source)
    {
        public override int Read(Span<byte> buffer)
        {
            try
            {
                return Source.Read(buffer);
            }
            catch (Exception e) when (IsDamage(e))
            {
                throw Damaged(e);
            }
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                return await Source.ReadAsync(buffer, cancellationToken);
            }
            catch (Exception e) when (IsDamage(e))
            {
                throw Damaged(e);
            }
        }

        private static bool IsDamage(Exception e) => e is InvalidDataException or EndOfStreamException or ZstdException;

        private EtlException Damaged(Exception e) => new(
            "ETL4538", $"'{key}' cannot be decompressed: {e.Message}", "It is cut off or damaged, or compressed in another way than its name (or compression) says.", e);
    }
}
