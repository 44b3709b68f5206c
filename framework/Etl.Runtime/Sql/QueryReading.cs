using System.Text.Json.Nodes;

namespace Etl.Runtime.Sql;

/// <summary>Reads promises off DuckDB's syntax tree, query by query; null for what is not understood.</summary>
internal sealed class QueryReading(Dictionary<string, QueryPromises> tables)
{
    private Dictionary<string, QueryPromises> _tables = tables;

    public QueryPromises? Query(JsonObject node)
    {
        var outside = _tables;
        _tables = new(outside, StringComparer.OrdinalIgnoreCase);
        foreach (var cte in node["cte_map"]?["map"]?.AsArray() ?? [])
        {
            var query = cte!["value"]!;
            var promises = query["aliases"] is null && query["query"]?["node"] is JsonObject inner ? Query(inner) : null;
            _tables[(string)cte["key"]!] = promises ?? QueryPromises.None;
        }

        var read = (string)node["type"]! switch
        {
            "SELECT_NODE" => Select(node),
            "SET_OPERATION_NODE" => SetOperation(node),
            _ => null,
        };
        _tables = outside;
        return read;
    }

    private QueryPromises? Select(JsonObject node)
    {
        if (From(node["from_table"]!.AsObject()) is not { } from)
        {
            return null;
        }

        var scope = node["where_clause"] is JsonObject where ? from.Where(where) : from;
        var items = node["select_list"]!.AsArray().Select(i => i!.AsObject()).ToList();
        var output = new List<Item>();
        foreach (var item in items)
        {
            if ((string)item["class"]! != "STAR")
            {
                output.Add(new Item(NameOf(item), scope.Find(item), scope.IsRequired(item)));
            }
            else if (Star(item, scope) is { } columns)
            {
                output.AddRange(columns);
            }
            else
            {
                return null;
            }
        }

        // A group of nothing is a total, whose columns are NULL.
        var groups = node["group_expressions"]?.AsArray().Select(g => g!.AsObject()).ToList() ?? [];
        var isOneGrouping = groups.Count == 0 || (node["group_sets"] is JsonArray { Count: 1 } sets && sets[0]!.AsArray().Count == groups.Count);
        if (!isOneGrouping)
        {
            return null;
        }

        var keys = groups.Count > 0 ? Grouped(groups, output, scope)
            : (string?)node["aggregate_handling"] == "FORCE_AGGREGATES" || items.Exists(IsUnnest) ? []
            : scope.Keys.Select(k => PositionsOf(k, output)).OfType<IReadOnlySet<int>>();
        var distinct = (node["modifiers"]?.AsArray() ?? []).Any(m => (string)m!["type"]! == "DISTINCT_MODIFIER" && m["distinct_on_targets"] is null);
        return new QueryPromises(
            [.. output.Select(o => new PromisedColumn(o.Name, o.Required))],
            Least([.. distinct ? keys.Append(Enumerable.Range(0, output.Count).ToHashSet()) : keys]));
    }

    // Without those that hold a whole other one.
    private static List<IReadOnlySet<int>> Least(List<IReadOnlySet<int>> keys) => [.. keys.Where((k, at) => !keys.Where((o, i) => i != at && o.IsSubsetOf(k) && (i < at || !k.IsSubsetOf(o))).Any())];

    // A column of the output: the column of FROM that it is, or null for any other expression.
    private sealed record Item(string? Name, ScopedColumn? Source, bool Required);

    private static HashSet<int>? PositionsOf(IReadOnlySet<ScopedColumn> key, List<Item> output)
    {
        var positions = key.Select(c => output.FindIndex(o => o.Source == c)).ToHashSet();
        return positions.Contains(-1) ? null : positions;
    }

    private static IEnumerable<IReadOnlySet<int>> Grouped(List<JsonObject> groups, List<Item> output, QueryScope scope)
    {
        var positions = groups.Select(group =>
            (string)group["class"]! == "CONSTANT" ? (int?)group["value"]?["value"] - 1 ?? -1
            : scope.Find(group) is { } column ? output.FindIndex(o => o.Source == column)
            : group["column_names"] is JsonArray { Count: 1 } alias ? output.FindIndex(o => QueryPromises.Same(o.Name, (string)alias[0]!))
            : -1).ToHashSet();
        return positions.All(p => p >= 0 && p < output.Count) ? [positions] : [];
    }

    private static IEnumerable<Item>? Star(JsonObject star, QueryScope scope)
    {
        if ((bool?)star["columns"] == true || star["expr"] is not null || star["rename_list"] is not null || star["qualified_exclude_list"] is not null)
        {
            return null;
        }

        var excluded = star["exclude_list"]?.AsArray().Select(n => (string)n!).ToHashSet(StringComparer.OrdinalIgnoreCase) ?? [];
        var replaced = star["replace_list"]?.AsArray().ToDictionary(r => (string)r!["key"]!, r => r!["value"]!.AsObject(), StringComparer.OrdinalIgnoreCase) ?? [];
        return scope.Star((string?)star["relation_name"])
            .Where(c => c.Name is null || !excluded.Contains(c.Name))
            .Select(c => c.Name is not null && replaced.TryGetValue(c.Name, out var value)
                ? new Item(c.Name, scope.Find(value), scope.IsRequired(value))
                : new Item(c.Name, c, c.Required));
    }

    private QueryPromises? SetOperation(JsonObject node)
    {
        var kind = (string)node["setop_type"]!;
        if (kind is not ("UNION" or "EXCEPT" or "INTERSECT") || Query(node["left"]!.AsObject()) is not { } left || Query(node["right"]!.AsObject()) is not { } right
            || left.Columns.Count != right.Columns.Count)
        {
            return null;
        }

        var isAll = (string?)node["setop_all"]?.ToJsonString() == "true";
        var columns = kind == "UNION" ? left.Columns.Zip(right.Columns, (l, r) => l with { Required = l.Required && r.Required }) : left.Columns;
        IEnumerable<IReadOnlySet<int>> keys = kind == "UNION" ? [] : left.Keys;
        return new QueryPromises([.. columns], Least([.. isAll ? keys : keys.Append(Enumerable.Range(0, left.Columns.Count).ToHashSet())]));
    }

    private QueryScope? From(JsonObject table)
    {
        switch ((string)table["type"]!)
        {
            case "EMPTY":
                return new QueryScope([], []);
            case "BASE_TABLE" when table["schema_name"] is null && _tables.GetValueOrDefault((string)table["table_name"]!) is { Columns.Count: > 0 } known:
                return Offer(table, (string)table["table_name"]!, known);
            case "SUBQUERY" when Query(table["subquery"]!["node"]!.AsObject()) is { } inner:
                return Offer(table, "", inner);
            case "JOIN" when From(table["left"]!.AsObject()) is { } left && From(table["right"]!.AsObject()) is { } right:
                return left.Join(right, table);
            default:
                return null;
        }
    }

    private static QueryScope? Offer(JsonObject table, string name, QueryPromises promises)
    {
        if (table["column_name_alias"] is not null || table["sample"] is not null)
        {
            return null;
        }

        var alias = (string?)table["alias"] ?? name;
        var columns = promises.Columns.Select(c => new ScopedColumn(alias, c.Name, c.Required)).ToList();
        return new QueryScope(columns, [.. promises.Keys.Select(k => k.Select(i => columns[i]).ToHashSet())]);
    }

    private static bool IsUnnest(JsonObject node) =>
        (string?)node["function_name"] is { } name && name.Equals("unnest", StringComparison.OrdinalIgnoreCase)
        || node.Any(p => p.Value is JsonObject inner && IsUnnest(inner) || p.Value is JsonArray list && list.OfType<JsonObject>().Any(IsUnnest));

    private static string? NameOf(JsonObject item) => (string?)item["alias"]
        ?? ((string)item["class"]! == "COLUMN_REF" ? (string)item["column_names"]!.AsArray()[^1]! : null);
}
