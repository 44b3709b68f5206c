using System.Globalization;
using System.Net;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift;

/// <summary>An Amazon Redshift database, with the store through which rows go in and out of it.</summary>
[ConnectionType("redshift", "An Amazon Redshift database; rows go in and out through an S3 connection.")]
public sealed class RedshiftConnection : IConnection, ITableCatalog, IScriptRunner
{
    private readonly RedshiftConnectionOptions _options;
    private readonly Lazy<NpgsqlDataSource> _sessions;

    /// <summary>Makes the connection without I/O. ETL4632: Redshift cannot reach the staging store.</summary>
    public RedshiftConnection(RedshiftConnectionOptions options, IConnectionDirectory connections)
    {
        _options = options;
        _sessions = new(Sessions);
        var store = connections.Require<IObjectStore>(options.Staging, "staging");
        Staging = store.Root.Scheme == "s3"
            ? new StagingStore(store, options)
            : throw new EtlException("ETL4632", $"Redshift loads from S3, and '{options.Staging}' keeps its objects at {store.Root.Scheme}:", "Name a connection of type s3 under staging.") { OptionPath = "staging" };
    }

    /// <inheritdoc/>
    public string Display => $"redshift://{_options.Host}:{_options.Port.ToString(CultureInfo.InvariantCulture)}/{_options.Database}";

    /// <summary>The schema of tables that are named without one.</summary>
    internal string Schema => _options.Schema;

    /// <summary>Where files go.</summary>
    internal StagingStore Staging { get; }

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel)
    {
        await using var session = await OpenAsync(cancel);
        await session.ScalarAsync("SELECT 1", cancel);
    }

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => RedshiftErrors.IsTransient(error);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTablesAsync(string pattern, CancellationToken cancel)
    {
        await using var session = await OpenAsync(cancel);
        return await LiveTable.ListAsync(session, pattern, Schema, cancel);
    }

    /// <inheritdoc/>
    public async ValueTask<TableDescription?> DescribeTableAsync(string table, CancellationToken cancel)
    {
        await using var session = await OpenAsync(cancel);
        return await LiveTable.FindAsync(session, TableName.Parse(table, Schema), cancel) is { } live
            ? new TableDescription(table, [.. live.Columns.Select(c => new ColumnDescription(c.Name, new Apache.Arrow.Field(c.Name, RedshiftTypes.ArrowOf(c), !c.NotNull), c.Type))], [])
            : null;
    }

    /// <inheritdoc/>
    public async ValueTask ExecuteScriptAsync(string sql, CancellationToken cancel)
    {
        await using var session = await OpenAsync(cancel);
        await using var batch = new NpgsqlCommand(sql, session);
        try
        {
            await batch.ExecuteNonQueryAsync(cancel);
        }
        catch (PostgresException e)
        {
            throw new EtlException("ETL4635", $"the script failed: {e.MessageText} ({e.SqlState})", e.Hint ?? "Correct the statement that the cluster names, or grant the connection's user what it needs.", e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_sessions.IsValueCreated)
        {
            await _sessions.Value.DisposeAsync();
        }
    }

    /// <summary>A session from the pool; errors are <see cref="EtlException"/>.</summary>
    internal async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancel)
    {
        try
        {
            return await _sessions.Value.OpenConnectionAsync(cancel);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException or System.Net.Sockets.SocketException or System.Security.Authentication.AuthenticationException)
        {
            throw RedshiftErrors.OfOpening(e, _options, Display);
        }
    }

    /// <summary>A session that was not used before: after an error that may have broken those.</summary>
    internal ValueTask<NpgsqlConnection> OpenFreshAsync(CancellationToken cancel)
    {
        _sessions.Value.Clear();
        return OpenAsync(cancel);
    }

    private NpgsqlDataSource Sessions()
    {
        var source = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = _options.Host,
            Port = _options.Port,
            Database = _options.Database,
            Username = _options.User,
            Password = _options.Password,
            MaxPoolSize = _options.PoolSize,
            Timeout = (int)_options.ConnectTimeout.TotalSeconds,
            CommandTimeout = (int)_options.CommandTimeout.TotalSeconds,
            CancellationTimeout = 10_000,
            ApplicationName = "etl",
            SslMode = (_options.Tls ?? (IsThisMachine(_options.Host) ? RedshiftTls.Prefer : RedshiftTls.VerifyFull)) switch
            {
                RedshiftTls.Disable => SslMode.Disable,
                RedshiftTls.Prefer => SslMode.Prefer,
                RedshiftTls.Require => SslMode.Require,
                _ => SslMode.VerifyFull,
            },
            RootCertificate = _options.TlsRootCertificate,
            GssEncryptionMode = GssEncryptionMode.Disable,
            TcpKeepAlive = true,
            TcpKeepAliveTime = 30,
            TcpKeepAliveInterval = 10,
            // Redshift has no DISCARD.
            NoResetOnClose = true,
        }.ConnectionString);
        // Its catalog is not PostgreSQL's, and the driver knows the few types that are sent and received.
        source.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
        source.UsePhysicalConnectionInitializer(session => session.ExecuteAsync("SET timezone TO 'UTC'", CancellationToken.None).AsTask().GetAwaiter().GetResult(), session => session.ExecuteAsync("SET timezone TO 'UTC'", CancellationToken.None).AsTask());
        return source.Build();
    }

    private static bool IsThisMachine(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
