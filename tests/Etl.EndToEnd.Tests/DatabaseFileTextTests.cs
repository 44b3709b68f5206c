using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What is told of DuckDB and SQLite files that are not as a pipeline needs them, pinned whole.</summary>
public sealed class DatabaseFileTextTests
{
    private const string Increment = "table: items, incremental: { cursor: changed }";
    private const string Upsert = "mode: upsert, key: [id], on_excluded: keep";

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case(Of("duck", "lite"), p => p.Write("duck.db", "This is a text file, and not a database at all."), "error ETL4401 in stage items: DuckDB cannot open PROJECT/duck.db: The file \"PROJECT/duck.db\" exists, but it is not a valid DuckDB database file!\n    Check that it is a DuckDB file and that its folder exists and can be written.");
        yield return Case(Of("duck", "lite", "query: \"select id, name, changed, ok from items where upper(ok) = 1\"", extract: "query"), Nothing, "error ETL4402 in stage items: No function matches the given name and argument types 'upper(BOOLEAN)'. You might need to add explicit type casts.\n\tCandidate functions:\n\tupper(VARCHAR) -> VARCHAR");
        yield return Case(Of("duck", "lite", "query: \"select * from items where id = $least\"", extract: "query"), Nothing, "error ETL4404 in stage items: the parameter $least has no value\n    Parameters are: run_id, run_date, run_started_at.");
        yield return Case(Of("duck", "lite"), p => File.Delete(p.PathOf("duck.db")), "error ETL4411 in stage items: there is no DuckDB file duck.db\n    Looked for PROJECT/duck.db. Check the connection's path.");
        yield return Case(Of("duck", "lite"), p => p.Duck("duck.db", "drop table items"), "error ETL4414 in stage items: duck.db: Table with name items does not exist\n    Check the name of the table and the connection's schema.");
        yield return Case(Of("duck", "lite"), p => p.Duck("duck.db", "alter table items drop name"), "error ETL4414 in stage items: items has no column 'name' (any more)\n    Its columns are: id, changed, ok. Import the contract again, or bring the column back.");
        yield return Case(Of("duck", "lite"), p => p.Duck("duck.db", "alter table items alter ok type varchar"), "error ETL4415 in stage items: column 'ok' of items is VARCHAR, and the contract declares BOOLEAN\n    Import the contract again, or change the column back: not every value would fit.");
        yield return Case(Of("duck", "lite"), p => p.Duck("duck.db", "update items set name = null"), "error ETL4416 in stage items: column 'name' holds NULL, and the contract says required\n    Correct the data, or the contract.");
        yield return Case(Of("duck", "lite", Increment, Upsert), p => p.Duck("duck.db", "update items set changed = null"), "error ETL4110 in stage items: 2 rows of items have no 'changed'\n    They would never be read. Fill them, or say null_cursor: include or skip.");
        yield return Case(Of("lite", "duck"), p => p.Duck("duck.db", "create table copied (id bigint, name varchar, changed date, ok boolean)"), "error ETL4418 in stage copied: column 'changed' of main.copied is DATE; TIMESTAMP WITH TIME ZONE does not fit it without loss\n    Cast the column on the way, or run: ALTER TABLE \"main\".\"copied\" ALTER COLUMN \"changed\" SET DATA TYPE TIMESTAMP WITH TIME ZONE");
        yield return Case(Of("lite", "duck", load: Upsert), p => p.Sqlite("lite.db", "insert into items select * from items"), "error ETL4421 in stage copied: 2 keys (id) come more than once in the rows for main.copied\n    Deduplicate by the key before the load.");

        yield return Case(Of("lite", "duck", "query: \"select * from items); delete from items; select 1 from (select 1\"", extract: "query"), Nothing, "error ETL4504 in stage items: the SQL holds more than one statement\n    Write one SELECT.");
        yield return Case(Of("lite", "duck", "query: \"select * from items where id >= $least\"", extract: "query"), Nothing, "error ETL4509 in stage items: the SQL has a parameter $least that nothing gives a value\n    Parameters are: $run_date, $run_id, $run_started_at.");
        yield return Case(Of("lite", "duck"), p => p.Replace("items.contract.yaml", "{ name: ok, logicalType: boolean }", "{ name: ok, logicalType: array, items: { logicalType: string } }"), "items.yaml:4:27: error ETL4508: column 'ok' is declared list, which no SQLite value is read as. Declare another type in the contract.");
        yield return Case(Of("lite", "duck", Increment, Upsert), p => p.Sqlite("lite.db", "update items set changed = null"), "error ETL4110 in stage items: 2 rows of table 'items' have no changed, so nothing tells whether they are new\n    Fill the column, or decide with incremental: { null_cursor: include | skip }.");
    }

    private static IEnumerable<TestCaseData> LaterCases()
    {
        yield return Case(Of("duck", "lite", Increment, Upsert), p => Rename(p, "duck.db"), "error ETL4413 in stage items: the target's position is of duckdb.table/1 in duckdb:duck.db, and this is duckdb.table/1 in duckdb:other.db\n    Point the connection back at that source, or run with --full-refresh.");
        yield return Case(Of("lite", "duck"), p => p.Sqlite("lite.db", "delete from items"), "error ETL4419 in stage copied: nothing was staged, and replacing main.copied would empty it\n    If that is right, say allow_empty: true.");
        yield return Case(Of("lite", "duck", Increment, Upsert), p => p.Duck("duck.db", "drop table copied"), "error ETL4308 in stage copied: the table main.copied is gone, and the checkpoint says that rows were loaded into it\n    Restore it from a copy, or run with --full-refresh to load it anew.");
        yield return Case(Of("lite", "duck", Increment, Upsert), p => p.Duck("duck.db", "delete from _etl.checkpoint"), "error ETL4315 in stage copied: the checkpoint of default/items/copied is gone, and the target was loaded up to epoch 1\n    Nothing was read or written. To go on where the target is: `etl state reset items copied --to-epoch 1 --yes`; to load it anew: --full-refresh.");

        yield return Case(Of("lite", "duck", Increment, Upsert), p => Rename(p, "lite.db"), "error ETL4511 in stage items: the stored position is of sqlite.table/1 at 'PROJECT/lite.db'; this is sqlite.table/1 at 'PROJECT/other.db'\n    A position of another source says nothing here. Run with --full-refresh to start again from this one.");
        yield return Case(Of("lite", "duck", Increment, "mode: append"), p => p.Replace("items.contract.yaml", "required: true }", "required: true, primaryKey: true, primaryKeyPosition: 2 }"), "error ETL4510 in stage items: the stored position has 2 values, and cursor and key have 3 columns\n    Run with --full-refresh, or give back the cursor and the key that the position was made with.");
        yield return Case(Of("duck", "lite"), p => p.Duck("duck.db", "delete from items"), "error ETL4524 in stage copied: no rows came, and replacing would empty the table 'copied'\n    If that is right, say so with allow_empty: true.");
        yield return Case(Of("duck", "lite", Increment, Upsert), p => p.Sqlite("lite.db", "drop table copied"), "error ETL4308 in stage copied: the table 'copied' is gone, and the checkpoint says that rows were loaded into it\n    Restore it from a copy, or run with --full-refresh to load it anew.");
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_by_the_first_run(string pipeline, Action<ProjectFolder> spoil, string told)
    {
        using var project = Project(pipeline);
        spoil(project);
        Assert.That(Told.By(await project.RunAsync("run", "items.yaml"), project), Is.EqualTo(told));
    }

    [TestCaseSource(nameof(LaterCases))]
    public async Task It_is_told_by_a_later_run(string pipeline, Action<ProjectFolder> spoil, string told)
    {
        using var project = Project(pipeline);
        await project.ReportAsync("run", "items.yaml");
        spoil(project);
        Assert.That(Told.By(await project.RunAsync("run", "items.yaml"), project), Is.EqualTo(told));
    }

    [TestCase("exec wrong.sql --connection duck", "error ETL4402: syntax error at or near \"selekt\"")]
    [TestCase("exec wrong.sql --connection lite", "error ETL4500: SQLite: near \"selekt\": syntax error (result 1)\n  The statement was: selekt 1")]
    [TestCase("profile items --connection nowhere", "error ETL4502: there is no folder 'PROJECT/nowhere' for the database file\n  Make the folder, or correct the connection's path.")]
    [TestCase("validate keyless.yaml", "keyless.yaml:4:120: error ETL4412: an incremental read needs a key. Name the columns that identify a row, or give the contract a primary key.")]
    public async Task It_is_told_by_a_command(string command, string told)
    {
        using var project = Project(Of("duck", "lite"));
        project.Write("wrong.sql", "selekt 1");
        project.Write("keyless.contract.yaml", Contract.Replace(", primaryKey: true, primaryKeyPosition: 1", "", StringComparison.Ordinal));
        project.Write("keyless.yaml", Of("duck", "lite", Increment, Upsert).Replace("contract: items", "contract: keyless", StringComparison.Ordinal));
        Assert.That(Told.By(await project.RunAsync(command.Split(' ')), project), Is.EqualTo(told));
    }

    private const string Contract = """
        apiVersion: v3.0.2
        kind: DataContract
        id: items
        version: "1.0.0"
        status: active
        schema:
          - name: items
            properties:
              - { name: id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1, customProperties: [{ property: arrowType, value: int64 }] }
              - { name: name, logicalType: string, required: true }
              - { name: changed, logicalType: timestamp }
              - { name: ok, logicalType: boolean }

        """;

    private static string Of(string from, string to, string with = "table: items", string load = "mode: replace", string extract = "table") => $$"""
        apiVersion: etl/v1
        pipeline: items
        stages:
          - { id: items, extract: {{extract}}, connection: {{from}}, contract: items.contract.yaml, with: { {{with}} } }
          - { id: copied, load: table, from: items, connection: {{to}}, with: { table: copied, {{load}} } }
        """;

    private static ProjectFolder Project(string pipeline)
    {
        const string Table = "create table items (id bigint, name text, changed timestamptz, ok boolean); insert into items values (1, 'one', '2026-01-01 00:00:00Z', true), (2, 'two', '2026-01-02 00:00:00Z', false)";
        var project = ProjectFolder.With(
            ("etl.yaml", "time_zone: UTC\n"),
            ("connections.yaml", "connections:\n  duck: { type: duckdb, path: duck.db }\n  lite: { type: sqlite, path: lite.db }\n  nowhere: { type: sqlite, path: nowhere/lite.db }\n"),
            ("items.contract.yaml", Contract),
            ("items.yaml", pipeline));
        project.Duck("duck.db", Table);
        project.Sqlite("lite.db", Table);
        return project;
    }

    private static void Nothing(ProjectFolder project)
    {
    }

    private static void Rename(ProjectFolder project, string file)
    {
        File.Copy(project.PathOf(file), project.PathOf("other.db"));
        project.Replace("connections.yaml", file, "other.db");
    }

    private static TestCaseData Case(string pipeline, Action<ProjectFolder> spoil, string told) =>
        new TestCaseData(pipeline, spoil, told).SetArgDisplayNames(told.Split(':')[0]);
}
