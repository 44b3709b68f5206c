using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>The declared columns of an extraction against those that are there.</summary>
internal static class SourceColumns
{
    /// <summary>
    /// What an extraction yields: the contract's columns, or those of them that are named, and <c>_op</c> if deletions are
    /// marked. The key holds only if all its columns are read.
    /// </summary>
    public static RowSchema Describe(DataContract? contract, IReadOnlyList<string>? columns, PostgresIncrementalOptions? incremental, string source)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", "the stage has no contract, so the types of its columns are not known", $"Write one from the source: etl contract import --connection NAME --table {source}");
        }

        var fields = columns is null
            ? contract.Schema.Arrow.FieldsList.ToList()
            : [.. columns.Select((name, i) => contract.Schema.Require(name, $"columns[{i}]"))];
        foreach (var field in fields)
        {
            if (PostgresTypes.SqlType(field.DataType) is null)
            {
                throw new EtlException("ETL4470", $"column '{field.Name}' is declared as {field.DataType.Name}, which PostgreSQL does not have", "Correct the contract.");
            }
        }

        if (incremental is not null)
        {
            RequireCursor(contract, incremental);
        }

        var key = incremental?.Key ?? contract.PrimaryKey;
        for (var i = 0; i < (incremental?.Key?.Count ?? 0); i++)
        {
            contract.Schema.Require(incremental!.Key![i], $"incremental.key[{i}]");
        }

        if (incremental?.DeletedWhen is not null)
        {
            fields.Add(new Field(RowSchema.OpColumn, StringType.Default, false));
        }

        return contract.RowsOf(fields, key);
    }

    private static void RequireCursor(DataContract contract, PostgresIncrementalOptions incremental)
    {
        var cursor = contract.Schema.Require(incremental.Cursor, "incremental.cursor");
        if (cursor.DataType is FloatType or DoubleType or BooleanType or BinaryType or ListType)
        {
            throw new EtlException("ETL4467", $"the cursor '{cursor.Name}' is {PostgresTypes.SqlType(cursor.DataType)}", "A cursor is a time, a date, a whole or decimal number, or a text.") { OptionPath = "incremental.cursor" };
        }

        if (incremental.Exact is not (PostgresExact.Window or PostgresExact.HoldBack))
        {
            return;
        }

        if (cursor.DataType is not (TimestampType or Date32Type))
        {
            throw new EtlException("ETL4487", $"the cursor '{cursor.Name}' is {PostgresTypes.SqlType(cursor.DataType)}, which says nothing about when its transaction began", "window and hold_back go by the clock: take a timestamptz, or exact: scan, which any cursor will do for.") { OptionPath = "incremental.exact" };
        }

        if (cursor.DataType is not TimestampType { Timezone: not null } && incremental.LateWindow is null)
        {
            throw new EtlException("ETL4487", $"the cursor '{cursor.Name}' is {PostgresTypes.SqlType(cursor.DataType)}: how far it is from the server's clock depends on the time zones of those who write it", "Say by late_window how far it can be behind UTC (1h if all write UTC; 24h for a date), or take a timestamptz.") { OptionPath = "incremental.exact" };
        }
    }

    /// <summary>
    /// The SELECT list that gives <paramref name="schema"/> from the live columns. ETL4457 names every difference at once: a missing column, another type, a column
    /// that may be NULL now. <paramref name="tableSaysNull"/>: NOT NULL of the live columns means something (of a view's it does not).
    /// </summary>
    public static string Select(string source, IReadOnlyList<LiveColumn> live, RowSchema schema, bool tableSaysNull, string? deletedWhen)
    {
        var expressions = new List<string>();
        var differences = new List<string>();
        foreach (var field in schema.Arrow.FieldsList)
        {
            if (field.Name == RowSchema.OpColumn && deletedWhen is not null)
            {
                expressions.Add($"CASE WHEN ({deletedWhen}\n) THEN '{RowSchema.OpDelete}' ELSE '{RowSchema.OpUpsert}' END AS {SqlText.Quote(RowSchema.OpColumn)}");
            }
            else if (LiveTable.Find(live, field.Name) is not { } column)
            {
                differences.Add($"column '{field.Name}' is not there");
            }
            else if (PostgresTypes.Select(column, field.DataType) is not { } expression)
            {
                differences.Add($"column '{field.Name}' is {column.Declared}, the contract says {PostgresTypes.SqlType(field.DataType)}");
            }
            else if (tableSaysNull && !field.IsNullable && !column.NotNull)
            {
                differences.Add($"column '{field.Name}' can be NULL, the contract says required");
            }
            else
            {
                expressions.Add($"{expression} AS {SqlText.Quote(field.Name)}");
            }
        }

        return differences.Count == 0
            ? string.Join(", ", expressions)
            : throw new EtlException("ETL4457", $"{source} is not what its contract says: {string.Join("; ", differences)}", "Import the contract again (etl contract import) and look at the difference, or correct the source.");
    }
}
