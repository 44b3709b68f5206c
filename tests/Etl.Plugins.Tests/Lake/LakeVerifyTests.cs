using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>A table is held against its log; each kind of damage is found, and told with the object that has it.</summary>
public class LakeVerifyTests
{
    private const string Log = "orders/_delta_log/";

    [Test]
    public async Task A_table_that_is_whole_has_no_problems_with_its_old_log_and_without()
    {
        var table = await LoadedAsync(versions: 8);
        var before = await table.Loader().VerifyAsync(deep: true, default);
        Assert.That((before.Version, before.Files, before.Bytes, string.Join('\n', before.Problems)), Is.EqualTo((7, 8, table.DataFiles().Where(f => !f.StartsWith(Log, StringComparison.Ordinal)).Sum(f => new FileInfo(PathOf(table, f)).Length), "")));
        foreach (var version in Enumerable.Range(0, 5))
        {
            await table.Store.DeleteAsync($"{Log}{version:D20}.json", default);
        }

        var after = await table.Loader().VerifyAsync(deep: true, default);
        Assert.That((after.Version, after.Files, string.Join('\n', after.Problems)), Is.EqualTo((7, 8, "")));
    }

    [Test]
    public async Task A_file_that_is_gone_or_cut_off_or_changed_is_named()
    {
        var table = await LoadedAsync(versions: 5);
        var files = table.DataFiles().Where(f => !f.StartsWith(Log, StringComparison.Ordinal)).ToList();
        File.Delete(PathOf(table, files[0]));
        await File.AppendAllTextAsync(PathOf(table, files[1]), "x");
        var changed = await File.ReadAllBytesAsync(PathOf(table, files[2]));
        changed[20] ^= 1;
        await File.WriteAllBytesAsync(PathOf(table, files[2]), changed);

        var quick = await table.Loader().VerifyAsync(deep: false, default);
        Assert.That(quick.Problems, Is.EqualTo(new[] { $"{files[0]}: it is not there", $"{files[1]}: it has {changed.Length + 1} bytes, and the log says {changed.Length}" }).Using<string>((a, b) => WithoutNumbers(a) == WithoutNumbers(b)));
        var deep = await table.Loader().VerifyAsync(deep: true, default);
        Assert.That(deep.Problems.Except(quick.Problems), Is.EqualTo(new[] { $"{files[2]}: its content has changed: SHA-256 differs" }));
    }

    [Test]
    public async Task A_file_of_another_writer_is_held_against_its_footer()
    {
        var table = await LoadedAsync(versions: 1);
        var log = PathOf(table, $"{Log}{0:D20}.json");
        var text = await File.ReadAllTextAsync(log);
        var without = System.Text.RegularExpressions.Regex.Replace(text, "\"tags\":\\{[^}]*\\}", "\"tags\":{}");
        await File.WriteAllTextAsync(log, without);
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Is.Empty);

        await File.WriteAllTextAsync(log, without.Replace("numRecords\\u0022:1", "numRecords\\u0022:5", StringComparison.Ordinal));
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems.Single(), Does.EndWith("it has 1 rows, and the log says 5"));

        await File.WriteAllTextAsync(log, without);
        var file = PathOf(table, table.DataFiles().Single(f => !f.StartsWith(Log, StringComparison.Ordinal)));
        await File.WriteAllBytesAsync(file, new byte[new FileInfo(file).Length]);
        Assert.That((await table.Loader().VerifyAsync(deep: true, default)).Problems, Has.Count.EqualTo(1), "and one that is no Parquet file is no reason to stop");
    }

    [Test]
    public async Task A_version_that_is_missing_is_found_and_the_files_are_checked_from_the_checkpoint_behind_it()
    {
        var table = await LoadedAsync(versions: 8);
        await table.Store.DeleteAsync($"{Log}{2:D20}.json", default);
        await File.WriteAllTextAsync(PathOf(table, $"{Log}{4:D20}.json"), "{\"add\":");
        var found = await table.Loader().VerifyAsync(deep: false, default);
        Assert.That(found.Problems, Has.Count.EqualTo(2));
        Assert.That(found.Problems[0], Is.EqualTo($"version 2 of the log is missing ({Log}{2:D20}.json)"));
        Assert.That(found.Problems[1], Does.StartWith("version 4 of the table's log cannot be read"));
        Assert.That((found.Version, found.Files), Is.EqualTo((7, 8)));
    }

    [Test]
    public async Task Where_no_checkpoint_stands_in_for_what_is_missing_it_says_that_files_were_not_looked_at()
    {
        var table = await LoadedAsync(versions: 3);
        await table.Store.DeleteAsync($"{Log}{1:D20}.json", default);
        var found = await table.Loader().VerifyAsync(deep: false, default);
        Assert.That((found.Version, found.Files, found.Problems[^1]), Is.EqualTo((-1, 0, "the log does not lead to version 2, so its files were not looked at")));
    }

    [Test]
    public async Task A_checkpoint_that_is_broken_or_of_another_state_is_found()
    {
        var table = await LoadedAsync(versions: 8);
        var checkpoint = PathOf(table, $"{Log}{6:D20}.checkpoint.parquet");
        var content = await File.ReadAllBytesAsync(checkpoint);
        await File.WriteAllBytesAsync(checkpoint, content[..100]);
        Assert.That((await table.Loader().VerifyAsync(deep: false, default)).Problems.Single(), Does.Contain("cannot be read").And.Contain($"{6:D20}.checkpoint.parquet"));

        // One action less: the entry of version 6 says that the file is there.
        Duck.Rows($"copy (select * from read_parquet('{Path.Combine(table.Store.Folder, $"{Log}{3:D20}.checkpoint.parquet")}')) to '{checkpoint}' (format parquet)");
        File.Delete(PathOf(table, $"{Log}_last_checkpoint"));
        Assert.That((await table.Loader().VerifyAsync(deep: false, default)).Problems.Single(), Does.StartWith("the checkpoint of version 6 is not the table at that version: the file ").And.EndsWith(" is missing"));

        File.Delete(checkpoint);
        await File.WriteAllTextAsync(PathOf(table, $"{Log}_last_checkpoint"), "{\"version\":6,\"size\":1}");
        Assert.That((await table.Loader().VerifyAsync(deep: false, default)).Problems, Is.EqualTo(new[] { "_last_checkpoint names version 6, and there is no whole checkpoint of it" }));
    }

    [Test]
    public async Task No_byte_of_a_checkpoint_that_flips_ends_the_look_at_the_table()
    {
        var table = await LoadedAsync(versions: 7);
        var path = PathOf(table, $"{Log}{6:D20}.checkpoint.parquet");
        var content = await File.ReadAllBytesAsync(path);
        var found = 0;
        for (var at = 3; at < content.Length; at += content.Length / 40)
        {
            var damaged = content.ToArray();
            damaged[at] ^= 0x10;
            await File.WriteAllBytesAsync(path, damaged);
            var inspection = await table.Loader().VerifyAsync(deep: false, default);
            Assert.That((inspection.Version, inspection.Files, inspection.Problems.Count), Is.EqualTo((6, 7, Math.Min(1, inspection.Problems.Count))), $"byte {at}");
            found += inspection.Problems.Count;
        }

        Assert.That(found, Is.GreaterThan(5), "of forty; others are of what readers do not read");
    }

    [Test]
    public async Task Where_there_is_no_table_that_is_an_error()
    {
        var error = await Assert.ThrowsAsync<EtlException>(async () => await new LakeTable(LakeTable.Upsert()).Loader().VerifyAsync(deep: false, default));
        Assert.That(error!.Code, Is.EqualTo("ETL4567"));
    }

    // Each version adds a row; a checkpoint at versions 3, 6, ...
    private static async Task<LakeTable> LoadedAsync(int versions)
    {
        var table = new LakeTable(LakeTable.Upsert() with { CheckpointEvery = 3 });
        for (var version = 0; version < versions; version++)
        {
            await table.LoadAsync([new Order(version + 1, 19723 + (version % 2), $"v{version}", version)]);
        }

        return table;
    }

    private static string PathOf(LakeTable table, string key) => Path.Combine(table.Store.Folder, key);

    private static string WithoutNumbers(string text) => System.Text.RegularExpressions.Regex.Replace(text, @" \d+", " n");
}
