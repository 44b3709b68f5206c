using System.Globalization;
using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>
/// A pipeline under test: a source that goes on changing, and what is loaded from it. <c>postgres</c> reads PostgreSQL and loads a table there; <c>duckdb</c>
/// and <c>sqlite</c> read SQLite and load a table of a file; each loads two lake tables as well, and <c>lake</c> only those; <c>s3</c> has them in a bucket. One of the two keeps
/// every version (<c>mode: changes</c>), so that what is applied twice is seen.
/// </summary>
internal sealed class Rig : IAsyncDisposable
{
    public const string Run = "run";
    public const string Pipeline = "orders.yaml";

    private const string History = """
          - id: history
            load: parquet
            from: orders
            connection: lake
            with: { path: "history/", mode: changes }
        policies:
        """;

    private readonly Random _random;
    private PostgresServer? _server;
    private int _step;

    private Rig(string target, int seed, ProjectFolder project) => (Target, Project, _random) = (target, project, new Random(seed));

    public string Target { get; }

    public ProjectFolder Project { get; }

    /// <summary>PostgreSQL's database; null where there is none.</summary>
    public string? Database { get; private set; }

    public PostgresServer Server => _server!;

    /// <summary>The lake's bucket; null where it is a folder.</summary>
    public string? Bucket { get; private set; }

    public bool HasWarehouse => Target is not ("lake" or "s3");

    /// <summary>Load stages, in the order in which they publish.</summary>
    public string[] Loads => HasWarehouse ? ["warehouse", "lake", "history"] : ["lake", "history"];

    /// <summary>Makes it, with sixty orders of which every tenth is bad.</summary>
    /// <param name="target">Which.</param>
    /// <param name="seed">Of the changes.</param>
    /// <param name="server">Instead of the one that tests share.</param>
    /// <param name="source">Stands between the command line and the source.</param>
    /// <param name="warehouse">Stands between the command line and the target.</param>
    /// <param name="options">Of both connections of <c>postgres</c>, beside where and who.</param>
    public static async Task<Rig> CreateAsync(
        string target, int seed = 1, PostgresServer? server = null, TcpProxy? source = null, TcpProxy? warehouse = null, string options = "")
    {
        var pipeline = SmallShop.Pipeline().Replace("policies:\n", History + "\n", StringComparison.Ordinal);
        if (target is "lake" or "s3")
        {
            var at = pipeline.IndexOf("  - id: warehouse", StringComparison.Ordinal);
            pipeline = pipeline.Remove(at, pipeline.IndexOf("  - id: lake", StringComparison.Ordinal) - at);
        }

        var project = ProjectFolder.With(("etl.yaml", "time_zone: UTC\n"), ("orders.contract.yaml", SmallShop.Contract), (Pipeline, pipeline));
        var rig = new Rig(target, seed, project);
        if (target == "postgres")
        {
            await rig.UseAsync(server ?? PostgresServer.Shared, source, warehouse, options);
        }
        else
        {
            if (target == "s3")
            {
                rig.Bucket = await S3Server.CreateBucketAsync();
                project.Environment["S3_SECRET"] = S3Server.SecretKey;
            }

            project.Write("connections.yaml", rig.Connections("{ type: sqlite, path: shop.db }", rig.HasWarehouse ? $"{{ type: {target}, path: out/{target}.db }}" : null));
        }

        await rig.SourceAsync(Start(target == "postgres"));
        return rig;
    }

    /// <summary>Some changes of the source, each kind that matters, all later than any before.</summary>
    public Task ChangeAsync()
    {
        var changes = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            changes.Add($"update orders set amount = abs(amount) + 0.5, deleted_at = null, updated_at = {Now()} where id = {Known()}");
        }

        changes.Add($"update orders set amount = -1, updated_at = {Now()} where id = {Known()}");
        changes.Add($"update orders set day = '2026-03-{_random.Next(1, 8):00}', name = null, updated_at = {Now()} where id = {Known()}");
        changes.Add($"update orders set deleted_at = '2026-04-01T00:00:00Z', updated_at = {Now()} where id = {Known()}");
        changes.Add($"insert into orders values ({1000 + _step}, 'new', {_random.Next(-20, 100)}, '2026-03-{_random.Next(1, 8):00}', {Now()}, null)");
        return SourceAsync(string.Join(";\n", changes));
    }

    public Task SourceAsync(string sql)
    {
        if (Database is not null)
        {
            return Server.ExecuteAsync(Database, sql);
        }

        Project.Sqlite("shop.db", sql);
        return Task.CompletedTask;
    }

    /// <summary>Runs it with a fail point or a setting of it on; null for none.</summary>
    public Task<CliResult> RunAsync(string? failPoint = null, params string[] more)
    {
        string[] arguments = [Run, Pipeline, "--output", "json", .. more];
        return failPoint is null ? Project.RunAsync(arguments) : Project.RunAtAsync(failPoint, arguments);
    }

    public StartedCli StartAt(string failPoint, params string[] more) => Project.StartAt(failPoint, [Run, Pipeline, "--output", "json", .. more]);

    /// <summary>Runs it and sees it succeed; its report.</summary>
    public async Task<JsonNode> SucceedAsync(string because)
    {
        var result = await RunAsync();
        Assert.That(result.ExitCode, Is.Zero, $"{because}: {result}");
        Oracle.NoSecret(this, result);
        return JsonNode.Parse(result.Out)!;
    }

    /// <summary>Kills a run at a fail point.</summary>
    public async Task KillAtAsync(string point, int batchRows = 2)
    {
        var killed = await RunAsync($"{point}:kill,batch_rows={batchRows.ToString(CultureInfo.InvariantCulture)}");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), $"{point}: {killed}");
    }

    /// <summary>The good rows of the source.</summary>
    public async Task<List<string>> ExpectedAsync() => Database is null
        ? SmallShop.Expected(Project)
        : await Server.QueryAsync(Database, $"select {SmallShop.Line} from public.orders where amount > 0 and deleted_at is null");

    /// <summary>Rows of a query on the warehouse, in its own engine: the first column, as text.</summary>
    public async Task<List<string>> WarehouseAsync(string sql) => Target switch
    {
        "postgres" => await Server.QueryAsync(Database!, sql),
        "duckdb" => Project.DuckRows("out/duckdb.db", sql),
        _ => Project.SqliteRows("out/sqlite.db", sql),
    };

    public async ValueTask DisposeAsync()
    {
        Project.Dispose();
        if (Database is not null)
        {
            await Server.DropDatabaseAsync(Database);
        }
    }

    /// <summary>Brings what is in the bucket to where it can be looked at.</summary>
    public Task FetchLakeAsync() => Bucket is null ? Task.CompletedTask : S3Server.MirrorAsync(Bucket, Project.PathOf("lake"));

    private string Connections(string shop, string? warehouse) =>
        $"connections:\n  shop: {shop}\n{(warehouse is null ? "" : $"  dwh: {warehouse}\n")}  lake: {(Bucket is null ? "{ type: file, root: lake }" : S3Server.Connection(Bucket))}\n";

    private static string Start(bool postgres) => postgres
        ? """
          create table orders (id bigint primary key, name text, amount decimal(10,2), day date not null, updated_at timestamptz not null, deleted_at timestamptz);
          insert into orders select i, 'order ' || i, case when i % 10 = 0 then -i else i * 1.25 end, date '2026-03-01' + i % 6, to_timestamp(1772323200 + i), null
          from generate_series(1, 60) i;
          """
        : SmallShop.Start;

    private async Task UseAsync(PostgresServer server, TcpProxy? source, TcpProxy? warehouse, string options)
    {
        _server = server;
        Database = await server.CreateDatabaseAsync();
        Project.Environment["SHOP_PASSWORD"] = server.Password;
        string Connection(string schema, TcpProxy? proxy) =>
            $"{{ type: postgres, host: {server.Host}, port: {(proxy?.Port ?? server.Port).ToString(CultureInfo.InvariantCulture)}, database: {Database}, schema: {schema}, user: {server.User}, password: \"${{SHOP_PASSWORD}}\"{(options.Length > 0 ? ", " : "")}{options} }}";
        Project.Write("connections.yaml", Connections(Connection("public", source), Connection("dwh", warehouse)));
    }

    private int Known() => _random.Next(6) == 0 && _step > 0 ? 1000 + _random.Next(_step) : _random.Next(1, 61);

    private string Now() => string.Create(CultureInfo.InvariantCulture, $"'{new DateTime(2026, 4, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(++_step):yyyy-MM-dd'T'HH:mm:ss}Z'");
}
