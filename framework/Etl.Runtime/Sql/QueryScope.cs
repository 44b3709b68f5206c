using System.Text.Json.Nodes;

namespace Etl.Runtime.Sql;

/// <summary>A column that FROM offers. Compared by reference: two tables may offer columns that look the same.</summary>
internal sealed class ScopedColumn(string table, string? name, bool required)
{
    public string Table { get; } = table;

    public string? Name { get; } = name;

    public bool Required { get; } = required;
}

/// <summary>What FROM offers and promises.</summary>
/// <param name="Columns">In order.</param>
/// <param name="Keys">Columns that are unique together.</param>
internal sealed record QueryScope(IReadOnlyList<ScopedColumn> Columns, IReadOnlyList<IReadOnlySet<ScopedColumn>> Keys)
{
    // These give NULL only for NULL.
    private static readonly HashSet<string> Strict = ["+", "-", "*", "||", "upper", "lower", "trim", "abs", "round", "md5", "length"];

    // Of USING: the same values again, which a star shows once.
    private HashSet<ScopedColumn> Merged { get; init; } = [];

    /// <summary>The column that an expression names; null for any other expression, and for a name that could be several.</summary>
    public ScopedColumn? Find(JsonObject expression)
    {
        if ((string)expression["class"]! != "COLUMN_REF" || expression["column_names"]!.AsArray().Select(n => (string)n!).ToList() is not { Count: 1 or 2 } names)
        {
            return null;
        }

        var found = Columns.Where(c => QueryPromises.Same(c.Name, names[^1]) && (names.Count == 1 ? !Merged.Contains(c) : QueryPromises.Same(c.Table, names[0]))).ToList();
        return found.Count == 1 ? found[0] : null;
    }

    /// <summary>The columns of <c>*</c> or of <c>table.*</c>.</summary>
    public IEnumerable<ScopedColumn> Star(string? table) => Columns.Where(c => table is null ? !Merged.Contains(c) : QueryPromises.Same(c.Table, table));

    /// <summary>Whether an expression is never NULL.</summary>
    public bool IsRequired(JsonObject expression)
    {
        bool AreAllRequired() => Children(expression).All(IsRequired);
        return (string)expression["class"]! switch
        {
            "COLUMN_REF" => Find(expression) is { Required: true },
            "CONSTANT" => (bool?)expression["value"]?["is_null"] != true,
            "CAST" => (bool?)expression["try_cast"] != true && IsRequired(expression["child"]!.AsObject()),
            "OPERATOR" when (string)expression["type"]! == "OPERATOR_COALESCE" => Children(expression).Any(IsRequired),
            "OPERATOR" => (string)expression["type"]! is "OPERATOR_IS_NULL" or "OPERATOR_IS_NOT_NULL",
            "FUNCTION" when (string)expression["function_name"]! is "count" or "count_star" => true,
            "FUNCTION" => Strict.Contains((string)expression["function_name"]!) && AreAllRequired(),
            "CASE" => expression["else_expr"] is JsonObject otherwise && IsRequired(otherwise)
                && expression["case_checks"]!.AsArray().All(c => IsRequired(c!["then_expr"]!.AsObject())),
            _ => false,
        };
    }

    /// <summary>With only the rows for which a condition holds: what it compares, or says is not NULL, is not NULL in them.</summary>
    public QueryScope Where(JsonObject condition) => Requiring(c => Conjuncts(condition).Any(part => IsCompared(part, c)));

    /// <summary>With the rows of another.</summary>
    public QueryScope? Join(QueryScope right, JsonObject join)
    {
        var (kind, type) = ((string)join["ref_type"]!, (string?)join["join_type"]);
        if (kind is not ("REGULAR" or "CROSS") || type is not ("INNER" or "LEFT" or "SEMI" or "ANTI" or null))
        {
            return null;
        }

        var both = new QueryScope([.. Columns, .. right.Columns], []);
        var equal = new List<(ScopedColumn? A, ScopedColumn? B)>();
        var merged = new HashSet<ScopedColumn>([.. Merged, .. right.Merged]);
        foreach (var part in join["condition"] is JsonObject condition ? Conjuncts(condition).Where(p => (string)p["type"]! == "COMPARE_EQUAL") : [])
        {
            equal.Add((both.Find(part["left"]!.AsObject()), both.Find(part["right"]!.AsObject())));
        }

        foreach (var name in join["using_columns"]?.AsArray().Select(n => (string)n!) ?? [])
        {
            var (l, r) = (Star(null).FirstOrDefault(c => QueryPromises.Same(c.Name, name)), right.Star(null).FirstOrDefault(c => QueryPromises.Same(c.Name, name)));
            if (l is null || r is null)
            {
                return null;
            }

            equal.Add((l, r));
            merged.Add(r);
        }

        if (type is "SEMI" or "ANTI")
        {
            return this;
        }

        // One row of the right at most, for each of the left, and the other way round.
        var isRightOnce = right.Keys.Any(k => k.All(c => equal.Any(e => (e.A == c && IsOf(this, e.B)) || (e.B == c && IsOf(this, e.A)))));
        var isLeftOnce = type == "INNER" && (string)join["right"]!["type"]! == "BASE_TABLE"
            && Keys.Any(k => k.All(c => equal.Any(e => (e.A == c && IsOf(right, e.B)) || (e.B == c && IsOf(right, e.A)))));
        var pairs = Keys.SelectMany(l => right.Keys.Select(r => (IReadOnlySet<ScopedColumn>)new HashSet<ScopedColumn>([.. l, .. r])));
        var joined = both with { Keys = [.. isRightOnce ? Keys : [], .. isLeftOnce ? right.Keys : [], .. pairs], Merged = merged };
        // Rows of the left that match nothing come with NULL.
        return type == "LEFT" ? joined.With(c => c.Required && !IsOf(right, c)) : joined;
    }

    private static bool IsOf(QueryScope scope, ScopedColumn? column) => column is not null && scope.Columns.Contains(column);

    private QueryScope Requiring(Func<ScopedColumn, bool> isRequired) => With(c => c.Required || isRequired(c));

    private QueryScope With(Func<ScopedColumn, bool> required)
    {
        var now = Columns.ToDictionary(c => c, c => new ScopedColumn(c.Table, c.Name, required(c)));
        return new QueryScope([.. Columns.Select(c => now[c])], [.. Keys.Select(k => k.Select(c => now[c]).ToHashSet())]) { Merged = Merged.Select(c => now[c]).ToHashSet() };
    }

    private bool IsCompared(JsonObject part, ScopedColumn column) => (string)part["type"]! switch
    {
        "OPERATOR_IS_NOT_NULL" => Children(part).Any(c => Find(c) == column),
        "COMPARE_EQUAL" or "COMPARE_NOTEQUAL" or "COMPARE_LESSTHAN" or "COMPARE_GREATERTHAN" or "COMPARE_LESSTHANOREQUALTO" or "COMPARE_GREATERTHANOREQUALTO" =>
            Find(part["left"]!.AsObject()) == column || Find(part["right"]!.AsObject()) == column,
        _ => false,
    };

    private static IEnumerable<JsonObject> Conjuncts(JsonObject condition) =>
        (string)condition["type"]! == "CONJUNCTION_AND" ? Children(condition).SelectMany(Conjuncts) : [condition];

    private static IEnumerable<JsonObject> Children(JsonObject node) => node["children"]?.AsArray().Select(c => c!.AsObject()) ?? [];
}
