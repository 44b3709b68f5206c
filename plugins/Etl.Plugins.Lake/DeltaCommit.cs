using System.Text;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>The actions of one version of the log, as the protocol writes them: a JSON object per line.</summary>
internal sealed class DeltaCommit(DateTimeOffset now)
{
    /// <summary>Member of <c>commitInfo</c> that holds the checkpoint, as text, so that its checksum stays valid.</summary>
    public const string CheckpointMember = "etlCheckpoint";

    /// <summary>Tag of <c>add</c> with the file's SHA-256.</summary>
    public const string Sha256Tag = "sha256";

    /// <summary>Tag of <c>add</c> with the folder that the layout gave the file.</summary>
    public const string FolderTag = "etl.folder";

    private readonly StringBuilder _text = new();

    private long Millis => now.ToUnixTimeMilliseconds();

    /// <summary>What was done, and the checkpoint.</summary>
    public void Describe(string operation, LoadMode mode, bool blindAppend, Checkpoint checkpoint) => Add("commitInfo", new JsonObject
    {
        ["timestamp"] = Millis,
        ["operation"] = operation,
        ["operationParameters"] = new JsonObject { ["mode"] = mode.ToString() },
        ["isBlindAppend"] = blindAppend,
        ["engineInfo"] = $"Etl.Framework/{typeof(DeltaCommit).Assembly.GetName().Version?.ToString(3)}",
        [CheckpointMember] = checkpoint.ToJson(),
    });

    /// <summary>How far the pipeline's stage has come, for every reader of the protocol.</summary>
    public void Transaction(Checkpoint checkpoint) => Add("txn", new JsonObject
    {
        ["appId"] = checkpoint.Key.ToString(), ["version"] = checkpoint.N, ["lastUpdated"] = Millis,
    });

    /// <summary>
    /// What a reader must know: the base protocol, or with table features where a column is a timestamp without a time zone. A table that had the
    /// base protocol lists the features which that one implies.
    /// </summary>
    public void Protocol(bool localTimestamps, bool upgrade)
    {
        var protocol = new JsonObject { ["minReaderVersion"] = localTimestamps ? 3 : 1, ["minWriterVersion"] = localTimestamps ? 7 : 2 };
        if (localTimestamps)
        {
            protocol["readerFeatures"] = new JsonArray("timestampNtz");
            protocol["writerFeatures"] = upgrade ? new JsonArray("appendOnly", "invariants", "timestampNtz") : new JsonArray("timestampNtz");
        }

        Add("protocol", protocol);
    }

    /// <summary>The table's columns; what <paramref name="before"/> says and this load does not change is kept.</summary>
    public void Metadata(JsonObject? before, Schema schema, IReadOnlyList<string> partitionColumns)
    {
        var metadata = before?.DeepClone().AsObject() ?? new JsonObject
        {
            ["id"] = Guid.NewGuid().ToString(),
            ["format"] = new JsonObject { ["provider"] = "parquet", ["options"] = new JsonObject() },
            ["configuration"] = new JsonObject(),
            ["createdTime"] = Millis,
        };
        metadata["schemaString"] = DeltaSchema.ToJson(schema);
        metadata["partitionColumns"] = new JsonArray([.. partitionColumns.Select(c => (JsonNode)c)]);
        Add("metaData", metadata);
    }

    /// <summary>A file goes.</summary>
    public void Remove(ActiveFile file) => Add("remove", new JsonObject
    {
        ["path"] = file.LogPath,
        ["deletionTimestamp"] = Millis,
        ["dataChange"] = true,
        ["extendedFileMetadata"] = true,
        ["partitionValues"] = Values(file.PartitionValues),
        ["size"] = file.Size,
    });

    /// <summary>A file comes.</summary>
    public void Add(DataFile file) => Add("add", new JsonObject
    {
        ["path"] = Encode(file.RelativePath),
        ["partitionValues"] = Values(file.Folder.Values),
        ["size"] = file.Size,
        ["modificationTime"] = Millis,
        ["dataChange"] = true,
        ["stats"] = file.Stats,
        ["tags"] = new JsonObject { [Sha256Tag] = file.Sha256, [FolderTag] = file.Folder.Folder },
    });

    /// <summary>The object's content.</summary>
    public byte[] ToBytes() => Encoding.UTF8.GetBytes(_text.ToString());

    private void Add(string action, JsonObject value) => _text.Append(new JsonObject { [action] = value }.ToJsonString()).Append('\n');

    private static JsonObject Values(IReadOnlyDictionary<string, string?> values) => new(values.Select(v => KeyValuePair.Create(v.Key, (JsonNode?)v.Value)));

    private static string Encode(string path) => string.Join('/', path.Split('/').Select(s => Uri.EscapeDataString(s).Replace("%3D", "=", StringComparison.Ordinal)));
}
