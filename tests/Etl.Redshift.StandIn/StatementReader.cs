namespace Etl.Redshift.StandIn;

/// <summary>
/// Reads a statement as far as is needed to know what it does, and refuses what Redshift refuses: by its form here, by the words and functions in it in
/// <see cref="Dialect"/>. What is not known is refused too.
/// </summary>
internal static class StatementReader
{
    private static readonly HashSet<string> Ignored = ["query_group", "enable_result_cache_for_session", "enable_case_sensitive_identifier", "json_serialization_enable", "wlm_query_slot_count"];
    private static readonly HashSet<string> Settings = ["timezone", "datestyle", "statement_timeout", "application_name", "extra_float_digits", "client_encoding", "client_min_messages"];

    /// <summary>The one statement of a text; several are refused, as the extended protocol refuses them.</summary>
    public static Statement Read(string sql, bool inTransaction) => Sql.Statements(sql) switch
    {
        [] => new Statement(StatementKind.Other, ""),
        [var tokens] => Read(sql, tokens, inTransaction),
        _ => throw new RefusedException("cannot insert multiple commands into a prepared statement", "42601"),
    };

    /// <summary>One of the statements of a text.</summary>
    public static Statement Read(string sql, IReadOnlyList<Token> tokens, bool inTransaction)
    {
        var walk = new TokenWalk(sql, tokens);
        if (tokens[0].Text is not ("copy" or "unload" or "create" or "alter"))
        {
            Dialect.Check(tokens);
        }

        var isTransaction = tokens[0].Text;
        switch (walk.Take().Text)
        {
            case "select" or "with" or "(" or "values" or "show":
                walk.GoTo(0);
                return new Statement(StatementKind.Query, Query(walk));
            case "insert":
                walk.Require("into");
                return Write(walk, walk.Table().Name);
            case "update":
                var updated = walk.Table().Name;
                return walk.Current.Is("set") ? Write(walk, updated) : throw new RefusedException("UPDATE takes no alias for its table in this stand-in", "42601");
            case "delete":
                walk.TryTake("from");
                var deleted = walk.Table().Name;
                return walk.AtEnd || walk.Current.Is("using") || walk.Current.Is("where") ? Write(walk, deleted) : throw new RefusedException("DELETE takes no alias for its table in this stand-in", "42601");
            case "merge":
                return Merge(walk);
            case "create":
                return Create(walk);
            case "alter":
                walk.Require("table");
                return TableDefinition.Alter(walk, inTransaction);
            case "drop":
                return walk.TryTake("table") || walk.TryTake("schema") || walk.TryTake("view")
                    ? new Statement(StatementKind.Write, walk.Text(0))
                    : throw new RefusedException($"DROP {walk.Current.Text.ToUpperInvariant()} is not known to this stand-in");
            case "grant" or "revoke" or "comment":
                return new Statement(StatementKind.Write, walk.Text(0));
            case "truncate":
                walk.TryTake("table");
                var (emptied, name) = walk.Table();
                return walk.AtEnd ? new Statement(StatementKind.Truncate, $"TRUNCATE {emptied}") { Writes = name } : throw new RefusedException("TRUNCATE takes one table and no options");
            case "begin" or "start":
                return new Statement(StatementKind.Begin, "BEGIN");
            case "commit" or "end":
                return new Statement(StatementKind.Commit, "COMMIT");
            case "rollback" or "abort":
                return walk.TryTake("to") ? throw Savepoints() : new Statement(StatementKind.Rollback, "ROLLBACK");
            case "savepoint" or "release":
                throw Savepoints();
            case "lock":
                return Lock(walk, inTransaction);
            case "set":
                return Set(walk);
            case "analyze":
                return new Statement(StatementKind.Other, "");
            case "vacuum":
                return inTransaction ? throw new RefusedException("VACUUM cannot run inside a transaction block", "25001") : new Statement(StatementKind.Other, "");
            case "copy":
                return new Statement(StatementKind.Copy, "") { Copy = CopyCommand.Read(walk) };
            case "unload":
                return new Statement(StatementKind.Unload, "") { Unload = UnloadCommand.Read(walk) };
            case "discard" or "listen" or "notify" or "unlisten" or "do" or "reindex" or "cluster" or "checkpoint":
                throw new RefusedException($"{isTransaction.ToUpperInvariant()} is not supported");
            default:
                throw new RefusedException($"a statement that begins with {isTransaction.ToUpperInvariant()} is not known to this stand-in, which therefore refuses it");
        }
    }

    /// <summary>A query from here to the end, as PostgreSQL's.</summary>
    public static string Query(TokenWalk walk)
    {
        var rest = walk.Tokens.Skip(walk.At).ToList();
        if (rest.Count == 0)
        {
            throw walk.Unexpected();
        }

        Dialect.Check(rest);
        return rest.Any(t => t.Is("insert") || t.Is("update") || t.Is("delete") || t.Is("into"))
            ? throw new RefusedException("a query does not change rows: neither WITH ... INSERT, UPDATE or DELETE, nor, in this stand-in, SELECT INTO")
            : Dialect.Translate(walk, walk.At);
    }

    private static Statement Write(TokenWalk walk, string table) => new(StatementKind.Write, Dialect.Translate(walk, 0)) { Writes = table };

    private static Statement Create(TokenWalk walk)
    {
        if (walk.TryTake("table"))
        {
            return TableDefinition.Create(walk, isTemporary: false);
        }

        if (walk.TryTake("temp", "table") || walk.TryTake("temporary", "table") || walk.TryTake("local", "temp", "table"))
        {
            return TableDefinition.Create(walk, isTemporary: true);
        }

        if (walk.TryTake("schema"))
        {
            return new Statement(StatementKind.Write, walk.Text(0));
        }

        throw walk.Current.Text switch
        {
            "index" or "unique" => new RefusedException("CREATE INDEX is not supported; sort and distribution keys take its place"),
            "unlogged" => new RefusedException("UNLOGGED tables are not supported"),
            "trigger" or "rule" or "sequence" or "domain" or "type" or "extension" or "aggregate" or "operator" or "tablespace" or "foreign" => new RefusedException($"CREATE {walk.Current.Text.ToUpperInvariant()} is not supported"),
            var other => new RefusedException($"CREATE {other.ToUpperInvariant()} is not known to this stand-in"),
        };
    }

    // Redshift's MERGE is less than the standard's.
    private static Statement Merge(TokenWalk walk)
    {
        walk.Require("into");
        var (_, target) = walk.Table();
        walk.Require("using");
        if (walk.Current.Is("("))
        {
            throw new RefusedException("the source of MERGE is a table; it cannot be a view or a subquery");
        }

        var words = walk.Tokens.Where(t => t.Kind == TokenKind.Word).Select(t => t.Text).ToList();
        var all = string.Join(' ', words);
        if (all.Contains("do nothing", StringComparison.Ordinal) || all.Contains("matched and", StringComparison.Ordinal))
        {
            throw new RefusedException("MERGE knows neither DO NOTHING nor WHEN MATCHED AND");
        }

        return all.Contains("when matched then", StringComparison.Ordinal) && all.Contains("when not matched then insert", StringComparison.Ordinal)
            ? Write(walk, target)
            : throw new RefusedException("MERGE must have WHEN MATCHED and WHEN NOT MATCHED", "42601");
    }

    private static Statement Lock(TokenWalk walk, bool inTransaction)
    {
        walk.TryTake("table");
        var tables = new List<string> { walk.Table().Sql };
        while (walk.TryTake(","))
        {
            tables.Add(walk.Table().Sql);
        }

        if (!walk.AtEnd)
        {
            throw new RefusedException("LOCK takes no mode: it is always ACCESS EXCLUSIVE", "42601");
        }

        return inTransaction
            ? new Statement(StatementKind.Lock, $"LOCK TABLE {string.Join(", ", tables)} IN ACCESS EXCLUSIVE MODE")
            : throw new RefusedException("LOCK TABLE can only be used in transaction blocks", "25P01");
    }

    private static Statement Set(TokenWalk walk)
    {
        if (walk.TryTake("local") || walk.TryTake("transaction"))
        {
            throw new RefusedException("SET LOCAL and SET TRANSACTION are not supported");
        }

        walk.TryTake("session");
        var name = walk.Name();
        if (!walk.TryTake("to") && !walk.TryTake("="))
        {
            throw walk.Unexpected();
        }

        var value = walk.Text(walk.At);
        return name == "search_path" ? new Statement(StatementKind.Other, $"SET search_path TO {value}, _redshift")
            : Settings.Contains(name) ? new Statement(StatementKind.Other, $"SET {name} TO {value}")
            : Ignored.Contains(name) ? new Statement(StatementKind.Other, "")
            : throw new RefusedException($"unrecognized configuration parameter \"{name}\"", "42704");
    }

    private static RefusedException Savepoints() => new("SAVEPOINT is not supported");
}
