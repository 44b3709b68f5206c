using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Execution;

/// <summary>A checkpoint's positions for people.</summary>
public static class CheckpointText
{
    /// <summary><c>orders: 2026-10-28T11:10:22Z, 99983</c>: by extract stage, the position's values, without the types that they are kept with and what is not for people.</summary>
    public static string Describe(Checkpoint checkpoint, HiddenColumns hidden) => checkpoint.Sources.Count == 0
        ? "nothing"
        : string.Join("; ", checkpoint.Sources.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{s.Key}: {(s.Value.Position.Count == 0 ? "all" : hidden.HidesPosition(s.Key) ? Redactor.Mask : string.Join(", ", Values(s.Value.Position)))}"));

    private static IEnumerable<string> Values(JsonNode? node) => node switch
    {
        JsonObject o => o.Where(p => p.Key != "type" && !p.Key.StartsWith('_')).SelectMany(p => Values(p.Value)),
        JsonArray a => a.SelectMany(Values),
        null => ["none"],
        _ => [node.ToString()],
    };
}
