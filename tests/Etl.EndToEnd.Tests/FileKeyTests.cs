using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A key that a contract declares for files is no proof, and what is told to do instead is.</summary>
public sealed class FileKeyTests
{
    private const string Refused = """
        ./p.yaml:15:43: error ETL3042: 'out' upserts by (id), which is not known to be unique here. Add a `deduplicate` with key: [id] above it, or a `check` with unique: [id]: nothing keeps a key unique in what 'people' reads, whatever its contract says.
        1 pipeline: 1 error, 0 warnings

        """;

    [TestCase("csv", "people.csv", "transform: filter", "where: \"name is not null\"", 2, Refused)]
    [TestCase("json", "people.json", "transform: filter", "where: \"name is not null\"", 2, Refused)]
    [TestCase("parquet", "people.parquet", "transform: filter", "where: \"name is not null\"", 2, Refused)]
    [TestCase("delta", "people", "transform: filter", "where: \"name is not null\"", 2, Refused)]
    [TestCase("csv", "people.csv", "transform: check", "rules: [{ unique: [id] }]", 0, "1 pipeline: 0 errors, 0 warnings\n")]
    [TestCase("csv", "people.csv", "transform: deduplicate", "key: [id], order_by: [name]", 0, "1 pipeline: 0 errors, 0 warnings\n")]
    public async Task The_hint_fits_the_extractor(string extractor, string path, string transform, string with, int exit, string told)
    {
        using var project = Project(extractor, path, $"{{ id: through, from: people, {transform}, with: {{ {with} }} }}", "keep");
        var validated = await project.RunAsync("validate", "./p.yaml");
        Assert.That((validated.ExitCode, validated.Out), Is.EqualTo((exit, told)), validated.ToString());
    }

    // Of rows that are refused because they share a key, both would delete it.
    [TestCase("delete", "{ id: through, from: people, transform: check, with: { rules: [{ unique: [id] }] } }", "ETL3042")]
    [TestCase("delete", "{ id: checked, from: people, transform: check, with: { rules: [{ unique: [id] }] } }\n  - { id: through, from: checked, transform: select, with: { columns: [id, name] } }", "ETL3042")]
    [TestCase("delete", "{ id: through, from: people, transform: deduplicate, with: { key: [id], order_by: [name] } }", "")]
    [TestCase("keep", "{ id: checked, from: people, transform: check, with: { rules: [{ unique: [id] }] } }\n  - { id: through, from: checked, transform: select, with: { columns: [id, name] } }", "")]
    public async Task Rows_that_are_refused_prove_no_key_where_they_become_deletions(string onExcluded, string stages, string code)
    {
        using var project = Project("csv", "people.csv", stages, onExcluded);
        var validated = await project.RunAsync("validate", "./p.yaml");
        Assert.That(validated.Out, code.Length > 0 ? Does.Contain(code) : Does.Contain("0 errors"), validated.ToString());
    }

    private static ProjectFolder Project(string extractor, string path, string stages, string onExcluded) =>
        ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", "connections:\n  files: { type: file, root: files }\n  dwh: { type: duckdb, path: out.db }\n"),
            ("c.yaml", """
                apiVersion: v3.1.0
                kind: DataContract
                id: people
                version: "1.0.0"
                schema:
                  - name: people
                    properties:
                      - { name: id, logicalType: integer, primaryKey: true, required: true }
                      - { name: name, logicalType: string }
                """),
            ("p.yaml", $$"""
                apiVersion: etl/v1
                pipeline: p
                stages:
                  - id: people
                    extract: {{extractor}}
                    connection: files
                    contract: c.yaml
                    with: { path: {{path}} }
                  - {{stages}}
                  - id: out
                    load: table
                    from: through
                    connection: dwh
                    with:
                      { table: people, mode: upsert, key: [id], on_excluded: {{onExcluded}} }
                """));
}
