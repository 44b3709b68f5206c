using System.Security.Cryptography;
using Etl.Redshift.StandIn;
using Npgsql;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A shop in PostgreSQL, a warehouse in the stand-in for Redshift and a lake on S3, and one pipeline from the first to the other two.</summary>
internal sealed class RedshiftShop : IAsyncDisposable
{
    private const string WarehousePassword = "warehouse-password-1";
    private const string Role = "arn:aws:iam::123456789012:role/warehouse";

    private const string Line = "id || '|' || status || '|' || coalesce(note, '∅') || '|' || amount || '|' || order_date";

    private readonly NpgsqlConnectionStringBuilder _server;
    private readonly S3Buckets _buckets = new(new Uri(S3Server.Endpoint), S3Server.AccessKey, S3Server.SecretKey);
    private readonly string _name;

    private readonly string? _storeThrough;

    private RedshiftShop(NpgsqlConnectionStringBuilder server, string name, string? storeThrough) => (_server, _name, _storeThrough) = (server, name, storeThrough);

    public ProjectFolder Project { get; } = ProjectFolder.With(("etl.yaml", "{}\n"));

    public RedshiftServer Warehouse { get; private set; } = null!;

    public string Bucket { get; private set; } = "";

    /// <param name="name">Of its databases.</param>
    /// <param name="storeThrough">The endpoint through which the command line reaches the store.</param>
    public static async Task<RedshiftShop> OpenAsync(string name, string? storeThrough = null)
    {
        var server = new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES") ?? throw new InvalidOperationException("ETL_TEST_POSTGRES names no server; run the tests by tools/test")) { Pooling = false };
        var shop = new RedshiftShop(server, $"redshift_{name}_{Environment.ProcessId}", storeThrough);
        await shop.ExecuteAsync("postgres", $"create database {shop._name}_shop");
        await shop.ExecuteAsync("postgres", $"create database {shop._name}_dwh");
        await shop.ExecuteAsync($"{shop._name}_shop",
            """
            create table orders (id bigint primary key, status text not null, note text, amount numeric(12,2) not null, created_at timestamptz not null, updated_at timestamptz not null default now(), deleted_at timestamptz);
            insert into orders (id, status, note, amount, created_at) select g, 'new', case when g % 5 = 0 then null else 'note ''' || g || '\' end, g + 0.25, timestamptz '2026-03-01 12:00Z' + g % 4 * interval '1 day' from generate_series(1, 300) g;
            """);
        shop.Bucket = await S3Server.CreateBucketAsync();
        shop.Warehouse = await RedshiftServer.StartAsync(
            new StandInOptions(new PostgresBehind(server.Host!, server.Port, server.Username!, server.Password!), shop._buckets) { Password = WarehousePassword, Role = Role }, $"{shop._name}_dwh");
        shop.Describe();
        var imported = await shop.Project.RunAsync("contract", "import", "--connection", "shop", "--table", "orders", "--out", ".");
        Assert.That(imported.ExitCode, Is.Zero, imported.ToString());
        return shop;
    }

    /// <summary>New orders, changed ones and deleted ones.</summary>
    public Task ChangeAsync(int round) => ExecuteAsync($"{_name}_shop", FormattableString.Invariant(
        $"""
        insert into orders (id, status, amount, created_at) select g, 'new', g, timestamptz '2026-03-05 12:00Z' from generate_series({1000 * round}, {1000 * round} + 20) g;
        update orders set status = 'paid{round}', updated_at = now() where id % 7 = {round} % 7;
        update orders set deleted_at = now(), updated_at = now() where id = {round};
        """));

    /// <summary>So many orders of one day that a file of them goes to the store in several parts: 11 MB that nothing compresses.</summary>
    public Task AddLargeAsync() => ExecuteAsync($"{_name}_shop",
        """
        insert into orders (id, status, note, amount, created_at)
        select g, 'large', (select string_agg(md5(g::text || x || random()), '') from generate_series(1, 12) x), g, timestamptz '2026-03-02 12:00Z' from generate_series(1000000, 1029999) g
        """);

    /// <summary>Both targets hold what the shop's own SQL says, and nothing is left in staging.</summary>
    public async Task AssertLoadedAsync(string when)
    {
        var expected = await QueryAsync($"{_name}_shop", $"select {Line.Replace("order_date", "(created_at at time zone 'UTC')::date", StringComparison.Ordinal)} from orders where deleted_at is null");
        Rows.AreEqual(expected, await QueryAsync($"{_name}_dwh", $"select {Line} from analytics.orders"), $"{when}: warehouse");
        await S3Server.MirrorAsync(Bucket, Project.PathOf("mirror"));
        Rows.AreEqual(expected, Project.DuckRows(null, $"select {Line} from {Project.LakeTable("mirror/orders")}"), $"{when}: lake");
        Assert.That(await QueryAsync($"{_name}_dwh", "select tablename::text from pg_tables where schemaname = '_etl' and tablename like 'stg%'"), Is.Empty, $"{when}: staging tables");
        Assert.That(Directory.Exists(Project.PathOf("mirror/_etl_redshift")) ? Directory.GetFiles(Project.PathOf("mirror/_etl_redshift"), "*", SearchOption.AllDirectories) : [], Is.Empty, $"{when}: staged objects");
        Assert.That(await S3Server.OpenUploadsAsync(Bucket), Is.Empty, $"{when}: unfinished uploads");
    }

    /// <summary>What the load's state is named by: of default/orders/warehouse.</summary>
    public string WarehouseKey { get; } = Convert.ToHexStringLower(SHA256.HashData("default/orders/warehouse"u8).AsSpan(0, 8));

    /// <summary>In the database behind the warehouse.</summary>
    public Task<List<string>> WarehouseRowsAsync(string sql) => QueryAsync($"{_name}_dwh", sql);

    /// <summary>As another program that writes to the warehouse.</summary>
    public async Task ExecuteInWarehouseAsync(string sql)
    {
        var source = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1", Port = Warehouse.Port, Database = $"{_name}_dwh", Username = "other", Password = WarehousePassword, Pooling = false,
        }.ConnectionString);
        source.ConfigureTypeLoading(t => t.EnableTypeLoading(false));
        await using var sessions = source.Build();
        await using var command = sessions.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Warehouse.DisposeAsync();
        await ExecuteAsync("postgres", $"drop database {_name}_dwh with (force)");
        await ExecuteAsync("postgres", $"drop database {_name}_shop with (force)");
        _buckets.Dispose();
        Project.Dispose();
    }

    private void Describe()
    {
        Project.Environment["DB_PASSWORD"] = _server.Password!;
        Project.Environment["DW_PASSWORD"] = WarehousePassword;
        Project.Environment["S3_SECRET"] = S3Server.SecretKey;
        Project.Write("connections.yaml",
            $$"""
            connections:
              shop: { type: postgres, host: {{_server.Host}}, port: {{_server.Port}}, database: {{_name}}_shop, user: {{_server.Username}}, password: "${DB_PASSWORD}" }
              dwh: { type: redshift, host: 127.0.0.1, port: {{Warehouse.Port}}, database: {{_name}}_dwh, schema: analytics, user: dw, password: "${DW_PASSWORD}", staging: lake, iam_role: "{{Role}}" }
              lake: {{S3Server.Connection(Bucket, _storeThrough)}}
            """);
        Project.Write("orders.yaml",
            """
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: shop.orders.yaml, with: { table: orders, incremental: { cursor: updated_at, key: [id], deleted_when: "deleted_at is not null" } } }
              - { id: dated, transform: derive, from: orders, with: { columns: { order_date: "cast(created_at as date)" } } }
              - id: warehouse
                load: table
                from: dated
                connection: dwh
                with: { table: orders, mode: upsert, key: [id], redshift: { distkey: id, sortkey: [order_date], varchar: { status: 20, note: 400 } } }
              - { id: lake, load: parquet, from: dated, connection: lake, with: { path: "orders/{year}/{month}/{day}/", partition_by: order_date, mode: upsert, key: [id], compression: snappy } }
            """);
    }

    private async Task ExecuteAsync(string database, string sql)
    {
        await using var session = await SessionAsync(database);
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<List<string>> QueryAsync(string database, string sql)
    {
        await using var session = await SessionAsync(database);
        await using var command = new NpgsqlCommand(sql, session);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }

    private async Task<NpgsqlConnection> SessionAsync(string database)
    {
        var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_server.ConnectionString) { Database = database }.ConnectionString);
        await session.OpenAsync();
        return session;
    }
}
