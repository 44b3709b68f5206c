using Etl.Contracts;

namespace Etl.Plugins.Postgres.Load;

/// <summary>The statements that publish staged rows. Of deletions (<c>_op</c>) only <see cref="Delete"/> takes notice; the others leave them out.</summary>
/// <param name="target">The target, quoted.</param>
/// <param name="staged">The staged rows, as something that can stand after FROM.</param>
/// <param name="differences">A table that is made for the time of an upsert's publish, quoted.</param>
/// <param name="columns">What is written.</param>
/// <param name="key">The key, by names of the schema; empty without one.</param>
/// <param name="hasOp">Whether the staged rows carry <c>_op</c>.</param>
internal sealed class PublishStatements(string target, string staged, string differences, IReadOnlyList<TargetColumn> columns, IReadOnlyList<string> key, bool hasOp)
{
    private static readonly string Missing = SqlText.Quote("_etl_missing");
    private static readonly string Op = $"s.{SqlText.Quote(RowSchema.OpColumn)}";
    private readonly IReadOnlyList<string> _isVersion = hasOp ? [$"{Op} <> '{RowSchema.OpDelete}'"] : [];
    private readonly IReadOnlyList<TargetColumn> _key =
        [.. key.Select(k => columns.First(c => string.Equals(c.Staged, k, StringComparison.OrdinalIgnoreCase)))];

    private IEnumerable<TargetColumn> Changeable => columns.Where(c => !_key.Contains(c) && !c.IdentityAlways);

    /// <summary>No other writer, readers are not held up.</summary>
    public string Lock => $"LOCK TABLE {target} IN SHARE ROW EXCLUSIVE MODE";

    /// <summary>Keys that occur more than once among the staged rows: how many.</summary>
    public string CountDuplicates => $"SELECT count(*) FROM (SELECT FROM {staged} AS s GROUP BY {StagedKey} HAVING count(*) > 1) AS d";

    /// <summary>Staged rows whose key is NULL: how many.</summary>
    public string CountNullKeys => $"SELECT count(*) FROM {staged} AS s WHERE {string.Join(" OR ", _key.Select(c => $"s.{SqlText.Quote(c.Staged)} IS NULL"))}";

    /// <summary>Staged rows that are no deletions: how many.</summary>
    public string CountVersions => $"SELECT count(*) FROM {staged} AS s{Where(_isVersion)}";

    /// <summary>Removes the rows whose newest staged version is a deletion.</summary>
    public string Delete => $"DELETE FROM {target} AS t USING {staged} AS s WHERE {SameKey} AND {Op} = '{RowSchema.OpDelete}'";

    /// <summary>Removes the rows whose key is not among these, which stand after FROM; of none, all rows.</summary>
    public string DeleteOthers(string? keys) => keys is null ? $"DELETE FROM {target}" : $"DELETE FROM {target} AS t WHERE NOT EXISTS (SELECT FROM {keys} AS s WHERE {SameKey})";

    /// <summary>
    /// Makes a table of the staged rows that the target lacks, or has otherwise. One join finds both kinds, and of rows that are as they were nothing is written.
    /// </summary>
    public string FindDifferences
    {
        get
        {
            var isMissing = "t.ctid IS NULL";
            var differs = !Changeable.Any() ? isMissing
                : $"({isMissing} OR ROW({string.Join(", ", Changeable.Select(c => Compared($"t.{SqlText.Quote(c.Target)}", c)))}) IS DISTINCT FROM ROW({string.Join(", ", Changeable.Select(c => Compared(c.ValueOf("s"), c)))}))";
            return $"CREATE UNLOGGED TABLE {differences} WITH (autovacuum_enabled = false) AS SELECT s.*, {isMissing} AS {Missing} FROM {staged} AS s LEFT JOIN {target} AS t ON {SameKey}{Where([.. _isVersion, differs])}";
        }
    }

    /// <summary>For the plans of the two that follow.</summary>
    public string AnalyzeDifferences => $"ANALYZE {differences} ({string.Join(", ", _key.Select(c => SqlText.Quote(c.Staged)))})";

    /// <summary>Changes the rows that are there otherwise; null if there are only key columns.</summary>
    public string? Update => !Changeable.Any() ? null
        : $"UPDATE {target} AS t SET {string.Join(", ", Changeable.Select(c => $"{SqlText.Quote(c.Target)} = {c.ValueOf("s")}"))} FROM {differences} AS s WHERE {SameKey} AND NOT s.{Missing}";

    /// <summary>Adds all staged rows.</summary>
    public string Insert => InsertFrom(staged, _isVersion);

    /// <summary>Adds the rows whose key is not there.</summary>
    public string InsertMissing => InsertFrom(differences, [$"s.{Missing}"]);

    /// <summary>Lets go of the differences.</summary>
    public string DropDifferences => $"DROP TABLE {differences}";

    private string InsertFrom(string source, IReadOnlyList<string> conditions) => $"INSERT INTO {target} ({string.Join(", ", columns.Select(c => SqlText.Quote(c.Target)))}){Overriding} SELECT {string.Join(", ", columns.Select(c => c.ValueOf("s")))} FROM {source} AS s{Where(conditions)}";

    private string StagedKey => string.Join(", ", _key.Select(c => $"s.{SqlText.Quote(c.Staged)}"));

    private string SameKey => string.Join(" AND ", _key.Select(c => $"t.{SqlText.Quote(c.Target)} = {c.ValueOf("s")}"));

    private string Overriding => columns.Any(c => c.IdentityAlways) ? " OVERRIDING SYSTEM VALUE" : "";

    private static string Where(IReadOnlyList<string> conditions) => conditions.Count == 0 ? "" : " WHERE " + string.Join(" AND ", conditions);

    private static string Compared(string value, TargetColumn column) => column.AsText ? $"({value})::text" : value;
}
