using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Postgres.Copy;
using Npgsql;

namespace Etl.Plugins.Postgres.Load;

/// <summary>What is staged, and what for.</summary>
/// <param name="Connection">To the target.</param>
/// <param name="Target">The table that the rows are for.</param>
/// <param name="Schema">Of the rows.</param>
/// <param name="Key">The key of upsert.</param>
/// <param name="Policy">What the load may change in the target.</param>
internal sealed record StagingRequest(PostgresConnection Connection, TableName Target, RowSchema Schema, IReadOnlyList<string> Key, SchemaPolicy Policy);

/// <summary>
/// An unlogged table in the state's schema that holds what one call staged. Its name carries the load and the fence, so that a newer session knows
/// what it may drop, and an older one writes where nobody reads.
/// </summary>
internal sealed class StagingTable(CheckpointKey key, long fence, int worker)
{
    // Fewer rows than this are joined well enough without statistics.
    private const long LeastRowsToAnalyze = 10_000;

    // Rows of one COPY where some may be refused: all of it is sent again then, and held in memory until the server has taken it.
    private const int RowsAtATime = 65_536;

    private const string DropTimeout = "2s";

    private readonly string _name = FormattableString.Invariant($"{Prefix(key)}{fence}_{worker}");

    /// <summary>The quoted name.</summary>
    public string Sql => SqlText.Quote(CheckpointStore.Schema, _name);

    /// <summary>Rows written.</summary>
    public long Rows { get; private set; }

    /// <summary>
    /// Writes batches by COPY: by one, or, if there is a <paramref name="refuse"/> to take rows that are refused, by one for each 65,536 rows. The table is made, and
    /// <paramref name="created"/> called, with the first batch: without one there is no table.
    /// </summary>
    public async ValueTask WriteAsync(StagingRequest request, IAsyncEnumerable<RecordBatch> batches, RefuseRow? refuse, Action created, CancellationToken cancel)
    {
        await using var rest = new RestOfStream(batches, cancel);
        if (!await rest.HasMoreAsync())
        {
            return;
        }

        await using var session = await request.Connection.OpenTargetAsync(cancel);
        var columns = request.Schema.Arrow.FieldsList.Select(f => $"{SqlText.Quote(f.Name)} {PostgresTypes.SqlType(f.DataType)}");
        var constraints = refuse is null ? [] : await StagingConstraints.OfAsync(session, request.Target, request.Schema, request.Key, request.Policy, cancel);
        await ExecuteAsync(session, $"CREATE UNLOGGED TABLE {Sql} ({string.Join(", ", [.. columns, .. constraints])}) WITH (autovacuum_enabled = false)", cancel);
        created();
        while (await rest.HasMoreAsync())
        {
            if (refuse is null)
            {
                await CopyAsync(session, rest.TakeAsync(long.MaxValue, null), cancel);
            }
            else
            {
                await CopyOrRefuseAsync(session, rest, refuse, cancel);
            }
        }

        if (request.Key.Count > 0 && Rows >= LeastRowsToAnalyze)
        {
            await ExecuteAsync(session, $"ANALYZE {Sql} ({string.Join(", ", request.Key.Select(SqlText.Quote))})", cancel);
        }
    }

    private async ValueTask CopyOrRefuseAsync(NpgsqlConnection session, RestOfStream rest, RefuseRow refuse, CancellationToken cancel)
    {
        var held = new List<RecordBatch>();
        try
        {
            try
            {
                await CopyAsync(session, rest.TakeAsync(RowsAtATime, held), cancel);
                return;
            }
            catch (Exception e) when (PostgresErrors.ReasonOfRow(e) is not null)
            {
                // The server took none of them; now to find out which it would not.
            }

            foreach (var batch in held)
            {
                await Bisection.WriteAsync(batch, (part, stop) => CopyAsync(session, RestOfStream.Only(part), stop), PostgresErrors.ReasonOfRow, refuse, cancel);
            }
        }
        finally
        {
            held.ForEach(b => b.Dispose());
        }
    }

    // All of the batches, or none.
    private async ValueTask CopyAsync(NpgsqlConnection session, IAsyncEnumerable<RecordBatch> batches, CancellationToken cancel)
    {
        var rows = 0L;
        var stream = await session.BeginRawBinaryCopyAsync($"COPY {Sql} FROM STDIN (FORMAT BINARY)", cancel);
        try
        {
            using var encoder = new CopyEncoder(stream);
            await foreach (var batch in batches)
            {
                // Encoding and sending block, so they run on a pool thread; the server's pace is the back-pressure.
                await Task.Run(() => encoder.Write(batch), cancel);
                rows += batch.Length;
            }

            await Task.Run(encoder.Complete, cancel);
        }
        catch
        {
            // Without this, closing the stream would tell the server that the rows are complete.
            await CancelAsync(stream);
            throw;
        }

        await stream.DisposeAsync();
        Rows += rows;
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
