using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Postgres.Copy;
using Npgsql;

namespace Etl.Plugins.Postgres.Load;

/// <summary>
/// An unlogged table in the state's schema that holds what one call staged. Its name carries the load and the fence, so that a newer session knows
/// what it may drop, and an older one writes where nobody reads.
/// </summary>
internal sealed class StagingTable(CheckpointKey key, long fence, int worker)
{
    // Fewer rows than this are joined well enough without statistics.
    private const long LeastRowsToAnalyze = 10_000;

    private const string DropTimeout = "2s";

    private readonly string _name = FormattableString.Invariant($"{Prefix(key)}{fence}_{worker}");

    /// <summary>The quoted name.</summary>
    public string Sql => SqlText.Quote(CheckpointStore.Schema, _name);

    /// <summary>The quoted name of a table for the differences between what was staged and the target.</summary>
    public static string DifferencesOf(CheckpointKey key, long fence) => SqlText.Quote(CheckpointStore.Schema, FormattableString.Invariant($"{Prefix(key)}{fence}_differences"));

    /// <summary>Rows written.</summary>
    public long Rows { get; private set; }

    /// <summary>
    /// Writes batches by one COPY. The table is made, and <paramref name="created"/> called, with the first batch: without one there is no table.
    /// </summary>
    public async ValueTask WriteAsync(
        PostgresConnection connection, RowSchema schema, IAsyncEnumerable<RecordBatch> batches, IReadOnlyList<string> keyColumns, Action created, CancellationToken cancel)
    {
        await using var source = batches.GetAsyncEnumerator(cancel);
        if (!await source.MoveNextAsync())
        {
            return;
        }

        await using var session = await connection.OpenTargetAsync(cancel);
        var columns = schema.Arrow.FieldsList.Select(f => $"{SqlText.Quote(f.Name)} {PostgresTypes.SqlType(f.DataType)}");
        await ExecuteAsync(session, $"CREATE UNLOGGED TABLE {Sql} ({string.Join(", ", columns)}) WITH (autovacuum_enabled = false)", cancel);
        created();

        var stream = await session.BeginRawBinaryCopyAsync($"COPY {Sql} FROM STDIN (FORMAT BINARY)", cancel);
        try
        {
            using var encoder = new CopyEncoder(stream);
            do
            {
                // Encoding and sending block, so they run on a pool thread; the server's pace is the back-pressure.
                var batch = source.Current;
                await Task.Run(() => encoder.Write(batch), cancel);
                Rows += batch.Length;
            }
            while (await source.MoveNextAsync());
            await Task.Run(encoder.Complete, cancel);
        }
        catch
        {
            // Without this, closing the stream would tell the server that the rows are complete.
            await CancelAsync(stream);
            throw;
        }

        await stream.DisposeAsync();
        if (keyColumns.Count > 0 && Rows >= LeastRowsToAnalyze)
        {
            await ExecuteAsync(session, $"ANALYZE {Sql} ({string.Join(", ", keyColumns.Select(SqlText.Quote))})", cancel);
        }
    }

    /// <summary>Drops what sessions with an older fence left. One that is still written to by a session that does not know yet stays for the next time.</summary>
    public static async ValueTask DropOlderAsync(NpgsqlConnection session, CheckpointKey key, long fence, CancellationToken cancel)
    {
        var names = new List<string>();
        var prefix = Prefix(key);
        await using (var list = new NpgsqlCommand("SELECT tablename FROM pg_tables WHERE schemaname = $1 AND starts_with(tablename, $2) AND split_part(substr(tablename, length($2) + 1), '_', 1)::bigint < $3", session))
        {
            list.Parameters.AddWithValue(CheckpointStore.Schema);
            list.Parameters.AddWithValue(prefix);
            list.Parameters.AddWithValue(fence);
            await using var reader = await list.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
            {
                names.Add(reader.GetString(0));
            }
        }

        foreach (var name in names)
        {
            try
            {
                await ExecuteAsync(session, $"SET lock_timeout = '{DropTimeout}'; DROP TABLE IF EXISTS {SqlText.Quote(CheckpointStore.Schema, name)}", cancel);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                // Its writer lives: a fenced session that has not noticed. Nobody reads the table, so it can wait.
            }
        }

        await ExecuteAsync(session, "RESET lock_timeout", cancel);
    }

    private static string Prefix(CheckpointKey key) => $"stg_{key.ShortName}_";

    private static async ValueTask CancelAsync(NpgsqlRawCopyStream stream)
    {
        try
        {
            await stream.CancelAsync();
            await stream.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or IOException)
        {
            // The session is broken already, which is why we are here; the pool throws it away.
        }
    }

    private static async ValueTask ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
