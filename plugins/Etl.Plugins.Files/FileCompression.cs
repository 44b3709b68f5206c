using System.IO.Compression;
using ZstdSharp;

namespace Etl.Plugins.Files;

/// <summary>How a file's bytes are compressed.</summary>
public enum FileCompression
{
    /// <summary>They are not.</summary>
    None,

    /// <summary>gzip, <c>.gz</c>.</summary>
    Gzip,

    /// <summary>Zstandard, <c>.zst</c>.</summary>
    Zstd,
}

/// <summary>Streams and names of compressed files.</summary>
internal static class Compressed
{
    /// <summary>What a name says.</summary>
    public static FileCompression Of(string key) =>
        key.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? FileCompression.Gzip
        : key.EndsWith(".zst", StringComparison.OrdinalIgnoreCase) ? FileCompression.Zstd
        : FileCompression.None;

    /// <summary>What names of such files end in.</summary>
    public static string Extension(FileCompression compression) => compression switch
    {
        FileCompression.Gzip => ".gz",
        FileCompression.Zstd => ".zst",
        _ => "",
    };

    /// <summary>The content of a compressed stream; disposes it.</summary>
    public static Stream Read(Stream source, FileCompression compression) => compression switch
    {
        FileCompression.Gzip => new GzipContent(source),
        FileCompression.Zstd => new DecompressionStream(source, leaveOpen: false),
        _ => source,
    };

    /// <summary>Compresses into a stream, which is disposed with it.</summary>
    public static Stream Write(Stream target, FileCompression compression) => compression switch
    {
        FileCompression.Gzip => new GZipStream(target, CompressionLevel.Optimal),
        FileCompression.Zstd => new CompressionStream(target, leaveOpen: false),
        _ => target,
    };
}
