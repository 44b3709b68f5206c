using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>The statements between a full staging table and the target.</summary>
/// <param name="Target">The table.</param>
/// <param name="Stage">The staging table's name, quoted.</param>
/// <param name="HasOp">The staging table says which rows are deletions.</param>
internal sealed record SqlitePublication(SqliteTarget Target, string Stage, bool HasOp)
{
    /// <summary>1 for a deletion.</summary>
    public const string OpColumn = "\"_op\"";

    private string Columns => string.Join(", ", Target.Columns.Select(c => c.Name));

    private string OfUpserts => HasOp ? $" and s.{OpColumn} = 0" : "";

    /// <summary>
    /// The staging table: declared as the target is, so that SQLite converts a value before it is compared, and with what the target asks of a single row, so that a
    /// bad one is told from the others. Deletions are not written, so nothing is asked of them.
    /// </summary>
    public string CreateStage
    {
        get
        {
            var columns = Target.Columns.Select(c => $"{c.Name} {c.Declared}");
            var conditions = Target.Columns.Where(c => c.NotNull).Select(c => $"{c.Name} is not null").Concat(Target.Checks)
                .Select(c => $"constraint {SqlText.Quote(c)} check ({(HasOp ? $"{OpColumn} = 1 or " : "")}({c}))");
            return $"create table {Stage} ({string.Join(", ", [.. columns, .. HasOp ? [$"{OpColumn} integer not null"] : System.Array.Empty<string>(), .. conditions])})";
        }
    }

    public string InsertStage
    {
        get
        {
            var count = Target.Columns.Count + (HasOp ? 1 : 0);
            return $"insert into {Stage} values ({string.Join(", ", Enumerable.Repeat("?", count))})";
        }
    }

    /// <summary>Keeps the row staged last for each key.</summary>
    public string KeepLast => $"delete from {Stage} where rowid not in (select max(rowid) from {Stage} group by {string.Join(", ", Target.Key)})";

    public string CountDuplicates => $"select count(*) from (select 1 from {Stage} group by {string.Join(", ", Target.Key)} having count(*) > 1)";

    public string CountUpserts => $"select count(*) from {Stage} as s where true{OfUpserts}";

    public string DeleteAll => $"delete from {Target.Name}";

    public string InsertAll => $"insert into {Target.Name} ({Columns}) select {Columns} from {Stage} as s where true{OfUpserts} order by s.rowid";

    public string DeleteByKey => $"delete from {Target.Name} where ({string.Join(", ", Target.Key)}) in (select {string.Join(", ", Target.Key)} from {Stage} where {OpColumn} = 1)";

    /// <summary>
    /// A table of all keys that the source has, converted as the target's are. A key that comes again, or is NULL, which no row of the target has, is ignored.
    /// </summary>
    public string CreateKeys => $"create table {Keys} ({string.Join(", ", KeyColumns.Select(c => $"{c.Name} {c.Declared}"))}, primary key ({string.Join(", ", Target.Key)})) without rowid";

    public string InsertKey => $"insert or ignore into {Keys} values ({string.Join(", ", Target.Key.Select(_ => "?"))})";

    /// <summary>The name of that table, quoted.</summary>
    public string Keys => SqlText.Quote(Stage.Trim('"') + "_keys");

    /// <summary>The key's columns, in its order.</summary>
    public IEnumerable<TargetColumn> KeyColumns => Target.Key.Select(k => Target.Columns.First(c => c.Name.Equals(k, StringComparison.OrdinalIgnoreCase)));

    public string DeleteOthers => $"delete from {Target.Name} as t where not exists (select 1 from {Keys} as s where {KeysEqual})";

    /// <summary>Null where the key is all there is.</summary>
    public string? UpdateChanged
    {
        get
        {
            var others = Target.Columns.Where(c => !Target.Key.Contains(c.Name, StringComparer.OrdinalIgnoreCase)).ToList();
            // Binary: a column that ignores case would hide a change of case.
            return others.Count == 0
                ? null
                : $"update {Target.Name} as t set {string.Join(", ", others.Select(c => $"{c.Name} = s.{c.Name}"))} from {Stage} as s "
                  + $"where {KeysEqual}{OfUpserts} and ({string.Join(" or ", others.Select(c => $"t.{c.Name} is not s.{c.Name} collate binary"))})";
        }
    }

    public string InsertMissing =>
        $"insert into {Target.Name} ({Columns}) select {string.Join(", ", Target.Columns.Select(c => "s." + c.Name))} from {Stage} as s "
        + $"left join {Target.Name} as t on {KeysEqual} where t.{Target.Key[0]} is null{OfUpserts} order by s.rowid";

    private string KeysEqual => string.Join(" and ", Target.Key.Select(k => $"t.{k} = s.{k}"));
}
