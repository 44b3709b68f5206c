using System.Globalization;
using Etl.Contracts;
using Etl.Plugins.Postgres;
using NUnit.Framework;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>
/// Rows that are committed later than their cursor says, by 16 writers, against every way of reading increments. ETL_TEST_RACE_SECONDS makes it
/// longer than the 20 seconds of every change.
/// </summary>
public sealed class LateCommitRaceTests
{
    private const int Writers = 16;

    // On a machine that does other things too, some of them heavy; alone it makes ten times as many.
    private const int RowsPerSecond = 25;

    private static readonly PostgresIncrementalOptions ByAt = new() { Cursor = "at" };

    [Test]
    [Property("Fault", 46)]
    public async Task Every_exact_way_reads_each_committed_row_and_a_bare_cursor_a_fixed_lag_or_no_window_lose_some()
    {
        var seconds = int.Parse(Environment.GetEnvironmentVariable("ETL_TEST_RACE_SECONDS") ?? "20", CultureInfo.InvariantCulture);
        await using var db = await TestDatabase.CreateAsync();
        await db.RunAsync(RaceWriters.Table);
        await using var told = new PostgresConnection(db.Options with { PoolSize = 40 });
        await using var untold = await db.ReaderAsync();
        var exact = new List<RaceReader>
        {
            new("scan_upsert", db.Table("s", ByAt, told), TableLoadMode.Upsert),
            new("scan_append", db.Table("s", ByAt, told), TableLoadMode.Append),
            new("window_upsert", db.Table("s", ByAt with { Exact = PostgresExact.Window }, told), TableLoadMode.Upsert),
            new("window_append", db.Table("s", ByAt with { Exact = PostgresExact.Window }, told), TableLoadMode.Append),
            new("window_declared", db.Table("s", ByAt with { Exact = PostgresExact.Window, LateWindow = TimeSpan.FromSeconds(30) }, untold), TableLoadMode.Upsert),
            new("hold_back_append", db.Table("w", ByAt with { Exact = PostgresExact.HoldBack }, told), TableLoadMode.Append),
            new("overlap_upsert", db.Table("w", ByAt, told), TableLoadMode.Upsert),
        };

        // The same engine without the knowledge of open transactions. If these lose nothing, the race proves nothing.
        var none = ByAt with { LateWindow = TimeSpan.Zero };
        var controls = new List<RaceReader>
        {
            new("bare_cursor", db.Query("SELECT * FROM s", none, untold), TableLoadMode.Upsert),
            new("fixed_lag", db.Query("SELECT * FROM s WHERE at < now() - interval '100 ms'", none, untold), TableLoadMode.Upsert),
            new("no_window", db.Table("s", none with { Exact = PostgresExact.Window }, untold), TableLoadMode.Upsert),
        };
        var repeating = new RaceReader("repeating_append", new Repeating(db.Table("s", ByAt, told)), TableLoadMode.Append);

        List<RaceReader> readers = [.. exact, .. controls, repeating];
        foreach (var reader in readers)
        {
            await reader.RunAsync(db);
        }

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        await Task.WhenAll([new RaceWriters(db).RunAsync(Writers, stop.Token), .. readers.Select(r => r.ReadAsync(db, stop.Token))]);

        // hold_back reads a cursor when a second has passed.
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        var outcomes = new Dictionary<string, RaceOutcome>();
        foreach (var reader in readers)
        {
            await reader.RunAsync(db);
            outcomes[reader.Name] = await reader.CompareAsync(db);
            TestContext.Out.WriteLine($"{reader.Name,-18} {outcomes[reader.Name]} in {reader.Runs} runs, {reader.Moved} of which found rows");
        }

        var rows = long.Parse((await db.TextAsync("SELECT count(*) FROM s"))!, CultureInfo.InvariantCulture);
        TestContext.Out.WriteLine($"{rows} rows, {await db.TextAsync("SELECT sum(v + 1) FROM s")} versions");
        Assert.Multiple(() =>
        {
            Assert.That(rows, Is.GreaterThan(seconds >= 600 ? 100_000 : seconds * RowsPerSecond), "or it was no race");
            Assert.That(exact.Select(r => $"{r.Name} {outcomes[r.Name]}"), Is.EqualTo(exact.Select(r => $"{r.Name} {RaceOutcome.Nothing}")));
            Assert.That(exact.Select(r => r.Moved), Has.All.GreaterThan(3), "each read while the writers wrote");
            Assert.That(controls.Select(r => outcomes[r.Name].Lost), Has.All.GreaterThan(0));
            Assert.That(outcomes[repeating.Name].Lost, Is.Zero);
            Assert.That(outcomes[repeating.Name].Doubled, Is.GreaterThan(0));
        });
    }

    /// <summary>Does not say that each row may come only once.</summary>
    private sealed class Repeating(IExtractor inner) : IExtractor
    {
        public ExtractorCapabilities Capabilities => inner.Capabilities;

        public RowSchema DescribeOutput(DataContract? contract) => inner.DescribeOutput(contract);

        public ValueTask<IExtraction> OpenAsync(ExtractRequest request, CancellationToken cancel) => inner.OpenAsync(request with { Once = false }, cancel);
    }
}
