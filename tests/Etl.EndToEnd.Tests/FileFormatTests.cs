using System.IO.Compression;
using System.Text;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Pipelines between files of different formats, read back by DuckDB.</summary>
public sealed class FileFormatTests
{
    private const string Connections = """
        connections:
          files: { type: file, root: files }
          dwh: { type: duckdb, path: dwh.db }
        """;

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
              - { name: id, logicalType: integer, required: true }
              - { name: amount, logicalType: number, logicalTypeOptions: { precision: 12, scale: 2 } }
              - { name: city, logicalType: string }
              - { name: body, logicalType: string, physicalType: json }
              - { name: dt, logicalType: date }

        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: events
        stages:
          - id: events
            extract: json
            connection: files
            contract: events.contract.yaml
            with: { path: "in/**/*.json.gz", incremental: files, partitions: { dt: ">= 2026-01-02" }, members: { city: $.who.city } }
          - { id: table, load: table, from: events, connection: dwh, with: { table: events, mode: append } }
          - { id: csv, load: csv, from: events, connection: files, with: { path: csv, mode: append, compression: zstd } }
          - { id: json, load: json, from: events, connection: files, with: { path: json, mode: append, compression: gzip } }
        """;

    [Test]
    public async Task Compressed_JSON_in_folders_is_read_once_and_written_as_a_table_and_in_two_formats()
    {
        using var project = ProjectFolder.With(("etl.yaml", "time_zone: UTC\n"), ("connections.yaml", Connections), ("events.contract.yaml", Contract), ("events.yaml", Pipeline));
        Write(project, "dt=2026-01-01/a", "{\"id\":0}");
        Write(project, "dt=2026-01-02/a", "{\"id\":1,\"amount\":1.50,\"who\":{\"city\":\"Köln\"},\"body\":{\"a\":[1]}}\n{\"id\":2}");
        await project.ReportAsync("run", "events.yaml");
        CheckRows(project, "1|1.50|Köln|{\"a\":[1]}|2026-01-02", "2||||2026-01-02");

        Assert.That((await project.ReportAsync("run", "events.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
        // It sorts before the one that was read.
        Write(project, "dt=2026-01-02/0", "{\"id\":3,\"amount\":-0.01}");
        await project.ReportAsync("run", "events.yaml");
        CheckRows(project, "1|1.50|Köln|{\"a\":[1]}|2026-01-02", "2||||2026-01-02", "3|-0.01|||2026-01-02");
        Assert.That(Directory.GetFiles(project.PathOf("files/csv"), "*.csv.zst"), Has.Length.EqualTo(2));
    }

    private static void CheckRows(ProjectFolder project, params string[] expected)
    {
        const string line = "concat_ws('|', id, coalesce(cast(amount as varchar), ''), coalesce(city, ''), coalesce(body, ''), cast(dt as varchar))";
        Rows.AreEqual(expected, project.DuckRows("dwh.db", $"SELECT {line} FROM events"), "table");
        Rows.AreEqual(expected, project.DuckRows(null, $"SELECT {line} FROM read_csv('{project.PathOf("files/csv")}/*.csv.zst', header = true, all_varchar = true)"), "csv");
        Rows.AreEqual(expected, project.DuckRows(null,
            $"SELECT {line} FROM read_json('{project.PathOf("files/json")}/*.json.gz', format = 'newline_delimited', columns = {{id: 'BIGINT', amount: 'DECIMAL(12,2)', city: 'VARCHAR', body: 'VARCHAR', dt: 'DATE'}})"), "json");
    }

    private static void Write(ProjectFolder project, string key, string text)
    {
        var path = project.PathOf($"files/in/{key}.json.gz");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var target = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        target.Write(Encoding.UTF8.GetBytes(text));
    }
}
