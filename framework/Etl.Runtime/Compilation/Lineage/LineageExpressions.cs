using System.Text;
using System.Text.Json.Nodes;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>Follows expressions of DuckDB's syntax tree.</summary>
internal sealed class LineageExpressions(LineageQueries queries, IReadOnlyDictionary<string, string> parameters)
{
    // Where a thing stands and what it is called does not change what it computes.
    private static readonly HashSet<string> Unimportant = ["query_location", "alias", "class", "username"];

    /// <summary>Where a value comes from; <paramref name="stage"/> is named on what is more than a column.</summary>
    public Flow Of(JsonObject node, LineageScope scope, string? stage) => (string)node["class"]! switch
    {
        "COLUMN_REF" => Column(node, scope, stage),
        "CONSTANT" => Flow.Constant(Text(node)),
        "PARAMETER" => Flow.Constant($"{Text(node)} {parameters.GetValueOrDefault((string?)node["identifier"] ?? "")}"),
        "CASE" => Case(node, scope, stage),
        "FUNCTION" => Function(node, scope, stage),
        "WINDOW" => Window(node, scope, stage),
        "SUBQUERY" => Subquery(node, scope, stage),
        "LAMBDA" => Lambda(node, scope, stage),
        "STAR" when node["columns"] is null && node["expr"] is null => Flow.Of(scope.Columns.Select(c => c.Flow.As(Influence.Transformation)), "*"),
        "STAR" => throw new OpaqueSqlException("COLUMNS(...)"),
        _ => Flow.Of(Children(node).Select(c => Of(c, scope, stage).As(Influence.Transformation)), Text(node)).By(stage),
    };

    /// <summary>Whether an expression holds an aggregate that is not in a query of its own or in a window.</summary>
    public static bool IsAggregate(JsonObject node) => Calls(node, SqlFunctions.IsAggregate);

    /// <summary>Whether an expression gives several rows for one.</summary>
    public static bool IsUnnest(JsonObject node) => Calls(node, f => f.Equals("unnest", StringComparison.OrdinalIgnoreCase));

    private static bool Calls(JsonObject node, Func<string, bool> function) =>
        ((string)node["class"]! == "FUNCTION" && function((string)node["function_name"]!))
        || ((string)node["class"]! is not ("SUBQUERY" or "WINDOW") && Children(node).Any(c => Calls(c, function)));

    private Flow Column(JsonObject node, LineageScope scope, string? stage)
    {
        var name = node["column_names"]!.AsArray().Select(n => (string)n!).ToList();
        return scope.Resolve(name, out var alias) ?? Of(alias!, scope, stage);
    }

    // FILTER and ORDER BY of an aggregate decide which rows it sees, and when.
    private Flow Function(JsonObject node, LineageScope scope, string? stage)
    {
        var arguments = Children(node["children"]).ToList();
        var value = SqlFunctions.IsAggregate((string)node["function_name"]!) ? Influence.Aggregation : Influence.Transformation;
        var parts = Children(node).Select(c => Of(c, scope, stage).As(arguments.Contains(c) ? value : c == node["filter"] ? Influence.Filter : Influence.Sort));
        return Flow.Of(parts, Text(node)).By(stage);
    }

    private Flow Case(JsonObject node, LineageScope scope, string? stage)
    {
        var checks = node["case_checks"]!.AsArray().Select(c => c!.AsObject()).ToList();
        // The engine's own guard: rows with a verdict do not get here, so it says nothing of those that do.
        if (checks is [var only] && only["when_expr"] is JsonObject { } guard && (string?)guard["type"] == "COMPARE_EQUAL"
            && guard["left"]?["column_names"]?.AsArray()[^1]?.GetValue<string>() == Segment.VerdictColumn && (string?)node["else_expr"]?["class"] == "CONSTANT")
        {
            return Of(only["then_expr"]!.AsObject(), scope, stage);
        }

        var parts = checks.SelectMany(c => (Flow[])
        [
            Of(c["when_expr"]!.AsObject(), scope, stage).As(Influence.Conditional), Of(c["then_expr"]!.AsObject(), scope, stage).As(Influence.Transformation),
        ]).ToList();
        if (node["else_expr"] is JsonObject otherwise)
        {
            parts.Add(Of(otherwise, scope, stage).As(Influence.Transformation));
        }

        return Flow.Of(parts, "case").By(stage);
    }

    // What is aggregated or looked up gives the value; partitions, order and frame decide over which rows.
    private Flow Window(JsonObject node, LineageScope scope, string? stage)
    {
        var values = Children(node["children"]).ToList();
        var value = (string)node["type"]! == "WINDOW_AGGREGATE" ? Influence.Aggregation : Influence.Transformation;
        var parts = Children(node).Select(c => Of(c, scope, stage).As(values.Contains(c) ? value : Influence.Window));
        return Flow.Of(parts, Text(node)).By(stage);
    }

    // The rows of the inner query decide about the value as well.
    private Flow Subquery(JsonObject node, LineageScope scope, string? stage)
    {
        var inner = queries.Of(node["subquery"]!["node"]!.AsObject(), scope, stage);
        var child = node["child"] is JsonObject compared ? [Of(compared, scope, stage).As(Influence.Transformation)] : Array.Empty<Flow>();
        var columns = (string)node["subquery_type"]! is "EXISTS" or "NOT_EXISTS" ? [] : inner.Columns.Select(c => c.Flow.As(Influence.Transformation));
        return Flow.Of([.. child, .. columns, inner.Rows], $"{node["subquery_type"]} {node["comparison_type"]}").By(stage);
    }

    private Flow Lambda(JsonObject node, LineageScope scope, string? stage)
    {
        var names = node["lhs"] is JsonObject one && (string)one["class"]! == "COLUMN_REF" ? [one] : Children(node["lhs"]).ToList();
        var parameters = names.SelectMany(n => n["column_names"]!.AsArray()).Select(n => new ScopeColumn("", (string)n!, Flow.Constant($"lambda {n}"), InStar: false)).ToList();
        return Of(node["expr"]!.AsObject(), new LineageScope(parameters, scope), stage).As(Influence.Transformation);
    }

    /// <summary>The expressions directly within a node, through lists and other objects.</summary>
    public static IEnumerable<JsonObject> Children(JsonNode? node) => node switch
    {
        JsonObject o => o.SelectMany(p => Inside(p.Value)),
        JsonArray a => a.SelectMany(Inside),
        _ => [],
    };

    private static IEnumerable<JsonObject> Inside(JsonNode? node) => node is JsonObject o && o["class"] is not null ? [o] : Children(node);

    // The node without the expressions within it: its function, its operator, its type, its value.
    private static string Text(JsonObject node)
    {
        var text = new StringBuilder();
        Write(text, node, isTop: true);
        return text.ToString();
    }

    // The node without what is within it: its function, its operator, its type.
    private static string Shape(JsonObject node) => Text(node);

    private static void Write(StringBuilder text, JsonNode? node, bool isTop)
    {
        switch (node)
        {
            case JsonObject o when !isTop && o["class"] is not null:
                text.Append('_');
                break;
            case JsonObject o:
                foreach (var (name, value) in o.Where(p => !Unimportant.Contains(p.Key)))
                {
                    text.Append(name).Append('(');
                    Write(text, value, isTop: false);
                    text.Append(')');
                }

                break;
            case JsonArray a:
                foreach (var item in a)
                {
                    Write(text, item, isTop: false);
                    text.Append(',');
                }

                break;
            default:
                text.Append(node?.ToJsonString());
                break;
        }
    }
}
