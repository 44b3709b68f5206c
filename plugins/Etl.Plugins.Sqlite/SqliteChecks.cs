namespace Etl.Plugins.Sqlite;

/// <summary>The CHECK constraints of a table. SQLite keeps them only in the text of its CREATE TABLE.</summary>
internal static class SqliteChecks
{
    private const string Word = "check";

    /// <summary>The conditions that speak of these columns only; those over others are left to the insert into the table itself.</summary>
    public static IReadOnlyList<string> Of(SqliteSession session, string table, IReadOnlyList<TargetColumn> columns)
    {
        using var statement = session.Prepare("select sql from sqlite_schema where type = 'table' and name = ?1 collate nocase");
        statement.Bind(1, table);
        var row = string.Join(", ", columns.Select(c => $"null as {c.Name}"));
        return statement.Step() ? [.. In(statement.String(0)).Where(c => IsOver(session, c, row))] : [];
    }

    /// <summary>The conditions in a CREATE TABLE, as written.</summary>
    public static IEnumerable<string> In(string sql)
    {
        var depth = 0;
        for (var i = 0; i < sql.Length; i = Next(sql, i))
        {
            if (sql[i] == '(')
            {
                depth++;
            }
            else if (sql[i] == ')')
            {
                depth--;
            }
            else if (depth == 1 && IsWord(sql, i) && sql.IndexOf('(', i) is > 0 and var open)
            {
                var close = Close(sql, open);
                yield return sql[(open + 1)..close].Trim();
                i = close;
            }
        }
    }

    private static int Close(string sql, int open)
    {
        var depth = 0;
        for (var i = open; i < sql.Length; i = Next(sql, i))
        {
            depth += sql[i] switch { '(' => 1, ')' => -1, _ => 0 };
            if (depth == 0)
            {
                return i;
            }
        }

        return sql.Length - 1;
    }

    // The place after the one at hand, or after the name, text or comment that begins there.
    private static int Next(string sql, int at)
    {
        var end = sql[at] switch
        {
            '\'' or '"' or '`' => sql.IndexOf(sql[at], at + 1),
            '[' => sql.IndexOf(']', at),
            '-' when sql.AsSpan(at).StartsWith("--") => sql.IndexOf('\n', at),
            '/' when sql.AsSpan(at).StartsWith("/*") => sql.IndexOf("*/", at + 2, StringComparison.Ordinal) is >= 0 and var star ? star + 1 : -1,
            _ => at,
        };
        return end < 0 ? sql.Length : end + 1;
    }

    private static bool IsWord(string sql, int at) =>
        sql.AsSpan(at).StartsWith(Word, StringComparison.OrdinalIgnoreCase) && !IsPartOfWord(sql, at - 1) && !IsPartOfWord(sql, at + Word.Length);

    private static bool IsPartOfWord(string sql, int at) => at >= 0 && at < sql.Length && (char.IsLetterOrDigit(sql[at]) || sql[at] == '_');

    private static bool IsOver(SqliteSession session, string condition, string row)
    {
        try
        {
            session.Prepare($"select {condition} from (select {row})").Dispose();
            return true;
        }
        catch (SqliteError e) when (e.Primary == SQLitePCL.raw.SQLITE_ERROR)
        {
            // It names a column that is not loaded.
            return false;
        }
    }
}
