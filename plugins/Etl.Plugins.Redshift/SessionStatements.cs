using Npgsql;

namespace Etl.Plugins.Redshift;

/// <summary>Statements on a session, whose values are parameters.</summary>
internal static class SessionStatements
{
    /// <summary>Runs a statement and counts the rows that it touched.</summary>
    public static async ValueTask<long> ExecuteAsync(this NpgsqlConnection session, string sql, CancellationToken cancel, params object[] values)
    {
        await using var command = Command(session, sql, values);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>The first value of a query; null for NULL or no row.</summary>
    public static async ValueTask<object?> ScalarAsync(this NpgsqlConnection session, string sql, CancellationToken cancel, params object[] values)
    {
        await using var command = Command(session, sql, values);
        return await command.ExecuteScalarAsync(cancel) is var value and not DBNull ? value : null;
    }

    /// <summary>The rows of a query, each as its values; null for NULL.</summary>
    public static async ValueTask<List<object?[]>> RowsAsync(this NpgsqlConnection session, string sql, CancellationToken cancel, params object[] values)
    {
        await using var command = Command(session, sql, values);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<object?[]>();
        while (await reader.ReadAsync(cancel))
        {
            var row = new object?[reader.FieldCount];
            for (var i = 0; i < row.Length; i++)
            {
                row[i] = await reader.IsDBNullAsync(i, cancel) ? null : reader.GetValue(i);
            }

            rows.Add(row);
        }

        return rows;
    }

    private static NpgsqlCommand Command(NpgsqlConnection session, string sql, object[] values)
    {
        var command = new NpgsqlCommand(sql, session);
        foreach (var value in values)
        {
            command.Parameters.AddWithValue(value);
        }

        return command;
    }
}
