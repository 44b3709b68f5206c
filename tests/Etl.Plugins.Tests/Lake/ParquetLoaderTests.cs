using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

public class ParquetLoaderTests
{
    private static readonly Order[] Two = [new(1, 19723, "a", 150), new(2, 19724, null, -5)];

    [Test]
    public async Task Appended_rows_lie_in_folders_by_day_and_add_up()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = LakeTable.ByDay, PartitionBy = "day", Mode = LoadMode.Append });
        var first = await table.LoadAsync(Two);
        await table.LoadAsync([new Order(3, 19723, "c", 1), new Order(4, null, "d", 2)]);
        Assert.That(first, Is.EqualTo(new PublishResult(2, 0, 0, 0, first.Detail)));
        Assert.That(first.Detail, Does.Match(@"^2 files in 2 partitions, [0-9.]+ KB$"));
        Assert.That(table.DataFiles().Select(f => f[..(f.LastIndexOf('/') + 1)]), Is.EquivalentTo(new[]
        {
            "orders/2024/01/01/", "orders/2024/01/01/", "orders/2024/01/02/", "orders/__HIVE_DEFAULT_PARTITION__/__HIVE_DEFAULT_PARTITION__/__HIVE_DEFAULT_PARTITION__/",
        }));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([.. Two, new Order(3, 19723, "c", 1), new Order(4, null, "d", 2)])));
    }

    [Test]
    public async Task Upsert_inserts_updates_moves_deletes_and_leaves_equal_rows_alone()
    {
        var table = new LakeTable(LakeTable.Upsert());
        var schema = LakeTable.OrderChanges;
        await table.LoadAsync([.. Two, new Order(3, 19725, "c", 3), new Order(4, 19726, "d", 4)], schema: schema);
        var before = table.DataFiles();
        var result = await table.LoadAsync([new Order(1, 19724, "a", 150), new Order(2, 19724, "new", -5), new Order(3, 19725, "c", 3), new Order(4, 19726, "d", 4, IsDeleted: true), new Order(9, 19725, "i", 9), new Order(10, 1, null, 0, IsDeleted: true)], schema: schema);
        Assert.That(result, Is.EqualTo(new PublishResult(1, 2, 1, 1, result.Detail)));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([new Order(1, 19724, "a", 150), new Order(2, 19724, "new", -5), new Order(3, 19725, "c", 3), new Order(9, 19725, "i", 9)])));
        Assert.That(table.DataFiles(), Is.SupersetOf(before), "files of an older version stay for its readers");
    }

    [Test]
    public async Task An_upsert_of_what_is_there_already_writes_no_data()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        var before = table.DataFiles();
        var result = await table.LoadAsync(Two);
        Assert.That(result, Is.EqualTo(new PublishResult(0, 0, 0, 2, "0 files in 0 partitions, 0 bytes")));
        Assert.That(table.DataFiles(), Is.EqualTo(before));
        Assert.That(table.Read(), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task A_key_staged_twice_is_an_error_and_nothing_is_left_behind()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        var before = table.Store.Keys();
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([new Order(7, 1, "x", 1), new Order(7, 2, "y", 1)]));
        Assert.That(error!.Code, Is.EqualTo("ETL4554"));
        Assert.That(table.Store.Keys(), Is.EqualTo(before));
    }

    [Test]
    public async Task Replace_partitions_leaves_other_partitions_alone()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", PartitionBy = "day", Mode = LoadMode.ReplacePartitions });
        await table.LoadAsync([.. Two, new Order(3, 19723, "c", 3)]);
        var result = await table.LoadAsync([new Order(5, 19723, "e", 5)]);
        Assert.That((result.Inserted, result.Deleted), Is.EqualTo((1, 2)));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([Two[1], new Order(5, 19723, "e", 5)])));
        Assert.That(table.DataFiles(), Has.All.StartsWith("orders/day=2024-01-0"));
    }

    [Test]
    public async Task Replace_partitions_knows_its_folders_by_month_too()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders/{year}-{month}", PartitionBy = "day", Mode = LoadMode.ReplacePartitions });
        await table.LoadAsync([.. Two, new Order(3, 19760, "c", 3)]);
        await table.LoadAsync([new Order(5, 19730, "e", 5)]);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([new Order(3, 19760, "c", 3), new Order(5, 19730, "e", 5)])));
        Assert.That(table.DataFiles(), Has.Some.StartsWith("orders/2024-02/"));
    }

    [Test]
    public async Task Replace_holds_these_rows_only_and_refuses_none()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Replace });
        await table.LoadAsync(Two);
        await table.LoadAsync([new Order(8, 0, "h", 8)]);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([new Order(8, 0, "h", 8)])));
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([]));
        Assert.That(error!.Code, Is.EqualTo("ETL4562"));
        table.Options = table.Options with { AllowEmpty = true };
        await table.LoadAsync([]);
        Assert.That(table.Read(), Is.Empty);
    }

    [Test]
    public async Task A_full_refresh_without_rows_empties_no_table_and_fills_an_empty_one_with_nothing()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([], fullRefresh: true);
        await table.LoadAsync(Two);
        var error = await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([], fullRefresh: true));
        Assert.That(error!.Code, Is.EqualTo("ETL4562"));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task A_full_refresh_replaces_the_table_whatever_the_mode()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        await table.LoadAsync([new Order(2, 19724, "z", 1)], fullRefresh: true);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text([new Order(2, 19724, "z", 1)])));
        table.Options = LakeTable.Upsert("orders/", null);
        await table.LoadAsync(Two, fullRefresh: true);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)), "also to another layout");
    }

    [Test]
    public async Task Changes_keep_every_version_with_its_epoch()
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", Mode = LoadMode.Changes });
        await table.LoadAsync([Two[0]], schema: LakeTable.OrderChanges);
        await table.LoadAsync([Two[0] with { IsDeleted = true }], schema: LakeTable.OrderChanges);
        await table.LoadAsync([Two[0]]);
        Assert.That(table.Read("id, _op, _etl_epoch", "_etl_epoch"), Is.EqualTo(new[] { "1|upsert|1", "1|delete|2", "1|upsert|3" }));
    }

    [Test]
    public async Task Nothing_staged_moves_the_checkpoint_only()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync([]);
        await table.LoadAsync(Two);
        await table.LoadAsync([]);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
        await using var session = await table.OpenAsync();
        Assert.That(session.Checkpoint!.N, Is.EqualTo(3));
        Assert.That(session.Checkpoint.Sources["source"].Position["at"]!.GetValue<int>(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_new_column_is_added_and_older_rows_have_null_in_it()
    {
        var table = new LakeTable(LakeTable.Upsert());
        var narrow = new RowSchema(new Schema(LakeTable.Orders.Arrow.FieldsList.Where(f => f.Name != "note"), null));
        await using (var session = await table.OpenAsync(schema: narrow))
        {
            await session.PublishAsync(table.Next(session), default);
        }

        await table.LoadAsync(Two);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
        table.Options = table.Options with { Schema = new SchemaPolicy { AddColumns = false } };
        var wide = new RowSchema(new Schema([.. LakeTable.Orders.Arrow.FieldsList, new Field("more", Int32Type.Default, true)], null));
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync(schema: wide)))!.Code, Is.EqualTo("ETL4558"));
    }

    [Test]
    public async Task A_changed_type_is_refused_and_a_full_refresh_takes_it()
    {
        var table = new LakeTable(LakeTable.Upsert());
        await table.LoadAsync(Two);
        var other = new RowSchema(new Schema(LakeTable.Orders.Arrow.FieldsList.Select(f => f.Name == "amount" ? new Field("amount", new Decimal128Type(14, 2), false) : f), null));
        var error = await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync(schema: other));
        Assert.That(error!.Message, Is.EqualTo("the table's column 'amount' is decimal(12,2) and the load's is decimal(14,2)"));
        await table.LoadAsync(Two, fullRefresh: true, schema: other);
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Two)));
    }

    [Test]
    public async Task Many_partitions_in_little_memory_are_written_whole()
    {
        var table = new LakeTable(LakeTable.Upsert()) { MemoryBytes = 1 };
        var rows = Enumerable.Range(0, 20_000).Select(i => new Order(i, 19000 + (i % 300), new string((char)('a' + (i % 26)), 200), i)).ToList();
        var result = await table.LoadAsync(rows);
        Assert.That(result.Inserted, Is.EqualTo(20_000));
        var updated = await table.LoadAsync(rows.Take(300).Select(r => r with { Note = "u" }));
        Assert.That(updated.Updated, Is.EqualTo(300));
        Assert.That(table.Read("count(*), count(distinct id), count(*) filter (note = 'u'), sum(amount)::varchar"), Is.EqualTo(new[] { "20000|20000|300|1999900.00" }));
    }

    [TestCase("orders/{year}/{hour}", "day")]
    [TestCase("orders/{partition}", "amount")]
    [TestCase("/orders", null)]
    [TestCase("orders/../x", null)]
    [TestCase("orders/{week}", "day")]
    public async Task A_layout_that_does_not_fit_is_refused_offline(string path, string? column)
    {
        var table = new LakeTable(new ParquetLoaderOptions { Path = path, PartitionBy = column, Mode = LoadMode.Append });
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync()))!.Code, Is.EqualTo("ETL4550"));
    }

    [Test]
    public async Task Text_partitions_keep_their_value_through_folder_names_and_log()
    {
        var schema = LakeTable.Orders;
        var table = new LakeTable(new ParquetLoaderOptions { Path = "orders", PartitionBy = "note", Mode = LoadMode.ReplacePartitions });
        string[] notes = ["a/b", "x y", "100%", "ü'\"", "..", "a=b", "\U0001F600"];
        for (var round = 0; round < 2; round++)
        {
            await table.LoadAsync([.. notes.Select((n, i) => new Order(i, 0, n, round)), new Order(99, 0, null, round)], schema: schema);
        }

        Assert.That(table.Read("note, count(*) over (partition by note), amount::varchar", "1"), Is.EquivalentTo(notes.Append("∅").Select(n => $"{n}|1|0.01")));
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.LoadAsync([new Order(1, 0, "", 1)])))!.Code, Is.EqualTo("ETL4551"));
    }
}
