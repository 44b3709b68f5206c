using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Lake;

/// <summary>A file that is part of a table, as the log's <c>add</c> says it.</summary>
/// <param name="LogPath">Its path as the log writes it, encoded.</param>
/// <param name="PartitionValues">By partition column, serialised.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Stats">JSON; null when there is none.</param>
/// <param name="Tags">What its writer noted.</param>
/// <param name="Modified">When it was written, in milliseconds since 1970.</param>
internal sealed record ActiveFile(string LogPath, IReadOnlyDictionary<string, string?> PartitionValues, long Size, string? Stats, IReadOnlyDictionary<string, string?> Tags, long Modified)
{
    private static readonly Dictionary<string, string?> None = [];

    /// <summary>The path below the table's root. ETL4553 for a file that lies elsewhere.</summary>
    public string RelativePath => LogPath.StartsWith('/') || LogPath.Contains("://", StringComparison.Ordinal)
        ? throw new EtlException("ETL4553", $"the table refers to a file outside its folder: {LogPath}", "It is a clone of another table; load into a table of its own.")
        : Uri.UnescapeDataString(LogPath);

    /// <summary>Lower case hex; null for files of other writers.</summary>
    public string? Sha256 => Tags.GetValueOrDefault(DeltaCommit.Sha256Tag);

    /// <summary>The folder in the layout of who wrote it; null for files of other writers.</summary>
    public string? Folder => Tags.GetValueOrDefault(DeltaCommit.FolderTag);

    /// <summary>Reads an <c>add</c>. ETL4553: it has a deletion vector.</summary>
    public static ActiveFile Parse(JsonObject add) => add["deletionVector"] is null
        ? new ActiveFile(
            add["path"]!.GetValue<string>(),
            add["partitionValues"]!.AsObject().ToDictionary(v => v.Key, v => v.Value?.GetValue<string>()),
            add["size"]!.GetValue<long>(),
            add["stats"]?.GetValue<string>(),
            add["tags"] is JsonObject { Count: > 0 } tags ? tags.ToDictionary(t => t.Key, t => t.Value?.GetValue<string>()) : None,
            add["modificationTime"]?.GetValue<long>() ?? 0)
        : throw DeltaProtocol.NotUnderstood("deletion vectors");

    /// <summary>The <c>add</c>.</summary>
    public JsonObject ToAdd(bool dataChange) => new()
    {
        ["path"] = LogPath,
        ["partitionValues"] = Object(PartitionValues),
        ["size"] = Size,
        ["modificationTime"] = Modified,
        ["dataChange"] = dataChange,
        ["stats"] = Stats,
        ["tags"] = Object(Tags),
    };

    /// <summary>The <c>remove</c> that takes it out of the table.</summary>
    public JsonObject ToRemove(long millis, bool dataChange) => new()
    {
        ["path"] = LogPath,
        ["deletionTimestamp"] = millis,
        ["dataChange"] = dataChange,
        ["extendedFileMetadata"] = true,
        ["partitionValues"] = Object(PartitionValues),
        ["size"] = Size,
    };

    private static JsonObject Object(IReadOnlyDictionary<string, string?> values) => new(values.Select(v => KeyValuePair.Create(v.Key, (JsonNode?)v.Value)));
}
