using System.Text.Json.Nodes;

namespace Etl.Plugins.Lake;

/// <summary>Whether two states of a table are the same to who reads it or goes on loading it. Members that writers may leave out of a checkpoint do not count.</summary>
internal static class SnapshotDifference
{
    /// <summary>The first thing in which they differ; null for none.</summary>
    public static string? Find(DeltaSnapshot expected, DeltaSnapshot found)
    {
        var (all, seen) = (Faces(expected), Faces(found));
        return all.Where(f => !seen.ContainsKey(f.Key)).Select(f => $"{f.Key} is missing").Order(StringComparer.Ordinal).FirstOrDefault()
            ?? seen.Where(f => !all.ContainsKey(f.Key)).Select(f => $"{f.Key} is not in the log").Order(StringComparer.Ordinal).FirstOrDefault()
            ?? all.Where(f => seen[f.Key] != f.Value).Select(f => $"{f.Key} differs").Order(StringComparer.Ordinal).FirstOrDefault();
    }

    // What was removed is left out: a checkpoint forgets it after a while.
    private static Dictionary<string, string> Faces(DeltaSnapshot table) =>
        table.ToCheckpoint(removedSince: DateTimeOffset.MaxValue).Where(a => a.Kind != "remove").Select(a => Face(a.Kind, a.Action)).ToDictionary(f => f.Name, f => f.Value, StringComparer.Ordinal);

    private static (string Name, string Value) Face(string kind, JsonObject action) => kind switch
    {
        "add" => ($"the file {Uri.UnescapeDataString(action["path"]!.GetValue<string>())}", Text(action["size"]) + Sorted(action["partitionValues"])),
        "txn" => ($"the transaction of {action["appId"]!.GetValue<string>()}", Text(action["version"])),
        "domainMetadata" => ($"the domain {action["domain"]!.GetValue<string>()}", Text(action["configuration"])),
        "metaData" => ("the table's schema", Text(action["schemaString"]) + Text(action["partitionColumns"])),
        _ => ($"the {kind}", action.ToJsonString()),
    };

    private static string Sorted(JsonNode? members) => string.Join(',', members!.AsObject().OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{m.Key}={Text(m.Value)}"));

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "";
}
