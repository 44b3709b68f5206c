using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Runtime.Sql;

/// <summary>What a query does with the rows of an input, from what is right for any part of them to what is right for all of them only.</summary>
internal enum InputUse
{
    /// <summary>Each row by itself: what it makes of two parts is what it makes of both.</summary>
    Rows,

    /// <summary>Rows that are equal become one, which each of the parts may give.</summary>
    Distinct,

    /// <summary>One is kept of the rows that share a key, which each of the parts may give.</summary>
    OneOfKey,

    /// <summary>Other rows look for a partner in it, and one that is not there counts as none.</summary>
    Lookup,

    /// <summary>A number of rows is taken.</summary>
    Limit,

    /// <summary>A row is seen with others.</summary>
    Window,

    /// <summary>A row is made of several.</summary>
    Aggregate,

    /// <summary>Not understood.</summary>
    Unknown,
}

/// <summary>An input that a query must see whole.</summary>
/// <param name="Relation">Its name.</param>
/// <param name="Use">What is done with its rows.</param>
/// <param name="Key">Of <see cref="InputUse.OneOfKey"/>: the key, by the names of the output's columns; null where they are not all there.</param>
internal sealed record WholeInput(string Relation, InputUse Use, IReadOnlyList<string>? Key = null);

/// <summary>
/// Reads off DuckDB's syntax tree which inputs a query must see whole. Where an input's own key tells the groups or partitions apart, all that a row is made with comes
/// from other inputs, so it is one row at a time all the same.
/// </summary>
internal sealed class WholeInputs
{
    private readonly IReadOnlyDictionary<string, RowSchema> _inputs;
    private readonly SetExpressions _expressions;

    // Inputs and common table expressions, by name: the inputs that each reads.
    private Dictionary<string, Reads> _tables = new(StringComparer.OrdinalIgnoreCase);
    private IReadOnlyList<string>? _key;

    private WholeInputs(IReadOnlyDictionary<string, RowSchema> inputs)
    {
        _inputs = inputs;
        _expressions = new SetExpressions(this);
        foreach (var name in inputs.Keys)
        {
            _tables[name] = Reads.Of(name);
        }
    }

    /// <summary>Of a query over inputs, by their names; all of them for a query that has no tree.</summary>
    public static IReadOnlyList<WholeInput> Of(JsonObject? query, IReadOnlyDictionary<string, RowSchema> inputs)
    {
        if (query is null)
        {
            return [.. inputs.Keys.Select(i => new WholeInput(i, InputUse.Unknown))];
        }

        var reading = new WholeInputs(inputs);
        var reads = reading.Query(query, isLast: true);
        return [.. reads.Uses.Where(u => u.Value != InputUse.Rows).Select(u => new WholeInput(u.Key, u.Value, u.Value == InputUse.OneOfKey ? reading._key : null))];
    }

    /// <summary>The inputs that a query within the query reads.</summary>
    public Reads Query(JsonObject node) => Query(node, isLast: false);

    private Reads Query(JsonObject node, bool isLast)
    {
        var outside = _tables;
        _tables = new(outside, StringComparer.OrdinalIgnoreCase);
        foreach (var cte in node["cte_map"]?["map"]?.AsArray() ?? [])
        {
            _tables[(string)cte!["key"]!] = cte["value"]!["query"]?["node"] is JsonObject inner ? Query(inner) : Everything;
        }

        var reads = (string)node["type"]! switch
        {
            "SELECT_NODE" => Select(node, isLast),
            "SET_OPERATION_NODE" => Limited(node, SetOperation(node)),
            _ => Within(node).Raised(InputUse.Unknown),
        };
        _tables = outside;
        return new Reads(reads.Uses);
    }

    private Reads Everything => _inputs.Keys.Aggregate(Reads.None, (all, i) => all.And(Reads.Of(i))).Raised(InputUse.Unknown);

    private Reads Select(JsonObject node, bool isLast, JsonObject? numbered = null)
    {
        var direct = new List<(string Alias, string Input)>();
        var reads = isLast && SetExpressions.NumberedBelow(node) is { } below ? Numbered(node, below.Select, below.Window) : From(node["from_table"]!.AsObject(), direct);
        var groups = SetExpressions.GroupsOf(node);
        if (groups is not null)
        {
            reads = reads.Raised(InputUse.Aggregate, except: OneRowEach(groups, direct));
        }

        var kept = numbered ?? (isLast ? SetExpressions.KeptByNumber(node) : null);
        foreach (var window in SetExpressions.WindowsOf(node))
        {
            var one = OneRowEach(SetExpressions.PartitionsOf(window), direct);
            reads = window == kept ? Keep(reads, node, SetExpressions.PartitionsOf(window), one) : reads.Raised(InputUse.Window, one);
        }

        reads = _expressions.Subqueries(node, reads);
        foreach (var modifier in node["modifiers"]?.AsArray() ?? [])
        {
            if ((string)modifier!["type"]! == "DISTINCT_MODIFIER")
            {
                reads = modifier["distinct_on_targets"] is not JsonArray targets ? reads.Raised(InputUse.Distinct)
                    : isLast ? Keep(reads, node, SetExpressions.In(targets), OneRowEach(SetExpressions.In(targets), direct))
                    : reads.Raised(InputUse.Window, OneRowEach(SetExpressions.In(targets), direct));
            }
        }

        return Limited(node, node["sample"] is null ? reads : reads.Raised(InputUse.Limit));
    }

    private Reads Numbered(JsonObject node, JsonObject below, JsonObject window)
    {
        var reads = Select(below, isLast: true, window);
        _key = _key is { } key ? SetExpressions.NamesOf(node, [.. key.Select(k => new JsonObject { ["class"] = "COLUMN_REF", ["column_names"] = new JsonArray(k) })]) : null;
        return reads;
    }

    private Reads Keep(Reads reads, JsonObject select, IEnumerable<JsonObject> key, IReadOnlySet<string> one)
    {
        _key = SetExpressions.NamesOf(select, [.. key]);
        return reads.Raised(InputUse.OneOfKey, one);
    }

    private static Reads Limited(JsonObject node, Reads reads) =>
        (node["modifiers"]?.AsArray() ?? []).Any(m => (string)m!["type"]! is "LIMIT_MODIFIER" or "LIMIT_PERCENT_MODIFIER") ? reads.Raised(InputUse.Limit) : reads;

    // Inputs that have a whole key of theirs among some columns.
    private HashSet<string> OneRowEach(IEnumerable<JsonObject> columns, List<(string Alias, string Input)> direct)
    {
        var names = columns.Where(c => (string?)c["class"] == "COLUMN_REF").Select(c => c["column_names"]!.AsArray().Select(n => (string)n!).ToList()).ToList();
        return [.. direct.Where(d => _inputs[d.Input].IsUniqueBy([.. names.Where(n => n.Count == 1 || QueryPromises.Same(n[^2], d.Alias)).Select(n => n[^1])])).Select(d => d.Input)];
    }

    private Reads SetOperation(JsonObject node)
    {
        var (left, right) = (Query(node["left"]!.AsObject()), Query(node["right"]!.AsObject()));
        var isAll = (string?)node["setop_all"]?.ToJsonString() == "true";
        var both = (string)node["setop_type"]! switch
        {
            "UNION" or "UNION_BY_NAME" => left.And(right),
            "INTERSECT" when !isAll => left.With(right),
            "EXCEPT" when !isAll => left.With(right.Raised(InputUse.Lookup)),
            // How often a row is there is a count.
            _ => left.And(right).Raised(InputUse.Aggregate),
        };
        return isAll ? both : both.Raised(InputUse.Distinct);
    }

    private Reads From(JsonObject table, List<(string Alias, string Input)> direct)
    {
        var reads = Table(table, direct);
        return table["sample"] is null ? reads : reads.Raised(InputUse.Limit);
    }

    private Reads Table(JsonObject table, List<(string Alias, string Input)> direct)
    {
        switch ((string)table["type"]!)
        {
            case "BASE_TABLE" when _tables.GetValueOrDefault((string)table["table_name"]!) is { } known:
                if (known.IsInput)
                {
                    direct.Add(((string?)table["alias"] ?? (string)table["table_name"]!, known.Uses.Keys.Single()));
                }

                return known;
            case "BASE_TABLE" or "EMPTY":
                return Reads.None;
            case "SUBQUERY":
                return Query(table["subquery"]!["node"]!.AsObject());
            case "JOIN":
                var (left, right) = (From(table["left"]!.AsObject(), direct), From(table["right"]!.AsObject(), direct));
                return _expressions.Subqueries(table, Join(table, left, right));
            case "EXPRESSION_LIST":
            case "TABLE_FUNCTION" when !((string)table["function"]!["function_name"]!).StartsWith("query", StringComparison.OrdinalIgnoreCase):
                return _expressions.Subqueries(table, Reads.None);
            case "TABLE_FUNCTION":
                return Everything;
            case "PIVOT" when table["aggregates"] is not null:
                return Within(table).Raised(InputUse.Aggregate);
            case "PIVOT":
                return Within(table);
            default:
                return Within(table).Raised(InputUse.Unknown);
        }
    }

    private static Reads Join(JsonObject join, Reads left, Reads right) => ((string)join["ref_type"]!, (string?)join["join_type"]) switch
    {
        ("ASOF", "INNER" or "LEFT") => left.With(right.Raised(InputUse.Lookup)),
        ("ASOF" or "POSITIONAL", _) => left.With(right).Raised(InputUse.Lookup),
        (_, "INNER" or null) => left.With(right),
        (_, "SEMI") => left.With(right.Raised(InputUse.Distinct)),
        (_, "LEFT" or "ANTI" or "SINGLE" or "MARK") => left.With(right.Raised(InputUse.Lookup)),
        (_, "RIGHT") => left.Raised(InputUse.Lookup).With(right),
        _ => left.With(right).Raised(InputUse.Lookup),
    };

    // All inputs that are named anywhere in it.
    private Reads Within(JsonNode? node) => node switch
    {
        JsonObject o when o["type"]?.ToString() == "BASE_TABLE" => _tables.GetValueOrDefault((string)o["table_name"]!) ?? Reads.None,
        JsonObject o => o.Aggregate(Reads.None, (all, p) => all.And(Within(p.Value))),
        JsonArray a => a.Aggregate(Reads.None, (all, i) => all.And(Within(i))),
        _ => Reads.None,
    };
}

/// <summary>Inputs that a part of a query reads, and what it does with their rows.</summary>
internal sealed record Reads(IReadOnlyDictionary<string, InputUse> Uses)
{
    public static readonly Reads None = new(new Dictionary<string, InputUse>());

    /// <summary>It is an input itself.</summary>
    public bool IsInput { get; private init; }

    public static Reads Of(string input) => new(new Dictionary<string, InputUse> { [input] = InputUse.Rows }) { IsInput = true };

    /// <summary>With a use of all rows, but of those inputs that have one row for each of what is made.</summary>
    public Reads Raised(InputUse use, IReadOnlySet<string>? except = null) => new(Uses.ToDictionary(u => u.Key, u => u.Value > use || except?.Contains(u.Key) == true ? u.Value : use));

    /// <summary>The rows of both, one after the other.</summary>
    public Reads And(Reads other) => new(Uses.Keys.Union(other.Uses.Keys).ToDictionary(i => i, i => (InputUse)Math.Max((int)Uses.GetValueOrDefault(i), (int)other.Uses.GetValueOrDefault(i))));

    /// <summary>Rows of the one with rows of the other: an input that is in both meets itself.</summary>
    public Reads With(Reads other) => new(And(other).Uses.ToDictionary(u => u.Key, u => Uses.ContainsKey(u.Key) && other.Uses.ContainsKey(u.Key) && u.Value < InputUse.Lookup ? InputUse.Lookup : u.Value));
}
