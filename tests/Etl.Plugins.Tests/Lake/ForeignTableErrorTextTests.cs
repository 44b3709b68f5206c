using Etl.Contracts;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>What a person reads when a lake's log holds what another program wrote there, or lost, whole.</summary>
public sealed class ForeignTableErrorTextTests
{
    private static readonly Order[] One = [new(1, 19723, "a", 150)];

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return Case("a_feature", "\"writerFeatures\":[", "\"writerFeatures\":[\"changeDataFeed\",", """
            ETL4553: the Delta table uses changeDataFeed, which this version does not understand
              Nothing was read or written. Load into another table, or take the feature off this one.
            """);
        yield return Case("a_version_of_the_protocol", "\"minReaderVersion\":1", "\"minReaderVersion\":2", """
            ETL4553: the Delta table uses reader version 2 and writer version 7, which this version does not understand
              Nothing was read or written. Load into another table, or take the feature off this one.
            """);
        yield return Case("deletion_vectors", "{\"add\":{", "{\"add\":{\"deletionVector\":{},", """
            ETL4553: the Delta table uses deletion vectors, which this version does not understand
              Nothing was read or written. Load into another table, or take the feature off this one.
            """);
        yield return Case("a_file_elsewhere", "\"path\":\"", "\"path\":\"s3://lake/", """
            ETL4553: the table refers to a file outside its folder: s3://lake/FILE
              It is a clone of another table; load into a table of its own.
            """);
        yield return Case("a_column_with_rules", "\\u0022metadata\\u0022:{}", "\\u0022metadata\\u0022:{\\u0022delta.generationExpression\\u0022:\\u0022x\\u0022}", """
            ETL4553: column 'id' of the table has rules of its own (constraints, generated values or a mapping) that this version does not keep
              Load into another table.
            """);
        yield return Case("a_column_of_another_type", "\\u0022long\\u0022", "\\u0022variant\\u0022", """
            ETL4553: column 'id' of the table has the type variant, which this version does not read
              Load into another table.
            """);
        yield return Case("a_schema_that_is_none", "{\\u0022type\\u0022:\\u0022struct\\u0022", "\\u0022type\\u0022:\\u0022struct\\u0022", """
            ETL4553: the schema in the table's log cannot be read: ':' is invalid after a single JSON value. Expected end of data. LineNumber: 0 | BytePositionInLine: 6.
              The log is damaged, or written by something that follows another protocol.
            """);
        yield return Case("an_entry_that_is_cut_off", "{\"add\":{", "{\"add\":", """
            ETL4555: version 0 of the table's log cannot be read: ':' is invalid after a value. Expected either ',', '}', or ']'. LineNumber: 0 | BytePositionInLine: 13.
              The log is damaged. Restore the file from a copy; nothing was read or written.
            """);

        static TestCaseData Case(string name, string written, string foreign, string told) => new TestCaseData(written, foreign, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public async Task It_holds(string written, string foreign, string told)
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(One);
        var file = table.DataFiles().First(f => !f.Contains("/_", StringComparison.Ordinal))["orders/".Length..];
        await table.RewriteLogAsync(written, foreign);
        Assert.That(await ErrorText.OfAsync(() => table.LoadAsync([One[0] with { Note = "b" }]), (file, "FILE")), Is.EqualTo(told));
    }

    [Test]
    public async Task A_version_of_it_is_lost()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(One);
        await table.LoadAsync([One[0] with { Id = 2 }]);
        await table.LoadAsync([One[0] with { Id = 3 }]);
        await table.Store.DeleteAsync($"orders/_delta_log/{1:D20}.json", default);
        Assert.That(await ErrorText.OfAsync(() => table.LoadAsync(One)), Is.EqualTo("""
            ETL4555: the table's log has no version 1, and later ones exist (orders/_delta_log/00000000000000000001.json)
              Another program cleaned up the log without a checkpoint that can be read, or a file of it was lost. Restore the files, or load into another table.
            """));
    }

    [Test]
    public async Task It_is_partitioned_by_a_number_with_a_fraction()
    {
        var table = new LakeTable(LakeTable.Upsert("orders", null));
        await table.LoadAsync(One);
        await table.LoadAsync([One[0] with { Id = 2 }]);
        await table.RewriteLogAsync("\\u0022fields\\u0022:[", "\\u0022fields\\u0022:[{\\u0022name\\u0022:\\u0022rate\\u0022,\\u0022type\\u0022:\\u0022decimal(4,2)\\u0022,\\u0022nullable\\u0022:true,\\u0022metadata\\u0022:{}},");
        await table.RewriteLogAsync("\"partitionColumns\":[]", "\"partitionColumns\":[\"rate\"]");
        foreach (var version in (long[])[0, 1])
        {
            await table.RewriteLogAsync("\"partitionValues\":{}", "\"partitionValues\":{\"rate\":\"1.50\"}", version);
        }

        Assert.That(await ErrorText.OfAsync(async () => await table.Loader().CompactAsync(new LakeCompactionRequest(false, false, _ => { }), default)), Is.EqualTo("""
            ETL4553: the table is partitioned by 'rate' of type decimal128, whose values this version does not read from the log
              Load into another table.
            """));
    }
}
