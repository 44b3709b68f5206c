using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>A connection that works through another is checked with the pipeline, without a server.</summary>
public sealed class StagingConnectionTests
{
    [TestCase("lake", 0, "")]
    [TestCase("lak", 2, "connections.yaml:2:94: error ETL1042: there is no connection 'lak'")]
    [TestCase("folder", 2, "connections.yaml:2:94: error ETL4632: Redshift loads from S3, and 'folder' keeps its objects at file:. Name a connection of type s3 under staging.")]
    [TestCase("shop", 2, "connections.yaml:2:94: error ETL3002: connection 'shop' is of type sqlite; here it takes an object store, such as type file or s3. Name another connection.")]
    [TestCase("dwh", 2, "connections.yaml:2:94: error ETL3002: connection 'dwh' would work through 'dwh', which works through it. Name another connection.")]
    public async Task The_staging_store_of_a_warehouse_is_looked_up_when_the_pipeline_is_compiled(string staging, int exitCode, string said)
    {
        using var project = ProjectFolder.With(
            ("etl.yaml", "{}\n"),
            ("connections.yaml",
                $$"""
                connections:
                  dwh: { type: redshift, host: h, database: d, user: u, password: "${DW_PASSWORD}", staging: {{staging}}, iam_role: default }
                  lake: { type: s3, bucket: lake }
                  folder: { type: file, root: . }
                  shop: { type: sqlite, path: shop.db }
                """),
            ("orders.yaml",
                """
                apiVersion: etl/v1
                pipeline: orders
                stages:
                  - { id: orders, extract: table, connection: shop, contract: contract.yaml, with: { table: orders } }
                  - { id: out, load: table, from: orders, connection: dwh, with: { table: orders, mode: replace } }
                """),
            ("contract.yaml",
                """
                apiVersion: v3.0.2
                kind: DataContract
                id: orders
                version: 1.0.0
                status: active
                schema:
                  - name: orders
                    properties:
                      - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1 }
                """));
        var result = await project.RunAsync("validate", "orders.yaml");
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), result.ToString());
        Assert.That(result.Out + result.Error, Does.Contain(said));
    }

    [Test]
    public async Task The_quickstart_is_valid_for_redshift_and_s3_without_a_change_of_the_pipeline()
    {
        using var project = ProjectFolder.Quickstart();
        var result = await project.RunAsync("plan", "orders.yaml", "--env", "aws");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Out, Does.Contain("redshift://warehouse.example.com:5439/analytics analytics.orders").And.Contain("PRIMARY KEY (\"external_ref\")"));
    }
}
