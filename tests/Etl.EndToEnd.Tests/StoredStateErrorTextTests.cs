using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What a person reads when what a target or the ledger keeps is not what it was, or not what was asked for, whole.</summary>
public sealed partial class StoredStateErrorTextTests
{
    private const string Run = "run orders.yaml";
    private const string Incremental = "\n      incremental: { cursor: updated_at, deleted_when: \"deleted_at is not null\" }";

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("a_checkpoint_that_was_edited", p => p.Sqlite("out/sqlite.db", "update _etl_checkpoint set checkpoint = replace(checkpoint, '\"rows\":', '\"rows\":1')"), Run, 1, """
            error ETL6001 in stage warehouse: the target's checkpoint cannot be read: its checksum does not match
              Nothing was read or written. Look at it with `etl state show`; to start again from the source, run with --full-refresh.
            """);
        yield return Case("a_checkpoint_of_a_newer_version", p => p.Sqlite("out/sqlite.db", "update _etl_checkpoint set checkpoint = replace(checkpoint, '\"version\":1', '\"version\":99')"), Run, 1, """
            error ETL6002 in stage warehouse: the checkpoint has format version 99; this version reads up to 2
              Run with the version that wrote it, or a newer one.
            """);
        yield return Case("another_key", p => p.Replace("orders.yaml", "key: [id], on_excluded: delete }\n  - id: lake", "key: [id, day], on_excluded: delete }\n  - id: lake"), Run, 1, """
            error ETL6003 in stage warehouse: 'warehouse' was loaded with other settings of table, cursor, key or mode; its checkpoint (epoch 1) does not fit them
              Run with --full-refresh to load it anew, or take the change back.
            """);
        yield return Case("no_such_epoch", _ => { }, "state reset orders.yaml warehouse --to-epoch 7 --yes", 1, """
            error ETL6006: orders in sqlite out/sqlite.db keeps no epoch 7 of 'warehouse'
              Reset without --to-epoch reads everything again.
            """);
        yield return Case("a_reset_of_what_is_always_read_whole", p =>
        {
            p.Replace("orders.yaml", Incremental, "");
            p.Replace("orders.yaml", "mode: upsert, key: [id], on_excluded: delete }\n  - id: lake", "mode: replace }\n  - id: lake");
            p.Replace("orders.yaml", "on_excluded: delete", "on_excluded: keep");
        }, "state reset orders.yaml warehouse --yes", 1, """
            error ETL6007: 'warehouse' is loaded from everything in each run, so no position says where the next one begins
              Run the pipeline.
            """);
        yield return Case("a_move_from_nothing", p => p.Replace("orders.yaml", "id: warehouse", "id: dwh"), "state move orders.yaml dwh --from-stage warehose", 1, """
            error ETL6008: orders in sqlite out/sqlite.db has no checkpoint of default/orders/warehose
              Give the names as they were before: --from-pipeline, --from-stage, and --env if the load ran in an environment.
            """);
        yield return Case("a_move_to_what_was_loaded", _ => { }, "state move orders.yaml warehouse --from-stage dwh", 1, """
            error ETL6009: orders in sqlite out/sqlite.db was loaded as default/orders/warehouse already, or is being loaded
              Nothing was moved. `etl state show` tells how far it is; a load that went on under both names is loaded anew with --full-refresh.
            """);
        yield return Case("a_range_without_a_column", _ => { }, "run orders.yaml --from 2026-03-02 --to 2026-03-03", 2, """
            error ETL4606 in stage warehouse: 'orders' declares no column by which a range of it is read again
              Declare it: with: { backfill: { column: created_at } }; `table` has it. Or run with --full-refresh.
            """);
        yield return Case("a_range_that_is_none", p => p.Replace("orders.yaml", "table: orders\n", "table: orders\n      backfill: { column: day }\n"), "run orders.yaml --from yesterday --to 2026-03-03", 1, """
            error ETL4615: 'yesterday' is no value of the backfill's column, which is of type date32
              Write 2026-01-31 for a date, 2026-01-31T12:00:00Z for a time (UTC where no zone is given), digits for a whole number.
            """);
        yield return Case("the_beginning_of_two_runs", p => p.Sqlite(".etl/ledger.db", """
            insert into run (run_id, pipeline, environment, status, started_at, host, process_id, process_started)
            select '20260101T080000-aaaaaa', pipeline, environment, status, started_at, host, process_id, process_started from run
            """), "runs show 2", 2, """
            error ETL4605: several runs begin with '2', among them RUN and RUN
              Give more of the id; `etl runs list` shows them.
            """);
        yield return Case("a_ledger_of_a_newer_version", p => p.Sqlite(".etl/ledger.db", "pragma user_version = 99"), "runs list", 1, """
            error ETL4610: the ledger PROJECT/.etl/ledger.db has version 99; this version knows up to 1
              Run with the version that wrote it, or a newer one.
            """);
        yield return Case("a_ledger_that_is_none", p => p.Write(".etl/ledger.db", "This is a text file, and not a database at all: no page of it is one."), "runs list", 1, """
            error ETL4611: the ledger PROJECT/.etl/ledger.db cannot be opened: SQLite Error 26: 'file is not a database'.
              Check that the folder can be written; a damaged ledger can be moved away, only history is lost.
            """);
        yield return Case("a_connection_that_keeps_no_ledger", p => p.Write("etl.yaml", "time_zone: UTC\nledger: lake\n"), "runs list", 1, """
            error ETL4613: the connection 'lake' cannot keep the ledger
              `ledger` in etl.yaml names a connection of type postgres, or is left out for a file in the state folder.
            """);
        yield return Case("a_report_that_is_damaged", p => p.Sqlite(".etl/ledger.db", "update run set report = 'null'"), "runs show 2", 1, """
            error ETL4614: a stored run report is empty
              It was damaged. `etl runs list` still tells how the run ended.
            """);
        yield return Case("a_report_of_a_newer_version", p => p.Sqlite(".etl/ledger.db", "update run set report = replace(report, '\"version\":1', '\"version\":9')"), "runs show 2", 1, """
            error ETL4614: a stored run report has version 9; this version reads up to 1
              Look at it with the version that wrote it, or a newer one.
            """);

        static TestCaseData Case(string name, Action<ProjectFolder> change, string command, int exit, string told) => new TestCaseData(change, command, exit, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task After_a_run(Action<ProjectFolder> change, string command, int exit, string told)
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        change(project);
        var ended = await project.RunAsync(command.Split(' '));
        Assert.That((ended.ExitCode, Told(ended, project)), Is.EqualTo((exit, told)), ended.ToString());
    }

    [Test]
    public async Task Plain_folders_keep_the_name_that_they_were_loaded_under()
    {
        using var project = SmallShop.Project("sqlite");
        project.Replace("orders.yaml", Incremental, "");
        project.Replace("orders.yaml", "partition_by: day, mode: upsert, key: [id], on_excluded: delete", "partition_by: day, mode: replace, publish: files");
        project.Replace("orders.yaml", "on_excluded: delete", "on_excluded: keep");
        await project.ReportAsync("run", "orders.yaml");
        project.Replace("orders.yaml", "id: lake", "id: files");
        var ended = await project.RunAsync("state", "move", "orders.yaml", "files", "--from-stage", "lake");
        Assert.That((ended.ExitCode, Told(ended, project)), Is.EqualTo((1, """
            error ETL6010: file://PROJECT/lake/orders/ cannot give its checkpoint another name
              Take the old name back, or load the target anew with --full-refresh.
            """)), ended.ToString());
    }

    // The error and what to do about it, out of all that is written.
    private static string Told(CliResult ended, ProjectFolder project)
    {
        var lines = (ended.Out + ended.Error).Split('\n').SkipWhile(l => !l.TrimStart().StartsWith("error ETL", StringComparison.Ordinal)).Take(2).ToList();
        var indent = lines.Count == 0 ? 0 : lines[0].Length - lines[0].TrimStart().Length;
        return RunId().Replace(string.Join('\n', lines.Select(l => l[Math.Min(indent, l.Length)..])).Replace(project.Folder, "PROJECT", StringComparison.Ordinal), "RUN");
    }

    [GeneratedRegex("[0-9]{8}T[0-9]{6}-[0-9a-f]{6}")]
    private static partial Regex RunId();
}
