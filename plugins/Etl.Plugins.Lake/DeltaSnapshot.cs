using System.Text.Json;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>A table's state at a version: the log's actions applied one after the other. Protocol: https://github.com/delta-io/delta/blob/master/PROTOCOL.md.</summary>
internal sealed class DeltaSnapshot
{
    private readonly Dictionary<string, ActiveFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonObject> _removed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonObject> _transactions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, JsonObject> _domains = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _checkpoints = new(StringComparer.Ordinal);
    private readonly List<(string From, string To)> _moves = [];
    private readonly HashSet<(string App, string Batch)> _batches = [];

    /// <summary>The version; -1 before the first.</summary>
    public long Version { get; private set; } = -1;

    /// <summary>The version of the newest checkpoint of the log that this was made from or of; -1 for none.</summary>
    public long CheckpointedAt { get; set; } = -1;

    /// <summary>The files that make the table.</summary>
    public IReadOnlyCollection<ActiveFile> Files => _files.Values;

    /// <summary>The last <c>remove</c> of each file that was taken out of the table and is not in it again, as far as is remembered.</summary>
    public IReadOnlyCollection<JsonObject> Removed => _removed.Values;

    /// <summary>The table's columns; null before the first version.</summary>
    public Schema? Schema { get; private set; }

    /// <summary>The columns that loads have to keep to; null where none was committed: before the first version, and where a fence is all that made the table. Its mark may outlast that, in a table to
    /// which another program has written since.</summary>
    public Schema? LoadedSchema => _files.Count > 0 || Metadata?["configuration"]?[DeltaCommit.FenceProperty] is null ? Schema : null;

    /// <summary>The last <c>metaData</c> action; null before the first version.</summary>
    public JsonObject? Metadata { get; private set; }

    /// <summary>The last <c>protocol</c> action; null before the first version.</summary>
    public DeltaProtocol? Protocol { get; private set; }

    /// <summary>Partition columns in the log's order.</summary>
    public IReadOnlyList<string> PartitionColumns => [.. Metadata?["partitionColumns"]?.AsArray().Select(c => c!.GetValue<string>()) ?? []];

    /// <summary>Whether the table forbids to remove rows.</summary>
    public bool IsAppendOnly => Metadata?["configuration"]?["delta.appendOnly"]?.GetValue<string>() == "true";

    /// <summary>Whether this version has a file, by its path below the root.</summary>
    public bool Has(string relativePath) => _files.ContainsKey(relativePath);

    /// <summary>Whether this version or one that readers may still be at has a file, by its path below the root.</summary>
    public bool Names(string relativePath) => _files.ContainsKey(relativePath) || _removed.ContainsKey(relativePath);

    /// <summary>The last checkpoint of a pipeline's stage; null when the table has none.</summary>
    public Checkpoint? CheckpointOf(CheckpointKey key) => _checkpoints.TryGetValue(key.ToString(), out var json) ? Checkpoint.Parse(json[^1]) : null;

    /// <summary>The same for a run that takes the table.</summary>
    public Checkpoint? CheckpointOf(LoadRequest request)
    {
        // The log says twice what was committed: as a checkpoint, and as Delta's own txn action, which survives where a tool writes the log anew.
        var app = request.Key.ToString();
        var (epoch, json) = (_transactions.GetValueOrDefault(app)?["version"]!.GetValue<long>() ?? 0, _checkpoints.GetValueOrDefault(app)?[^1] ?? "");
        if (json.Length == 0)
        {
            request.RequireNewest(0, epoch, hasPosition: false);
        }

        return epoch == 0 && json.Length == 0 ? null : Checkpoint.Parse(json, request, epoch);
    }

    /// <summary>The checkpoints of a pipeline's stage that were applied, the oldest first.</summary>
    public IEnumerable<Checkpoint> EpochsOf(CheckpointKey key) => _checkpoints.GetValueOrDefault(key.ToString(), []).Select(json => Kept(json, key));

    /// <summary>The checkpoint of an epoch as history; one without a number is damaged (ETL6001).</summary>
    public static Checkpoint Kept(string json, CheckpointKey key) =>
        JsonNode.Parse(json)?["n"] is JsonValue number && number.TryGetValue<long>(out var n) ? Checkpoint.ParseKept(json, key, n) : Checkpoint.Parse(json);

    /// <summary>The name that a load had when the log's checkpoint was made that this began with. Names are taken again, so each move is undone in its turn.</summary>
    public string NameAtCheckpoint(CheckpointKey key) => Enumerable.Reverse(_moves).Aggregate(key.ToString(), (name, move) => move.To == name ? move.From : name);

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
            foreach (var (kind, action) in Actions(text))
            {
                Apply(kind, action);
            }
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new EtlException("ETL4555", $"version {version} of the table's log cannot be read: {e.Message}", "The log is damaged. Restore the file from a copy; nothing was read or written.", e);
        }

        Version = version;
    }

    /// <summary>Applies the actions of a checkpoint of the log to an empty snapshot. ETL4553 as of a version.</summary>
    public void ApplyCheckpoint(long version, IEnumerable<(string Kind, JsonObject Action)> actions)
    {
        foreach (var (kind, action) in actions)
        {
            Apply(kind, action);
        }

        if (Metadata is null || Protocol is null)
        {
            throw new InvalidDataException($"it has no {(Metadata is null ? "metaData" : "protocol")}");
        }

        Version = CheckpointedAt = version;
    }

    /// <summary>
    /// What a checkpoint of the log holds: this state without its history, and what was removed since <paramref name="removedSince"/>, so that files which older readers
    /// may still be at are not taken for rubbish.
    /// </summary>
    public IEnumerable<(string Kind, JsonObject Action)> ToCheckpoint(DateTimeOffset removedSince)
    {
        yield return ("protocol", Protocol!.ToJson());
        yield return ("metaData", Metadata!);
        foreach (var transaction in _transactions.Values)
        {
            yield return ("txn", transaction);
        }

        foreach (var domain in _domains.Values)
        {
            yield return ("domainMetadata", domain);
        }

        foreach (var file in _files.Values)
        {
            yield return ("add", file.ToAdd(dataChange: false));
        }

        foreach (var removed in _removed.Values.Where(r => (r["deletionTimestamp"]?.GetValue<long>() ?? 0) >= removedSince.ToUnixTimeMilliseconds()))
        {
            var action = removed.DeepClone().AsObject();
            action["dataChange"] = false;
            yield return ("remove", action);
        }
    }

    /// <summary>The actions of a version.</summary>
    public static IEnumerable<(string Kind, JsonObject Action)> Actions(string text)
    {
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var action = JsonNode.Parse(line)!.AsObject().Single();
            yield return (action.Key, action.Value!.AsObject());
        }
    }

    private void Apply(string kind, JsonObject action)
    {
        switch (kind)
        {
            case "add":
                var file = ActiveFile.Parse(action);
                // The same path may be encoded in more than one way.
                _files[Uri.UnescapeDataString(file.LogPath)] = file;
                _removed.Remove(Uri.UnescapeDataString(file.LogPath));
                break;
            case "remove":
                var path = Uri.UnescapeDataString(action["path"]!.GetValue<string>());
                _files.Remove(path);
                _removed[path] = action;
                break;
            case "metaData":
                Metadata = action;
                Schema = DeltaSchema.Parse(action["schemaString"]!.GetValue<string>());
                break;
            case "protocol":
                Protocol = DeltaProtocol.Parse(action);
                break;
            case "txn":
                // Looked at here, where what is damaged is told with its place.
                _ = action["version"]!.GetValue<long>();
                _transactions[action["appId"]!.GetValue<string>()] = action;
                break;
            case "commitInfo":
                Remember(action[DeltaCommit.CheckpointMember]?.GetValue<string>());
                break;
            case "domainMetadata":
                var domain = action["domain"]!.GetValue<string>();
                if (action["removed"]?.GetValue<bool>() == true)
                {
                    _domains.Remove(domain);
                    if (DeltaCommit.MoveOf(action) is var (from, to))
                    {
                        Move(from, to);
                    }

                    break;
                }

                _domains[domain] = action;
                if (domain.StartsWith(DeltaCommit.DomainPrefix, StringComparison.Ordinal))
                {
                    Remember(action["configuration"]!.GetValue<string>());
                }

                break;

            // cdc does not change which rows there are.
        }
    }

    private void Move(string from, string to)
    {
        _moves.Add((from, to));
        _transactions.Remove(from);
        if (_checkpoints.Remove(from, out var epochs))
        {
            _checkpoints[to] = [.. epochs, .. _checkpoints.GetValueOrDefault(to, [])];
        }
    }

    private void Remember(string? json)
    {
        if (json is null)
        {
            return;
        }

        // Not parsed whole: those of other pipelines may be of a newer version, which is no concern of this one.
        var checkpoint = JsonNode.Parse(json)!.AsObject();
        var app = new CheckpointKey(checkpoint["environment"]!.GetValue<string>(), checkpoint["pipeline"]!.GetValue<string>(), checkpoint["stage"]!.GetValue<string>()).ToString();
        if (!_checkpoints.TryGetValue(app, out var epochs))
        {
            _checkpoints.Add(app, epochs = []);
        }

        // A version says it twice: as its history and as the table's state.
        if (epochs.Count == 0 || epochs[^1] != json)
        {
            epochs.Add(json);
            _batches.Add((app, checkpoint["batch_id"]!.GetValue<string>()));
        }
    }
}
