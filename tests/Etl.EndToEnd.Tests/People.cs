using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A hundred thousand rows, three of which no table with its constraints takes, added to a table that would show one that comes twice.</summary>
internal static class People
{
    public const int Rows = 100_000;

    /// <summary>Rows, sum of ids and distinct ids of the good rows, and of the one that comes later.</summary>
    public static string Good { get; } = FormattableString.Invariant($"{Rows - 2} {(Rows * (Rows + 1L) / 2) - 1 - 50_000 - Rows + 100_001} {Rows - 2}");

    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: small.people
        version: "1.0.0"
        status: active
        schema:
          - name: people
            physicalName: people
            logicalType: object
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: name, logicalType: string }
              - { name: age, logicalType: integer, customProperties: [{ property: arrowType, value: int64 }] }

        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: people
        stages:
          - id: people
            extract: table
            connection: source
            contract: people.contract.yaml
            with: { table: people, incremental: { cursor: id } }
          - id: warehouse
            load: table
            from: people
            connection: dwh
            with: { table: people, mode: append }
        """;

    /// <summary>A project with this warehouse; the first, the last and a row in the middle are bad.</summary>
    public static ProjectFolder Project(string warehouse)
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", $"connections:\n  source: {{ type: sqlite, path: source.db }}\n  dwh: {warehouse}\n"),
            ("people.contract.yaml", Contract),
            ("people.yaml", Pipeline));
        project.Sqlite("source.db", $"""
            create table people (id integer primary key, name text, age integer);
            with recursive n(i) as (select 1 union all select i + 1 from n where i < {Rows})
            insert into people select i, case i when 1 then 'a name that is too long' when 50000 then null else 'name ' || i end, case i when {Rows} then -1 else 1 + i % 90 end from n;
            """);
        return project;
    }

    /// <summary>Runs it twice, and once more with a row more: letters have these reasons, in the order of the ids.</summary>
    public static async Task LoadedOnceAsync(ProjectFolder project, string[] reasons)
    {
        var first = await project.ReportAsync("run", "people.yaml");
        var load = first["stages"]!.AsArray().Single(s => s!["stage"]!.GetValue<string>() == "warehouse")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(load["rows_in"]!.GetValue<long>(), Is.EqualTo(Rows));
            Assert.That(load["dead_lettered"]!.GetValue<long>(), Is.EqualTo(reasons.Length));
            Assert.That(first["loads"]![0]!["inserted"]!.GetValue<long>(), Is.EqualTo(Rows - reasons.Length));
            Assert.That(Letters(project), Is.EqualTo(reasons.Select(r => $"warehouse target {r}")));
            Assert.That(
                project.DuckRows(null, $"SELECT DISTINCT concat_ws(' ', _etl_run_id, _etl_plan, typeof(id), typeof(name), typeof(age)) FROM {Files(project)}"),
                Is.EqualTo(new[] { $"{first["run_id"]} {first["plan_hash"]} BIGINT VARCHAR BIGINT" }));
        }

        var second = await project.ReportAsync("run", "people.yaml");
        Assert.That(second["status"]!.GetValue<string>(), Is.EqualTo("nothing_new"));
        project.Sqlite("source.db", $"insert into people values ({Rows + 1}, 'later', 1)");
        var third = await project.ReportAsync("run", "people.yaml");
        Assert.That(third["loads"]![0]!["inserted"]!.GetValue<long>(), Is.EqualTo(1));
    }

    private static List<string> Letters(ProjectFolder project) => project.DuckRows(
        null, $"SELECT _etl_stage || ' ' || _etl_rule || ' ' || _etl_reason FROM {Files(project)} ORDER BY id");

    private static string Files(ProjectFolder project) => $"read_parquet('{project.PathOf(".etl/dead-letters/people")}/*.parquet')";
}
