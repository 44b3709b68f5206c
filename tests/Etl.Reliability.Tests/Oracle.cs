using System.Text.Json.Nodes;
using Etl.EndToEnd.Tests;
using NUnit.Framework;
using NUnit.Framework.Internal;

namespace Etl.Reliability.Tests;

/// <summary>What must hold once a run has succeeded, whatever happened before. Asked of the targets in SQL, with other drivers than the framework's.</summary>
internal static class Oracle
{
    /// <summary>Nothing lost, nothing doubled, nothing that is not in the source; epochs without a gap; nothing left lying about.</summary>
    /// <param name="rig">After a run that succeeded.</param>
    /// <param name="report">Of that run.</param>
    /// <param name="because">What happened before, for the message.</param>
    public static async Task HoldsAsync(Rig rig, JsonNode report, string because)
    {
        await rig.FetchLakeAsync();
        var expected = await rig.ExpectedAsync();
        var lake = rig.Project.DuckRows(null, $"SELECT {SmallShop.Line} FROM {rig.Project.LakeTable("lake/orders")}");
        var warehouse = rig.HasWarehouse ? await rig.WarehouseAsync($"select {WarehouseLine(rig)} from {WarehouseTable(rig)}") : expected;
        using (Assert.EnterMultipleScope())
        {
            // I1 to I3: both ways, and as often.
            Rows.AreEqual(expected, warehouse, $"{because}: warehouse");
            Rows.AreEqual(expected, lake, $"{because}: lake");
            OneOfEachVersion(rig, because);
            BooksBalance(report, because);
            await EpochsHaveNoGapAsync(rig, because);
            DeadLettersAreThereOnce(rig, because);
            Assert.That(await LeftoversAsync(rig), Is.Empty, $"{because}: left over");
        }
    }

    /// <summary>What it has to say against a state; null when it holds.</summary>
    public static async Task<string?> ObjectionAsync(Rig rig, JsonNode report)
    {
        using (new TestExecutionContext.IsolatedContext())
        {
            try
            {
                await HoldsAsync(rig, report, "control");
                return null;
            }
            catch (Exception e) when (e is AssertionException or MultipleAssertException)
            {
                return e.Message;
            }
        }
    }

    /// <summary>I7.</summary>
    public static void NoSecret(Rig rig, CliResult result)
    {
        if (rig.Bucket is not null)
        {
            Assert.That(result.Out + result.Error, Does.Not.Contain(S3Server.SecretKey));
        }

        if (rig.Database is not null)
        {
            Assert.That(result.Out + result.Error, Does.Not.Contain(rig.Server.Password));
        }
    }

    /// <summary>What is left of runs that did not come to their end.</summary>
    public static async Task<List<string>> LeftoversAsync(Rig rig)
    {
        var known = rig.Project.PathOf("lake");
        List<string> left =
        [
            .. Directory.EnumerateFileSystemEntries(rig.Project.PathOf(".etl/tmp")).Where(f => Path.GetFileName(f) != ".held"),
            .. Directory.EnumerateFiles(known, "*.parquet", SearchOption.AllDirectories).Where(f => !f.Contains("/refused/", StringComparison.Ordinal) && !f.Contains("/_delta_log/", StringComparison.Ordinal)).Except(Named(rig)),
            .. Directory.EnumerateFiles(known, ".etl-tmp-*", SearchOption.AllDirectories).Where(f => f.Contains("/_delta_log/", StringComparison.Ordinal)),
        ];
        if (rig.Bucket is not null)
        {
            left.AddRange(await S3Server.OpenUploadsAsync(rig.Bucket));
        }

        if (rig.HasWarehouse)
        {
            left.AddRange(await rig.WarehouseAsync(rig.Target == "sqlite"
                ? "select name from sqlite_schema where name like '\\_etl\\_stage%' escape '\\'"
                : "select cast(table_name as varchar) from information_schema.tables where table_schema = '_etl' and table_name not in ('checkpoint', 'epoch')"));
        }

        return left;
    }

    // Every version of a row is read once, so that its time tells it. With deletions there is a row for each as well.
    private static void OneOfEachVersion(Rig rig, string because)
    {
        var twice = rig.Project.DuckRows(null, $"SELECT id || ' at ' || updated_at || ' ' || count(*) || ' times' FROM {rig.Project.LakeTable("lake/history")} GROUP BY id, updated_at, _op HAVING count(*) > 1");
        Assert.That(twice, Is.Empty, $"{because}: history");
    }

    // I4: by the report, whose numbers are of the queries that made the rows.
    private static void BooksBalance(JsonNode report, string because)
    {
        foreach (var stage in report["stages"]!.AsArray().Where(s => s!["kind"]!.GetValue<string>() == "transform"))
        {
            long Of(string member) => stage![member]!.GetValue<long>();
            Assert.That(Of("rows_in"), Is.EqualTo(Of("rows_out") + Of("excluded") + Of("deduplicated") + Of("dead_lettered")), $"{because}: {stage}");
        }
    }

    // I5: in each target, by what was committed with the data.
    private static async Task EpochsHaveNoGapAsync(Rig rig, string because)
    {
        foreach (var load in rig.Loads)
        {
            var numbers = load == "warehouse"
                ? (await rig.WarehouseAsync($"select n from {(rig.Target == "sqlite" ? "_etl_epoch" : "_etl.epoch")} order by n")).ConvertAll(n => long.Parse(n, System.Globalization.CultureInfo.InvariantCulture))
                : [.. Checkpoints(rig, load).Select(c => c["n"]!.GetValue<long>())];
            Assert.That(numbers, Is.EqualTo(Enumerable.Range(1, numbers.Count)), $"{because}: epochs of {load}");
        }
    }

    private static void DeadLettersAreThereOnce(Rig rig, string because)
    {
        var files = Checkpoints(rig, "lake").SelectMany(c => c["dead_letters"]!.AsArray()).ToList();
        if (files.Count == 0)
        {
            return;
        }

        var paths = string.Join(", ", files.Select(f => $"'{rig.Project.PathOf("lake")}/{f!["path"]!.GetValue<string>()}'"));
        var rows = files.Sum(f => f!["rows"]!.GetValue<long>());
        Assert.That(
            rig.Project.DuckRows(null, $"SELECT count(*) || ' rows, of them ' || count(DISTINCT (id, updated_at)) FROM read_parquet([{paths}])"), Is.EqualTo(new[] { $"{rows} rows, of them {rows}" }), $"{because}: dead letters");
    }

    private static IEnumerable<JsonObject> Checkpoints(Rig rig, string load) =>
        from file in rig.Project.LakeLog($"lake/{(load == "lake" ? "orders" : load)}")
        from line in File.ReadLines(file)
        let checkpoint = JsonNode.Parse(line)!["commitInfo"]?["etlCheckpoint"]
        where checkpoint is not null
        select JsonNode.Parse(checkpoint.GetValue<string>())!.AsObject();

    private static IEnumerable<string> Named(Rig rig) =>
        from table in (string[])["orders", "history"]
        let folder = rig.Project.PathOf($"lake/{table}")
        from file in rig.Project.LakeLog($"lake/{table}")
        from line in File.ReadLines(file)
        let path = JsonNode.Parse(line)!["add"]?["path"]
        where path is not null
        select $"{folder}/{Uri.UnescapeDataString(path.GetValue<string>())}";

    private static string WarehouseTable(Rig rig) => rig.Target == "postgres" ? "dwh.orders" : "orders";

    private static string WarehouseLine(Rig rig) => rig.Target == "sqlite" ? SmallShop.SqliteLine : SmallShop.Line;
}
