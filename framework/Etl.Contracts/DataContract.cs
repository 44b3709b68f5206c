using Apache.Arrow;

namespace Etl.Contracts;

/// <summary>The declared schema of one data set: one object of an Open Data Contract Standard (v3) file.</summary>
/// <param name="Id">The contract's id.</param>
/// <param name="Version">The contract's own version.</param>
/// <param name="Name">The object's physical name: the table.</param>
/// <param name="Columns">In declared order.</param>
/// <param name="Path">The file, for errors.</param>
public sealed record DataContract(string Id, string Version, string Name, IReadOnlyList<ContractColumn> Columns, string Path)
{
    /// <summary>Columns of the primary key, in order of <c>primaryKeyPosition</c>.</summary>
    public IReadOnlyList<string> PrimaryKey { get; } =
        [.. Columns.Where(c => c.PrimaryKeyPosition is not null).OrderBy(c => c.PrimaryKeyPosition).Select(c => c.Field.Name)];

    /// <summary>The same with more columns behind its own.</summary>
    public DataContract Plus(IEnumerable<ContractColumn> columns) => new(Id, Version, Name, [.. Columns, .. columns], Path);

    /// <summary>The Arrow schema, keyed by the primary key.</summary>
    public RowSchema Schema { get; } = new(
        new Schema(Columns.Select(c => c.Field), null),
        [.. Columns.Where(c => c.PrimaryKeyPosition is not null).OrderBy(c => c.PrimaryKeyPosition).Select(c => c.Field.Name)]);

    /// <summary>
    /// Rows of a source that keeps what the contract says of keys: their columns, and the keys that these hold whole. Beside the key that is named these are columns that are
    /// declared <c>unique</c> and <c>required</c>; with deletions in the stream they are none, as a value may have gone from one row to another.
    /// </summary>
    /// <param name="fields">The columns, with <c>_op</c> if there are deletions.</param>
    /// <param name="key">What tells a row apart; empty if unknown.</param>
    public RowSchema RowsOf(IEnumerable<Field> fields, IReadOnlyList<string> key)
    {
        var rows = new RowSchema(new Schema(fields, null));
        return rows with
        {
            Key = key.All(k => rows.Index(k) >= 0) ? key : [],
            OtherKeys = rows.HasOp ? [] : [.. Columns.Where(c => c.Unique && !c.Field.IsNullable && rows.Index(c.Field.Name) >= 0).Select(c => (IReadOnlyList<string>)[c.Field.Name])],
        };
    }
}

/// <summary>A column of a contract.</summary>
/// <param name="Field">Name, Arrow type and nullability (<c>required: true</c> is not nullable).</param>
/// <param name="PhysicalType">The source's own type, such as <c>numeric(12,2)</c>; null if not said.</param>
/// <param name="PrimaryKeyPosition">1-based; null when not of the key.</param>
/// <param name="Unique">Declared unique by itself.</param>
/// <param name="Classification">Such as <c>restricted</c>; obeyed where values are shown.</param>
public sealed record ContractColumn(Field Field, string? PhysicalType, int? PrimaryKeyPosition, bool Unique, string? Classification);
