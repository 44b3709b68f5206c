using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>The committed JSON Schema is the one that the plugins' options give, and editors accept the examples by it.</summary>
public sealed class SchemaTests
{
    private static string Committed => Path.Combine(ShippedCli.Repository, "schemas", "pipeline.schema.json");

    [Test]
    public async Task The_committed_schema_is_not_stale()
    {
        var schema = await ShippedCli.RunAsync(ShippedCli.Repository, new Dictionary<string, string>(), "schema");
        Assert.That(schema.ExitCode, Is.Zero, schema.ToString());
        Assert.That(schema.Out, Is.EqualTo(await File.ReadAllTextAsync(Committed)), "the schema is stale; mend it with: tools/etl schema --out schemas/pipeline.schema.json");
    }

    [Test]
    [Category("Integration")]
    public async Task An_editor_marks_nothing_in_the_examples()
    {
        var examples = Directory.EnumerateFiles(Path.Combine(ShippedCli.Repository, "pipelines"), "*.yaml", SearchOption.AllDirectories)
            .Where(f => File.ReadLines(f).Any(l => l.StartsWith("pipeline:", StringComparison.Ordinal))).ToList();
        Assert.That(examples, Is.Not.Empty);
        Assert.That(await MarksAsync(examples), Is.EqualTo($"{examples.Count} files checked\n"));
    }

    [Test]
    [Category("Integration")]
    public async Task An_editor_marks_what_is_misspelt()
    {
        using var project = ProjectFolder.With(("bad.yaml", """
            apiVersion: etl/v1
            pipeline: bad
            stages:
              - id: a
                extract: table
                connection: c
                with: { tabel: orders }
              - id: b
                transform: cleen
                from: a
            """));
        var marks = await MarksAsync([project.PathOf("bad.yaml")]);
        Assert.Multiple(() =>
        {
            Assert.That(marks, Does.Contain("bad.yaml:7:13 Property tabel is not allowed."));
            Assert.That(marks, Does.Contain("bad.yaml:9:"));
        });
    }

    private static Task<string> MarksAsync(IEnumerable<string> files) => NodeTools.RunAsync("node", ["check-yaml.js", Committed, .. files]);
}
