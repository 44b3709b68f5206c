using System.Text;
using Npgsql;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>Values of hidden columns are canaries: they are in the targets and in the files of dead letters, and in nothing that anybody reads beside them.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class HiddenColumnTests
{
    private const string Source = """
        create table people (id integer primary key, name text, email text, ssn integer, age integer, changed integer);
        insert into people values
            (1, 'Canaria Onsen', 'canaria.one@secret.example', 700700701, 30, 1),
            (2, 'Canaria O''Two "Q" Twosen', 'canaria.two', 700700702, 31, 2),
            (3, 'Canaria Threesen', 'canaria.three@secret.example', 700700703, 32, 3),
            (4, 'Canaria Foursen', 'canaria.four@secret.example', 700700704, -4, 4),
            (5, 'Canaria Fivesen', 'canaria.five@secret.example', 700700705, 34, 5);
        """;

    private const string Contract = """
        apiVersion: v3.1.0
        kind: DataContract
        id: people
        version: "1.0.0"
        status: active
        schema:
          - name: people
            properties:
              - { name: id, logicalType: integer, primaryKey: true, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: name, logicalType: string, classification: PII }
              - { name: email, logicalType: string, classification: restricted, quality: [{ metric: invalidValues, arguments: { pattern: "@" }, mustBe: 0 }, { type: sql, name: longest, query: "SELECT max(ssn) FROM {object}", mustBe: 1, severity: warning }] }
              - { name: ssn, logicalType: integer, classification: confidential, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: age, logicalType: integer, classification: public, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: changed, logicalType: integer, customProperties: [{ property: arrowType, value: int64 }] }

        """;

    private const string Pipeline = """
        apiVersion: etl/v1
        pipeline: people
        stages:
          - id: people
            extract: table
            connection: shop
            contract: people.contract.yaml
            with: { table: people, incremental: { cursor: changed } }
          - id: labels
            transform: derive
            from: people
            with:
              columns:
                label: "'[' || upper(name) || ']'"
                digits: "ssn // 1000"
          - id: adults
            transform: check
            from: labels
            with:
              rules: [{ name: born, expect: "age > 0" }]
          - id: warehouse
            load: table
            from: adults
            connection: dwh
            with: { table: people, mode: upsert, key: [id], on_excluded: keep }

        """;

    private static readonly string[] Canaries =
    [
        "Canaria", "CANARIA", "Twosen", "TWOSEN", "secret.example", "canaria.", "700700701", "700700702", "700700703", "700700704", "700700705", "700700",
    ];

    [Test]
    public async Task No_value_of_a_hidden_column_is_in_anything_that_a_run_says()
    {
        using var project = Project("{ type: sqlite, path: dwh.db }");
        project.Sqlite("dwh.db", "create table people (id integer primary key, name text, email text unique, ssn integer check (ssn <> 700700703), age integer, changed integer, label text, digits integer)");
        await ReadEverythingAsync(project, 0);
        var shown = await project.RunAsync("dead-letters", "show", "people.yaml");
        Assert.That(shown.Out, Does.Contain("{\"id\":2,\"name\":\"***\",\"email\":\"***\",\"ssn\":\"***\",\"age\":31,\"changed\":2}")
            .And.Contain("\"age\":-4,\"changed\":4,\"label\":\"***\",\"digits\":\"***\"}").And.Contain("warehouse.target: SQLite: CHECK constraint failed: ssn <> *** (result ***)"));
        Assert.That(project.SqliteRows("dwh.db", "select email from people order by id"), Is.EqualTo(new[] { "canaria.one@secret.example", "canaria.five@secret.example" }), "values move");
        var file = Directory.GetFiles(project.PathOf(".etl/dead-letters/people"), "*-people.parquet").Single();
        Assert.That(project.DuckRows(null, $"SELECT name FROM read_parquet('{file}')"), Is.EqualTo(new[] { "Canaria O'Two \"Q\" Twosen" }), "a letter holds the row, for its replay");
        if (!OperatingSystem.IsWindows())
        {
            Assert.That((File.GetUnixFileMode(file), File.GetUnixFileMode(Path.GetDirectoryName(file)!)), Is.EqualTo((UnixFileMode.UserRead | UnixFileMode.UserWrite, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute)));
        }
    }

    [Test]
    public async Task A_row_of_the_source_that_cannot_be_read_is_told_by_no_hidden_value()
    {
        using var project = Project("{ type: sqlite, path: dwh.db }");
        project.Replace("people.contract.yaml", "name: ssn, ", "name: ssn, primaryKey: true, ");
        project.Replace("people.contract.yaml", "name: id, logicalType: integer, primaryKey: true", "name: id, logicalType: integer, required: true");
        project.Replace("people.yaml", "key: [id]", "key: [ssn]");
        project.Sqlite("shop.db", "update people set age = 'Canaria of age' where id = 3");
        await ReadEverythingAsync(project, 1);
    }

    [Test]
    public async Task A_position_that_hidden_values_tell_is_shown_to_nobody()
    {
        using var project = Project("{ type: sqlite, path: dwh.db }");
        project.Replace("people.yaml", "cursor: changed", "cursor: ssn");
        await ReadEverythingAsync(project, 0);
        Assert.That((await project.RunAsync("state", "show", "people.yaml")).Out, Does.Contain("people: ***"));
    }

    [TestCase("", true)]
    [TestCase("hidden_classifications: []\n", false)]
    [TestCase("hidden_classifications: [pii]\n", false)]
    public async Task A_project_says_what_is_hidden(string settings, bool hidden)
    {
        using var project = Project("{ type: sqlite, path: dwh.db }");
        project.Write("etl.yaml", "time_zone: UTC\n" + settings);
        await project.ReportAsync("run", "people.yaml");
        Assert.That((await project.RunAsync("dead-letters", "show", "people.yaml")).Out.Contains("canaria.two", StringComparison.Ordinal), Is.EqualTo(!hidden));
    }

    [Test]
    public async Task A_pipeline_test_tells_no_found_value_of_a_hidden_column()
    {
        using var project = Project("{ type: sqlite, path: dwh.db }");
        project.Write("people.yaml", Pipeline + """
            tests:
              - name: labels
                given: { people: [{ id: 8, name: Canaria, email: a@b, ssn: 1, age: 3, changed: 1 }] }
                expect:
                  warehouse: [{ id: 8, label: other }]
            """);
        var tested = await project.RunAsync("test", "people.yaml");
        Assert.That(tested.Out + tested.Error, Does.Contain("label is ***, expected 'other'").Or.Contain("label is ***, expected other"), tested.ToString());
        Assert.That(tested.Out + tested.Error, Does.Not.Contain("CANARIA"));
    }

    [TestCase("create table people (id bigint primary key, name text, email text unique, ssn bigint check (ssn <> 700700703), age bigint, changed bigint, label text, digits bigint)", 0, TestName = "A_row_that_PostgreSQL_refuses_is_told_by_no_hidden_value")]
    [TestCase("create table people (id bigint primary key, name text, email text unique, ssn bigint, age bigint, changed bigint, label text, digits bigint); create unique index once on people ((length(left(name, 4))))", 1, TestName = "A_unique_index_that_is_broken_at_the_publish_is_told_by_no_hidden_value")]
    [TestCase("create table people (id bigint primary key, name text, email text, ssn bigint, age bigint, changed bigint, label text, digits bigint); create function loud() returns trigger language plpgsql as $$ begin raise exception 'no % here (%), %', new.name, new.email, new.ssn using hint = 'ask ' || new.name, detail = new.email; end $$; create trigger loud before insert on people for each row execute function loud()", 1, TestName = "A_trigger_that_says_a_whole_row_is_heard_by_nobody")]
    [TestCase("create table people (id bigint primary key, name varchar(4), email text, ssn smallint, age bigint, changed bigint, label text, digits bigint)", 0, TestName = "A_table_that_is_too_narrow_says_no_hidden_value")]
    [Category("Integration")]
    public async Task PostgreSQL(string table, int exit)
    {
        var server = new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES") ?? throw new InvalidOperationException("ETL_TEST_POSTGRES names no server; run the tests by tools/test")) { Pooling = false };
        var database = $"hidden_{Guid.NewGuid():N}"[..20];
        await ExecuteAsync(server.ConnectionString, $"create database {database}");
        await ExecuteAsync(new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = database }.ConnectionString, table);
        using var project = Project($"{{ type: postgres, host: \"{server.Host}\", port: {server.Port}, database: {database}, user: {server.Username}, password: \"${{DWH_PASSWORD}}\" }}");
        project.Environment["DWH_PASSWORD"] = server.Password ?? "none-needed";
        await ReadEverythingAsync(project, exit);
    }

    // All that a person may read of a run, and the ledger's own file.
    private static async Task ReadEverythingAsync(ProjectFolder project, int exit)
    {
        var said = new List<(string What, string Text)>();
        async Task<CliResult> SayAsync(params string[] arguments)
        {
            var result = await project.RunAsync(arguments);
            said.Add((string.Join(' ', arguments), result.Out + result.Error));
            return result;
        }

        var run = await SayAsync("run", "people.yaml", "--trace", "--profile");
        Assert.That(run.ExitCode, Is.EqualTo(exit), run.ToString());
        await SayAsync("run", "people.yaml", "--output", "json");
        await SayAsync("validate", "people.yaml");
        await SayAsync("plan", "people.yaml");
        foreach (var output in (string[])["text", "json"])
        {
            await SayAsync("dead-letters", "list", "people.yaml", "--output", output);
            await SayAsync("dead-letters", "show", "people.yaml", "--output", output);
            await SayAsync("state", "show", "people.yaml", "--output", output);
            await SayAsync("runs", "list", "--output", output);
        }

        said.Add(("the ledger", Encoding.Latin1.GetString(File.ReadAllBytes(project.PathOf(".etl/ledger.db")))));
        using (Assert.EnterMultipleScope())
        {
            foreach (var (what, text) in said)
            {
                foreach (var canary in Canaries)
                {
                    Assert.That(what == "plan people.yaml" || !text.Contains(canary, StringComparison.Ordinal), Is.True, $"{what} says '{canary}': {text}");
                }
            }
        }
    }

    private static ProjectFolder Project(string warehouse)
    {
        var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"), ("connections.yaml", $"connections:\n  shop: {{ type: sqlite, path: shop.db }}\n  dwh: {warehouse}\n"), ("people.contract.yaml", Contract), ("people.yaml", Pipeline));
        project.Sqlite("shop.db", Source);
        return project;
    }

    private static async Task ExecuteAsync(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
