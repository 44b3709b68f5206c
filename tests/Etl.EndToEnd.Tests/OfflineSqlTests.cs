using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>SQL is typed over empty tables and not run, also where a parameter's type is known only by an execution.</summary>
public sealed class OfflineSqlTests
{
    [TestCase("select case when count(*) = 0 then error('no people for ' || $day) else count(*) end as n from people")]
    [TestCase("select count(*) as n from range(100000000000) t(i) where i > $least")]
    public async Task A_query_with_a_parameter_is_not_run_by_validate(string query)
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", ""),
            ("connections.yaml", "connections:\n  files: { type: file, root: files }\n"),
            ("c.yaml", """
                apiVersion: v3.1.0
                kind: DataContract
                id: people
                version: "1.0.0"
                schema:
                  - name: people
                    properties:
                      - { name: id, logicalType: integer, required: true }
                """),
            ("p.yaml", $$"""
                apiVersion: etl/v1
                pipeline: p
                params: { day: { type: string, default: monday }, least: { type: integer, default: 5 } }
                stages:
                  - { id: people, extract: csv, connection: files, contract: c.yaml, with: { path: people.csv } }
                  - { id: counted, transform: sql, from: people, with: { query: "{{query}}" } }
                  - { id: out, load: csv, from: counted, connection: files, with: { path: out, mode: replace } }
                """));
        var validated = await project.RunAsync("validate", "./p.yaml");
        Assert.That(validated.ExitCode, Is.Zero, validated.ToString());
    }
}
