using System.Globalization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Lake;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Lake;

/// <summary>Rows that lie by the date of their run: the date is the epoch's, however often it is attempted.</summary>
public class LakeRunDateTests
{
    private const string Dated = "id, strftime(run_date, '%Y-%m-%d')";
    private static readonly Order[] Three = [new(1, 10, "a", 1), new(2, 11, "b", 2), new(3, null, null, 3)];

    [TestCase("orders/{year}/{month}/{day}/", "orders/2026/02/28/", "orders/2026/03/01/", "run_date")]
    [TestCase("orders", "orders/run_date=2026-02-28/", "orders/run_date=2026-03-01/", "run_date")]
    [TestCase("orders/{year}-{month}", "orders/2026-02/", "orders/2026-03/", "")]
    public async Task Rows_lie_in_the_folder_of_their_runs_date_and_hold_it(string path, string first, string second, string partition)
    {
        var table = Table(path, LoadMode.Append, "2026-02-28T23:59:59Z");
        await table.LoadAsync(Three[..2]);
        table.Time = new SettableClock("2026-03-01T00:00:01Z");
        await table.LoadAsync(Three[2..]);
        Assert.That(table.DataFiles().Select(f => f[..(f.LastIndexOf('/') + 1)]).Distinct(), Is.EqualTo(new[] { first, second }));
        Assert.That(table.Read(Dated), Is.EqualTo(new[] { "1|2026-02-28", "2|2026-02-28", "3|2026-03-01" }));
        Assert.That(table.Read(), Is.EqualTo(LakeTable.Text(Three)));
        var log = new DeltaLog(table.Store, "orders/", table.Store.Folder + ".tmp");
        Assert.That(string.Join(',', (await log.ReadAsync(default)).PartitionColumns), Is.EqualTo(partition));
        Assert.That(Notes(table), Is.Empty);
    }

    [Test]
    public async Task An_epoch_that_was_killed_is_resumed_under_its_date_and_the_next_one_has_its_own()
    {
        var table = Table("orders/{year}/{month}/{day}/", LoadMode.Append, "2026-02-28T23:59:59Z");
        await KillAsync(table);
        Assert.That(Notes(table), Has.Count.EqualTo(1));

        table.Time = new SettableClock("2026-03-01T00:00:01Z");
        // Nothing but what is published or given up by who began it takes the date from the epoch.
        await Assert.ThrowsAsync<IOException>(async () =>
        {
            await using var failing = await table.OpenAsync(failPoint: p => _ = p == "lake.before_commit" ? throw new IOException("no") : p);
            await LakeTable.StageAsync(failing, Three[..2]);
            await failing.PublishAsync(table.Next(failing), default);
        });
        Assert.That(Notes(table), Has.Count.EqualTo(1));
        await table.LoadAsync(Three[..2]);
        await table.LoadAsync(Three[2..]);
        Assert.That(table.Read(Dated), Is.EqualTo(new[] { "1|2026-02-28", "2|2026-02-28", "3|2026-03-01" }));
        Assert.That(Notes(table), Is.Empty);
    }

    [Test]
    public async Task An_epoch_that_was_given_up_in_order_or_whose_date_a_person_gives_is_of_the_new_day()
    {
        var table = Table("orders", LoadMode.Append, "2026-02-28T23:59:59Z");
        await using (var session = await table.OpenAsync())
        {
            await LakeTable.StageAsync(session, Three[..1]);
        }

        Assert.That(Notes(table), Is.Empty);
        table.Time = new SettableClock("2026-03-01T00:00:01Z");
        await table.LoadAsync(Three[..1]);

        table.Time = new SettableClock("2026-03-02T00:00:01Z");
        await KillAsync(table);
        table.RunDate = new DateOnly(2020, 2, 29);
        await KillAsync(table);
        table.RunDate = null;
        await table.LoadAsync(Three[1..2]);
        await KillAsync(table);
        await File.WriteAllTextAsync(Path.Combine(table.Store.Folder, Notes(table).Single()), "gibberish");
        await table.LoadAsync(Three[2..]);
        Assert.That(table.Read(Dated), Is.EqualTo(new[] { "1|2026-03-01", "2|2020-02-29", "3|2026-03-02" }));
        Assert.That(Notes(table), Is.Empty);
    }

    [TestCase(PublishAs.Log, "lake.before_commit")]
    [TestCase(PublishAs.Files, "files.before_commit")]
    public void An_attempt_that_cannot_clean_up_takes_its_note_back_all_the_same(PublishAs publish, string point)
    {
        var table = Table("orders", LoadMode.Append, "2026-02-28T23:59:59Z");
        table.Options = table.Options with { Publish = publish };
        table.Store.RefuseDeletes = key => key.EndsWith(".parquet", StringComparison.Ordinal);
        Assert.That(async () =>
        {
            await using var session = await table.OpenAsync(failPoint: p => _ = p == point ? throw new IOException("no") : p);
            await LakeTable.StageAsync(session, Three);
            await session.PublishAsync(table.Next(session), default);
        }, Throws.InstanceOf<IOException>().With.Message.EqualTo("no"), "what it ended with, and not what cleaning up met");
        Assert.That(Notes(table), Is.Empty);
    }

    [Test]
    public async Task A_run_that_is_refused_takes_its_note_back()
    {
        var table = Table("orders", LoadMode.Append, "2026-02-28T23:59:59Z");
        table.Options = table.Options with { Schema = new() { Create = false } };
        Assert.That((await Assert.ThrowsAsync<EtlException>(() => table.OpenAsync()))!.Code, Is.EqualTo("ETL4558"));
        Assert.That(Notes(table), Is.Empty);
        table.Options = table.Options with { Schema = new() };
        table.Time = new SettableClock("2026-03-01T00:00:01Z");
        await table.LoadAsync(Three[..1]);
        Assert.That(table.Read(Dated), Is.EqualTo(new[] { "1|2026-03-01" }));
    }

    [Test]
    public async Task An_upsert_leaves_rows_that_came_again_unchanged_under_their_date()
    {
        var table = Table("orders/{year}/{month}/{day}/", LoadMode.Upsert, "2026-03-01T12:00:00Z");
        table.Options = table.Options with { Key = ["id"] };
        await table.LoadAsync(Three);
        table.RunDate = new DateOnly(2026, 3, 2);
        var result = await table.LoadAsync([Three[0], Three[1] with { Note = "new" }, new Order(4, 1, "d", 4)]);
        Assert.That(result with { Detail = null }, Is.EqualTo(new PublishResult(1, 1, 0, 1)));
        Assert.That(table.Read(Dated), Is.EqualTo(new[] { "1|2026-03-01", "2|2026-03-02", "3|2026-03-01", "4|2026-03-02" }));
    }

    [Test]
    public async Task A_date_that_is_run_again_replaces_its_own_rows_only()
    {
        var table = Table("orders/{year}/{month}/{day}/", LoadMode.ReplacePartitions, "2026-03-01T12:00:00Z");
        await table.LoadAsync(Three[..2]);
        table.RunDate = new DateOnly(2026, 3, 2);
        await table.LoadAsync(Three[2..]);
        table.RunDate = new DateOnly(2026, 3, 1);
        Assert.That((await table.LoadAsync(Three[..1])) with { Detail = null }, Is.EqualTo(new PublishResult(1, 0, 2, 0)));
        Assert.That(table.Read(Dated), Is.EqualTo(new[] { "1|2026-03-01", "3|2026-03-02" }));
    }

    [Test]
    public void Rows_that_have_such_a_column_are_refused_and_the_plan_says_whose_date_it_is()
    {
        var table = Table("orders", LoadMode.Append, "2026-03-01T12:00:00Z");
        var own = new RowSchema(new Schema([.. LakeTable.Orders.Arrow.FieldsList, new Field("run_date", Date32Type.Default, true)], null));
        var error = Assert.Throws<EtlException>(() => table.Loader().Describe(own))!;
        Assert.That($"{error.Code}: {error.Message}. {error.Hint} ({error.OptionPath})", Is.EqualTo(
            "ETL4550: the rows have a column 'run_date', which partition_by: $run_date adds. Rename it on the way, or partition by it: partition_by: run_date. (partition_by)"));
        var plan = table.Loader().Describe(LakeTable.Orders);
        Assert.That(plan.Statements[0], Is.EqualTo("create delta table orders/ (id long not null, day date, note string, amount decimal(12,2) not null, run_date date not null) partitioned by (run_date)"));
        Assert.That(plan.Guarantee, Does.EndWith(" run_date is the run's date; an epoch that was begun and killed keeps the date of its first attempt, unless --date says another."));
        Assert.That(Assert.Throws<EtlException>(() => Table("orders/{hour}", LoadMode.Append, "2026-03-01T12:00:00Z").Loader().Describe(LakeTable.Orders))!.Code, Is.EqualTo("ETL4550"), "a date has no hours");
    }

    private static LakeTable Table(string path, LoadMode mode, string now) => new(new ParquetLoaderOptions { Path = path, PartitionBy = "$run_date", Mode = mode }) { Time = new SettableClock(now) };

    // What a process leaves that is killed before its commit: nobody disposes of the session.
    private static async Task KillAsync(LakeTable table)
    {
        var killed = await table.OpenAsync(failPoint: p => _ = p == "lake.before_commit" ? throw new IOException("killed") : p);
        await LakeTable.StageAsync(killed, [new Order(9, 9, "never seen", 9)]);
        await Assert.ThrowsAsync<IOException>(() => killed.PublishAsync(table.Next(killed), default).AsTask());
    }

    private static List<string> Notes(LakeTable table) => [.. table.Store.Keys().Where(k => k.StartsWith("orders/_etl/", StringComparison.Ordinal))];

    private sealed class SettableClock(string now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.Parse(now, CultureInfo.InvariantCulture);
    }
}
