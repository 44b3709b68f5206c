using System.Globalization;
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

    /// <summary>What the names of domains begin with that hold checkpoints; the load's key follows.</summary>
    public const string DomainPrefix = "etl.checkpoint/";

    /// <summary>Property of a table (<c>metaData.configuration</c>) that a fence made and no load has committed to.</summary>
    public const string FenceProperty = "etl.fence";

    private const string MovedToMember = "movedTo";

    /// <summary>Tag of <c>add</c> with the file's SHA-256.</summary>
    public const string Sha256Tag = "sha256";

    /// <summary>Tag of <c>add</c> with the folder that the layout gave the file.</summary>
    public const string FolderTag = "etl.folder";

    private readonly StringBuilder _text = new();

    private static string Engine => $"Etl.Framework/{typeof(DeltaCommit).Assembly.GetName().Version?.ToString(3)}";

    private long Millis => now.ToUnixTimeMilliseconds();

    /// <summary>What was done, and the checkpoint.</summary>
    public void Describe(string operation, LoadMode mode, bool blindAppend, Checkpoint checkpoint) => Add("commitInfo", new JsonObject
    {
        ["timestamp"] = Millis,
        ["operation"] = operation,
        ["operationParameters"] = new JsonObject { ["mode"] = mode.ToString() },
        ["isBlindAppend"] = blindAppend,
        ["engineInfo"] = Engine,
        [CheckpointMember] = checkpoint.ToJson(),
    });

    /// <summary>Nothing was done: a commit of which no answer came can have this version no more.</summary>
    public void DescribeFence(Checkpoint lost) => Add("commitInfo", new JsonObject
    {
        ["timestamp"] = Millis,
        ["operation"] = "FENCE",
        ["operationParameters"] = new JsonObject { ["batch"] = lost.BatchId },
        ["engineInfo"] = Engine,
    });

    /// <summary>Files were put together. No load did it, so there is no checkpoint here; the newest stays the table's state.</summary>
    public void DescribeCompaction(IReadOnlyCollection<ActiveFile> removed, IReadOnlyCollection<DataFile> added, long targetSize) => Add("commitInfo", new JsonObject
    {
        ["timestamp"] = Millis,
        ["operation"] = "OPTIMIZE",
        ["operationParameters"] = new JsonObject { ["predicate"] = "[]", ["zOrderBy"] = "[]", ["targetSize"] = Text(targetSize) },
        ["isBlindAppend"] = false,
        ["operationMetrics"] = new JsonObject
        {
            ["numRemovedFiles"] = Text(removed.Count), ["numRemovedBytes"] = Text(removed.Sum(f => f.Size)), ["numAddedFiles"] = Text(added.Count), ["numAddedBytes"] = Text(added.Sum(f => f.Size)),
        },
        ["engineInfo"] = Engine,
    });

    /// <summary>How far the pipeline's stage has come, for every reader of the protocol.</summary>
    public void Transaction(Checkpoint checkpoint) => Add("txn", new JsonObject
    {
        ["appId"] = checkpoint.Key.ToString(), ["version"] = checkpoint.N, ["lastUpdated"] = Millis,
    });

    /// <summary>
    /// The checkpoint, where every later state of the table keeps it: readers do not look at it, writers must carry it on, and it stays when old
    /// entries of the log are cleaned up. <c>commitInfo</c> holds it as well, as history.
    /// </summary>
    public void State(Checkpoint checkpoint) => Add("domainMetadata", new JsonObject
    {
        ["domain"] = DomainPrefix + checkpoint.Key, ["configuration"] = checkpoint.ToJson(), ["removed"] = false,
    });

    /// <summary>The load goes on under another name: under this one the table keeps nothing, and its history is the other's.</summary>
    public void Moved(CheckpointKey from, CheckpointKey to) => Add("domainMetadata", new JsonObject
    {
        ["domain"] = DomainPrefix + from, ["configuration"] = new JsonObject { [MovedToMember] = to.ToString() }.ToJsonString(), ["removed"] = true,
    });

    /// <summary>Where a load went on whose domain this action removes: both names; null for another action.</summary>
    public static (string From, string To)? MoveOf(JsonObject domainMetadata) =>
        domainMetadata["domain"]!.GetValue<string>() is var domain && domain.StartsWith(DomainPrefix, StringComparison.Ordinal) && domainMetadata["removed"]?.GetValue<bool>() == true
        && JsonNode.Parse(domainMetadata["configuration"]!.GetValue<string>()) is JsonObject configuration && configuration[MovedToMember] is { } to
            ? (domain[DomainPrefix.Length..], to.GetValue<string>())
            : null;

    /// <summary>What a reader and a writer must know.</summary>
    public void Protocol(DeltaProtocol protocol) => Add("protocol", protocol.ToJson());

    /// <summary>The table's columns; what <paramref name="before"/> says and this load does not change is kept.</summary>
    public void Metadata(JsonObject? before, Schema schema, IReadOnlyList<string> partitionColumns, bool isFence)
    {
        var metadata = before?.DeepClone().AsObject() ?? new JsonObject
        {
            ["id"] = Guid.NewGuid().ToString(),
            ["format"] = new JsonObject { ["provider"] = "parquet", ["options"] = new JsonObject() },
            ["configuration"] = new JsonObject(),
            ["createdTime"] = Millis,
        };
        if (isFence)
        {
            metadata["configuration"]![FenceProperty] = "true";
        }
        else
        {
            (metadata["configuration"] as JsonObject)?.Remove(FenceProperty);
        }

        metadata["schemaString"] = DeltaSchema.ToJson(schema);
        metadata["partitionColumns"] = new JsonArray([.. partitionColumns.Select(c => (JsonNode)c)]);
        Add("metaData", metadata);
    }

    /// <summary>A file goes; where its rows are in another one, data does not change.</summary>
    public void Remove(ActiveFile file, bool dataChange = true) => Add("remove", file.ToRemove(Millis, dataChange));

    /// <summary>A file comes; where its rows were in others, data does not change.</summary>
    public void Add(DataFile file, bool dataChange = true) =>
        Add("add", new ActiveFile(Encode(file.RelativePath), file.Folder.Values, file.Size, file.Stats, file.Tags, Millis).ToAdd(dataChange));

    /// <summary>The object's content.</summary>
    public byte[] ToBytes() => Encoding.UTF8.GetBytes(_text.ToString());

    private void Add(string action, JsonObject value) => _text.Append(new JsonObject { [action] = value }.ToJsonString()).Append('\n');

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Encode(string path) => string.Join('/', path.Split('/').Select(s => Uri.EscapeDataString(s).Replace("%3D", "=", StringComparison.Ordinal)));
}
