using System.Data;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>
/// A session in a REPEATABLE READ, READ ONLY transaction: what it sees, all splits read. It stays open until the extraction ends, as
/// other sessions can join a snapshot only while the transaction that exported it lives.
/// </summary>
internal sealed class SourceSnapshot : IAsyncDisposable
{
    private SourceSnapshot(PostgresConnection connection, NpgsqlConnection session)
    {
        Connection = connection;
        Session = session;
    }

    /// <summary>The session.</summary>
    public NpgsqlConnection Session { get; }

    /// <summary>Where it leads.</summary>
    public PostgresConnection Connection { get; }

    /// <summary>Every transaction below this id had ended when the snapshot was taken.</summary>
    public long Xmin { get; private set; }

    /// <summary>The first id that was not given out yet.</summary>
    public long Xmax { get; private set; }

    /// <summary>The server is a standby.</summary>
    public bool InRecovery { get; private set; }

    /// <summary><c>system identifier/database</c>: another server, or a restored copy under a new identity, is another source.</summary>
    public string Identity { get; private set; } = "";

    /// <summary>
    /// Takes a snapshot. A <paramref name="table"/> is kept from changes of its columns before that: one that writes the table anew (a column's type) would
    /// leave it empty for a snapshot that is older.
    /// </summary>
    public static async ValueTask<SourceSnapshot> TakeAsync(PostgresConnection connection, TableName? table, CancellationToken cancel)
    {
        var snapshot = new SourceSnapshot(connection, await connection.OpenSourceAsync(cancel));
        try
        {
            // Views and foreign tables cannot be locked, or only with rights on what is below them.
            var isTable = table is not null
                && await snapshot.ScalarAsync($"SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass({SqlText.Literal(table.Value.Sql)}) AND relkind IN ('r', 'p'))", cancel) is true;
            await snapshot.BeginAsync(cancel);
            if (isTable)
            {
                await using var hold = new NpgsqlCommand($"LOCK TABLE {table!.Value.Sql} IN ACCESS SHARE MODE", snapshot.Session);
                await hold.ExecuteNonQueryAsync(cancel);
            }

            await using var command = new NpgsqlCommand(
                """
                SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint, (SELECT system_identifier FROM pg_control_system()), current_database(), current_setting('server_encoding'), pg_is_in_recovery()
                FROM pg_current_snapshot() s
                """, snapshot.Session);
            await using var reader = await command.ExecuteReaderAsync(cancel);
            await reader.ReadAsync(cancel);
            if (reader.GetString(4) == "SQL_ASCII")
            {
                throw new EtlException("ETL4454", $"the database of {connection.Display} has the encoding SQL_ASCII: nobody knows what its text means", "Move it to a database in UTF8.");
            }

            snapshot.Xmin = reader.GetInt64(0);
            snapshot.Xmax = reader.GetInt64(1);
            snapshot.InRecovery = reader.GetBoolean(5);
            snapshot.Identity = FormattableString.Invariant($"{reader.GetInt64(2)}/{reader.GetString(3)}");
            return snapshot;
        }
        catch
        {
            await snapshot.DisposeAsync();
            throw;
        }
    }

    /// <summary>A name by which other sessions join this snapshot.</summary>
    public async ValueTask<string> ExportAsync(CancellationToken cancel) => (string)(await ScalarAsync("SELECT pg_export_snapshot()", cancel))!;

    /// <summary>Another session that sees the same; the caller disposes it.</summary>
    public static async ValueTask<NpgsqlConnection> JoinAsync(PostgresConnection connection, string exported, CancellationToken cancel)
    {
        var joined = new SourceSnapshot(connection, await connection.OpenSourceAsync(cancel));
        try
        {
            await joined.BeginAsync(cancel);
            await using var command = new NpgsqlCommand($"SET TRANSACTION SNAPSHOT {SqlText.Literal(exported)}", joined.Session);
            await command.ExecuteNonQueryAsync(cancel);
            return joined.Session;
        }
        catch
        {
            await joined.DisposeAsync();
            throw;
        }
    }

    /// <summary>The first value of a query's first row; null for NULL.</summary>
    public async ValueTask<object?> ScalarAsync(string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, Session);
        var value = await command.ExecuteScalarAsync(cancel);
        return value is DBNull ? null : value;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync(Session);

    /// <summary>Returns a session to the pool, which rolls its transaction back.</summary>
    public static async ValueTask CloseAsync(NpgsqlConnection session)
    {
        try
        {
            await session.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // It was lost, so there is nothing to roll back or to return; an error from here would hide the one that tells why.
        }
    }

    private async ValueTask BeginAsync(CancellationToken cancel)
    {
        // READ ONLY by the session's default as well; here it also holds where a pooler keeps that default from the server.
        await Session.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        await using var command = new NpgsqlCommand("SET TRANSACTION READ ONLY", Session);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
