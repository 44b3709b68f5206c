using System.Text.Json.Nodes;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>
/// Follows queries of DuckDB's syntax tree, from the tables that they read to the columns that they give. A common table expression that is a
/// stage has the stage's name.
/// </summary>
internal sealed class LineageQueries
{
    private readonly LineageExpressions _expressions;
    private readonly LineageTables _tables;
    private readonly IReadOnlyDictionary<string, IReadOnlyList<string>> _stages;
    private readonly Dictionary<string, Relation> _followed = new(StringComparer.Ordinal);

    /// <summary>
    /// Over tables by name; <paramref name="stages"/> are the names of common table expressions whose columns are known, and
    /// <paramref name="parameters"/> what tells two values of a parameter from each other.
    /// </summary>
    public LineageQueries(
        IReadOnlyDictionary<string, Relation> tables, IReadOnlyDictionary<string, IReadOnlyList<string>> stages, IReadOnlyDictionary<string, string> parameters)
    {
        _expressions = new LineageExpressions(this, parameters);
        _tables = new LineageTables(this, _expressions, tables);
        _stages = stages;
    }

    /// <summary>The stages that were followed so far, by their names.</summary>
    public IReadOnlyDictionary<string, Relation> Followed => _followed;

    /// <summary>A query's columns and rows. Throws <see cref="OpaqueSqlException"/> for what is not followed.</summary>
    public Relation Of(JsonObject node, LineageScope? outer, string? stage)
    {
        using var names = _tables.Remember();
        foreach (var cte in node["cte_map"]?["map"]?.AsArray() ?? [])
        {
            var name = (string)cte!["key"]!;
            var query = cte["value"]!["query"]!["node"]!.AsObject();
            var isStage = outer is null && stage is null;
            var relation = isStage ? _followed[name] = Stage(name, query) : Of(query, outer, stage);
            _tables.Add(name, cte["value"]!["aliases"] is JsonArray aliases ? relation.Named([.. aliases.Select(a => (string)a!)]) : relation);
        }

        return (string)node["type"]! switch
        {
            "SELECT_NODE" => Select(node, outer, stage),
            "SET_OPERATION_NODE" => SetOperation(node, outer, stage),
            var other => throw new OpaqueSqlException(other),
        };
    }

    // What happens in a stage is told of the stage, also where it cannot be followed: then each column is made of all that the stage can read.
    private Relation Stage(string name, JsonObject query)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var stage = slash < 0 ? name : name[..slash];
        var columns = _stages.GetValueOrDefault(name);
        try
        {
            var relation = Of(query, null, stage);
            // Columns that DuckDB named, such as count_star(), have the names that the stage's rows have.
            return columns is null ? relation
                : columns.Count <= relation.Columns.Count && columns.Zip(relation.Columns, (known, c) => c.Name is null || string.Equals(known, c.Name, StringComparison.OrdinalIgnoreCase)).All(same => same) ? relation.Named(columns)
                : throw new OpaqueSqlException("columns that were not found");
        }
        catch (OpaqueSqlException) when (columns is not null)
        {
            return _tables.Opaque(columns, query, stage);
        }
    }

    private Relation Select(JsonObject node, LineageScope? outer, string? stage)
    {
        var (from, rows) = _tables.From(node["from_table"]!.AsObject(), outer, stage);
        var scope = new LineageScope(from, outer);
        var items = node["select_list"]!.AsArray().Select(i => i!.AsObject()).ToList();
        foreach (var item in items.Where(i => i["alias"] is not null))
        {
            scope.Aliases.TryAdd((string)item["alias"]!, item);
        }

        var columns = new List<(string? Name, Flow Flow)>();
        foreach (var item in items)
        {
            columns.AddRange((string)item["class"]! == "STAR" ? Star(item, scope, stage) : [(NameOf(item), _expressions.Of(item, scope, stage))]);
        }

        var decides = new List<Flow>();
        Decide("where_clause", Influence.Filter);
        Decide("having", Influence.Filter);
        Decide("qualify", Influence.Filter);
        var groups = LineageExpressions.Children(node["group_expressions"]).Select(g => Numbered(g, columns) ?? _expressions.Of(g, scope, stage)).ToList();
        if ((string?)node["aggregate_handling"] == "FORCE_AGGREGATES")
        {
            groups.AddRange(items.Where(i => (string)i["class"]! != "STAR" && !LineageExpressions.IsAggregate(i)).Select(i => _expressions.Of(i, scope, stage)));
            groups.AddRange(items.Where(i => (string)i["class"]! == "STAR").SelectMany(i => Star(i, scope, stage)).Select(c => c.Flow));
        }

        decides.AddRange(groups.Select(g => g.As(Influence.GroupBy)));
        foreach (var modifier in node["modifiers"]?.AsArray() ?? [])
        {
            decides.AddRange(Modifier(modifier!.AsObject(), columns, scope, stage));
        }

        decides.AddRange(items.Where(LineageExpressions.IsUnnest).Select(i => _expressions.Of(i, scope, stage).As(Influence.Join)));
        // One row for all.
        if (groups.Count == 0 && items.Exists(LineageExpressions.IsAggregate))
        {
            decides.Add(Flow.Constant("one row"));
        }

        return new Relation(columns, decides.Count == 0 ? rows : Flow.Of([rows, .. decides], "rows").By(stage));

        void Decide(string clause, Influence influence)
        {
            if (node[clause] is JsonObject condition)
            {
                decides.Add(_expressions.Of(condition, scope, stage).As(influence));
            }
        }
    }

    private IEnumerable<Flow> Modifier(JsonObject modifier, List<(string? Name, Flow Flow)> columns, LineageScope scope, string? stage)
    {
        switch ((string)modifier["type"]!)
        {
            case "DISTINCT_MODIFIER":
                var targets = LineageExpressions.Children(modifier["distinct_on_targets"]).ToList();
                return targets.Count == 0
                    ? columns.Select(c => c.Flow.As(Influence.GroupBy))
                    : targets.Select(t => (Numbered(t, columns) ?? _expressions.Of(t, scope, stage)).As(Influence.GroupBy));
            case "ORDER_MODIFIER":
                return LineageExpressions.Children(modifier).Select(e => (Numbered(e, columns) ?? _expressions.Of(e, scope, stage)).As(Influence.Sort));
            default:
                // LIMIT and OFFSET: what is within reach is decided by the order.
                return LineageExpressions.Children(modifier).Select(e => _expressions.Of(e, scope, stage).As(Influence.Filter));
        }
    }

    // GROUP BY 1, ORDER BY 2.
    private static Flow? Numbered(JsonObject node, List<(string? Name, Flow Flow)> columns) =>
        (string)node["class"]! == "CONSTANT" && node["value"]?["value"] is JsonValue value && value.TryGetValue<int>(out var at) && at >= 1 && at <= columns.Count ? columns[at - 1].Flow : null;

    private IEnumerable<(string? Name, Flow Flow)> Star(JsonObject star, LineageScope scope, string? stage)
    {
        if (star["columns"] is JsonValue isColumns && isColumns.GetValue<bool>() || star["expr"] is not null || star["rename_list"] is not null || star["qualified_exclude_list"] is not null)
        {
            throw new OpaqueSqlException("COLUMNS(...)");
        }

        var table = (string?)star["relation_name"];
        var excluded = star["exclude_list"]?.AsArray().Select(n => (string)n!).ToHashSet(StringComparer.OrdinalIgnoreCase) ?? [];
        var replaced = star["replace_list"]?.AsArray().ToDictionary(r => (string)r!["key"]!, r => r!["value"]!.AsObject(), StringComparer.OrdinalIgnoreCase) ?? [];
        return scope.Columns
            .Where(c => table is null ? c.InStar : string.Equals(c.Table, table, StringComparison.OrdinalIgnoreCase))
            .Where(c => c.Name is null || !excluded.Contains(c.Name))
            .Select(c => (c.Name, c.Name is not null && replaced.TryGetValue(c.Name, out var value) ? _expressions.Of(value, scope, stage) : c.Flow));
    }

    private Relation SetOperation(JsonObject node, LineageScope? outer, string? stage)
    {
        var kind = (string)node["setop_type"]!;
        var left = Of(node["left"]!.AsObject(), outer, stage);
        var right = Of(node["right"]!.AsObject(), outer, stage);
        if (kind == "UNION_BY_NAME" || left.Columns.Count != right.Columns.Count)
        {
            throw new OpaqueSqlException(kind);
        }

        var columns = left.Columns.Zip(right.Columns, (l, r) => (l.Name, kind == "UNION" ? Flow.Of([l.Flow, r.Flow], kind) : l.Flow)).ToList();
        var all = left.Columns.Concat(right.Columns).Select(c => c.Flow);
        // Only UNION ALL lets rows be: the others compare them whole.
        var compared = (string?)node["setop_all"]?.ToJsonString() == "true" && kind == "UNION" ? [] : all.Select(f => f.As(kind == "UNION" ? Influence.GroupBy : Influence.Filter));
        return new Relation(columns, Flow.Of([left.Rows, right.Rows, .. compared], kind).By(stage));
    }

    private static string? NameOf(JsonObject item) => (string?)item["alias"]
        ?? ((string)item["class"]! == "COLUMN_REF" ? (string)item["column_names"]!.AsArray()[^1]! : null);
}
