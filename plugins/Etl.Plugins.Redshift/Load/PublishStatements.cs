using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Redshift.Load;

/// <summary>The statements that publish staged rows. Redshift's UPDATE is a delete and an insert, so an upsert deletes and inserts; and it compares no two NULLs.</summary>
/// <param name="name">The target.</param>
/// <param name="staged">The staging table, quoted.</param>
/// <param name="columns">What is written.</param>
/// <param name="key">The key, by names of the schema; empty without one.</param>
/// <param name="hasOp">Whether the staged rows carry <c>_op</c>.</param>
internal sealed class PublishStatements(TableName name, string staged, IReadOnlyList<TargetColumn> columns, IReadOnlyList<string> key, bool hasOp)
{
    private static readonly string Op = SqlText.Quote(RowSchema.OpColumn);
    private readonly IReadOnlyList<TargetColumn> _key = [.. key.Select(k => columns.First(c => string.Equals(c.Staged, k, StringComparison.OrdinalIgnoreCase)))];

    /// <summary>Keys that occur more than once among the staged rows: how many.</summary>
    public string CountDuplicates => $"SELECT count(*) FROM (SELECT 1 AS one FROM {staged} AS s GROUP BY {StagedKey} HAVING count(*) > 1) AS d";

    /// <summary>Staged rows whose key is NULL: how many.</summary>
    public string CountNullKeys => $"SELECT count(*) FROM {staged} AS s WHERE {string.Join(" OR ", _key.Select(c => $"s.{SqlText.Quote(c.Staged)} IS NULL"))}";

    /// <summary>Staged rows that are no deletions: how many.</summary>
    public string CountVersions => $"SELECT count(*) FROM {staged} AS s{Where(IsVersion("s"))}";

    /// <summary>Touched keys that the target has more than once: how many.</summary>
    public string CountDoubled => $"SELECT count(*) FROM (SELECT 1 AS one FROM {name.Sql} AS t JOIN {staged} AS s ON {SameKey("t")} GROUP BY {StagedKey} HAVING count(*) > 1) AS d";

    /// <summary>Takes the rows out of staging that the target has already, equal in all columns.</summary>
    public string DropUnchanged
    {
        get
        {
            var same = columns.Where(c => !_key.Contains(c)).Select(c =>
            {
                var (there, here) = (Form(c, $"t.{SqlText.Quote(c.Target)}"), Form(c, c.ValueOf(StagedName)));
                return $"({there} = {here} OR ({there} IS NULL AND {here} IS NULL))";
            });
            return $"DELETE FROM {staged} USING {name.Sql} AS t WHERE {string.Join(" AND ", [SameKey("t", StagedName), .. same, .. IsVersion(StagedName)])}";
        }
    }

    /// <summary>Removes the rows whose newest staged version is a deletion.</summary>
    public string Delete => $"DELETE FROM {name.Sql} USING {staged} AS s WHERE {SameKey(Table)} AND s.{Op} = '{RowSchema.OpDelete}'";

    /// <summary>Removes the rows that come in another version.</summary>
    public string DeleteChanged => $"DELETE FROM {name.Sql} USING {staged} AS s WHERE {string.Join(" AND ", [SameKey(Table), .. IsVersion("s")])}";

    /// <summary>Adds all staged rows.</summary>
    public string Insert => $"INSERT INTO {name.Sql} ({string.Join(", ", columns.Select(c => SqlText.Quote(c.Target)))}) SELECT {string.Join(", ", columns.Select(c => c.ValueOf("s")))} FROM {staged} AS s{Where(IsVersion("s"))}";

    /// <summary>Removes all rows. TRUNCATE would be quicker, and would commit.</summary>
    public string Empty => $"DELETE FROM {name.Sql}";

    private IReadOnlyList<string> IsVersion(string alias) => hasOp ? [$"{alias}.{Op} <> '{RowSchema.OpDelete}'"] : [];

    private string Table => SqlText.Quote(name.Name);

    private string StagedKey => string.Join(", ", _key.Select(c => $"s.{SqlText.Quote(c.Staged)}"));

    // A table that rows are deleted from has no alias.
    private string StagedName => staged[(staged.IndexOf("\".\"", StringComparison.Ordinal) + 2)..];

    private string SameKey(string table, string alias = "s") => string.Join(" AND ", _key.Select(c => $"{table}.{SqlText.Quote(c.Target)} = {c.ValueOf(alias)}"));

    private static string Form(TargetColumn column, string value) => string.Format(CultureInfo.InvariantCulture, column.Compared, value);

    private static string Where(IReadOnlyList<string> conditions) => conditions.Count == 0 ? "" : " WHERE " + string.Join(" AND ", conditions);
}
