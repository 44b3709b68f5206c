using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>DuckDB's own parser and binder, as JSON. Nothing is executed.</summary>
internal static class SqlSyntax
{
    // A long chain of CASE is as deep as it is long.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 4096 };

    /// <summary>The tree of a SELECT, without what is empty; null for what is none.</summary>
    public static JsonObject? Parse(DuckConnection connection, string sql)
    {
        var tree = Serialized(connection, $"json_serialize_sql({SqlText.Literal(sql)}, skip_null := true)")?["statements"]?[0]?["node"]?.AsObject();
        RemoveEmpty(tree);
        return tree;
    }

    /// <summary>The plan of a SELECT as it was bound, without what is empty, and before anything was optimised away.</summary>
    public static JsonNode? Plan(DuckConnection connection, string sql) =>
        Serialized(connection, $"json_serialize_plan({SqlText.Literal(sql)}, skip_null := true, skip_empty := true, optimize := false)");

    private static JsonNode? Serialized(DuckConnection connection, string call) => JsonNode.Parse(connection.QueryText($"SELECT {call}::VARCHAR")!, documentOptions: Deep);

    // As skip_empty does, but for the sets of a GROUP BY, where the empty one is the total.
    private static void RemoveEmpty(JsonNode? node)
    {
        foreach (var item in node as JsonArray ?? [])
        {
            RemoveEmpty(item);
        }

        foreach (var (name, value) in (node as JsonObject ?? []).Where(p => p.Key != "group_sets").ToList())
        {
            RemoveEmpty(value);
            if (value is JsonObject { Count: 0 } or JsonArray { Count: 0 } || (value is JsonValue text && text.TryGetValue<string>(out var s) && s.Length == 0))
            {
                node!.AsObject().Remove(name);
            }
        }
    }
}
