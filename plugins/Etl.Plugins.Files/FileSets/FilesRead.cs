using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.FileSets;

/// <summary>What a target has had of a file.</summary>
internal enum FileState
{
    New,
    Read,
    Changed,
}

/// <summary>The files that a target has had: an incremental extraction's position, and what it becomes.</summary>
internal abstract class FilesRead
{
    /// <summary>What was had of a file that is there now.</summary>
    public abstract FileState StateOf(StoredObject file);

    /// <summary>Adds a file that is about to be read.</summary>
    public abstract void Add(StoredObject file);

    /// <summary>The position.</summary>
    public abstract JsonObject ToJson();

    /// <summary>From a position; null for the beginning. ETL4539: it cannot be read.</summary>
    public static FilesRead Parse(FileIncrement increment, JsonObject? position)
    {
        try
        {
            return increment == FileIncrement.Names ? new LastName(position) : new EachFile(position);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or NullReferenceException or ArgumentException)
        {
            throw new EtlException("ETL4539", $"the stored list of files that were read cannot be read: {e.Message}", "It was changed by hand or damaged. To read every file again, run with --full-refresh.", e);
        }
    }

    // 96 bits of a name's hash and 32 of its version's: two names that meet are less likely than a disk that lies, and a hundred thousand files take two megabytes.
    private sealed class EachFile : FilesRead
    {
        private const int EntryBytes = 16;
        // Not for people: it is long.
        private const string Members = "_files";
        private readonly SortedDictionary<UInt128, uint> _files = [];

        public EachFile(JsonObject? position)
        {
            var bytes = position is null ? [] : Base64Url.DecodeFromChars(position[Members]!.GetValue<string>());
            if (bytes.Length % EntryBytes != 0)
            {
                throw new FormatException("its length is not that of whole entries");
            }

            for (var at = 0; at < bytes.Length; at += EntryBytes)
            {
                var entry = BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(at));
                _files.Add(entry >> 32, (uint)entry);
            }
        }

        public override FileState StateOf(StoredObject file) =>
            !_files.TryGetValue(NameOf(file), out var version) ? FileState.New : version == VersionOf(file) ? FileState.Read : FileState.Changed;

        public override void Add(StoredObject file) => _files[NameOf(file)] = VersionOf(file);

        public override JsonObject ToJson()
        {
            var bytes = new byte[_files.Count * EntryBytes];
            var at = 0;
            foreach (var (name, version) in _files)
            {
                BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(at), (name << 32) | version);
                at += EntryBytes;
            }

            return new JsonObject { ["read"] = string.Create(CultureInfo.InvariantCulture, $"{_files.Count} {(_files.Count == 1 ? "file" : "files")}"), [Members] = Base64Url.EncodeToString(bytes) };
        }

        private static UInt128 NameOf(StoredObject file) => BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(file.Key))) >> 32;

        private static uint VersionOf(StoredObject file) => BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(
            Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{file.Size} {file.Modified.UtcTicks}"))));
    }

    // A file that sorts before the last one and was written after every one that was read is late or has changed; which, nothing tells.
    private sealed class LastName(JsonObject? position) : FilesRead
    {
        private string? _last = position?["last"]?.GetValue<string>();
        private long _newest = position?["newest"]?.GetValue<long>() ?? 0;

        public override FileState StateOf(StoredObject file) =>
            _last is null || string.CompareOrdinal(file.Key, _last) > 0 ? FileState.New : file.Modified.UtcTicks <= _newest ? FileState.Read : FileState.Changed;

        public override void Add(StoredObject file)
        {
            _last = _last is null || string.CompareOrdinal(file.Key, _last) > 0 ? file.Key : _last;
            _newest = Math.Max(_newest, file.Modified.UtcTicks);
        }

        public override JsonObject ToJson() => _last is null ? new JsonObject() : new JsonObject { ["last"] = _last, ["newest"] = _newest };
    }
}
