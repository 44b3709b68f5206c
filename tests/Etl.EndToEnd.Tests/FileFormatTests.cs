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

    private const string Line = "concat_ws('|', id, coalesce(cast(amount as varchar), ''), coalesce(city, ''), coalesce(body, ''), cast(dt as varchar))";

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

    [Test]
    public async Task The_example_reads_JSON_into_a_lake_and_a_report_out_of_it()
    {
        using var project = ProjectFolder.Example("files");
        var first = await project.ReportAsync("run", "clicks.yaml");
        Assert.That(first["loads"]![0]!["inserted"]!.GetValue<long>(), Is.EqualTo(4));
        Assert.That(first["loads"]![0]!["checkpoint"]!.GetValue<string>(), Is.EqualTo("clicks: 2 files"));
        await project.ReportAsync("run", "visits.yaml");
        CheckReport(project, "2026-01-01|/|2|2|4.00", "2026-01-01|/prices|1|1|41.50", "2026-01-02|/prices|1|1|12.00");

        project.Write("inbox/clicks/day=2026-01-01/app-1.json", "{\"id\":6,\"page\":\"/\",\"visitor\":{\"id\":\"d1\"},\"seconds\":0.5}");
        var second = await project.ReportAsync("run", "clicks.yaml");
        Assert.That(second["loads"]![0]!["inserted"]!.GetValue<long>(), Is.EqualTo(1));
        await project.ReportAsync("run", "visits.yaml");
        CheckReport(project, "2026-01-01|/|3|3|4.50", "2026-01-01|/prices|1|1|41.50", "2026-01-02|/prices|1|1|12.00");

        project.Write("inbox/clicks/day=2026-01-01/web-1.json", "{\"id\":7,\"page\":\"/\"}");
        var changed = await project.RunAsync("run", "clicks.yaml");
        Assert.That(changed.ExitCode, Is.Not.Zero);
        Assert.That(changed.ToString(), Does.Contain("ETL4534").And.Contain("'clicks/day=2026-01-01/web-1.json' was written at"));
    }

    [Test]
    [Category("Integration")]
    public async Task The_example_runs_over_S3_and_its_tables_files_are_read_as_a_table_and_as_they_are()
    {
        using var project = ProjectFolder.Example("files");
        project.Environment["S3_SECRET"] = S3Server.SecretKey;
        var (inbox, lake, reports) = (await S3Server.CreateBucketAsync(), await S3Server.CreateBucketAsync(), await S3Server.CreateBucketAsync());
        project.Write("connections.yaml", $"connections:\n  inbox: {S3Server.Connection(inbox)}\n  lake: {S3Server.Connection(lake)}\n  reports: {S3Server.Connection(reports)}\n");
        using var client = S3Server.Client();
        foreach (var key in (string[])["clicks/day=2026-01-01/web-1.json", "clicks/day=2026-01-02/web-1.json"])
        {
            await client.PutObjectAsync(new Amazon.S3.Model.PutObjectRequest { BucketName = inbox, Key = key, ContentBody = project.Read($"inbox/{key}") });
        }

        await project.ReportAsync("run", "clicks.yaml");
        Assert.That((await project.ReportAsync("run", "clicks.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
        string[] expected = ["2026-01-01|/|2|2|4.00", "2026-01-01|/prices|1|1|41.50", "2026-01-02|/prices|1|1|12.00"];
        await project.ReportAsync("run", "visits.yaml");
        await S3Server.MirrorAsync(reports, project.PathOf("data/reports"));
        CheckReport(project, expected);

        project.Replace("visits.yaml", "extract: delta", "extract: parquet");
        project.Replace("visits.yaml", "path: clicks, columns", "path: clicks/**/*.parquet, columns");
        await project.ReportAsync("run", "visits.yaml", "--full-refresh");
        await S3Server.MirrorAsync(reports, project.PathOf("data/reports"));
        CheckReport(project, expected);
    }

    [Test]
    public async Task Parquet_and_appended_versions_of_a_table_go_on_where_the_target_is()
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"), ("connections.yaml", Connections), ("events.contract.yaml", Contract),
            ("lake.yaml", """
                apiVersion: etl/v1
                pipeline: lake
                stages:
                  - { id: events, extract: parquet, connection: files, contract: events.contract.yaml, with: { path: "in/**/*.parquet", incremental: files, on_missing: as_null } }
                  - { id: lake, load: parquet, from: events, connection: files, with: { path: lake, partition_by: dt, mode: append } }
                """),
            ("table.yaml", """
                apiVersion: etl/v1
                pipeline: table
                stages:
                  - { id: events, extract: delta, connection: files, contract: events.contract.yaml, with: { path: lake, incremental: appends } }
                  - { id: table, load: table, from: events, connection: dwh, with: { table: events, mode: append } }
                """));
        string[] expected = [];
        foreach (var (name, select, rows) in new[]
        {
            ("dt=2026-01-02/b", "1::bigint as id, 1.5::decimal(12,2) as amount, 'Köln' as city, '[]' as body", new[] { "1|1.50|Köln|[]|2026-01-02" }),
            ("dt=2026-01-01/a", "unnest([2, 3])::bigint as id", ["2||||2026-01-01", "3||||2026-01-01"]),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(project.PathOf($"files/in/{name}"))!);
            project.DuckRows(null, $"COPY (SELECT {select}) TO '{project.PathOf($"files/in/{name}.parquet")}' (FORMAT parquet)");
            await project.ReportAsync("run", "lake.yaml");
            await project.ReportAsync("run", "table.yaml");
            expected = [.. expected, .. rows];
            Rows.AreEqual(expected, project.DuckRows("dwh.db", $"SELECT {Line} FROM events"), name);
        }

        Assert.That((await project.ReportAsync("run", "table.yaml"))["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
    }

    private static void CheckReport(ProjectFolder project, params string[] expected)
    {
        var file = Directory.GetFiles(project.PathOf("data/reports/visits"), "*.csv.gz").Single();
        Rows.AreEqual(expected, project.DuckRows(null, $"SELECT concat_ws('|', day, page, visits, visitors, seconds) FROM read_csv('{file}', header = true, all_varchar = true)"), "report");
    }

    private static void CheckRows(ProjectFolder project, params string[] expected)
    {
        Rows.AreEqual(expected, project.DuckRows("dwh.db", $"SELECT {Line} FROM events"), "table");
        Rows.AreEqual(expected, project.DuckRows(null, $"SELECT {Line} FROM read_csv('{project.PathOf("files/csv")}/*.csv.zst', header = true, all_varchar = true)"), "csv");
        Rows.AreEqual(expected, project.DuckRows(null,
            $"SELECT {Line} FROM read_json('{project.PathOf("files/json")}/*.json.gz', format = 'newline_delimited', columns = {{id: 'BIGINT', amount: 'DECIMAL(12,2)', city: 'VARCHAR', body: 'VARCHAR', dt: 'DATE'}})"), "json");
    }

    private static void Write(ProjectFolder project, string key, string text)
    {
        var path = project.PathOf($"files/in/{key}.json.gz");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var target = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        target.Write(Encoding.UTF8.GetBytes(text));
    }
}
