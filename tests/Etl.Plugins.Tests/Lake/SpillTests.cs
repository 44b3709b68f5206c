using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

public class SpillTests
{
    private static readonly Schema AllLayouts = new(
        [
            new Field("n", Int64Type.Default, true), new Field("small", Int8Type.Default, true), new Field("short", Int16Type.Default, true), new Field("day", Date32Type.Default, true),
            new Field("amount", new Decimal128Type(38, 4), true), new Field("flag", BooleanType.Default, true), new Field("text", StringType.Default, true),
            new Field("tags", new ListType(new Field("item", StringType.Default, true)), true),
        ],
        null);

    [Test]
    public void Rows_come_back_from_the_disk_as_they_were()
    {
        using var file = new SpillFile(Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N")), AllLayouts);
        using RecordBatch first = Rows(1, 500), second = Rows(501, 3);
        SpilledRows[] spilled = [file.Write(first), file.Write(second)];
        using var builder = new RecordBatchBuilder(AllLayouts);
        byte[] buffer = [];
        foreach (var rows in spilled)
        {
            file.AppendTo(rows, builder, ref buffer);
        }

        using var read = builder.Build();
        Assert.That(Text(read), Is.EqualTo(Text(first).Concat(Text(second))));
    }

    [Test]
    public void Rows_that_are_picked_are_those_that_were_asked_for()
    {
        using var all = Rows(1, 200);
        int[] picked = [199, 0, 0, 63, 64, 17, 128, 3];
        using var builder = new RecordBatchBuilder(AllLayouts);
        builder.Append(all, [5]);
        builder.Append(all, picked);
        using var batch = builder.Build();
        var text = Text(all);
        Assert.That(Text(batch), Is.EqualTo(picked.Prepend(5).Select(row => text[row])));
        Assert.That(batch.Arrays.Select(a => a.NullCount), Is.EqualTo(Enumerable.Range(0, AllLayouts.FieldsList.Count).Select(c => picked.Prepend(5).Count(row => all.Column(c).IsNull(row)))));
    }

    [Test]
    public async Task Partitions_that_do_not_fit_into_memory_still_have_one_row_group_each()
    {
        const int Days = 6;
        var table = new LakeTable(new ParquetLoaderOptions { Path = LakeTable.ByDay, PartitionBy = "day", Mode = LoadMode.Append, Compression = ParquetCompression.None }) { MemoryBytes = 1 };
        await table.LoadAsync(Enumerable.Range(0, 40_000).Select(i => new Order(i, 19723 + (i % Days), $"{i} {new string('x', 1000)}", i)));
        var groups = Duck.Rows($"select file_name, count(distinct row_group_id), max(row_group_num_rows) from parquet_metadata('{table.Store.Folder}/orders/**/*.parquet') group by all");
        Assert.That(groups.Select(g => g[(g.IndexOf('|', StringComparison.Ordinal) + 1)..]).ToList(), Has.Count.EqualTo(Days).And.All.Match(@"^1\|666[67]$"));
        Assert.That(table.Read("count(*), count(distinct id), count(distinct note), sum(amount)"), Is.EqualTo(new[] { "40000|40000|40000|7999800" }));
    }

    // A NULL in each column now and then, at places of its own.
    private static RecordBatch Rows(int first, int count)
    {
        using var builder = new RecordBatchBuilder(AllLayouts);
        for (var i = first; i < first + count; i++)
        {
            Add(0, c => c.Append((long)i * 1_000_000_007));
            Add(1, c => c.Append((sbyte)i));
            Add(2, c => c.Append((short)(i * 3)));
            Add(3, c => c.Append(i * 5));
            Add(4, c => c.Append((Int128)i << 90));
            Add(5, c => c.Append(i % 2 == 0));
            Add(6, c => c.Append(new string((char)('a' + (i % 26)), i % 90).AsSpan()));
            Add(7, c =>
            {
                for (var item = 0; item < i % 4; item++)
                {
                    c.Items!.Append($"{i}.{item}".AsSpan());
                }

                c.EndList();
            });

            void Add(int column, Action<ColumnBuilder> append)
            {
                if (i % (7 + column) == 0)
                {
                    builder[column].AppendNull();
                }
                else
                {
                    append(builder[column]);
                }
            }
        }

        return builder.Build();
    }

    private static string[] Text(RecordBatch batch) => [.. Enumerable.Range(0, batch.Length).Select(row => string.Join('|', batch.Arrays.Select(a => Cell(a, row))))];

    private static string Cell(IArrowArray array, int row) => array.IsNull(row) ? "∅" : array switch
    {
        Int64Array a => $"{a.GetValue(row)}",
        Int8Array a => $"{a.GetValue(row)}",
        Int16Array a => $"{a.GetValue(row)}",
        Date32Array a => $"{a.GetValue(row)}",
        Decimal128Array a => Convert.ToHexString(a.ValueBuffer.Span.Slice((a.Offset + row) * 16, 16)),
        BooleanArray a => $"{a.GetValue(row)}",
        StringArray a => a.GetString(row),
        ListArray a => string.Join(',', Enumerable.Range(a.ValueOffsets[row], a.ValueOffsets[row + 1] - a.ValueOffsets[row]).Select(i => Cell(a.Values, i))),
        _ => throw new InvalidOperationException($"{array.GetType()}"),
    };
}
