using System.Text.Json;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>A file that is part of a table.</summary>
/// <param name="LogPath">Its path as the log writes it, encoded.</param>
/// <param name="PartitionValues">By partition column, serialised.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Stats">JSON; null when there is none.</param>
/// <param name="Sha256">Lower case hex; null for files of other writers.</param>
/// <param name="Folder">The folder in the layout of who wrote it; null for files of other writers.</param>
internal sealed record ActiveFile(string LogPath, IReadOnlyDictionary<string, string?> PartitionValues, long Size, string? Stats, string? Sha256, string? Folder)
{
    /// <summary>The path below the table's root. ETL4553 for a file that lies elsewhere.</summary>
    public string RelativePath => LogPath.StartsWith('/') || LogPath.Contains("://", StringComparison.Ordinal)
        ? throw new EtlException("ETL4553", $"the table refers to a file outside its folder: {LogPath}", "It is a clone of another table; load into a table of its own.")
        : Uri.UnescapeDataString(LogPath);
}

/// <summary>A table's state at a version: the log's actions applied one after the other. Protocol: https://github.com/delta-io/delta/blob/master/PROTOCOL.md.</summary>
internal sealed class DeltaSnapshot
{
    private static readonly HashSet<string> KnownFeatures = ["appendOnly", "invariants", "timestampNtz"];
    private readonly Dictionary<string, ActiveFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _epochs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _checkpoints = new(StringComparer.Ordinal);
    private readonly HashSet<(string App, string Batch)> _batches = [];

    /// <summary>The version; -1 before the first.</summary>
    public long Version { get; private set; } = -1;

    /// <summary>The files that make the table.</summary>
    public IReadOnlyCollection<ActiveFile> Files => _files.Values;

    /// <summary>The table's columns; null before the first version.</summary>
    public Schema? Schema { get; private set; }

    /// <summary>The last <c>metaData</c> action; null before the first version.</summary>
    public JsonObject? Metadata { get; private set; }

    /// <summary>Whether the table's protocol lists features, timestamps without a time zone among them.</summary>
    public bool AllowsLocalTimestamps { get; private set; }

    /// <summary>Partition columns in the log's order.</summary>
    public IReadOnlyList<string> PartitionColumns => [.. Metadata?["partitionColumns"]?.AsArray().Select(c => c!.GetValue<string>()) ?? []];

    /// <summary>Whether the table forbids to remove rows.</summary>
    public bool IsAppendOnly => Metadata?["configuration"]?["delta.appendOnly"]?.GetValue<string>() == "true";

    /// <summary>The last checkpoint of a pipeline's stage; null when it never committed here.</summary>
    public Checkpoint? CheckpointOf(CheckpointKey key) => _checkpoints.TryGetValue(key.ToString(), out var json) ? Checkpoint.Parse(json[^1]) : null;

    /// <summary>The checkpoints of a pipeline's stage, the oldest first.</summary>
    public IEnumerable<Checkpoint> EpochsOf(CheckpointKey key) => _checkpoints.GetValueOrDefault(key.ToString(), []).Select(Checkpoint.Parse);

    /// <summary>The same for a run that takes the table.</summary>
    public Checkpoint? CheckpointOf(LoadRequest request)
    {
        // The log says twice what was committed: as a checkpoint, and as Delta's own txn action, which survives where a tool writes the log anew.
        var app = request.Key.ToString();
        var (epoch, json) = (_epochs.GetValueOrDefault(app), _checkpoints.GetValueOrDefault(app)?[^1] ?? "");
        if (json.Length == 0)
        {
            request.RequireNewest(0, epoch, hasPosition: false);
        }

        return epoch == 0 && json.Length == 0 ? null : Checkpoint.Parse(json, request, epoch);
    }

    /// <summary>Another pipeline's stage that committed here; null when there is none.</summary>
    public string? OtherWriter(CheckpointKey key) => _checkpoints.Keys.FirstOrDefault(app => app != key.ToString());

    /// <summary>Whether a batch of a pipeline's stage is committed.</summary>
    public bool HasBatch(CheckpointKey key, string batchId) => _batches.Contains((key.ToString(), batchId));

    /// <summary>Whether a run committed here, by the beginning of its batches' ids.</summary>
    public bool HasRun(string runId) => _batches.Any(b => b.Batch.StartsWith($"{runId}-", StringComparison.Ordinal));

    /// <summary>Applies the next version. ETL4553: it holds what this version does not understand; ETL4555: it cannot be read.</summary>
    public void Apply(long version, string text)
    {
        try
        {
            foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                var action = JsonNode.Parse(line)!.AsObject().Single();
                Apply(action.Key, action.Value!.AsObject());
            }
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new EtlException("ETL4555", $"version {version} of the table's log cannot be read: {e.Message}", "The log is damaged. Restore the file from a copy; nothing was read or written.", e);
        }

        Version = version;
    }

    private void Apply(string kind, JsonObject action)
    {
        switch (kind)
        {
            case "add":
                if (action["deletionVector"] is not null)
                {
                    throw NotUnderstood("deletion vectors");
                }

                var path = action["path"]!.GetValue<string>();
                var tags = action["tags"] as JsonObject;
                // The same path may be encoded in more than one way.
                _files[Uri.UnescapeDataString(path)] = new ActiveFile(
                    path,
                    action["partitionValues"]!.AsObject().ToDictionary(v => v.Key, v => v.Value?.GetValue<string>()),
                    action["size"]!.GetValue<long>(),
                    action["stats"]?.GetValue<string>(),
                    tags?[DeltaCommit.Sha256Tag]?.GetValue<string>(),
                    tags?[DeltaCommit.FolderTag]?.GetValue<string>());
                break;
            case "remove":
                _files.Remove(Uri.UnescapeDataString(action["path"]!.GetValue<string>()));
                break;
            case "metaData":
                Metadata = action;
                Schema = DeltaSchema.Parse(action["schemaString"]!.GetValue<string>());
                break;
            case "protocol":
                CheckProtocol(action);
                break;
            case "txn":
                _epochs[action["appId"]!.GetValue<string>()] = action["version"]!.GetValue<long>();
                break;
            case "commitInfo":
                if (action[DeltaCommit.CheckpointMember]?.GetValue<string>() is { } json)
                {
                    // Not parsed whole: those of other pipelines may be of a newer version, which is no concern of this one.
                    var checkpoint = JsonNode.Parse(json)!.AsObject();
                    var app = new CheckpointKey(checkpoint["environment"]!.GetValue<string>(), checkpoint["pipeline"]!.GetValue<string>(), checkpoint["stage"]!.GetValue<string>()).ToString();
                    if (!_checkpoints.TryGetValue(app, out var epochs))
                    {
                        _checkpoints.Add(app, epochs = []);
                    }

                    epochs.Add(json);
                    _batches.Add((app, checkpoint["batch_id"]!.GetValue<string>()));
                }

                break;

            // cdc and domain metadata do not change which rows there are.
        }
    }

    private void CheckProtocol(JsonObject protocol)
    {
        var reader = protocol["minReaderVersion"]!.GetValue<int>();
        var writer = protocol["minWriterVersion"]!.GetValue<int>();
        var features = Features(protocol, "readerFeatures").Concat(Features(protocol, "writerFeatures")).ToHashSet();
        var unknown = features.Except(KnownFeatures).ToList();
        if (unknown.Count > 0)
        {
            throw NotUnderstood(string.Join(", ", unknown));
        }

        if (reader is not (1 or 3) || writer is not (1 or 2 or 7))
        {
            throw NotUnderstood($"reader version {reader} and writer version {writer}");
        }

        AllowsLocalTimestamps = features.Contains("timestampNtz");
    }

    private static IEnumerable<string> Features(JsonObject protocol, string member) => protocol[member]?.AsArray().Select(f => f!.GetValue<string>()) ?? [];

    private static EtlException NotUnderstood(string what) => new(
        "ETL4553", $"the Delta table uses {what}, which this version does not understand", "Nothing was read or written. Load into another table, or take the feature off this one.");
}
