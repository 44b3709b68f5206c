using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What a contract declares unique is a key, as its primary key is.</summary>
public sealed class DeclaredKeyTests
{
    [TestCase("unique: true, required: true", "", "", 0)]
    [TestCase("unique: true", "", "ETL3042: 'out' upserts by (email), which is not known to be unique here; unique: (id)", 2)]
    [TestCase("required: true", "", "ETL3042: 'out' upserts by (email), which is not known to be unique here; unique: (id)", 2)]
    [TestCase("unique: true, required: true", ", incremental: { cursor: id, deleted_when: \"name is null\" }", "ETL3042: 'out' upserts by (email), which is not known to be unique here; unique: (id)", 2)]
    public async Task An_upsert_by_a_column_that_is_declared_unique_is_right(string declared, string extract, string told, int exit)
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", "connections:\n  shop: { type: sqlite, path: shop.db }\n  dwh: { type: duckdb, path: out.db }\n"),
            ("c.yaml", $$"""
                apiVersion: v3.1.0
                kind: DataContract
                id: people
                version: "1.0.0"
                schema:
                  - name: people
                    properties:
                      - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
                      - { name: name, logicalType: string }
                      - { name: email, logicalType: string, {{declared}} }
                """),
            ("p.yaml", $$"""
                apiVersion: etl/v1
                pipeline: p
                stages:
                  - id: people
                    extract: table
                    connection: shop
                    contract: c.yaml
                    with: { table: people{{extract}} }
                  - id: renamed
                    transform: select
                    from: people
                    with: { rename: { full_name: name } }
                  - id: out
                    load: table
                    from: renamed
                    connection: dwh
                    with: { table: people, mode: upsert, key: [email], on_excluded: keep }
                """));
        project.Sqlite("shop.db", "create table people (id integer primary key, name text, email text not null unique); insert into people values (1, 'a', 'a@x')");
        var run = await project.RunAsync("run", "p.yaml");
        Assert.That(run.ExitCode, Is.EqualTo(exit), run.ToString());
        Assert.That(run.Out + run.Error, Does.Contain(told));
    }
}
