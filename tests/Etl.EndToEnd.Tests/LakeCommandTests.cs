using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Etl.EndToEnd.Tests;

/// <summary>What a person does about a lake between runs, by the command line as it ships.</summary>
public sealed class LakeCommandTests
{
    [Test]
    public async Task An_epoch_that_was_killed_before_midnight_is_resumed_under_its_date()
    {
        // Between these two there are 25 hours, so that it is another day in the second whenever this runs.
        const string Early = "time_zone: Pacific/Kiritimati\n";
        const string Late = "time_zone: Pacific/Pago_Pago\n";
        using var project = SmallShop.Project("duckdb");
        project.Replace("orders.yaml", "partition_by: day", "partition_by: $run_date");
        project.Write("etl.yaml", Early);
        var killed = await project.RunAtAsync("lake.before_commit:kill", "run", "orders.yaml");
        Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
        var day = Directory.GetDirectories(project.PathOf("lake/orders"), "*", SearchOption.AllDirectories).Select(d => Path.GetRelativePath(project.PathOf("lake/orders"), d)).Single(d => d.Length == "2026/11/29".Length).Replace('/', '-');

        project.Write("etl.yaml", Late);
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "duckdb");
        Assert.That(Dates(), Is.EqualTo(new[] { day }), "the day of the first attempt");

        project.Sqlite("shop.db", SmallShop.Change(1));
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "duckdb");
        Assert.That(Dates(), Has.Count.EqualTo(2).And.Contain(day), "and the next epoch has its own");
        project.Sqlite("shop.db", SmallShop.Change(2));
        await project.ReportAsync("run", "orders.yaml", "--date", "2020-02-29");
        Assert.That(Dates()[0], Is.EqualTo("2020-02-29"));
        Assert.That((await project.RunAsync("lake", "verify", "orders.yaml", "--deep")).ExitCode, Is.Zero);
        Assert.That((await project.RunAsync("plan", "orders.yaml")).Out, Does.Contain("partitioned by (run_date)").And.Contain("run_date is the run's date"));

        List<string> Dates() => project.DuckRows(null, $"SELECT DISTINCT strftime(run_date, '%Y-%m-%d') FROM {project.LakeTable("lake/orders")} ORDER BY 1");
    }

    [Test]
    public async Task A_plain_folder_holds_each_row_once_after_runs_that_were_killed()
    {
        using var project = SmallShop.Project("duckdb", "keep");
        project.Replace("orders.yaml", "{ path: \"orders/{year}/{month}/{day}/\", partition_by: day, mode: upsert, key: [id], on_excluded: keep }", "{ path: plain, partition_by: day, mode: changes, publish: files }");
        var change = 0;
        foreach (var point in new[] { "lake.file_sent", "files.before_commit", "files.after_commit", "files.file_placed@2", "files.placed", "files.replaced" })
        {
            var killed = await project.RunAtAsync($"{point}:kill", "run", "orders.yaml");
            Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
            await project.ReportAsync("run", "orders.yaml");
            // The newest version of each key, which is no deletion.
            const string Newest = "(SELECT * FROM read_parquet('lake/plain/day=*/*.parquet', hive_partitioning = false) QUALIFY row_number() OVER (PARTITION BY id ORDER BY _etl_epoch DESC) = 1)";
            Rows.AreEqual(SmallShop.Warehouse(project, "duckdb"), project.DuckRows(null, $"SELECT {SmallShop.Line} FROM {Newest.Replace("lake/plain", project.PathOf("lake/plain"), StringComparison.Ordinal)} WHERE _op <> 'delete'"), point);
            var doubled = project.DuckRows(null, $"SELECT id FROM read_parquet('{project.PathOf("lake/plain")}/day=*/*.parquet', hive_partitioning = false) GROUP BY id, _etl_epoch HAVING count(*) > 1");
            Assert.That(doubled, Is.Empty, point);
            Assert.That(Directory.Exists(project.PathOf("lake/plain/_staging")) ? Directory.GetFiles(project.PathOf("lake/plain/_staging"), "*", SearchOption.AllDirectories) : [], Is.Empty, point);
            project.Sqlite("shop.db", SmallShop.Change(++change));
        }

        var refused = await project.RunAsync("lake", "compact", "orders.yaml");
        Assert.That((refused.ExitCode, refused.Error), Is.EqualTo((1, refused.Error)));
        Assert.That(refused.Error, Does.Contain("ETL4566").And.Contain("plain folder"));

        project.Replace("orders.yaml", "policies:", "  - { id: logged, load: parquet, from: checked, connection: lake, with: { path: logged, mode: changes } }\npolicies:");
        await project.ReportAsync("run", "orders.yaml");
        var verified = await project.RunAsync("lake", "verify", "orders.yaml");
        Assert.That(verified.ExitCode, Is.Zero, verified.ToString());
        Assert.That(verified.Out, Does.StartWith("logged: ").And.Not.Contain("plain"), "what has no log is passed over");
    }

    [Test]
    public async Task A_compaction_that_is_killed_leaves_the_table_as_it_was_or_done_and_runs_go_on()
    {
        using var project = SmallShop.Project("duckdb");
        await project.ReportAsync("run", "orders.yaml");
        var change = 0;
        foreach (var point in new[] { "lake.file_sent", "lake.compact.written", "lake.compact.before_commit", "lake.compact.after_commit" })
        {
            project.Sqlite("shop.db", SmallShop.Change(++change));
            await project.ReportAsync("run", "orders.yaml");
            var killed = await project.RunAtAsync($"{point}:kill", "lake", "compact", "orders.yaml");
            Assert.That(killed.ExitCode, Is.EqualTo(CliResult.Killed), killed.ToString());
            SmallShop.BothEqualTheSource(project, "duckdb");
            Assert.That((await project.RunAsync("lake", "verify", "orders.yaml", "--deep")).ExitCode, Is.Zero);
        }

        project.Sqlite("shop.db", SmallShop.Change(++change));
        await project.ReportAsync("run", "orders.yaml");
        var done = await project.RunAsync("lake", "compact", "orders.yaml");
        Assert.That(done.Out, Does.Match("^lake: [0-9]+ files of [0-9,]+ bytes in [0-9]+ folders? became [0-9]+ of [0-9,]+ bytes in .*, version [0-9]+\n$"), done.ToString());
        SmallShop.BothEqualTheSource(project, "duckdb");
        Assert.That((await project.RunAsync("lake", "compact", "orders.yaml", "--dry-run")).Out, Does.StartWith("lake: nothing to put together in "));
    }

    [Test]
    public async Task A_lake_is_verified_and_cleaned_up_and_the_next_run_goes_on()
    {
        using var project = SmallShop.Project("duckdb");
        var before = await project.RunAsync("lake", "verify", "orders.yaml");
        Assert.That((before.ExitCode, before.Error), Is.EqualTo((1, before.Error)));
        Assert.That(before.Error, Does.Contain("ETL4567"), "no run has made it yet");
        await project.ReportAsync("run", "orders.yaml");
        project.Sqlite("shop.db", SmallShop.Change(1));
        await project.ReportAsync("run", "orders.yaml");
        var whole = await project.RunAsync("lake", "verify", "orders.yaml", "--deep");
        Assert.That((whole.ExitCode, whole.Out), Is.EqualTo((0, whole.Out)), whole.ToString());
        Assert.That(whole.Out, Does.StartWith("lake: ").And.Contain("at version 1").And.EndsWith("as its log says\n"));

        var young = await VacuumAsync();
        Assert.That(young["files"]!.AsArray(), Is.Empty);
        var files = Directory.GetFiles(project.Folder, "part-*.parquet", SearchOption.AllDirectories);
        foreach (var file in files)
        {
            File.SetLastWriteTimeUtc(file, TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-2));
        }

        var cleared = (await VacuumAsync())["files"]!.AsArray();
        Assert.That(cleared, Is.Not.Empty, "what the second run replaced");
        Assert.That(Directory.GetFiles(project.Folder, "part-*.parquet", SearchOption.AllDirectories), Has.Length.EqualTo(files.Length - cleared.Count));
        project.Sqlite("shop.db", SmallShop.Change(2));
        await project.ReportAsync("run", "orders.yaml");
        SmallShop.BothEqualTheSource(project, "duckdb");

        File.Delete(Directory.GetFiles(project.Folder, "part-*.parquet", SearchOption.AllDirectories).MaxBy(File.GetLastWriteTimeUtc)!);
        var broken = await project.RunAsync("lake", "verify", "orders.yaml", "--stage", "lake");
        Assert.That((broken.ExitCode, broken.Out), Is.EqualTo((1, broken.Out)));
        Assert.That(broken.Out, Does.Contain("1 problem\n").And.EndWith(": it is not there\n"));
        var other = await project.RunAsync("lake", "verify", "orders.yaml", "--stage", "warehouse");
        Assert.That((other.ExitCode, other.Error), Is.EqualTo((1, other.Error)));
        Assert.That(other.Error, Does.Contain("ETL4566"));

        async Task<JsonNode> VacuumAsync()
        {
            var run = await project.RunAsync("lake", "vacuum", "orders.yaml", "--older-than", "0h", "--unsafe-retention", "--output", "json");
            Assert.That(run.ExitCode, Is.Zero, run.ToString());
            return JsonNode.Parse(run.Out)!["tables"]![0]!;
        }
    }
}
