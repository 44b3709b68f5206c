using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

public class LakeStagingTests
{
    private static readonly RowSchema Events = new(new Schema(
        [
            new Field("id", Int64Type.Default, false), new Field("at", new TimestampType(TimeUnit.Microsecond, "UTC"), true),
            new Field("local", new TimestampType(TimeUnit.Microsecond, (string?)null), true), new Field("tags", new ListType(new Field("item", StringType.Default, true)), true),
        ],
        null));

    [TestCase("orders", null)]
    [TestCase(LakeTable.ByDay, "day")]
    public async Task Rows_staged_in_parallel_arrive_once(string path, string? column)
    {
        var table = new LakeTable(LakeTable.Upsert(path, column));
        await using var session = await table.OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(part => Task.Run(() =>
            LakeTable.StageAsync(session, Enumerable.Range(0, 2000).Select(i => new Order((part * 2000) + i, 19723 + (i % 3), "n", i))))));
        var result = await session.PublishAsync(table.Next(session), default);
        Assert.That(result.Inserted, Is.EqualTo(12_000));
        Assert.That(table.Read("count(*), count(distinct id)"), Is.EqualTo(new[] { "12000|12000" }));
        Assert.That(table.DataFiles(), Has.Count.LessThanOrEqualTo(6), "files are as many as partitions, or as calls at a time");
    }

    [Test]
    public async Task Too_many_partitions_are_an_error_that_says_so()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", PartitionBy = "id", Mode = LoadMode.Append });
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync(Enumerable.Range(0, 10_100).Select(i => new Order(i, 0, null, 0))));
        Assert.That(error!.Code, Is.EqualTo("ETL4565"));
        Assert.That(table.Store.Keys(), Is.Empty);
    }

    [Test]
    public async Task A_file_that_reached_its_size_is_closed()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append, Compression = ParquetCompression.None, TargetFileSize = new ByteSize(1 << 20) }) { MemoryBytes = 1 };
        await table.LoadAsync(Enumerable.Range(0, 60_000).Select(i => new Order(i, 0, $"{i} {new string('x', 1000)}", i)));
        Assert.That(table.DataFiles(), Has.Count.GreaterThan(2));
        Assert.That(table.Read("count(*), count(distinct id)"), Is.EqualTo(new[] { "60000|60000" }));
    }

    [Test]
    public async Task Timestamps_lay_out_folders_by_hour_and_are_no_partition_column_of_the_log()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders/{year}/{month}/{day}/{hour}", PartitionBy = "at", Mode = LoadMode.Upsert, Key = ["id"] });
        long[] moments = [1704067199999999, 1704067200000000, -1, 253402300799999999];
        for (var round = 0; round < 2; round++)
        {
            await using var session = await table.OpenAsync(schema: Events);
            await session.StageAsync(Batch(moments, round), default);
            var result = await session.PublishAsync(table.Next(session), default);
            Assert.That((result.Inserted, result.Updated), Is.EqualTo(round == 0 ? (4, 0) : (0, 4)));
        }

        Assert.That(table.DataFiles().Select(f => f[..f.LastIndexOf('/')]).Distinct(), Is.EquivalentTo(new[] { "orders/2023/12/31/23", "orders/2024/01/01/00", "orders/1969/12/31/23", "orders/9999/12/31/23" }));
        Assert.That(table.Read("id, epoch_us(\"at\"), epoch_us(\"local\"), tags::varchar"), Is.EqualTo(moments.Select((m, i) => $"{i}|{m}|{m - 1}|[1, NULL]")));
        var first = File.ReadLines(Path.Combine(table.Store.Folder, "orders/_delta_log/00000000000000000000.json")).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.That(first.Single(a => a["protocol"] is not null).ToJsonString(), Is.EqualTo("""{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["timestampNtz"],"writerFeatures":["domainMetadata","timestampNtz"]}}"""));
        Assert.That(first.Single(a => a["metaData"] is not null)["metaData"]!["partitionColumns"]!.AsArray(), Is.Empty);
    }

    [Test]
    public async Task A_local_timestamp_that_comes_later_raises_the_protocol()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Append });
        var without = new RowSchema(new Schema(Events.Arrow.FieldsList.Where(f => f.Name != "local"), null));
        foreach (var schema in new[] { without, Events })
        {
            await using var session = await table.OpenAsync(schema: schema);
            await session.PublishAsync(table.Next(session), default);
        }

        var second = File.ReadLines(Path.Combine(table.Store.Folder, "orders/_delta_log/00000000000000000001.json")).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.That(second.Single(a => a["protocol"] is not null)["protocol"]!["writerFeatures"]!.ToJsonString(), Is.EqualTo("""["domainMetadata","timestampNtz"]"""));
    }

    [Test]
    public void Types_and_names_that_a_table_cannot_hold_are_refused_offline()
    {
        Assert.That(CodeFor(new Field("at", new Time64Type(TimeUnit.Microsecond), false)), Is.EqualTo("ETL4552"));
        Assert.That(CodeFor(new Field("a b", Int64Type.Default, false)), Is.EqualTo("ETL4552"));
        Assert.That(CodeFor(new Field("u", UInt64Type.Default, false)), Is.EqualTo("ETL4570"));

        static string CodeFor(Field field)
        {
            var loader = new ParquetLoader(new ParquetLoaderOptions { Path = "x", Mode = LoadMode.Append }, new LocalFolderStore("/"), new PluginContext("/", "/", 1, TimeProvider.System));
            return Assert.Throws<EtlException>(() => loader.Describe(new RowSchema(new Schema([field], null))))!.Code;
        }
    }

    private static async IAsyncEnumerable<RecordBatch> Batch(long[] moments, int round)
    {
        await Task.Yield();
        using var builder = new RecordBatchBuilder(Events.Arrow);
        for (var i = 0; i < moments.Length; i++)
        {
            builder[0].Append((long)i);
            builder[1].Append(moments[i]);
            builder[2].Append(moments[i] - round);
            builder[3].Items!.Append($"{round}".AsSpan());
            builder[3].Items!.AppendNull();
            builder[3].EndList();
        }

        using var batch = builder.Build();
        yield return batch;
    }
}
