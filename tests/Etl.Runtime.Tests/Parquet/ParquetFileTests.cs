using Apache.Arrow;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Parquet;
using NUnit.Framework;
using Parquet;

namespace Etl.Runtime.Tests.Parquet;

public class ParquetFileTests
{
    private static readonly Schema AllTypes = new(
        [
            new Field("b", BooleanType.Default, true), new Field("i8", Int8Type.Default, true), new Field("i16", Int16Type.Default, true),
            new Field("i32", Int32Type.Default, true), new Field("i64", Int64Type.Default, false), new Field("f", FloatType.Default, true),
            new Field("d", DoubleType.Default, true), new Field("m9", new Decimal128Type(9, 2), true), new Field("m18", new Decimal128Type(18, 6), true),
            new Field("m29", new Decimal128Type(29, 0), true), new Field("m38", new Decimal128Type(38, 38), true), new Field("t", StringType.Default, true),
            new Field("x", BinaryType.Default, true), new Field("day", Date32Type.Default, true), new Field("ts", new TimestampType(TimeUnit.Microsecond, (string?)null), true),
            new Field("tz", new TimestampType(TimeUnit.Microsecond, "UTC"), true), new Field("time", new Time64Type(TimeUnit.Microsecond), true),
            new Field("list", new ListType(new Field("item", Int32Type.Default, true)), true),
        ],
        null);

    private static readonly Int128 Nines38 = Int128.Parse(new string('9', 38));

    [Test]
    public async Task All_types_with_their_extremes_come_back_as_they_were(
        [Values(CompressionMethod.None, CompressionMethod.Snappy, CompressionMethod.Gzip, CompressionMethod.Zstd)] CompressionMethod compression)
    {
        using var batch = Extremes();
        var path = await WriteAsync(batch, AllTypes, compression);
        await using var reader = await ParquetFileReader.OpenAsync(File.OpenRead(path), "file", default);
        using var back = await reader.ReadAsync(0, AllTypes, null, default);
        Assert.That(Text(back), Is.EqualTo(Text(batch)));
    }

    [Test]
    public async Task Another_reader_sees_the_same_values_and_types()
    {
        using var batch = Extremes();
        var path = await WriteAsync(batch, AllTypes, CompressionMethod.Snappy);
        Assert.That(Query($"select column_type from (describe select * from '{path}')"), Is.EqualTo(new[]
        {
            "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(9,2)", "DECIMAL(18,6)", "DECIMAL(29,0)", "DECIMAL(38,38)",
            "VARCHAR", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "INTEGER[]",
        }));
        Assert.That(Query($"select concat_ws('|', b, i8, i16, i32, i64, m9, m18, m29, m38, t, x, day, ts, epoch_us(tz), time, list) from '{path}'"), Is.EqualTo(new[]
        {
            "true|127|32767|2147483647|9223372036854775807|9999999.99|999999999999.999999|99999999999999999999999999999|.99999999999999999999999999999999999999|h\u00e4 \U0001F600|\\x00\\xFF|9999-12-31|9999-12-31 23:59:59.999999|253402300799999999|24:00:00|[1, NULL, 3]",
            "false|-128|-32768|-2147483648|-9223372036854775808|-9999999.99|-999999999999.999999|-99999999999999999999999999999|-.99999999999999999999999999999999999999|||0001-01-01|0001-01-01 00:00:00|-62135596800000000|00:00:00|[]",
            "0",
        }));
        Assert.That(Query($"select i64 from '{path}' where m38 > 0 and t > 'h' and tz > '2000-01-01' and m9 > 1 and day > '2000-01-01'"), Is.EqualTo(new[] { long.MaxValue.ToString() }), "row group statistics do not hide rows");
    }

    [Test]
    public async Task Lists_that_are_null_empty_or_hold_nulls_are_told_apart()
    {
        var schema = new Schema([new Field("l", new ListType(new Field("item", StringType.Default, true)), true)], null);
        using var builder = new RecordBatchBuilder(schema);
        var column = builder[0];
        column.AppendNull();
        column.EndList();
        column.Items!.Append("a".AsSpan());
        column.Items.AppendNull();
        column.EndList();
        column.AppendNull();
        column.Items.Append("".AsSpan());
        column.EndList();
        using var batch = builder.Build();
        var path = await WriteAsync(batch, schema, CompressionMethod.Snappy);
        Assert.That(Query($"select coalesce(l::varchar, 'none') from '{path}'"), Is.EqualTo(new[] { "none", "[]", "[a, NULL]", "none", "['']" }));
        await using var reader = await ParquetFileReader.OpenAsync(File.OpenRead(path), "file", default);
        using var back = await reader.ReadAsync(0, schema, null, default);
        Assert.That(Text(back), Is.EqualTo(Text(batch)));
    }

    [TestCase(long.MaxValue), TestCase(253402300800000000L), TestCase(-62135596800000001L)]
    public async Task A_timestamp_beyond_the_calendar_is_an_error_that_names_the_column(long micros)
    {
        var schema = new Schema([new Field("seen_at", new TimestampType(TimeUnit.Microsecond, "UTC"), false)], null);
        using var builder = new RecordBatchBuilder(schema);
        builder[0].Append(micros);
        using var batch = builder.Build();
        var error = await Assert.ThrowsAsync<EtlException>(() => WriteAsync(batch, schema, CompressionMethod.Snappy));
        Assert.That(error!.Code, Is.EqualTo("ETL4571"));
        Assert.That(error.Message, Does.Contain("'seen_at'"));
    }

    [Test]
    public async Task Many_batches_become_row_groups_of_the_set_size_and_statistics_cover_them_all()
    {
        var schema = new Schema([new Field("id", Int64Type.Default, false), new Field("t", StringType.Default, true)], null);
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N") + ".parquet");
        await using var file = File.Create(path);
        await using var writer = await ParquetFileWriter.CreateAsync(file, schema, CompressionMethod.Snappy, default);
        using var builder = new RecordBatchBuilder(schema);
        for (var batchNumber = 0; batchNumber < 5; batchNumber++)
        {
            for (var i = 0; i < 100_000; i++)
            {
                builder[0].Append((batchNumber * 100_000L) + i);
                builder[1].Append(i % 10 == 0 ? "\uFFFF" : "\U0001F600");
            }

            using var batch = builder.Build();
            await writer.WriteAsync(batch, default);
        }

        await writer.FinishAsync(default);
        await file.FlushAsync();
        Assert.That(Query($"select row_group_num_rows from parquet_metadata('{path}') where column_id = 0"), Is.EqualTo(new[] { "262144", "237856" }));
        Assert.That(writer.Statistics.Select(s => (s.Values, s.Min is byte[] b ? Convert.ToHexString(b) : s.Min, s.Max is byte[] c ? Convert.ToHexString(c) : s.Max)), Is.EqualTo(new[]
        {
            (500_000L, (object)0L, (object)499_999L), (500_000L, "EFBFBF", "F09F9880"),
        }), "text is compared by its UTF-8 bytes");
        Assert.That(Query($"select count(*) from '{path}' where t = '\uFFFF'"), Is.EqualTo(new[] { "50000" }));
    }

    [Test]
    public async Task A_slice_of_a_batch_writes_its_own_rows()
    {
        using var batch = Extremes();
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N") + ".parquet");
        await using (var file = File.Create(path))
        {
            await using var writer = await ParquetFileWriter.CreateAsync(file, AllTypes, CompressionMethod.Snappy, default);
            await writer.WriteRowGroupAsync(batch.Slice(1, 2), default);
            await writer.WriteAsync(batch.Slice(0, 1), default);
            await writer.FinishAsync(default);
        }

        await using var reader = await ParquetFileReader.OpenAsync(File.OpenRead(path), "file", default);
        Assert.That((reader.RowGroups, reader.Rows), Is.EqualTo((2, 3L)));
        using var first = await reader.ReadAsync(0, AllTypes, null, default);
        using var second = await reader.ReadAsync(1, AllTypes, null, default);
        Assert.That(Text(first), Is.EqualTo(Text(batch.Slice(1, 2))));
        Assert.That(Text(second), Is.EqualTo(Text(batch.Slice(0, 1))));
    }

    [Test]
    public async Task A_cut_off_file_is_an_error()
    {
        using var batch = Extremes();
        var path = await WriteAsync(batch, AllTypes, CompressionMethod.Snappy);
        var bytes = await File.ReadAllBytesAsync(path);
        var error = await Assert.ThrowsAsync<EtlException>(async () => await ParquetFileReader.OpenAsync(new MemoryStream(bytes[..^20]), "orders.parquet", default));
        Assert.That(error!.Code, Is.EqualTo("ETL4574"));
    }

    [Test]
    public async Task A_file_of_another_writer_with_dictionaries_and_several_pages_reads_the_same()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N") + ".parquet");
        Query($"copy (select i::int as i32, 'v' || (i % 7) as t, (i * 1.5)::decimal(18,6) as m18, case when i % 3 = 0 then null else (i * 7)::decimal(38,2) end as m, timestamptz '2024-01-01 00:00:00Z' + to_seconds(i) as tz, case when i % 5 = 0 then null else list_value(i::int, null) end as list from range(300000) r(i)) to '{path}' (format parquet, row_group_size 100000)");
        var schema = new Schema(
            [
                new Field("i32", Int32Type.Default, true), new Field("t", StringType.Default, true), new Field("m18", new Decimal128Type(18, 6), true), new Field("m", new Decimal128Type(38, 2), true),
                new Field("tz", new TimestampType(TimeUnit.Microsecond, "UTC"), true), new Field("list", new ListType(new Field("item", Int32Type.Default, true)), true),
            ],
            null);
        await using var reader = await ParquetFileReader.OpenAsync(File.OpenRead(path), "file", default);
        var copy = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N") + ".parquet");
        await using (var file = File.Create(copy))
        {
            await using var writer = await ParquetFileWriter.CreateAsync(file, schema, CompressionMethod.Snappy, default);
            await foreach (var batch in reader.ReadAllAsync(schema, default))
            {
                using (batch)
                {
                    await writer.WriteAsync(batch, default);
                }
            }

            await writer.FinishAsync(default);
        }

        Assert.That(Query($"select count(*) from '{copy}'"), Is.EqualTo(new[] { "300000" }));
        Assert.That(Query($"select count(*) from (select * from '{copy}' except all select * from '{path}')"), Is.EqualTo(new[] { "0" }));
    }

    private static RecordBatch Extremes()
    {
        using var builder = new RecordBatchBuilder(AllTypes);
        Row(true, sbyte.MaxValue, short.MaxValue, int.MaxValue, long.MaxValue, float.MaxValue, double.MaxValue, 999999999, 999999999999999999, Int128.Parse(new string('9', 29)), Nines38, "h\u00e4 \U0001F600", [0, 255], 2932896, 253402300799999999, 86400000000);
        builder[17].Items!.Append(1);
        builder[17].Items!.AppendNull();
        builder[17].Items!.Append(3);
        builder[17].EndList();
        Row(false, sbyte.MinValue, short.MinValue, int.MinValue, long.MinValue, float.MinValue, double.Epsilon, -999999999, -999999999999999999, -Int128.Parse(new string('9', 29)), -Nines38, "", [], -719162, -62135596800000000, 0);
        builder[17].EndList();
        for (var i = 0; i < AllTypes.FieldsList.Count; i++)
        {
            if (i == 4)
            {
                builder[i].Append(0L);
            }
            else
            {
                builder[i].AppendNull();
            }
        }

        return builder.Build();

        void Row(bool b, sbyte i8, short i16, int i32, long i64, float f, double d, Int128 m9, Int128 m18, Int128 m29, Int128 m38, string t, byte[] x, int day, long ts, long time)
        {
            builder[0].Append(b);
            builder[1].Append(i8);
            builder[2].Append(i16);
            builder[3].Append(i32);
            builder[4].Append(i64);
            builder[5].Append(f);
            builder[6].Append(d);
            builder[7].Append(m9);
            builder[8].Append(m18);
            builder[9].Append(m29);
            builder[10].Append(m38);
            builder[11].Append(t.AsSpan());
            builder[12].Append((ReadOnlySpan<byte>)x);
            builder[13].Append(day);
            builder[14].Append(ts);
            builder[15].Append(ts);
            builder[16].Append(time);
        }
    }

    private static async Task<string> WriteAsync(RecordBatch batch, Schema schema, CompressionMethod compression)
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N") + ".parquet");
        await using var file = File.Create(path);
        await using var writer = await ParquetFileWriter.CreateAsync(file, schema, compression, default);
        await writer.WriteAsync(batch, default);
        await writer.FinishAsync(default);
        return path;
    }

    // Every value as it lies in memory, so that nothing is lost in formatting.
    private static string Text(RecordBatch batch) => string.Join('\n', Enumerable.Range(0, batch.ColumnCount).Select(c => $"{batch.Schema.GetFieldByIndex(c).Name}: {string.Join(' ', Enumerable.Range(0, batch.Length).Select(r => Value(batch.Column(c), r)))}"));

    private static string Value(IArrowArray array, int row)
    {
        if (array.IsNull(row))
        {
            return "NULL";
        }

        var at = array.Data.Offset + row;
        return array switch
        {
            BooleanArray b => $"{b.GetValue(row)}",
            ListArray l => $"[{string.Join(',', Enumerable.Range(l.ValueOffsets[row], l.GetValueLength(row)).Select(i => Value(l.Values, i)))}]",
            StringArray s => Convert.ToHexString(s.GetBytes(row)),
            BinaryArray b => Convert.ToHexString(b.GetBytes(row)),
            _ => Convert.ToHexString(array.Data.Buffers[1].Span.Slice(at * ((FixedWidthType)array.Data.DataType).BitWidth / 8, ((FixedWidthType)array.Data.DataType).BitWidth / 8)),
        };
    }

    private static string[] Query(string sql)
    {
        using var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "set TimeZone='UTC'; set enable_external_file_cache=false; " + sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        do
        {
            while (reader.Read())
            {
                rows.Add($"{reader.GetValue(0)}");
            }
        }
        while (reader.NextResult());

        return [.. rows];
    }
}
