using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary>What a person reads when a Delta table cannot be read as a source, whole.</summary>
public sealed class DeltaErrorTextTests
{
    private static readonly DataContract Orders = Contract("orders", [], ("id", Int64Type.Default), ("note", StringType.Default));
    private static readonly DeltaExtractOptions Whole = new() { Path = "orders" };

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("no_table", Whole with { Path = "other" }, Orders, """
            ETL4582: there is no Delta table in 'other' of file://STORE/
              Correct path: it is the folder that holds _delta_log/, relative to the connection's root.
              at path
            """);
        yield return Case("no_version", Whole with { Version = 9 }, Orders, """
            ETL4583: the table 'orders' has no version 2, and 9 is asked for
              Ask for a version that its log still has.
              at version
            """);
        yield return Case("no_column", Whole, Contract("orders", [], ("id", Int64Type.Default), ("city", StringType.Default)), """
            ETL4580: the table has no column 'city', which the contract declares; it has id, day, note, amount
              Correct the contract, or name the columns to read with columns.
            """);

        static TestCaseData Case(string name, DeltaExtractOptions options, DataContract contract, string told) => new TestCaseData(options, contract, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task There_is(DeltaExtractOptions options, DataContract contract, string told) =>
        Assert.That(await ToldAsync(await TwiceLoadedAsync(), options, contract), Is.EqualTo(told));

    [Test]
    public async Task A_table_that_was_made_anew_or_restored_from_an_older_copy()
    {
        var table = await TwiceLoadedAsync();
        var options = Whole with { Incremental = DeltaIncrement.Rewrites };
        var (extraction, id) = await OpenAsync(table, options, Orders, null);
        var position = extraction.Reached;
        Assert.That(await ToldAsync(table, options, Orders, position with { Identity = "file:///old/orders/ 1" }, (id, "ID")), Is.EqualTo("""
            ETL4584: the target's position is of delta.rewrites/1 in file:///old/orders/ 1, and this is delta.rewrites/1 in file://STORE/orders/ ID
              The table was made anew, or the connection leads elsewhere. If that is meant, run with --full-refresh.
            """));
        File.Delete(Path.Combine(table.Store.Folder, $"orders/_delta_log/{1:D20}.json"));
        Assert.That(await ToldAsync(table, options, Orders, position), Is.EqualTo("""
            ETL4584: the target has had version 1 of the table, which is at 0
              The table was restored from an older copy. If that is meant, run with --full-refresh.
            """));
    }

    [Test]
    public async Task Rows_that_were_removed_and_versions_that_were_cleaned_up()
    {
        var table = await TwiceLoadedAsync();
        var options = Whole with { Incremental = DeltaIncrement.Appends };
        var position = (await OpenAsync(table, options, Orders, null)).Extraction.Reached;
        await table.LoadAsync([new Order(1, 1, "again", 1)]);
        Assert.That(await ToldAsync(table, options, Orders, position), Is.EqualTo("""
            ETL4585: version 2 of the table 'orders/' removes rows, and incremental: appends reads what is added only
              Use incremental: rewrites with a target that has a key, read the table whole, or run with --full-refresh to go on behind that version.
              at incremental
            """));
        table.Options = table.Options with { CheckpointEvery = 1 };
        await table.LoadAsync([new Order(9, 1, "more", 1)]);
        File.Delete(Path.Combine(table.Store.Folder, $"orders/_delta_log/{2:D20}.json"));
        Assert.That(await ToldAsync(table, options, Orders, position), Is.EqualTo("""
            ETL4555: version 2 of the table 'orders/' is gone from its log
              The log was cleaned up before it was read. Run with --full-refresh.
            """));
    }

    private static async Task<LakeTable> TwiceLoadedAsync()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([new Order(1, 1, "a", 1)]);
        await table.LoadAsync([new Order(2, 1, "b", 1)]);
        return table;
    }

    private static Task<string> ToldAsync(LakeTable table, DeltaExtractOptions options, DataContract contract, SourcePosition? from = null, params (string, string)[] varying) =>
        ErrorText.OfAsync(() => OpenAsync(table, options, contract, from), [(table.Store.Folder, "STORE"), .. varying]);

    // And the id that the table was given when it was made.
    private static async Task<(IExtraction Extraction, string Id)> OpenAsync(LakeTable table, DeltaExtractOptions options, DataContract contract, SourcePosition? from)
    {
        var extractor = new DeltaExtractor(options, table.Store, new PluginContext(table.Store.Folder, table.Store.Folder + ".state", 1 << 30, TimeProvider.System));
        var extraction = await extractor.OpenAsync(new(contract, extractor.DescribeOutput(contract), from, 100, 2, new Dictionary<string, object>()), default);
        return (extraction, extraction.Reached.Identity.Split(' ')[^1]);
    }
}
