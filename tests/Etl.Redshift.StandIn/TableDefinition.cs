namespace Etl.Redshift.StandIn;

/// <summary>
/// CREATE TABLE and ALTER TABLE. Keys are declared in Redshift and not enforced, so PostgreSQL hears nothing of them but NOT NULL; how rows are spread and
/// sorted is checked and left out; lengths are in bytes.
/// </summary>
internal static class TableDefinition
{
    /// <summary>The statement after CREATE [TEMP] TABLE.</summary>
    public static Statement Create(TokenWalk walk, bool isTemporary)
    {
        var head = $"CREATE {(isTemporary ? "TEMPORARY " : "")}TABLE {(walk.TryTake("if", "not", "exists") ? "IF NOT EXISTS " : "")}";
        var (table, _) = walk.Table();
        if (walk.TryTake("(", "like"))
        {
            var (like, _) = walk.Table();
            walk.Require(")");
            return Write($"{head}{table} (LIKE {like} INCLUDING CONSTRAINTS)");
        }

        var columns = walk.Current.Is("(") ? Columns(walk) : ((List<string> Sql, List<string> Names)?)null;
        Attributes(walk, columns?.Names);
        if (walk.TryTake("as"))
        {
            return columns is null
                ? Write($"{head}{table} AS {StatementReader.Query(walk)}")
                : throw new RefusedException("this stand-in takes CREATE TABLE ... AS without a list of columns");
        }

        return !walk.AtEnd || columns is null ? throw walk.Unexpected() : Write($"{head}{table} ({string.Join(", ", columns.Value.Sql)})");
    }

    /// <summary>The statement after ALTER TABLE.</summary>
    public static Statement Alter(TokenWalk walk, bool inTransaction)
    {
        var (table, _) = walk.Table();
        if (walk.TryTake("alter"))
        {
            walk.TryTake("column");
            var column = Quote(walk.Name());
            walk.Require("type");
            var (type, bytes) = Types.Read(walk);
            if (!type.StartsWith("varchar", StringComparison.Ordinal))
            {
                throw new RefusedException("ALTER COLUMN TYPE changes the length of VARCHAR columns only");
            }

            return inTransaction
                ? throw new RefusedException("ALTER TABLE ALTER COLUMN cannot run inside a transaction block", "25001")
                : Write($"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {LengthName(column)}, ALTER COLUMN {column} TYPE {type}, ADD {Length(column, bytes!.Value)}");
        }

        if (walk.TryTake("add", "column") || walk.TryTake("add"))
        {
            var (definition, _, isKey) = Column(walk);
            return isKey || !walk.AtEnd ? throw new RefusedException("ALTER TABLE adds one column at a time, which is no key") : Write($"ALTER TABLE {table} ADD COLUMN {definition}");
        }

        return walk.TryTake("drop", "column") || walk.TryTake("rename")
            ? Write($"ALTER TABLE {walk.Text(2)}")
            : throw new RefusedException("this stand-in knows ALTER TABLE ... ADD COLUMN, DROP COLUMN, RENAME and ALTER COLUMN TYPE");
    }

    private static (List<string> Sql, List<string> Names) Columns(TokenWalk walk)
    {
        var (sql, names, keys) = (new List<string>(), new List<string>(), new List<string>());
        walk.Require("(");
        do
        {
            if (walk.TryTake("primary", "key"))
            {
                keys.AddRange(walk.Names());
            }
            else if (walk.TryTake("unique"))
            {
                walk.Names();
            }
            else if (walk.TryTake("foreign", "key"))
            {
                walk.Names();
                walk.Require("references");
                walk.Table();
                walk.Names();
            }
            else if (walk.Current.Is("check") || walk.Current.Is("exclude"))
            {
                throw new RefusedException($"{walk.Current.Text.ToUpperInvariant()} constraints are not supported");
            }
            else
            {
                var (definition, name, isKey) = Column(walk);
                sql.Add(definition);
                names.Add(name);
                if (isKey)
                {
                    keys.Add(name);
                }
            }
        }
        while (walk.TryTake(","));
        walk.Require(")");
        foreach (var key in keys)
        {
            var at = names.IndexOf(key);
            sql[at] = at < 0 ? throw new RefusedException($"column \"{key}\" named in key does not exist", "42703") : $"{sql[at]} NOT NULL";
        }

        return (sql, names);
    }

    private static (string Sql, string Name, bool IsKey) Column(TokenWalk walk)
    {
        var name = walk.Name();
        var (type, bytes) = Types.Read(walk);
        var sql = $"{Quote(name)} {type}{(bytes is { } b ? $" {Length(Quote(name), b)}" : "")}";
        var isKey = false;
        while (!walk.AtEnd && !walk.Current.Is(",") && !walk.Current.Is(")"))
        {
            if (walk.TryTake("not", "null"))
            {
                sql += " NOT NULL";
            }
            else if (walk.TryTake("default"))
            {
                var start = walk.At;
                walk.Take();
                walk.GoTo(walk.Current.Is("(") ? walk.AfterParentheses() : walk.At);
                sql += $" DEFAULT {walk.Text(start, walk.At)}";
            }
            else if (walk.TryTake("encode"))
            {
                walk.Take();
            }
            else if (walk.TryTake("primary", "key"))
            {
                isKey = true;
            }
            else if (!walk.TryTake("null") && !walk.TryTake("unique") && !walk.TryTake("distkey") && !walk.TryTake("sortkey"))
            {
                throw walk.Current.Is("check") || walk.Current.Is("generated")
                    ? new RefusedException($"{walk.Current.Text.ToUpperInvariant()} is not supported for a column, or not known to this stand-in")
                    : walk.Unexpected();
            }
        }

        return (sql, name, isKey);
    }

    private static void Attributes(TokenWalk walk, List<string>? columns)
    {
        while (!walk.AtEnd && !walk.Current.Is("as"))
        {
            var named = new List<string>();
            if (walk.TryTake("distkey") || walk.TryTake("compound", "sortkey") || walk.TryTake("interleaved", "sortkey") || (walk.TryTake("sortkey") && !walk.TryTake("auto")))
            {
                named = walk.Names();
            }
            else if (walk.TryTake("diststyle"))
            {
                if (!walk.TryTake("even") && !walk.TryTake("key") && !walk.TryTake("all") && !walk.TryTake("auto"))
                {
                    throw walk.Unexpected();
                }
            }
            else if (walk.TryTake("backup"))
            {
                walk.Take();
            }
            else if (walk.Current.Is("inherits") || walk.Current.Is("partition") || walk.Current.Is("with") || walk.Current.Is("tablespace"))
            {
                throw new RefusedException($"CREATE TABLE ... {walk.Current.Text.ToUpperInvariant()} is not supported");
            }
            else if (walk.Tokens[walk.At - 1].Text is not "sortkey" and not "auto")
            {
                throw walk.Unexpected();
            }

            if (columns is not null && named.FirstOrDefault(n => !columns.Contains(n)) is { } unknown)
            {
                throw new RefusedException($"column \"{unknown}\" named in DISTKEY or SORTKEY does not exist", "42703");
            }
        }
    }

    private static Statement Write(string sql) => new(StatementKind.Write, sql);

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static string LengthName(string quoted) => $"\"redshift_bytes_{quoted.Trim('"')}\"";

    private static string Length(string quoted, int bytes) => $"CONSTRAINT {LengthName(quoted)} CHECK (octet_length({quoted}) <= {bytes})";
}
