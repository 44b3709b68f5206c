using System.Text.Json.Nodes;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>Follows what stands in FROM, and knows the tables that can be named there.</summary>
internal sealed class LineageTables(LineageQueries queries, LineageExpressions expressions, IReadOnlyDictionary<string, Relation> inputs)
{
    private Dictionary<string, Relation> _known = new(inputs, StringComparer.OrdinalIgnoreCase);

    /// <summary>Tables that are added from here on are known until the end of the query that names them.</summary>
    public IDisposable Remember()
    {
        var outside = _known;
        _known = new Dictionary<string, Relation>(outside, StringComparer.OrdinalIgnoreCase);
        return new Until(() => _known = outside);
    }

    /// <summary>A common table expression; it hides one of that name.</summary>
    public void Add(string name, Relation relation) => _known[name] = relation;

    /// <summary>The columns of a stage that cannot be followed: made of all that it can read.</summary>
    public Relation Opaque(IReadOnlyList<string> columns, JsonObject query, string stage) =>
        Relation.Opaque(columns, _known.OrderBy(k => k.Key, StringComparer.Ordinal).Select(k => k.Value), query.ToJsonString(), stage);

    /// <summary>The columns that a FROM offers, and what decides which rows it has.</summary>
    public (IReadOnlyList<ScopeColumn> Columns, Flow Rows) From(JsonObject table, LineageScope? outer, string? stage)
    {
        switch ((string)table["type"]!)
        {
            case "EMPTY":
                return ([], Flow.Constant("no table"));
            case "JOIN":
                return Join(table, outer, stage);
            case "BASE_TABLE":
                var name = (string)table["table_name"]!;
                return Offer(table, name, _known.GetValueOrDefault(name) ?? throw new OpaqueSqlException($"table {name}"));
            case "SUBQUERY":
                return Offer(table, "", queries.Of(table["subquery"]!["node"]!.AsObject(), outer, stage));
            case "EXPRESSION_LIST":
                return Offer(table, "", Values(table, outer, stage));
            case "TABLE_FUNCTION":
                return Offer(table, (string)table["function"]!["function_name"]!, Function(table, outer, stage));
            case var other:
                throw new OpaqueSqlException(other);
        }
    }

    private static (IReadOnlyList<ScopeColumn> Columns, Flow Rows) Offer(JsonObject table, string name, Relation relation)
    {
        var alias = (string?)table["alias"] ?? name;
        var named = table["column_name_alias"] is JsonArray names ? relation.Named([.. names.Select(n => (string)n!)]) : relation;
        return ([.. named.Columns.Select(c => new ScopeColumn(alias, c.Name, c.Flow))], named.Rows);
    }

    private Relation Values(JsonObject table, LineageScope? outer, string? stage)
    {
        var scope = new LineageScope([], outer);
        var rows = table["values"]!.AsArray().Select(row => LineageExpressions.Children(row).Select(e => expressions.Of(e, scope, stage).As(Influence.Transformation)).ToList()).ToList();
        return new Relation(
            [.. Enumerable.Range(0, rows[0].Count).Select(i => ((string?)FormattableString.Invariant($"col{i}"), Flow.Of(rows.Select(r => r[i]), "values")))],
            Flow.Constant(FormattableString.Invariant($"{rows.Count} rows")));
    }

    // unnest, range: arguments give the values, and how many there are.
    private Relation Function(JsonObject table, LineageScope? outer, string? stage)
    {
        var function = table["function"]!.AsObject();
        var flow = expressions.Of(function, new LineageScope([], outer), stage).As(Influence.Transformation);
        return new Relation([((string)function["function_name"]!, flow)], flow.As(Influence.Join));
    }

    private (IReadOnlyList<ScopeColumn> Columns, Flow Rows) Join(JsonObject join, LineageScope? outer, string? stage)
    {
        var (left, leftRows) = From(join["left"]!.AsObject(), outer, stage);
        // A lateral query names the tables to its left.
        var (right, rightRows) = From(join["right"]!.AsObject(), new LineageScope(left, outer), stage);
        var (kind, type) = ((string)join["ref_type"]!, (string)join["join_type"]!);
        var decides = new List<Flow>();
        if (join["condition"] is JsonObject condition)
        {
            decides.Add(expressions.Of(condition, new LineageScope([.. left, .. right], outer), stage).As(Influence.Join));
        }

        var shared = join["using_columns"]?.AsArray().Select(n => (string)n!).ToList()
            ?? (kind == "NATURAL" ? [.. left.Select(c => c.Name).OfType<string>().Where(n => right.Any(r => Same(r.Name, n)))] : []);
        foreach (var name in shared)
        {
            var (l, r) = (left.First(c => Same(c.Name, name)), right.First(c => Same(c.Name, name)));
            decides.Add(Flow.Of([l.Flow.As(Influence.Join), r.Flow.As(Influence.Join)], "using"));
            if (type is "RIGHT" or "FULL" or "OUTER")
            {
                left = [.. left.Select(c => c == l ? c with { Flow = Flow.Of([l.Flow, r.Flow], "using") } : c)];
            }

            right = [.. right.Select(c => c == r ? c with { InStar = false } : c)];
        }

        var rows = Flow.Of([leftRows, rightRows, .. decides], $"{kind} {type}").By(stage);
        return (type is "SEMI" or "ANTI" ? left : [.. left, .. right], rows);
    }

    private static bool Same(string? a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    private sealed class Until(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
