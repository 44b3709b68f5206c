using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;
using NUnit.Framework;

namespace Etl.Runtime.Tests.Definition;

public class ProjectReaderTests
{
    [Test]
    public void A_folder_without_settings_is_a_project_of_defaults()
    {
        using var files = new Workspace();
        var project = files.Project();
        Assert.That(files.Told, Is.Empty);
        Assert.That((project.Folder, project.Environment, project.Connections.Count), Is.EqualTo((files.Folder, "default", 0)));
        Assert.That((project.Settings.Memory, project.Settings.TimeZone), Is.EqualTo((new ByteSize(512L << 20), "UTC")));
    }

    [Test]
    public void The_project_is_the_nearest_folder_above_with_settings()
    {
        using var files = new Workspace();
        files.Write("etl.yaml", "time_zone: Europe/Amsterdam\nmemory: 1GB\nplugins: [plugins]\ndead_letters: { connection: lake }\n");
        var pipeline = files.Write("pipelines/deep/p.yaml", "");
        var project = ProjectReader.Read(pipeline, null, files.Bag);
        Assert.That(files.Told, Is.Empty);
        Assert.That((project.Folder, project.Settings.Memory.Bytes, project.Settings.DeadLetters!.Connection), Is.EqualTo((files.Folder, 1L << 30, "lake")));
        files.Write("etl.yaml", "# nothing\n");
        Assert.That(ProjectReader.Read(pipeline, null, files.Bag).Folder, Is.EqualTo(files.Folder));
        Assert.That(files.Told, Is.Empty);
    }

    [Test]
    public void Wrong_settings_are_told()
    {
        using var files = new Workspace();
        files.Write("etl.yaml", "time_zone: Mars/X\nmemory: 512\n");
        files.Project();
        Assert.That(files.Told, Is.EqualTo("etl.yaml:2:9: error ETL2002: 'memory' is '512'; it must be a size with a unit. Units are B, KB, MB, GB and TB, each 1024 times the one before: 64KB, 256MB, 1GB."));
    }

    [Test]
    public void An_unknown_time_zone_is_told()
    {
        using var files = new Workspace();
        files.Write("etl.yaml", "time_zone: Mars/X\n");
        files.Project();
        Assert.That(files.Told, Is.EqualTo("etl.yaml:1:12: error ETL2010: 'time_zone' is not a known time zone."));
    }

    [Test]
    public void An_environment_replaces_whole_connections()
    {
        using var files = new Workspace();
        files.Write("connections.yaml", "connections:\n  shop: { type: sqlite, path: a.db }\n  dwh: { type: duckdb, path: b.db, schema: x }\n");
        files.Write("connections.prod.yaml", "connections:\n  dwh: { type: postgres, host: \"${HOST}\", password: \"${file:secret.txt}\" }\n");
        files.Write(".env", "# comment\nexport HOST='db.example.com'\n");
        files.Write("secret.txt", "S3cr3t\n");
        var project = files.Project("prod");
        Assert.That(files.Told, Is.Empty);
        var dwh = project.Connections["dwh"];
        Assert.That((dwh.Type, dwh.With.Entries.Count, project.Environment), Is.EqualTo(("postgres", 2, "prod")));
        Assert.That(((YamlScalar)dwh.With["host"]!).Value, Is.EqualTo("db.example.com"));
        Assert.That(dwh.With["password"], Is.InstanceOf<YamlScalar>().With.Property("Value").EqualTo("S3cr3t").And.Property("Substituted").EqualTo(Substitution.Reference));
        Assert.That(project.Connections["shop"].Type, Is.EqualTo("sqlite"));
    }

    [Test]
    public void The_environment_of_the_process_goes_before_the_file()
    {
        using var files = new Workspace();
        files.Write("connections.yaml", "connections: { a: { type: sqlite, path: \"${X}${Y}\" } }\n");
        files.Write(".env", "X=file\nY=\"two\\nlines\"\n");
        files.Variables["X"] = "process";
        Assert.That(((YamlScalar)files.Project().Connections["a"].With["path"]!).Value, Is.EqualTo("processtwo\nlines"));
    }

    [Test]
    public void An_unknown_environment_is_told_with_those_that_exist()
    {
        using var files = new Workspace();
        files.Write("connections.prod.yaml", "connections: {}\n");
        files.Write("connections.test.yaml", "connections: {}\n");
        files.Project("prdo");
        Assert.That(files.Told, Is.EqualTo("connections.yaml:1:1: error ETL1041: there is no environment 'prdo'. Did you mean 'prod'? Environments are: prod, test."));
    }

    [Test]
    public void What_is_wrong_with_a_connection_is_told_where_it_is_used()
    {
        using var files = new Workspace();
        files.Write("connections.yaml", "connections:\n  shop: { type: postgres, password: \"${PW}\" }\n  other: { type: postgres, password: \"{{ x }}\" }\n");
        var project = files.Project();
        Assert.That(files.Told, Is.Empty);
        var span = new SourceSpan("p.yaml", 3, 4);
        Assert.That(project.Use("shop", span, isOpened: false, files.Bag), Is.Not.Null);
        Assert.That(files.Told, Is.EqualTo("connections.yaml:2:38: warning ETL1030: the variable PW is not set. Set PW in the environment or in .env, or write ${PW:-default}."));
        project.Use("shop", span, isOpened: true, files.Bag);
        project.Use("other", span, isOpened: false, files.Bag);
        Assert.That(project.Use("shpo", span, isOpened: false, files.Bag), Is.Null);
        Assert.That(files.Bag.Sorted.Where(d => d.Severity == Severity.Error).Select(d => (d.Code, d.Message)), Is.EqualTo(new[]
        {
            ("ETL1030", "the variable PW is not set"), ("ETL1037", "a template {{ }} is not allowed here"), ("ETL1042", "there is no connection 'shpo'"),
        }));
        Assert.That(files.Told, Does.Contain("connections.yaml:3:39: error ETL1037: a template {{ }} is not allowed here. Templates are for the values of stages; here write ${NAME}."));
    }

    [Test]
    public void A_malformed_line_of_the_variables_file_is_told_without_its_value()
    {
        using var files = new Workspace();
        files.Write(".env", "A=1\nB='S3cr3t\nnot a line S3cr3t\n");
        files.Project();
        const string Why = "error ETL1036: this line of .env is not NAME=value. A name has letters, digits and _; a value with spaces at its ends or with # stands in quotes, which are closed.";
        Assert.That(files.Told, Is.EqualTo($".env:2:1: {Why}\n.env:3:1: {Why}"));
    }
}
