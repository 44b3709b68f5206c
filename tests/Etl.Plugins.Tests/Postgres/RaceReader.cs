using System.Diagnostics;
using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>Reads what <see cref="RaceWriters"/> write, run by run, into a table of its own beside theirs.</summary>
/// <param name="name">The target table.</param>
/// <param name="from">Reads <c>s</c> or a view of it.</param>
/// <param name="mode">How it is loaded; an upsert goes by the key.</param>
internal sealed class RaceReader(string name, IExtractor from, TableLoadMode mode)
{
    public string Name => name;

    public int Runs { get; private set; }

    /// <summary>Runs that changed the target.</summary>
    public int Moved { get; private set; }

    /// <summary>A run every 150 ms, if it does not take longer.</summary>
    public async Task ReadAsync(TestDatabase db, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var started = Stopwatch.GetTimestamp();
            await RunAsync(db);
            var rest = TimeSpan.FromMilliseconds(150) - Stopwatch.GetElapsedTime(started);
            if (rest > TimeSpan.Zero)
            {
                await Task.Delay(rest, CancellationToken.None);
            }
        }
    }

    public async Task RunAsync(TestDatabase db)
    {
        var loader = mode == TableLoadMode.Upsert ? db.Loader(name, mode, "id") : db.Loader(name, mode);
        var result = await Steps.CopyAsync(from, loader, await db.ContractAsync("w", "id"), stage: name);
        Runs++;
        Moved += result.Inserted + result.Updated > 0 ? 1 : 0;
    }

    public async Task<RaceOutcome> CompareAsync(TestDatabase db) => new(
        await CountAsync(db, $"FROM s WHERE NOT EXISTS (SELECT FROM {name} t WHERE t.id = s.id AND t.v = s.v AND t.at = s.at)"),
        await CountAsync(db, $"FROM (SELECT FROM {name} GROUP BY id, v HAVING count(*) > 1) d"),
        await CountAsync(db, $"FROM {name} t WHERE NOT EXISTS (SELECT FROM s WHERE t.id = s.id AND t.v <= s.v)"));

    private static async Task<long> CountAsync(TestDatabase db, string what) => long.Parse((await db.TextAsync($"SELECT count(*) {what}"))!, CultureInfo.InvariantCulture);
}

/// <summary>What a target has wrong.</summary>
/// <param name="Lost">Rows whose last version it does not have.</param>
/// <param name="Doubled">Versions that it has twice.</param>
/// <param name="Invented">Rows that were never committed.</param>
internal sealed record RaceOutcome(long Lost, long Doubled, long Invented)
{
    public static RaceOutcome Nothing { get; } = new(0, 0, 0);

    public override string ToString() => $"lost {Lost}, doubled {Doubled}, invented {Invented}";
}
