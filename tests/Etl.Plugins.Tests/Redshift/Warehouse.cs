using Etl.Contracts;
using Etl.Plugins.Redshift;
using Etl.Plugins.Tests.Postgres;
using Etl.Redshift.StandIn;
using Npgsql;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Redshift;

/// <summary>PostgreSQL behind the stand-ins of this folder: that of ETL_TEST_POSTGRES, or one of its own.</summary>
[SetUpFixture]
public sealed class PostgresBehindAll
{
    private static string? _folder;

    public static string ConnectionString { get; private set; } = "";

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        ConnectionString = Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES") ?? "";
        if (ConnectionString.Length == 0)
        {
            _folder = Directory.CreateTempSubdirectory("etl-redshift-").FullName;
            ConnectionString = await PostgresServer.UpAsync(_folder);
        }
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_folder is not null)
        {
            await PostgresServer.DownAsync(_folder);
        }
    }
}

/// <summary>A stand-in for Redshift over a database of its own, with a folder for its bucket.</summary>
internal sealed class Warehouse : IAsyncDisposable
{
    public const string Password = "warehouse-password";
    public const string Role = "arn:aws:iam::123456789012:role/warehouse";
    public const string Bucket = "lake";

    private readonly DirectoryInfo _buckets = Directory.CreateTempSubdirectory("etl-redshift-buckets-");

    private Warehouse(TestDatabase behind) => Behind = behind;

    /// <summary>As the plugin connects to it.</summary>
    public RedshiftConnection Connection { get; private set; } = null!;

    /// <summary>The database that the stand-in keeps its rows in, to look at past it.</summary>
    public TestDatabase Behind { get; }

    public RedshiftServer Server { get; private set; } = null!;

    /// <summary>What stands for the bucket.</summary>
    public string BucketFolder => Path.Combine(_buckets.FullName, Bucket);

    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1", Port = Server.Port, Database = Behind.Name, Username = "dwh", Password = Password, Pooling = false, NoResetOnClose = true,
    }.ConnectionString;

    public static async Task<Warehouse> StartAsync()
    {
        var warehouse = new Warehouse(await TestDatabase.CreateAsync(PostgresBehindAll.ConnectionString));
        Directory.CreateDirectory(warehouse.BucketFolder);
        var server = new NpgsqlConnectionStringBuilder(PostgresBehindAll.ConnectionString);
        warehouse.Server = await RedshiftServer.StartAsync(
            new StandInOptions(new PostgresBehind(server.Host!, server.Port, server.Username!, server.Password!), new FolderBuckets(warehouse._buckets.FullName))
            {
                Password = Password, Role = Role, Keys = ("test-key", "test-secret"),
            },
            warehouse.Behind.Name);
        warehouse.Connection = warehouse.Connect(o => o);
        return warehouse;
    }

    /// <summary>Another connection of the plugin.</summary>
    public RedshiftConnection Connect(Func<RedshiftConnectionOptions, RedshiftConnectionOptions> change) => new(
        change(new RedshiftConnectionOptions { Host = "127.0.0.1", Port = Server.Port, Database = Behind.Name, User = "dwh", Password = Password, Staging = "lake", IamRole = Role }), new BucketFolder(BucketFolder));

    public RedshiftTableLoader Loader(TableLoadMode mode, RedshiftTableLayout? layout = null, string table = "orders", RedshiftConnection? connection = null) => new(
        new RedshiftTableLoadOptions { Table = table, Mode = mode, Key = mode == TableLoadMode.Upsert ? ["id"] : [], Redshift = layout ?? new() }, connection ?? Connection, Context);

    /// <summary>Orders through one load.</summary>
    public async Task<PublishResult> LoadAsync(TableLoadMode mode, Order[] orders, bool fullRefresh = false, Action<string>? failPoint = null, RowSchema? schema = null, string stage = "load", RedshiftTableLoader? loader = null)
    {
        schema ??= Order.Schema;
        var request = Steps.Request(schema, fullRefresh, failPoint: failPoint, stage: stage);
        await using var load = await (loader ?? Loader(mode)).OpenAsync(request, CancellationToken.None);
        await load.StageAsync(Order.Batch(schema, orders), CancellationToken.None);
        return await load.PublishAsync(Steps.Next(load, request, rows: orders.Length), CancellationToken.None);
    }

    /// <summary>A contract that says what the table is now.</summary>
    public async Task<DataContract> ContractAsync(string table, string key)
    {
        var live = (await Connection.DescribeTableAsync(table, CancellationToken.None))!;
        return new DataContract("test", "1", table, [.. live.Columns.Select(c => new ContractColumn(c.Field, c.PhysicalType, c.Name == key ? 1 : null, false, null))], "test.yaml");
    }

    /// <summary>What is left in staging: tables, and objects of the bucket.</summary>
    public async Task<List<string>> LeftoversAsync() =>
    [
        .. (await Behind.TextAsync("SELECT coalesce(string_agg(tablename, ','), '') FROM pg_tables WHERE tablename LIKE 'stg%'"))!.Split(',', StringSplitOptions.RemoveEmptyEntries),
        .. Directory.GetFiles(BucketFolder, "*", SearchOption.AllDirectories),
    ];

    /// <summary>What plugins are told of where they run.</summary>
    public static PluginContext Context { get; } = new(Path.GetTempPath(), Path.GetTempPath(), 256 << 20, TimeProvider.System);

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var source = new NpgsqlDataSourceBuilder(ConnectionString);
        source.ConfigureTypeLoading(t => t.EnableTypeLoading(false));
        return await source.Build().OpenConnectionAsync();
    }

    public async Task<object?> RunAsync(string sql)
    {
        await using var session = await OpenAsync();
        return await session.RunAsync(sql);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await Server.DisposeAsync();
        await Behind.DisposeAsync();
        _buckets.Delete(recursive: true);
    }
}

internal static class SessionSteps
{
    /// <summary>Runs a statement and gives the first value.</summary>
    public static async Task<object?> RunAsync(this NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync();
    }
}
