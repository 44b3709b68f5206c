using System.Text;

namespace Etl.Redshift.StandIn;

/// <summary>Words and functions that PostgreSQL takes and Redshift refuses, wherever they stand.</summary>
internal static class Dialect
{
    // Documented functions, as far as this stand-in knows them. What PostgreSQL lacks of them is in Prelude.
    private static readonly HashSet<string> Functions =
    [
        "count", "sum", "min", "max", "avg", "coalesce", "nullif", "greatest", "least", "cast", "upper", "lower", "trim", "btrim", "ltrim", "rtrim", "length", "len", "char_length",
        "octet_length", "substring", "left", "right", "replace", "split_part", "position", "strpos", "concat", "to_char", "to_date", "to_timestamp", "to_number", "date_trunc", "date_part",
        "extract", "getdate", "abs", "round", "ceil", "ceiling", "floor", "mod", "power", "sqrt", "row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value", "md5", "sha1",
        "json_parse", "json_serialize", "pg_last_copy_count", "pg_last_unload_count", "pg_backend_pid", "version", "current_database", "current_schema", "bool_and", "bool_or", "regexp_replace", "random", "format_type",
        "nvl", "has_table_privilege", "has_schema_privilege",
    ];

    private static readonly HashSet<string> NoFunctions =
    [
        "in", "values", "exists", "and", "or", "not", "on", "using", "as", "select", "from", "where", "over", "by", "when", "then", "else", "any", "all", "some", "union", "except", "intersect",
        "join", "having", "between", "like", "distinct", "case", "insert", "set", "is", "limit", "with", "recursive", "ilike", "similar",
    ];

    private static readonly Dictionary<string, string> LeaderOnly = new()
    {
        ["generate_series"] = "runs on the leader node only, not with tables", ["string_agg"] = "is not supported; LISTAGG takes its place", ["array_agg"] = "is not supported", ["to_regclass"] = "is not supported",
        ["unnest"] = "is not supported", ["now"] = "is a leader-node function; GETDATE and SYSDATE take its place", ["clock_timestamp"] = "is not supported; GETDATE takes its place", ["starts_with"] = "is not supported",
        ["gen_random_uuid"] = "is not supported", ["hashtextextended"] = "is not supported", ["row_to_json"] = "is not supported", ["to_json"] = "is not supported", ["jsonb_build_object"] = "is not supported",
        ["setval"] = "is not supported", ["nextval"] = "is not supported", ["lastval"] = "is not supported", ["pg_column_size"] = "is not supported",
    };

    /// <summary>Refuses a statement for what is in it.</summary>
    public static void Check(IReadOnlyList<Token> tokens)
    {
        // The leader node answers queries of the catalog alone, and has PostgreSQL's functions for them.
        var isOfCatalog = tokens[0].Is("select") && tokens.Zip(tokens.Skip(1).Append(default)).Any(t => t.First.IsName && t.First.Text.StartsWith("pg_", StringComparison.Ordinal) && !t.Second.Is("("));
        var casts = new Stack<bool>();
        for (var i = 0; i < tokens.Count; i++)
        {
            var next = i + 1 < tokens.Count ? tokens[i + 1] : default;
            var previous = i > 0 ? tokens[i - 1] : default;
            switch (tokens[i])
            {
                case { Kind: TokenKind.Symbol, Text: "(" }:
                    casts.Push(previous.Is("cast"));
                    break;
                case { Kind: TokenKind.Symbol, Text: ")" }:
                    casts.TryPop(out _);
                    break;
                case { Kind: TokenKind.Symbol, Text: "[" } when !isOfCatalog:
                    throw new RefusedException("arrays are not supported; SUPER takes their place");
                case { Kind: TokenKind.Symbol, Text: "::" } when !isOfCatalog:
                    CheckType(tokens, i + 1);
                    break;
                case { Kind: TokenKind.Word, Text: "as" } when casts.TryPeek(out var isCast) && isCast:
                    CheckType(tokens, i + 1);
                    break;
                case { Kind: TokenKind.Word } word:
                    CheckWord(word.Text, next, i + 2 < tokens.Count ? tokens[i + 2] : default);
                    if (next.Is("(") && !isOfCatalog && !previous.Is(".") && !previous.Is("into") && !previous.Is("as") && !previous.Is("::"))
                    {
                        CheckFunction(word.Text);
                    }

                    break;
            }
        }
    }

    /// <summary>The text from a token on, for PostgreSQL: SYSDATE is a word there, not a function.</summary>
    public static string Translate(TokenWalk walk, int from)
    {
        var text = new StringBuilder();
        for (var i = from; i < walk.Tokens.Count; i++)
        {
            var piece = walk.Text(i, i + 1);
            var gap = i > from && walk.Tokens[i].Start > walk.Tokens[i - 1].End ? " " : "";
            text.Append(gap).Append(walk.Tokens[i].Is("sysdate") ? "_redshift.sysdate()" : walk.Tokens[i].Is("super") ? "_redshift.super" : piece);
        }

        return text.ToString();
    }

    private static void CheckType(IReadOnlyList<Token> tokens, int at)
    {
        var walk = new TokenWalk("", tokens);
        walk.GoTo(at);
        Types.Read(walk);
    }

    private static void CheckWord(string word, Token next, Token afterNext)
    {
        var reason = word switch
        {
            "on" when next.Is("conflict") => "INSERT ... ON CONFLICT is not supported; MERGE, or DELETE and INSERT, take its place",
            "returning" => "RETURNING is not supported",
            "for" when next.Is("update") || next.Is("share") || next.Is("no") || next.Is("key") => "SELECT ... FOR UPDATE is not supported",
            "distinct" when next.Is("on") => "SELECT DISTINCT ON is not supported",
            "distinct" when next.Is("from") => "IS DISTINCT FROM is not supported",
            "lateral" => "LATERAL is not supported",
            "tablesample" => "TABLESAMPLE is not supported",
            "filter" when next.Is("(") => "FILTER is not supported for aggregates; CASE takes its place",
            "with" when next.Is("ordinality") => "WITH ORDINALITY is not supported",
            "overriding" => "OVERRIDING is not supported",
            "only" when next.IsName && !afterNext.Is("(") => "inheritance (ONLY) is not supported",
            _ => null,
        };
        if (reason is not null)
        {
            throw new RefusedException(reason);
        }
    }

    private static void CheckFunction(string name)
    {
        if (name.StartsWith("pg_advisory", StringComparison.Ordinal) || name.StartsWith("pg_try_advisory", StringComparison.Ordinal))
        {
            throw new RefusedException("advisory locks are not supported");
        }

        if (LeaderOnly.TryGetValue(name, out var reason))
        {
            throw new RefusedException($"function {name} {reason}");
        }

        if (!Functions.Contains(name) && !NoFunctions.Contains(name) && !name.StartsWith("varchar", StringComparison.Ordinal))
        {
            throw new RefusedException($"function {name} does not exist, or is not known to this stand-in", "42883");
        }
    }
}
