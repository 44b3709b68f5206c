using System.Globalization;
using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;

namespace Etl.Reliability.Tests;

/// <summary>Numbers that grow in SQLite, and the log of them in a target, to which they are appended: one that is loaded twice is there twice.</summary>
internal sealed class Events : IAsyncDisposable
{
    public const string Pipeline = "log.yaml";

    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: shop.events
        version: "1.0.0"
        status: active
        schema:
          - name: events
            physicalName: events
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }

        """;

    private readonly string _target;
    private string? _database;

    private Events(string target, ProjectFolder project) => (_target, Project) = (target, project);

    public ProjectFolder Project { get; }

    public static async Task<Events> CreateAsync(string target)
    {
        var load = target switch
        {
            "csv" => "load: csv, with: { path: log, mode: append }",
            "lake" => "load: parquet, with: { path: log/, mode: append }",
            _ => "load: table, with: { table: log, mode: append }",
        };
        var events = new Events(target, ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("events.contract.yaml", Contract),
            (Pipeline, $$"""
                apiVersion: etl/v1
                pipeline: log
                stages:
                  - { id: events, extract: table, connection: shop, contract: events.contract.yaml, with: { table: events, incremental: { cursor: id } } }
                  - { id: log, from: events, connection: out, {{load}} }
                """)));
        var connection = target switch
        {
            "csv" or "lake" => "{ type: file, root: out }",
            "postgres" => await events.PostgresAsync(),
            _ => $"{{ type: {target}, path: out/{target}.db }}",
        };
        events.Project.Write("connections.yaml", $"connections:\n  shop: {{ type: sqlite, path: shop.db }}\n  out: {connection}\n");
        events.Project.Sqlite("shop.db", "create table events (id integer primary key)");
        return events;
    }

    public static List<string> Numbers(int to) => [.. Enumerable.Range(1, to).Select(n => n.ToString(CultureInfo.InvariantCulture))];

    public Task GrowAsync(int to)
    {
        Project.Sqlite("shop.db", $"with recursive n(i) as (select coalesce(max(id), 0) + 1 from events union all select i + 1 from n where i < {to}) insert into events select i from n");
        return Task.CompletedTask;
    }

    public async Task SucceedAsync(params string[] arguments)
    {
        var result = await Project.RunAsync(arguments is [] ? ["run", Pipeline] : arguments);
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
    }

    public async Task RefusedAsync(int expected)
    {
        var refused = await Project.RunAsync("run", Pipeline, "--output", "json");
        Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString());
        Assert.That(JsonNode.Parse(refused.Out)!["error"]!["code"]!.GetValue<string>(), Is.EqualTo("ETL4315"), refused.ToString());
        Assert.That(await RowsAsync(), Is.EqualTo(Numbers(expected)));
    }

    public async Task<List<string>> RowsAsync() => [.. (_target switch
    {
        "sqlite" => Project.SqliteRows("out/sqlite.db", "select id from log"),
        "duckdb" => Project.DuckRows("out/duckdb.db", "SELECT id FROM log"),
        "csv" => Project.DuckRows(null, $"SELECT id FROM read_csv('{Project.PathOf("out/log/*.csv")}')"),
        "lake" => Project.DuckRows(null, $"SELECT id FROM {Project.LakeTable("out/log")}"),
        _ => await PostgresServer.Shared.QueryAsync(_database!, "select id from dwh.log"),
    }).OrderBy(id => int.Parse(id, CultureInfo.InvariantCulture))];

    public Task DeleteCheckpointAsync()
    {
        if (_target != "csv")
        {
            return StateAsync("delete from {0}checkpoint");
        }

        Directory.Delete(Directory.GetDirectories(Project.PathOf("out/log/_etl")).Single(), recursive: true);
        return Task.CompletedTask;
    }

    public async Task StateAsync(string sql)
    {
        switch (_target)
        {
            case "sqlite":
                Project.Sqlite("out/sqlite.db", string.Format(CultureInfo.InvariantCulture, sql, "_etl_"));
                break;
            case "duckdb":
                Project.Duck("out/duckdb.db", string.Format(CultureInfo.InvariantCulture, sql, "_etl."));
                break;
            default:
                await PostgresServer.Shared.ExecuteAsync(_database!, string.Format(CultureInfo.InvariantCulture, sql, "_etl."));
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Project.Dispose();
        if (_database is not null)
        {
            await PostgresServer.Shared.DropDatabaseAsync(_database);
        }
    }

    private async Task<string> PostgresAsync()
    {
        var server = PostgresServer.Shared;
        _database = await server.CreateDatabaseAsync();
        Project.Environment["OUT_PASSWORD"] = server.Password;
        return $"{{ type: postgres, host: {server.Host}, port: {server.Port.ToString(CultureInfo.InvariantCulture)}, database: {_database}, schema: dwh, user: {server.User}, password: \"${{OUT_PASSWORD}}\" }}";
    }
}
