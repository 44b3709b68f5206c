using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>What goes is what no version needs and no run can still be at; the rows that readers see stay as they are.</summary>
public class LakeVacuumTests
{
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);

    [Test]
    public async Task Files_that_were_replaced_go_when_their_version_is_older_than_the_retention()
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = 1 });
        await table.LoadAsync([new Order(1, 19723, "a", 1), new Order(2, 19724, "b", 1)]);
        await table.LoadAsync([new Order(1, 19723, "c", 1)]);
        await table.LoadAsync([new Order(3, 19723, "d", 1)]);
        Age(table, days: 30);
        var (before, files) = (table.Read(), DataFiles(table));
        Assert.That((await table.Loader().VacuumAsync(Week, dryRun: false, default)).Files, Is.Empty, "it was replaced just now, whatever its age");

        var listed = await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: true, default);
        Assert.That(DataFiles(table), Is.EqualTo(files), "a dry run deletes nothing");
        var cleared = await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default);
        Assert.That(cleared.Files, Is.EqualTo(listed.Files).And.Count.EqualTo(1));
        Assert.That(files.Except(DataFiles(table)), Is.EqualTo(cleared.Files.Select(f => "orders/" + f)));
        table.IsVacuumed = true;
        Assert.That(table.Read(), Is.EqualTo(before));
        await table.LoadAsync([new Order(2, 19724, "e", 1)]);
        Assert.That(table.Read("note", "note"), Is.EqualTo(new[] { "c", "d", "e" }));
    }

    [Test]
    public async Task A_file_that_a_running_load_sent_is_left_to_it()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        await table.LoadAsync([new Order(1, 1, "a", 1)]);
        await using var session = await table.OpenAsync(failPoint: point =>
        {
            if (point == "lake.before_commit")
            {
                Assert.That(DataFiles(table), Has.Count.EqualTo(2), "it is in the store, and the log does not name it");
                Assert.That(table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default).AsTask().GetAwaiter().GetResult().Files, Is.Empty);
            }
        });
        await LakeTable.StageAsync(session, [new Order(2, 1, "b", 1)]);
        await session.PublishAsync(table.Next(session), default);
        Assert.That(table.Read("note", "note"), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task Only_data_files_of_this_table_are_touched()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        await table.LoadAsync([new Order(1, 1, "a", 1)]);
        string[] others = ["orders/notes.txt", "orders/report.parquet", "orders/_work/part-1.parquet", "orders/archive/_delta_log/00000000000000000000.json", "orders/archive/part-1.parquet", "orders-old/part-1.parquet"];
        string[] rubbish = ["orders/_region=1/part-2.parquet", "orders/part-1.parquet"];
        foreach (var key in others.Concat(rubbish))
        {
            await table.Store.PutAsync(key, new MemoryStream([1]), default);
        }

        Age(table, days: 2);
        var cleared = await table.Loader().VacuumAsync(Week, dryRun: false, default);
        Assert.That((cleared.Files.Select(f => "orders/" + f), cleared.Bytes), Is.EqualTo((rubbish, 2)));
        Assert.That(table.Store.Keys(), Is.SupersetOf(others).And.Not.SupersetOf(rubbish));
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty);
    }

    [Test]
    public async Task Files_of_loads_without_a_log_are_left_to_them_within_the_table_and_beside_its_files()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        await table.LoadAsync([new Order(1, 1, "a", 1)]);
        foreach (var (path, partitionBy) in new[] { ("orders/plain", "day"), ("orders", null) })
        {
            // As a version that did not refuse it left them.
            var plain = new LakeTable(new ParquetLoaderOptions { Path = path, PartitionBy = partitionBy, Mode = LoadMode.Append, Publish = PublishAs.Files });
            await plain.LoadAsync([new Order(2, 2, "b", 2)]);
            foreach (var key in plain.Store.Keys())
            {
                await using var content = (await plain.Store.GetAsync(key, default))!;
                await table.Store.PutAsync(key, content, default);
            }
        }

        await table.Store.PutAsync("orders/plain/part-1.parquet", new MemoryStream([1]), default);
        Age(table, days: 2);
        Assert.That((await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default)).Files, Is.Empty);
    }

    [Test]
    public async Task A_version_within_the_retention_keeps_its_files_when_the_logs_checkpoint_has_forgotten_them()
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = 100 });
        await table.LoadAsync([new Order(1, 19723, "a", 1)]);
        await table.LoadAsync([new Order(1, 19723, "b", 1)]);
        // As if the second load had been ten days ago, and the checkpoint was written now.
        var entry = Path.Combine(table.Store.Folder, $"orders/_delta_log/{1:D20}.json");
        var text = await File.ReadAllTextAsync(entry);
        var ago = TimeProvider.System.GetUtcNow().AddDays(-10).ToUnixTimeMilliseconds();
        await File.WriteAllTextAsync(entry, System.Text.RegularExpressions.Regex.Replace(text, "\"(timestamp|deletionTimestamp)\":\\d+", $"\"$1\":{ago}"));
        table.Options = table.Options with { CheckpointEvery = 1 };
        await table.LoadAsync([new Order(2, 19724, "c", 1)]);
        Age(table, days: 30);

        Assert.That((await table.Loader().VacuumAsync(TimeSpan.FromDays(20), dryRun: true, default)).Files, Is.Empty);
        Assert.That((await table.Loader().VacuumAsync(Week, dryRun: true, default)).Files, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_table_whose_log_is_broken_loses_nothing()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        await table.LoadAsync([new Order(1, 1, "a", 1)]);
        await table.LoadAsync([new Order(2, 1, "b", 1)]);
        await table.Store.DeleteAsync($"orders/_delta_log/{0:D20}.json", default);
        Age(table, days: 30);
        var files = DataFiles(table);
        Assert.That((await Assert.ThrowsAsync<EtlException>(async () => await table.Loader().VacuumAsync(TimeSpan.Zero, dryRun: false, default)))!.Code, Is.EqualTo("ETL4555"));
        Assert.That(DataFiles(table), Is.EqualTo(files));
    }

    private static void Age(LakeTable table, int days)
    {
        foreach (var key in table.Store.Keys())
        {
            File.SetLastWriteTimeUtc(Path.Combine(table.Store.Folder, key), TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-days));
        }
    }

    private static List<string> DataFiles(LakeTable table) => [.. table.DataFiles().Where(f => !f.Contains("_delta_log", StringComparison.Ordinal))];
}
