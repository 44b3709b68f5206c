using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Rows move in native memory: a million of them cost next to no managed memory, whatever the run itself costs.</summary>
[NonParallelizable]
public sealed class AllocationTests
{
    private const long Rows = 1_000_000;
    private const long MostBytesPerRow = 16;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: million
        stages:
          - { id: rows, extract: table, connection: source, contract: schemas/contracts/source.t.yaml, with: { table: t } }
          - { id: clean, transform: clean, from: rows, with: { trim: [name], empty_to_null: [note] } }
          - { id: check, transform: check, from: clean, with: { rules: [ { name: positive, expect: "amount >= 0" } ] } }
          - { id: target, load: table, from: check, connection: target, with: { table: copied, mode: upsert, key: [id] } }
        """;

    [Test]
    public async Task A_million_rows_from_sqlite_to_duckdb()
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", ""),
            ("connections.yaml", "connections:\n  source: { type: sqlite, path: source.db, seed: seed.sql }\n  target: { type: duckdb, path: target.duckdb }\n"),
            ("seed.sql", $"""
                create table t (id integer primary key, name text not null, note text, amount decimal(12,2) not null, at timestamptz);
                with recursive n(i) as (select 1 union all select i + 1 from n where i < {Rows})
                insert into t select i, 'name ' || (i % 1000), case when i % 3 = 0 then null else 'note number ' || i end, i % 100000 / 100.0,
                  strftime('%Y-%m-%dT%H:%M:%SZ', 1751328000 + i, 'unixepoch') from n;
                """),
            ("million.yaml", Pipeline));
        await RunAsync(project);
    }

    [Test]
    [Category("Integration")]
    public async Task A_million_rows_from_postgres_to_postgres()
    {
        var server = new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES"));
        var schema = $"alloc_{Guid.NewGuid():N}";
        await using var source = NpgsqlDataSource.Create(server.ConnectionString);
        await using (var make = source.CreateCommand($"""
            create schema {schema};
            create table {schema}.t (id bigint primary key, name text not null, note text, amount numeric(12,2) not null, at timestamptz);
            insert into {schema}.t select i, 'name ' || (i % 1000), case when i % 3 = 0 then null else 'note number ' || i end, i % 100000 / 100.0,
              to_timestamp(1751328000 + i) from generate_series(1, {Rows}) i;
            """))
        {
            await make.ExecuteNonQueryAsync();
        }

        try
        {
            var connection = $"{{ type: postgres, host: {server.Host}, port: {server.Port}, database: {server.Database}, schema: {schema}, user: {server.Username}, password: \"${{PASSWORD}}\" }}";
            using var project = ProjectFolder.With(
                ("etl.yaml", ""),
                ("connections.yaml", $"connections:\n  source: {connection}\n  target: {connection}\n"),
                ("million.yaml", Pipeline));
            project.Environment["PASSWORD"] = server.Password!;
            var report = await RunAsync(project, "--profile");
            AssertProfile(report);
        }
        finally
        {
            await using var drop = source.CreateCommand($"drop schema {schema} cascade");
            await drop.ExecuteNonQueryAsync();
        }
    }

    // Each stage's time is told, and the statements of the publish.
    private static void AssertProfile(JsonNode report)
    {
        var profiles = report["stages"]!.AsArray().Where(s => s!["profile"] is not null).ToDictionary(s => s!["stage"]!.GetValue<string>(), s => s!["profile"]!);
        Assert.That(profiles.Keys, Is.EqualTo(new[] { "rows", "check", "target" }), "clean runs in check's query");
        foreach (var (stage, profile) in profiles)
        {
            double Of(string name) => profile[name]!.GetValue<double>();
            Assert.That(Of("busy") + Of("waited_for_input") + Of("waited_for_output"), Is.EqualTo(Of("to") - Of("from")).Within(0.2), stage);
            Assert.That(Of("busy"), Is.Positive, stage);
        }

        var publish = report["loads"]![0]!["publish"]!;
        var steps = publish["steps"]!.AsArray().ToDictionary(s => s!["name"]!.GetValue<string>(), s => s!["seconds"]!.GetValue<double>());
        Assert.That(steps.Keys, Is.SupersetOf(new[] { "lock", "check keys", "insert", "checkpoint", "commit" }));
        Assert.That(steps.Values.Sum(), Is.LessThanOrEqualTo(publish["seconds"]!.GetValue<double>()));
        Assert.That(report["process"]!["cpu_seconds"]!.GetValue<double>(), Is.Positive);
    }

    private static async Task<JsonNode> RunAsync(ProjectFolder project, params string[] options)
    {
        var import = await project.RunAsync("contract", "import", "--connection", "source", "--table", "t");
        Assert.That(import.ExitCode, Is.Zero, import.ToString());
        var report = await project.ReportAsync(["run", "million.yaml", .. options]);
        var allocated = report["allocated_bytes"]!.GetValue<long>();
        Assert.Multiple(() =>
        {
            Assert.That(report["loads"]![0]!["inserted"]!.GetValue<long>(), Is.EqualTo(Rows));
            Assert.That(allocated / Rows, Is.LessThan(MostBytesPerRow), string.Create(CultureInfo.InvariantCulture, $"{allocated} bytes for {Rows} rows"));
        });
        return report;
    }
}
