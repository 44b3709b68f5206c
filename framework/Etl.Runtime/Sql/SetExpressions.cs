using System.Text.Json.Nodes;

namespace Etl.Runtime.Sql;

/// <summary>What the expressions of a SELECT look at beside their own row.</summary>
internal sealed class SetExpressions(WholeInputs queries)
{
    /// <summary>What the groups of a SELECT are told apart by: nothing where it makes one row of all, or several groupings; null where it groups nothing.</summary>
    public static IReadOnlyList<JsonObject>? GroupsOf(JsonObject select)
    {
        var items = In(select["select_list"]).ToList();
        if (select["group_expressions"] is JsonArray groups)
        {
            return select["group_sets"] is JsonArray { Count: 1 } ? [.. In(groups).Select(g => Numbered(g, items) ?? g)] : [];
        }

        var aggregates = items.Append(select["having"] as JsonObject).OfType<JsonObject>().Where(IsAggregate).ToList();
        return (string?)select["aggregate_handling"] == "FORCE_AGGREGATES" ? [.. items.Except(aggregates)]
            : aggregates.Count > 0 || select["having"] is not null || select["group_sets"] is JsonArray { Count: > 0 } ? []
            : null;
    }

    /// <summary>The window functions of a SELECT, without those of queries within it.</summary>
    public static IEnumerable<JsonObject> WindowsOf(JsonObject select) => Expressions(select).SelectMany(Nodes).Where(e => Class(e) == "WINDOW");

    public static IEnumerable<JsonObject> PartitionsOf(JsonObject window) => In(window["partitions"]);

    /// <summary>The window of <c>QUALIFY row_number() OVER (PARTITION BY ...) = 1</c>, which keeps one row of each partition.</summary>
    public static JsonObject? KeptByNumber(JsonObject select) =>
        select["qualify"] is JsonObject { } q && (string)q["type"]! == "COMPARE_EQUAL" && q["left"] is JsonObject window && (string)window["type"]! == "WINDOW_ROW_NUMBER" && IsOne(q["right"]) ? window : null;

    /// <summary>The same in other words, <c>FROM (SELECT ..., row_number() OVER (PARTITION BY ...) AS n ...) WHERE n = 1</c>, or by a common table expression: what stands below, and the window in it.</summary>
    public static (JsonObject Select, JsonObject Window)? NumberedBelow(JsonObject select)
    {
        var table = select["from_table"]!.AsObject();
        var below = (string)table["type"]! switch
        {
            "SUBQUERY" => table["subquery"]!["node"] as JsonObject,
            "BASE_TABLE" => (select["cte_map"]?["map"]?.AsArray() ?? []).Where(c => QueryPromises.Same((string)c!["key"]!, (string)table["table_name"]!)).Select(c => c!["value"]!["query"]?["node"] as JsonObject).FirstOrDefault(),
            _ => null,
        };
        if (below is null || (string)below["type"]! != "SELECT_NODE")
        {
            return null;
        }

        var ones = Conjuncts(select["where_clause"] as JsonObject).Where(c => (string)c["type"]! == "COMPARE_EQUAL" && IsOne(c["right"]) && Class(c["left"]!.AsObject()) == "COLUMN_REF")
            .Select(c => (string)c["left"]!["column_names"]!.AsArray()[^1]!).ToList();
        var window = In(below["select_list"]).FirstOrDefault(i => (string)i["type"]! == "WINDOW_ROW_NUMBER" && ones.Exists(n => QueryPromises.Same((string?)i["alias"], n)));
        return window is null ? null : (below, window);
    }

    /// <summary>The names that columns have in what a SELECT gives; null where one is not there, or is no column.</summary>
    public static IReadOnlyList<string>? NamesOf(JsonObject select, IReadOnlyList<JsonObject> columns)
    {
        var items = In(select["select_list"]).ToList();
        var names = columns.Select(c => NameOf(Numbered(c, items) ?? c, items)).ToList();
        return names.Contains(null) ? null : [.. names.Select(n => n!)];
    }

    /// <summary>
    /// With what the queries read that stand in the expressions of a SELECT or a join: <c>WHERE x IN (...)</c> and <c>WHERE EXISTS (...)</c> are joins that give a row once, and any other asks whether a row is there.
    /// </summary>
    public Reads Subqueries(JsonObject node, Reads reads)
    {
        var joined = Conjuncts(node["where_clause"] as JsonObject).Where(c => (string?)c["subquery_type"] == "EXISTS" || (string?)c["comparison_type"] == "COMPARE_EQUAL").ToHashSet();
        foreach (var subquery in Expressions(node).SelectMany(Nodes).Where(e => Class(e) == "SUBQUERY"))
        {
            var inner = queries.Query(subquery["subquery"]!["node"]!.AsObject());
            reads = reads.With(inner.Raised(joined.Contains(subquery) ? InputUse.Distinct : InputUse.Lookup));
        }

        return reads;
    }

    /// <summary>The expressions in a list.</summary>
    public static IEnumerable<JsonObject> In(JsonNode? list) => (list as JsonArray)?.OfType<JsonObject>() ?? [];

    // All that stands in it and in no table or query of its own.
    private static IEnumerable<JsonObject> Expressions(JsonObject node) => Inner(node, ["from_table", "left", "right", "cte_map"]);

    private static IEnumerable<JsonObject> Inner(JsonNode? node, string[]? but = null) => node switch
    {
        JsonObject o => o.Where(p => but?.Contains(p.Key) != true).SelectMany(p => p.Value is JsonObject e && Class(e) is not null ? [e] : Inner(p.Value)),
        JsonArray a => a.SelectMany(i => i is JsonObject e && Class(e) is not null ? [e] : Inner(i)),
        _ => [],
    };

    private static IEnumerable<JsonObject> Nodes(JsonObject expression) => Inner(expression, ["subquery"]).SelectMany(Nodes).Prepend(expression);

    private static bool IsAggregate(JsonObject node) =>
        (Class(node) == "FUNCTION" && SqlFunctions.IsAggregate((string)node["function_name"]!)) || (Class(node) is not ("SUBQUERY" or "WINDOW") && Inner(node).Any(IsAggregate));

    private static JsonObject? Numbered(JsonObject node, List<JsonObject> items) =>
        Class(node) == "CONSTANT" && node["value"]?["value"] is JsonValue value && value.TryGetValue<int>(out var at) && at >= 1 && at <= items.Count ? items[at - 1] : null;

    private static string? NameOf(JsonObject column, List<JsonObject> items)
    {
        if (Class(column) != "COLUMN_REF")
        {
            return (string?)column["alias"];
        }

        var name = (string)column["column_names"]!.AsArray()[^1]!;
        var found = items.Find(i => Class(i) == "COLUMN_REF" && QueryPromises.Same((string)i["column_names"]!.AsArray()[^1]!, name));
        return found is not null ? (string?)found["alias"] ?? name
            : items.Exists(i => Class(i) == "STAR" || QueryPromises.Same((string?)i["alias"], name)) ? name
            : null;
    }

    private static IEnumerable<JsonObject> Conjuncts(JsonObject? condition) =>
        condition is null ? [] : (string)condition["type"]! == "CONJUNCTION_AND" ? In(condition["children"]).SelectMany(Conjuncts) : [condition];

    private static bool IsOne(JsonNode? node) => node is JsonObject constant && constant["value"]?["value"] is JsonValue value && value.TryGetValue<int>(out var number) && number == 1;

    private static string? Class(JsonObject node) => node["class"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
