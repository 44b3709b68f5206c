using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>
/// What is known of the rows on an edge of the graph before anything is connected: the Arrow schema (names, types,
/// nullability) and a key that is unique in it.
/// <para>Names that start with an underscore are the engine's. <see cref="OpColumn"/> marks keyed changes.</para>
/// </summary>
/// <param name="Arrow">Names are unique, ignoring case.</param>
/// <param name="Key">Columns whose values are known to be unique together; empty when no such key is known.</param>
public sealed record RowSchema(Schema Arrow, IReadOnlyList<string> Key)
{
    /// <summary>
    /// Present in keyed changes: utf8, not null, <see cref="OpUpsert"/> or <see cref="OpDelete"/>. A deletion's other columns
    /// hold the last row. Components carry the column along; a loader in upsert mode applies it.
    /// </summary>
    public const string OpColumn = "_op";

    /// <summary>The row is a new version of its key.</summary>
    public const string OpUpsert = "upsert";

    /// <summary>The row's key is gone from the source.</summary>
    public const string OpDelete = "delete";

    /// <summary>Nothing is known to be unique.</summary>
    public RowSchema(Schema arrow) : this(arrow, []) { }

    /// <summary>More keys, each of columns that are unique together: a deduplicated stream keeps the key that it came with.</summary>
    public IReadOnlyList<IReadOnlyList<string>> OtherKeys { get; init; } = [];

    /// <summary>All known keys; none is empty.</summary>
    public IEnumerable<IReadOnlyList<string>> Keys => OtherKeys.Prepend(Key).Where(k => k.Count > 0);

    /// <summary>Whether no two rows have the same values in these columns: they hold a whole key.</summary>
    public bool IsUniqueBy(IReadOnlyCollection<string> columns) => Keys.Any(k => k.All(c => columns.Contains(c, StringComparer.OrdinalIgnoreCase)));

    /// <summary>Whether the rows are keyed changes with deletions.</summary>
    public bool HasOp => Index(OpColumn) >= 0;

    /// <summary>Column names, in order.</summary>
    public IEnumerable<string> Names => Arrow.FieldsList.Select(f => f.Name);

    /// <summary>The position of a column, or -1. Names are compared as SQL does, ignoring case.</summary>
    public int Index(string column)
    {
        for (var i = 0; i < Arrow.FieldsList.Count; i++)
        {
            if (string.Equals(Arrow.FieldsList[i].Name, column, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The field of a column; an unknown one is an <see cref="EtlException"/> ETL3010 that lists what exists.</summary>
    public Field Require(string column, string? optionPath = null)
    {
        var index = Index(column);
        return index >= 0
            ? Arrow.FieldsList[index]
            : throw new EtlException("ETL3010", $"there is no column '{column}' here", $"Columns are: {string.Join(", ", Names)}.") { OptionPath = optionPath };
    }
}
