using System.Data.Common;
using System.Globalization;
using System.Net;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres;

/// <summary>
/// A PostgreSQL database (13 or newer). Sessions for reading are READ ONLY; every session has the same settings, so that
/// text forms and time zones do not depend on the server's configuration.
/// </summary>
[ConnectionType("postgres", "A PostgreSQL database, 13 or newer.")]
public sealed class PostgresConnection : IConnection, ITableCatalog, IScriptRunner, ILedgerDatabase
{
    private readonly PostgresConnectionOptions _options;
    private readonly Lazy<NpgsqlDataSource> _source;
    private readonly Lazy<NpgsqlDataSource> _target;

    /// <summary>Makes the connection without I/O.</summary>
    public PostgresConnection(PostgresConnectionOptions options)
    {
        _options = options;
        _source = new(() => NpgsqlDataSource.Create(ConnectionString(readOnly: true)));
        _target = new(() => NpgsqlDataSource.Create(ConnectionString(readOnly: false)));
    }

    /// <inheritdoc/>
    public string Display => $"postgres://{_options.Host}:{_options.Port.ToString(CultureInfo.InvariantCulture)}/{_options.Database}";

    /// <summary>The schema of tables that are named without one.</summary>
    internal string Schema => _options.Schema;

    /// <summary>Sessions of one kind at a time.</summary>
    internal int PoolSize => _options.PoolSize;

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel)
    {
        await using var session = await OpenSourceAsync(cancel);
        await using var command = session.CreateCommand();
        command.CommandText = "SELECT 1";
        await command.ExecuteScalarAsync(cancel);
    }

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => PostgresErrors.IsTransient(error);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTablesAsync(string pattern, CancellationToken cancel)
    {
        await using var session = await OpenSourceAsync(cancel);
        return await LiveTable.ListAsync(session, pattern, Schema, cancel);
    }

    /// <inheritdoc/>
    public async ValueTask<TableDescription?> DescribeTableAsync(string table, CancellationToken cancel)
    {
        await using var session = await OpenSourceAsync(cancel);
        var live = await LiveTable.FindAsync(session, TableName.Parse(table, Schema), cancel);
        return live is null
            ? null
            : new TableDescription(
                table,
                [.. live.Columns.Select(c => new ColumnDescription(c.Name, new Apache.Arrow.Field(c.Name, PostgresTypes.ArrowOf(c), !c.NotNull), c.Declared))],
                live.PrimaryKey)
            {
                NullsAreDeclared = live.Kind is 'r' or 'p',
            };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_source.IsValueCreated)
        {
            await _source.Value.DisposeAsync();
        }

        if (_target.IsValueCreated)
        {
            await _target.Value.DisposeAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<DbConnection> OpenLedgerAsync(CancellationToken cancel) => await OpenTargetAsync(cancel);

    /// <inheritdoc/>
    public async ValueTask ExecuteScriptAsync(string sql, CancellationToken cancel)
    {
        await using var session = await OpenTargetAsync(cancel);
        await using var command = new NpgsqlCommand(sql, session);
        try
        {
            await command.ExecuteNonQueryAsync(cancel);
        }
        catch (PostgresException e)
        {
            throw new EtlException("ETL4498", $"the script failed: {e.MessageText} ({e.SqlState})", e.Hint ?? "Nothing of the script is left, unless it commits by itself. Correct it and run it again.", e);
        }
    }

    /// <summary>A session whose transactions are READ ONLY, from the pool; errors are <see cref="EtlException"/>.</summary>
    internal ValueTask<NpgsqlConnection> OpenSourceAsync(CancellationToken cancel) => OpenAsync(_source.Value, cancel);

    /// <summary>A session that may write, from the pool; errors are <see cref="EtlException"/>.</summary>
    internal ValueTask<NpgsqlConnection> OpenTargetAsync(CancellationToken cancel) => OpenAsync(_target.Value, cancel);

    /// <summary>A session that may write and is not one that was used before: after an error that may have broken those.</summary>
    internal ValueTask<NpgsqlConnection> OpenFreshTargetAsync(CancellationToken cancel)
    {
        _target.Value.Clear();
        return OpenAsync(_target.Value, cancel);
    }

    /// <summary>
    /// Ends a session of this connection that its client has left, at the server; false when it may be there still. Asked by a session of its own: the pool may be full, and
    /// of sessions that wait for this.
    /// </summary>
    internal async ValueTask<bool> EndBackendAsync(int processId)
    {
        try
        {
            await using var once = NpgsqlDataSource.Create(ConnectionString(readOnly: true, pooling: false));
            await using var session = await OpenAsync(once, CancellationToken.None);
            await using var command = new NpgsqlCommand("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = 'etl' AND usename = current_user", session);
            command.CommandTimeout = Math.Max(1, (int)_options.ConnectTimeout.TotalSeconds);
            command.Parameters.AddWithValue(processId);
            return await command.ExecuteScalarAsync() is null or true;
        }
        catch (Exception e) when (e is EtlException or NpgsqlException)
        {
            // A cancelled query then ends by itself when it next writes to the lost client; who cancels it has its error.
            return false;
        }
    }

    private async ValueTask<NpgsqlConnection> OpenAsync(NpgsqlDataSource pool, CancellationToken cancel)
    {
        try
        {
            var session = await pool.OpenConnectionAsync(cancel);
            if (session.PostgreSqlVersion.Major < 13)
            {
                await session.DisposeAsync();
                throw new EtlException("ETL4454", $"{Display} is PostgreSQL {session.PostgreSqlVersion}; 13 or newer is needed", "Upgrade the server, or name another one.");
            }

            return session;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException or System.Net.Sockets.SocketException or System.Security.Authentication.AuthenticationException)
        {
            throw PostgresErrors.OfOpening(e, _options, Display);
        }
    }

    private string ConnectionString(bool readOnly, bool pooling = true)
    {
        var mode = _options.SslMode ?? (IsThisMachine(_options.Host) ? PostgresSslMode.Prefer : PostgresSslMode.VerifyFull);
        return new NpgsqlConnectionStringBuilder
        {
            Host = _options.Host,
            Port = _options.Port,
            Database = _options.Database,
            Username = _options.User,
            Password = _options.Password,
            Pooling = pooling,
            MaxPoolSize = _options.PoolSize,
            Timeout = (int)_options.ConnectTimeout.TotalSeconds,
            CommandTimeout = (int)_options.CommandTimeout.TotalSeconds,
            CancellationTimeout = 10_000,
            ApplicationName = "etl",
            SslMode = mode switch
            {
                PostgresSslMode.Disable => SslMode.Disable,
                PostgresSslMode.Prefer => SslMode.Prefer,
                PostgresSslMode.Require => SslMode.Require,
                PostgresSslMode.VerifyCa => SslMode.VerifyCA,
                _ => SslMode.VerifyFull,
            },
            RootCertificate = _options.SslRootCertificate,
            GssEncryptionMode = GssEncryptionMode.Disable,
            TcpKeepAlive = true,
            TcpKeepAliveTime = 30,
            TcpKeepAliveInterval = 10,
            ReadBufferSize = 65536,
            WriteBufferSize = 65536,
            Options = StartupOptions(readOnly),
        }.ConnectionString;
    }

    // Given at the start of a session rather than by SET, they survive the reset that a pooled session gets on its return.
    private string StartupOptions(bool readOnly)
    {
        var searchPath = $"{SqlText.Quote(_options.Schema)},public".Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal);
        var options = $"-c TimeZone=UTC -c extra_float_digits=3 -c IntervalStyle=iso_8601 -c DateStyle=ISO -c bytea_output=hex -c search_path={searchPath}";
        return readOnly ? options + " -c default_transaction_read_only=on" : options;
    }

    private static bool IsThisMachine(string host) =>
        host.StartsWith('/') || string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
