using Apache.Arrow.Types;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres.Load;

/// <summary>
/// What the target asks of a single row, as constraints of the staging table, so that a bad row is refused while rows are staged and can still be told from the others: NOT NULL,
/// checks, domains, lengths, conversions. Unique and foreign keys depend on other rows; those are the publish's.
/// </summary>
internal static class StagingConstraints
{
    private const uint BitOid = 1560, VarbitOid = 1562;
    private const int LengthModifierBase = 4;

    /// <summary>The constraints, for CREATE TABLE. None where the table is not there yet: it will be made to fit.</summary>
    public static async ValueTask<IReadOnlyList<string>> OfAsync(
        NpgsqlConnection session, TableName name, RowSchema schema, IReadOnlyList<string> key, SchemaPolicy policy, CancellationToken cancel)
    {
        if (await LiveTable.FindAsync(session, name, cancel) is not { } live)
        {
            return [];
        }

        var columns = TargetTable.Fit(name, live, schema, key, policy).Columns
            .Select(c => (Column: c, Live: live.Find(c.Target), Type: schema.Require(c.Staged).DataType)).Where(c => c.Live is not null).ToList();
        var constraints = new List<string>();
        foreach (var (column, to, type) in columns)
        {
            var staged = SqlText.Quote(column.Staged);
            if (to!.NotNull)
            {
                constraints.Add(Check($"{column.Target} not null", $"{staged} IS NOT NULL", schema.HasOp));
            }

            if (Fits(column, to, type, staged) is { } condition)
            {
                constraints.Add(Check($"{column.Target} {to.Declared}", condition, schema.HasOp));
            }
        }

        var same = columns.Where(c => c.Column.Staged == c.Column.Target && c.Column.Value == "{0}").Select(c => c.Live!.Number).ToArray();
        await foreach (var (check, expression) in ChecksAsync(session, live.Oid, same, cancel))
        {
            constraints.Add(Check(check, expression, schema.HasOp));
        }

        return constraints;
    }

    // A condition that is false, or cannot be evaluated, for a value that the column cannot take as it is; null where each value can be taken.
    private static string? Fits(TargetColumn column, LiveColumn to, IArrowType type, string staged)
    {
        var length = to.TypeModifier - LengthModifierBase;
        return to switch
        {
            _ when Same(type, to.Declared) => null,
            // The server cuts spaces beyond the length without a word.
            { TypeOid: PostgresTypes.VarcharOid, TypeModifier: >= 0 } when type is StringType => FormattableString.Invariant($"char_length({staged}) <= {length}"),
            { TypeOid: PostgresTypes.BpcharOid, TypeModifier: >= 0 } when type is StringType => FormattableString.Invariant($"char_length(rtrim({staged}, ' ')) <= {length}"),
            { TypeOid: BitOid } => FormattableString.Invariant($"length({column.ValueOf(null)}) = {to.TypeModifier}"),
            { TypeOid: VarbitOid, TypeModifier: >= 0 } => FormattableString.Invariant($"length({column.ValueOf(null)}) <= {to.TypeModifier}"),
            { ElementOid: not 0 } when column.Value == "{0}" => null,
            _ => $"({column.ValueOf(null)})::{to.Declared} IS NOT NULL OR {staged} IS NULL",
        };
    }

    // A type under the name that the server shows it by.
    private static bool Same(IArrowType type, string declared) => declared == type switch
    {
        TimestampType { Timezone: null } => "timestamp without time zone",
        TimestampType => "timestamp with time zone",
        Time64Type => "time without time zone",
        _ => PostgresTypes.SqlType(type),
    };

    // Rows that are deletions are not written.
    private static string Check(string name, string condition, bool hasOp) =>
        $"CONSTRAINT {SqlText.Quote(Short(name))} CHECK ({(hasOp ? $"{SqlText.Quote(RowSchema.OpColumn)} = '{RowSchema.OpDelete}' OR " : "")}({condition}))";

    private static string Short(string name) => name.Length <= 60 ? name : name[..60];

    // Those over columns that are staged under their own names.
    private static async IAsyncEnumerable<(string Name, string Expression)> ChecksAsync(
        NpgsqlConnection session, uint table, short[] columns, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' AND conkey <@ $2 ORDER BY conname", session);
        command.Parameters.Add(new NpgsqlParameter { Value = table, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid });
        command.Parameters.AddWithValue(columns);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            yield return (reader.GetString(0), reader.GetString(1));
        }
    }
}
