using System.Globalization;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using Npgsql;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>A database of its own, and the few steps that tests are made of.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private static int _count;

    private readonly List<string> _roles = [];

    private readonly string _server;

    private TestDatabase(string name, string connectionString)
    {
        Name = name;
        _server = connectionString;
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        Options = new PostgresConnectionOptions
        {
            Host = server.Host!, Port = server.Port, Database = name, User = server.Username!, Password = server.Password, PoolSize = 8,
        };
        Connection = new PostgresConnection(Options);
        ConnectionString = new NpgsqlConnectionStringBuilder(connectionString) { Database = name, Pooling = false, ApplicationName = "test", Options = "-c TimeZone=UTC -c extra_float_digits=3 -c IntervalStyle=iso_8601" }.ConnectionString;
    }

    public string Name { get; }

    public string ConnectionString { get; }

    public PostgresConnectionOptions Options { get; }

    public PostgresConnection Connection { get; }

    /// <summary>On the server of all tests, or on another.</summary>
    public static async Task<TestDatabase> CreateAsync(string? onServer = null)
    {
        onServer ??= PostgresServer.ConnectionString;
        var name = FormattableString.Invariant($"t{Environment.ProcessId}_{Interlocked.Increment(ref _count)}");
        await using var server = new NpgsqlConnection(onServer);
        await server.OpenAsync();
        await using var create = new NpgsqlCommand($"CREATE DATABASE {name}", server);
        await create.ExecuteNonQueryAsync();
        return new TestDatabase(name, onServer);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await using var server = new NpgsqlConnection(_server);
        await server.OpenAsync();
        await using var drop = new NpgsqlCommand($"DROP DATABASE {Name} WITH (FORCE)", server);
        await drop.ExecuteNonQueryAsync();
        foreach (var role in _roles)
        {
            await using var forget = new NpgsqlCommand($"DROP ROLE {role}", server);
            await forget.ExecuteNonQueryAsync();
        }
    }

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var session = new NpgsqlConnection(ConnectionString);
        await session.OpenAsync();
        return session;
    }

    public async Task RunAsync(string sql)
    {
        await using var session = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 300 };
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first value, as text.</summary>
    public async Task<string?> TextAsync(string sql)
    {
        await using var session = await OpenAsync();
        await using var command = new NpgsqlCommand($"SELECT ({sql})::text", session) { CommandTimeout = 300 };
        return await command.ExecuteScalarAsync() as string;
    }

    /// <summary>How many rows of one table the other does not have, both ways; rows compared as text.</summary>
    public async Task<long> DifferenceAsync(string one, string other) => long.Parse(
        (await TextAsync($"SELECT count(*) FROM ((SELECT row_1::text FROM {one} row_1 EXCEPT ALL SELECT row_2::text FROM {other} row_2) UNION ALL (SELECT row_2::text FROM {other} row_2 EXCEPT ALL SELECT row_1::text FROM {one} row_1)) d"))!,
        CultureInfo.InvariantCulture);

    /// <summary>A contract that says what the table is now.</summary>
    public async Task<DataContract> ContractAsync(string table, params string[] key)
    {
        var live = await Connection.DescribeTableAsync(table, CancellationToken.None) ?? throw new InvalidOperationException(table);
        var primary = key.Length > 0 ? key : [.. live.PrimaryKey];
        return new DataContract("test", "1", table, [.. live.Columns.Select(c => new ContractColumn(c.Field, c.PhysicalType, primary.Contains(c.Name) ? System.Array.IndexOf([.. primary], c.Name) + 1 : null, false, null))], "test.yaml");
    }

    public PostgresTableExtractor Table(string table, PostgresIncrementalOptions? incremental = null, PostgresConnection? connection = null) =>
        new(new PostgresTableExtractOptions { Table = table, Incremental = incremental }, connection ?? Connection);

    public PostgresQueryExtractor Query(string query, PostgresIncrementalOptions? incremental = null, PostgresConnection? connection = null) =>
        new(new PostgresQueryExtractOptions { Query = query, Incremental = incremental }, connection ?? Connection);

    /// <summary>A connection of a user who may read the tables that are there, and is not told about the sessions of others.</summary>
    public async Task<PostgresConnection> ReaderAsync()
    {
        await RunAsync($"CREATE ROLE {Name}_reader LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {Name}_reader");
        _roles.Add($"{Name}_reader");
        return new PostgresConnection(Options with { User = $"{Name}_reader", Password = "reader" });
    }

    public PostgresTableLoader Loader(string table, TableLoadMode mode, params string[] key) =>
        new(new PostgresTableLoadOptions { Table = table, Mode = mode, Key = key }, Connection);
}

/// <summary>What the engine does with an extractor and a loader, in its simplest form.</summary>
internal static class Steps
{
    public static LoadRequest Request(RowSchema schema, bool fullRefresh = false, string owner = "test:1", Action<string>? failPoint = null, string stage = "load") =>
        new(new CheckpointKey("default", "p", stage), schema, "run", fullRefresh, owner, TimeSpan.FromMinutes(1), failPoint ?? (_ => { }));

    public static Checkpoint Next(ILoadSession load, LoadRequest request, SourcePosition? reached = null, long rows = 0) => new()
    {
        Key = request.Key,
        N = (load.Checkpoint?.N ?? 0) + 1,
        Fence = load.Fence,
        BatchId = Guid.NewGuid().ToString("N"),
        RunId = request.RunId,
        PlanHash = "plan",
        Fingerprint = "fingerprint",
        Sources = reached is null ? new Dictionary<string, SourcePosition>() : new Dictionary<string, SourcePosition> { ["source"] = reached },
        Rows = rows,
        CommittedAt = DateTimeOffset.UnixEpoch,
    };

    public static async Task<IExtraction> OpenAsync(this IExtractor extractor, DataContract contract, SourcePosition? from = null, int batchRows = 1000, int parallelism = 2, bool once = false) =>
        await extractor.OpenAsync(new ExtractRequest(contract, extractor.DescribeOutput(contract), from, batchRows, parallelism, new Dictionary<string, object>()) { Once = once }, CancellationToken.None);

    public static async IAsyncEnumerable<RecordBatch> ReadDisposingAsync(this IExtraction extraction, Split split)
    {
        await foreach (var batch in extraction.ReadAsync(split, CancellationToken.None))
        {
            using (batch)
            {
                yield return batch;
            }
        }
    }

    public static async Task<long> CountAsync(this IExtraction extraction)
    {
        var rows = 0L;
        foreach (var split in extraction.Splits)
        {
            await foreach (var batch in extraction.ReadDisposingAsync(split))
            {
                rows += batch.Length;
            }
        }

        return rows;
    }

    /// <summary>One run: from the target's checkpoint, all splits at once, one publish.</summary>
    public static async Task<PublishResult> CopyAsync(IExtractor from, PostgresTableLoader to, DataContract contract, bool fullRefresh = false, Action<string>? failPoint = null, int batchRows = 1000, int parallelism = 2, string stage = "load")
    {
        var schema = from.DescribeOutput(contract);
        var once = to.Describe(schema).Mode == LoadMode.Append;
        var request = Request(schema, fullRefresh, failPoint: failPoint, stage: stage);
        await using var load = await to.OpenAsync(request, CancellationToken.None);
        var position = fullRefresh ? null : load.Checkpoint?.Sources["source"];
        await using var extraction = await from.OpenAsync(contract, position, batchRows, parallelism, once);
        await Task.WhenAll(extraction.Splits.Select(s => load.StageAsync(extraction.ReadDisposingAsync(s), CancellationToken.None).AsTask()));
        return await load.PublishAsync(Next(load, request, extraction.Reached), CancellationToken.None);
    }
}
