using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What an editor knows of one project by <c>etl schema --for</c>, seen through the language server that editors use.</summary>
public sealed class ProjectSchemaTests
{
    private const string Orders = """
        apiVersion: etl/v1
        pipeline: orders
        params:
          vat: { type: decimal, default: 0.21, description: The tax on sales. }
        stages:
          - id: source
            extract: table
            connection: shop
            contract: ../contracts/shop.orders.yaml
            with: { table: orders }
          - { id: kept, transform: keep_columns, from: source, with: { columns: [id] } }
          - { id: lake, load: parquet, from: kept, connection: lake, with: { path: orders, mode: upsert, key: [id] } }

        """;

    [Test]
    public void A_folder_that_is_not_there_is_told() => Assert.That(async () =>
    {
        using var project = ProjectFolder.With(("etl.yaml", ""));
        var result = await project.RunAsync("schema", "--for", "pipelines");
        return $"{result.ExitCode} {result.Error.Replace(project.Folder, "PROJECT", StringComparison.Ordinal)}";
    }, Is.EqualTo("2 error ETL4601: --for names 'pipelines', which is no folder\n  Name the folder that the pipelines are in.\n"));

    [Test]
    public async Task It_is_the_schema_of_all_with_the_names_of_the_project()
    {
        using var project = Project();
        var (all, own) = (await project.RunAsync("schema"), await project.RunAsync("schema", "--for", "pipelines"));
        Assert.That((all.ExitCode, own.ExitCode), Is.EqualTo((0, 0)), $"{all.Error}{own.Error}");
        var stage = JsonNode.Parse(own.Out)!["properties"]!["stages"]!["items"]!["properties"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Names(stage["connection"]!), Is.EqualTo(new[] { "dwh", "lake", "shop" }));
            Assert.That(Names(stage["contract"]!), Is.EqualTo(new[] { "../contracts/shop.orders.yaml", null }));
            Assert.That(Names(stage["transform"]!), Does.Contain("keep_columns"));
            Assert.That(all.Out, Does.Not.Contain("keep_columns").And.Not.Contain("shop.orders"));
        }
    }

    [Test]
    [Category("Integration")]
    public async Task An_editor_offers_and_explains_the_names_of_the_project()
    {
        using var project = Project();
        var schema = await SchemaAsync(project);
        project.Write("pipelines/new.yaml", """
            apiVersion: etl/v1
            pipeline: new
            params:
              v
            stages:
              - id: source
                extract: table
                connection: shop
                contract: x
                with:
                  t
            """);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await AskAsync(project, schema, "completion", 8, 17), Does.Contain("shop: A connection of type sqlite.").And.Contain("dwh: A connection of type duckdb."));
            Assert.That(await AskAsync(project, schema, "completion", 9, 15), Does.Contain("../contracts/shop.orders.yaml: orders (shop.orders, version 1.0.0): id, name."));
            Assert.That(await AskAsync(project, schema, "completion", 4, 4), Does.Contain("vat: decimal, as in orders.yaml. The tax on sales."));
            // SQLite's own options.
            Assert.That(await AskAsync(project, schema, "completion", 11, 8), Does.Contain("table: ").And.Contain("incremental: "));
            Assert.That(await AskAsync(project, schema, "hover", 8, 18), Does.Contain("A connection of type sqlite."));
        }
    }

    [Test]
    [Category("Integration")]
    public async Task An_editor_marks_names_that_the_project_does_not_have_and_no_others()
    {
        using var project = Project();
        var schema = await SchemaAsync(project);
        Assert.That(await MarksAsync(schema, project.PathOf("pipelines/orders.yaml")), Is.EqualTo("1 files checked\n"));
        project.Write("pipelines/bad.yaml", Orders.Replace("connection: shop", "connection: shpo", StringComparison.Ordinal).Replace("connection: lake", "connection: shop", StringComparison.Ordinal));
        var marks = await MarksAsync(schema, project.PathOf("pipelines/bad.yaml"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(marks, Does.Contain("bad.yaml:8:17 Value must be \"dwh\" | \"shop\".\n"), "there is no connection of that name");
            Assert.That(marks, Does.Contain("bad.yaml:12:56 Value must be \"lake\".\n"), "a table's connection keeps no files");
        }
    }

    private static IEnumerable<string?> Names(JsonNode schema) => schema["anyOf"]!.AsArray().Select(o => o!["const"]?.GetValue<string>());

    private static async Task<string> SchemaAsync(ProjectFolder project)
    {
        var result = await project.RunAsync("schema", "--for", "pipelines", "--out", "pipeline.schema.json");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        return project.PathOf("pipeline.schema.json");
    }

    private static Task<string> AskAsync(ProjectFolder project, string schema, string what, int line, int column) =>
        NodeTools.RunAsync("node", ["ask-yaml.js", schema, project.PathOf("pipelines/new.yaml"), what, $"{line}", $"{column}"]);

    private static Task<string> MarksAsync(string schema, string file) => NodeTools.RunAsync("node", ["check-yaml.js", schema, file]);

    private static ProjectFolder Project()
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "plugins: [plugins]\n"),
            ("connections.yaml", """
                connections:
                  shop: { type: sqlite, path: shop.db }
                  dwh: { type: duckdb, path: dwh.db }
                  lake: { type: file, root: lake }
                """),
            ("contracts/shop.orders.yaml", """
                apiVersion: v3.0.2
                kind: DataContract
                id: shop.orders
                version: "1.0.0"
                schema:
                  - name: orders
                    properties:
                      - { name: id, logicalType: integer, primaryKey: true }
                      - { name: name, logicalType: string }
                """),
            ("pipelines/orders.yaml", Orders));
        PluginTests.CopySample(project);
        return project;
    }
}
