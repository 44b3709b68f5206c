using System.Data;
using Npgsql;
using NpgsqlTypes;

namespace Etl.Benchmarks;

/// <summary>
/// The same upsert as most .NET code has it: a dictionary for each row, a function for each step, the driver's typed calls. Runs in a process of its own, so that its processor time and
/// memory can be measured like those of others.
/// </summary>
internal static class DictionaryRows
{
    private static readonly string[] Columns = Orders.Columns.Split(", ");

    private static readonly Action<Dictionary<string, object?>>[] Steps =
    [
        static row => row["status"] = ((string)row["status"]!).Trim().ToLowerInvariant(),
        static row => row["email"] = ((string)row["email"]!).Trim().ToLowerInvariant(),
        static row => row["currency"] = ((string)row["currency"]!).ToUpperInvariant(),
        static row => row["note"] ??= "",
        static row => row["size"] = (decimal)row["amount"]! switch { < 50 => "small", < 5000 => "medium", _ => "large" },
        static row => row["day"] = DateOnly.FromDateTime((DateTime)row["created_at"]!),
    ];

    /// <summary>Moves all rows.</summary>
    /// <param name="connection">The server, for reading and for writing.</param>
    /// <param name="target">The table.</param>
    /// <param name="upsert">What takes the rows from <c>staged</c> to it.</param>
    public static async Task RunAsync(string connection, string target, string upsert)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var reading = await source.OpenConnectionAsync();
        await using var writing = await source.OpenConnectionAsync();
        await ExecuteAsync(writing, $"CREATE TEMP TABLE staged (LIKE {target})");
        await using (var select = new NpgsqlCommand($"SELECT {Orders.Columns} FROM orders", reading))
        await using (var rows = await select.ExecuteReaderAsync(CommandBehavior.SequentialAccess))
        await using (var writer = await writing.BeginBinaryImportAsync($"COPY staged ({Orders.Columns}, size, day) FROM STDIN (FORMAT BINARY)"))
        {
            while (await rows.ReadAsync())
            {
                var row = new Dictionary<string, object?>(Columns.Length + 2);
                for (var i = 0; i < Columns.Length; i++)
                {
                    var value = rows.GetValue(i);
                    row[Columns[i]] = value is DBNull ? null : value;
                }

                foreach (var step in Steps)
                {
                    step(row);
                }

                await writer.StartRowAsync();
                foreach (var column in Columns)
                {
                    await writer.WriteAsync(row[column]);
                }

                await writer.WriteAsync(row["size"]);
                await writer.WriteAsync(row["day"], NpgsqlDbType.Date);
            }

            await writer.CompleteAsync();
        }

        await ExecuteAsync(writing, upsert);
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }
}
