using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Contracts.Arrow;
using Etl.Plugins.Lake;
using NUnit.Framework;
using static Etl.Plugins.Tests.TypedRows;

namespace Etl.Plugins.Tests.Lake;

/// <summary>What a person reads when rows do not go into a lake, whole.</summary>
public sealed partial class LakeErrorTextTests
{
    private static readonly Order[] One = [new(1, 19723, "a", 150)];
    private static readonly ParquetLoaderOptions Append = new() { Path = "orders", Mode = LoadMode.Append };
    private static readonly CheckpointKey Other = new("test", "others", "lake");

    private static IEnumerable<TestCaseData> Loads()
    {
        yield return Case("an_empty_text_as_partition", Append with { PartitionBy = "note" }, t => t.LoadAsync([new Order(1, 0, "", 1)]), """
            ETL4551: the partition column 'note' holds an empty text
              Delta keeps an empty partition value as NULL, so it would come back as another value. Replace it on the way.
            """);
        yield return Case("a_time_of_day", Append, t => t.OpenAsync(schema: Schema(("at", Time))), """
            ETL4552: column 'at' has a time of day, a type that Delta does not have; a Delta table cannot hold it
              Cast it to text, or to microseconds as an integer.
            """);
        yield return Case("a_name_with_a_space", Append, t => t.OpenAsync(schema: Schema(("order id", Int64Type.Default))), """
            ETL4552: column 'order id' has a name with a space or one of , ; { } ( ) = (or a line break or tab); a Delta table cannot hold it
              Rename it on the way.
            """);
        yield return Case("a_column_that_changes_add", Append with { Mode = LoadMode.Changes }, t => t.OpenAsync(schema: Schema(("_etl_epoch", Int64Type.Default))), """
            ETL4552: the rows have a column '_etl_epoch', which mode: changes adds
              Rename it on the way.
            """);
        yield return Case("one_key_twice", LakeTable.Upsert(), t => t.LoadAsync([.. One, .. One]), """
            ETL4554: two of the rows to upsert have the same key (id)
              Keep one of them on the way, with a deduplicate stage ordered by what tells the newest.
            """);
        yield return Case("more_partitions_than_readers_bear", Append with { PartitionBy = "id" }, t => t.LoadAsync(Enumerable.Range(0, 10_100).Select(i => new Order(i, 0, null, 0))), """
            ETL4565: the rows of one load are of more than 10000 partitions by 'id'
              Partition by something that has fewer values, such as a date by month: readers need files that are not tiny.
              at partition_by
            """);
        yield return Case("a_type_that_Parquet_does_not_have", Append, t => t.OpenAsync(schema: Schema(("n", UInt64Type.Default))), """
            ETL4570: column 'n' has the type uint64, which is not written to Parquet
              Cast it to one of: boolean, an integer, float, double, decimal(p,s), text, binary, date, time or timestamp in microseconds, or a list of these.
            """);
        yield return Case("a_day_beyond_the_calendar", Append, t => t.LoadAsync([new Order(1, int.MaxValue, "a", 1)]), """
            ETL4571: column 'day' holds a date outside the years 1 to 9999: 2147483647 days since 1970-01-01
              Such values (also 'infinity') mean different things to different readers of Parquet. Replace them on the way, for example by NULL.
            """);
        yield return Case("a_partition_beyond_the_calendar", LakeTable.Upsert(), t => t.LoadAsync([new Order(1, int.MaxValue, "a", 1)]), """
            ETL4571: column 'day' holds a date outside the years 1 to 9999: 2147483647 days since 1970-01-01
              Replace such values (also 'infinity') on the way, for example by NULL.
            """);
        yield return Case("more_digits_than_declared", Append, t => t.LoadAsync([new Order(1, 1, "a", 1_000_000_000_000)]), """
            ETL4572: column 'amount' holds a number with more digits than decimal(12,2) has
              Declare a greater precision, up to 38.
            """);
        yield return Case("a_NULL_where_none_may_be", Append, t => StageAsync(t, new Field("note", StringType.Default, false), b => b.AppendNull()), """
            ETL4573: column 'note' is declared not null and holds 1 NULLs
              Declare it nullable, or refuse the rows before they are loaded.
            """);
        yield return Case("a_NULL_among_items", Append, t => StageAsync(t, new Field("tags", new ListType(new Field("item", StringType.Default, false)), true), b =>
        {
            b.Items!.AppendNull();
            b.EndList();
        }), """
            ETL4573: column 'tags' holds a NULL item, and its items are declared not null
              Refuse such rows before they are loaded.
            """);

        static TestCaseData Case(string name, ParquetLoaderOptions options, Func<LakeTable, Task> load, string told) => new TestCaseData(options, load, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Loads))]
    public async Task A_load_of(ParquetLoaderOptions options, Delegate load, string told)
    {
        var table = new LakeTable(options);
        Assert.That(await ErrorText.OfAsync(() => ((Func<LakeTable, Task>)load)(table)), Is.EqualTo(told));
    }

    private static IEnumerable<TestCaseData> Tables()
    {
        yield return Case("kept_in_other_partitions", LakeTable.Upsert(), t =>
        {
            t.Options = LakeTable.Upsert("orders", null);
            return t.LoadAsync(One);
        }, """
            ETL4561: the table is partitioned by day, and the load by nothing
              Change partition_by and path back, or run with --full-refresh, which writes the table anew.
              at partition_by
            """);
        yield return Case("that_may_only_grow", LakeTable.Upsert("orders", null), async t =>
        {
            await t.RewriteLogAsync("\"configuration\":{", "\"configuration\":{\"delta.appendOnly\":\"true\"");
            await t.LoadAsync(One);
        }, """
            ETL4561: the table is append-only (delta.appendOnly) and the load would remove rows
              Use mode: append or changes, or change the table's configuration.
              at mode
            """);
        yield return Case("that_would_be_empty", Append with { Mode = LoadMode.Replace }, t => t.LoadAsync([]), """
            ETL4562: there are no rows, and replacing would empty the table orders/
              If that is meant, set allow_empty: true.
              at allow_empty
            """);
        yield return Case("whose_folder_would_be_empty", Append with { Mode = LoadMode.Replace, Publish = PublishAs.Files }, t => t.LoadAsync([]), """
            ETL4562: there are no rows, and replacing would empty the folder orders/
              If that is meant, set allow_empty: true.
              at allow_empty
            """);
        yield return Case("of_another_pipeline_too", LakeTable.Upsert(), t =>
        {
            t.Key = Other;
            return t.LoadAsync(One, fullRefresh: true);
        }, """
            ETL4564: a full refresh would remove rows of another pipeline: test/orders/lake loads into orders/ too
              Load into a table of its own, or into another folder. If the other one is gone for good, remove the table's folder.
            """);
        yield return Case("whose_rows_are_another_pipelines_too", LakeTable.Upsert(), async t =>
        {
            t.Key = Other;
            await using var session = await t.OpenAsync();
            await LakeTable.StageKeysAsync(session, One);
        }, """
            ETL4564: a reconciliation would take rows of another pipeline for extra ones: test/orders/lake loads into orders/ too
              Load into a table of its own, or into another folder. If the other one is gone for good, remove the table's folder.
            """);
        yield return Case("with_a_file_whose_partition_nobody_knows", Append with { Path = "orders/{year}/{month}", PartitionBy = "day", Mode = LoadMode.ReplacePartitions }, async t =>
        {
            await t.RewriteLogAsync("\"tags\":", "\"other\":");
            await t.LoadAsync(One);
        }, """
            ETL4563: the table holds a file of another program, FILE, of which is not known to which partition it belongs
              With folders by month, or of a timestamp, partitions can be replaced only where this loader wrote all files. Run with --full-refresh.
            """);
        yield return Case("to_which_others_write_all_the_time", LakeTable.Upsert(), t => InterruptedAsync(t, LakeTable.Orders, async session =>
        {
            await LakeTable.StageAsync(session, One);
            await session.PublishAsync(t.Next(session), default);
        }), """
            ETL4563: other programs wrote to the table orders/ while this run was publishing
              Nothing was published. Run again.
            """);
        yield return Case("to_which_others_add_a_column", LakeTable.Upsert(), t => InterruptedAsync(t, new RowSchema(new Schema([.. LakeTable.Orders.Arrow.FieldsList, new Field("more", Int64Type.Default, true)], null)), async session =>
        {
            await LakeTable.StageAsync(session, One);
            await session.PublishAsync(t.Next(session), default);
        }), """
            ETL4563: other programs changed the columns of the table orders/ while this run was publishing
              Nothing was published. Run again.
            """);
        yield return Case("that_is_moved_while_others_write", LakeTable.Upsert(), t => InterruptedAsync(t, LakeTable.Orders, async session =>
            await ((IMovableLoadSession)session).MoveAsync(t.Next(session) with { Key = t.Key with { Stage = "renamed" } }, default)), """
            ETL4563: other programs wrote to the table orders/ while its state was being moved
              Nothing was moved. Do it again.
            """);
        yield return Case("whose_store_lists_late", LakeTable.Upsert(), async t =>
        {
            t.Store.HidesFromListings = k => k.Contains("_etl_clock", StringComparison.Ordinal);
            await t.Loader().VacuumAsync(TimeSpan.FromDays(7), dryRun: false, default);
        }, """
            ETL4568: the store does not list CLOCK, which was just written
              Its listings lag behind, so files that are in use cannot be told from others. Try again later.
            """);
        yield return Case("that_is_not_there", LakeTable.Upsert(), async t =>
        {
            Directory.Delete(t.Store.Folder, recursive: true);
            await t.Loader().VerifyAsync(deep: false, default);
        }, """
            ETL4567: there is no table in file://STORE/orders/
              Its first run makes it. Or correct the path, or the connection.
            """);

        static TestCaseData Case(string name, ParquetLoaderOptions options, Func<LakeTable, Task> load, string told) => new TestCaseData(options, load, told).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Tables))]
    public async Task A_table(ParquetLoaderOptions options, Delegate act, string told)
    {
        var table = new LakeTable(options);
        await table.LoadAsync(One);
        var file = table.DataFiles().First(f => !f.Contains("/_", StringComparison.Ordinal));
        Assert.That(Clock().Replace(await ErrorText.OfAsync(() => ((Func<LakeTable, Task>)act)(table), (table.Store.Folder, "STORE"), (file["orders/".Length..], "FILE")), "CLOCK"), Is.EqualTo(told));
    }

    // Before each of the session's commits another pipeline commits the version.
    private static async Task InterruptedAsync(LakeTable table, RowSchema theirs, Func<ILoadSession, Task> act)
    {
        await using var session = await table.OpenAsync();
        var others = new LakeTable(table.Options) { Elsewhere = table.Store, Key = Other };
        var inside = false;
        table.Store.BeforePutIfAbsent = _ =>
        {
            if (!inside)
            {
                inside = true;
                PublishAsync().GetAwaiter().GetResult();
                inside = false;
            }
        };
        await act(session);

        async Task PublishAsync()
        {
            await using var another = await others.OpenAsync(schema: theirs);
            await another.PublishAsync(others.Next(another), default);
        }
    }
    private static async Task StageAsync(LakeTable table, Field field, Action<ColumnBuilder> append)
    {
        var schema = new RowSchema(new Schema([field], null));
        await using var session = await table.OpenAsync(schema: schema);
        using var builder = new RecordBatchBuilder(schema.Arrow);
        append(builder[0]);
        using var batch = builder.Build();
        await session.StageAsync(Stream(batch), default);
        await session.PublishAsync(table.Next(session), default);
    }

    [GeneratedRegex("orders/_etl_clock-[0-9a-f]{32}")]
    private static partial Regex Clock();
}
