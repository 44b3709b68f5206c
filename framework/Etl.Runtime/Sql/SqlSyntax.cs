using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>DuckDB's own parser.</summary>
internal static class SqlSyntax
{
    // A long chain of CASE is as deep as it is long.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 4096 };

    /// <summary>The tree of a SELECT as JSON, without what is empty; null for what is none. Nothing is executed.</summary>
    public static JsonObject? Parse(DuckConnection connection, string sql)
    {
        var text = connection.QueryText($"SELECT json_serialize_sql({SqlText.Literal(sql)}, skip_null := true)::VARCHAR")!;
        var tree = JsonNode.Parse(text, documentOptions: Deep)?["statements"]?[0]?["node"]?.AsObject();
        RemoveEmpty(tree);
        return tree;
    }

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
