using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What is told of a run that the engine ends, pinned whole.</summary>
public sealed class RunTextTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("", "run orders.yaml", "error ETL4101 in stage joined: 'others' has 10 rows for (day) = (2026-03-01)\n    Deduplicate it above the join, or say on_several: first or all.", p => p.Write("orders.yaml", """
            apiVersion: etl/v1
            pipeline: orders
            stages:
              - { id: orders, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: named, extract: table, connection: shop, contract: orders.contract.yaml, with: { table: orders } }
              - { id: others, transform: derive, from: named, with: { columns: { other: "name" } } }
              - { id: joined, transform: join, from: [orders, others], with: { on: "orders.day = others.day", on_no_match: keep, columns: [other] } }
              - { id: warehouse, load: table, from: joined, connection: dwh, with: { table: orders, mode: replace } }
            """));
        yield return Case("staged:explode", "run orders.yaml", "orders.yaml:1:1: error ETL4314: ETL_FAILPOINT: 'staged:explode' is not understood. It is NAME[@N]:kill, :throw, :pause or :sleep:SECONDS, and batch_rows=N, lease=SECONDS, grace=SECONDS, with commas between. Or unset it.");
        yield return Case("staged:throw", "run orders.yaml", "error ETL4390 in stage warehouse: the fail point 'staged' is on\n    Unset ETL_FAILPOINT.");
        yield return Case("staged:sleep:3", "run orders.yaml", "error ETL4307: the run took longer than policies.timeout: 00:00:01\n    What was not published is read again by the next run. Raise the limit, or see below which stage took the time.", p => p.Replace("orders.yaml", "policies:\n", "policies:\n  timeout: 1s\n"));
        yield return Case("nowhere:kill", "validate orders.yaml", "orders.yaml:1:1: warning ETL4390: ETL_FAILPOINT is set to 'nowhere:kill': this is a rehearsal of a failure. Unset it for real work.");
        yield return Case("router.miscount:throw", "run orders.yaml", "error ETL4201 in stage checked: the books of 'checked' do not balance: 60 rows in, but 55 out + 0 excluded + 0 deduplicated + 6 dead-lettered = 61\n    Nothing was published. This is an error of the framework or of a plugin; please report it.");
        yield return Case("", "run orders.yaml", "error ETL4210: data quality refused the run: checked.amount_positive: 6 rows failed\n    Nothing was published. Mend the data, or accept it for one run: --accept amount_positive --reason TEXT.", p => p.Replace("orders.yaml", "on_fail: dead_letter", "on_fail: fail"));

        static TestCaseData Case(string failPoint, string command, string told, Action<ProjectFolder>? spoil = null) =>
            new TestCaseData(failPoint, command, told, spoil).SetArgDisplayNames(told.Split(':')[0]);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_is_told_with_its_code_and_what_to_do(string failPoint, string command, string told, Action<ProjectFolder>? spoil)
    {
        using var project = SmallShop.Project("duckdb");
        spoil?.Invoke(project);
        var result = failPoint.Length == 0 ? await project.RunAsync(command.Split(' ')) : await project.RunAtAsync(failPoint, command.Split(' '));
        Assert.That(Told.By(result, project), Is.EqualTo(told));
    }

    [Test]
    public async Task A_run_whose_target_another_one_has_taken_publishes_nothing()
    {
        using var project = SmallShop.Project("sqlite");
        using var run = project.StartAt("staged:pause", "run", "orders.yaml");
        await run.SaysAsync("fail point staged");
        project.Sqlite("out/sqlite.db", "update _etl_checkpoint set fence = fence + 1");
        await run.GoOnAsync();
        Assert.That(Told.By(await run.EndAsync(), project), Is.EqualTo("error ETL4302 in stage warehouse: default/orders/warehouse has fence 2 now, and this run holds 1\n    Another run of this pipeline is newer. Look at `etl runs list`."));
    }

    [Test]
    public async Task A_ledger_that_cannot_be_written_is_told_with_what_does_not_depend_on_it()
    {
        using var project = SmallShop.Project("sqlite");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite(".etl/ledger.db", "create trigger broken before insert on run begin insert into nowhere values (1); end");
        Assert.That(Told.By(await project.RunAsync("run", "orders.yaml"), project), Is.EqualTo("error ETL4316: the ledger PROJECT/.etl/ledger.db cannot be written: SQLite Error 1: 'no such table: main.nowhere'.\n  Look at its disk, and run again. What targets hold is told by their own checkpoints: nothing of it depends on the ledger."));
    }
}
