using Npgsql;

namespace Etl.Plugins.Tests.Postgres;

/// <summary>
/// Writers of the table <c>s (id, v, at)</c> as an application has them: transactions of 0 to 400 ms that insert and update, with savepoints, some
/// of them rolled back or prepared. A committed version of a row is known by (id, v). The cursor is the start of the
/// transaction or the moment of the statement, so that it is up to 400 ms older than the commit.
/// </summary>
internal sealed class RaceWriters(TestDatabase db)
{
    public const string Table = "CREATE TABLE s (id bigint PRIMARY KEY, v int NOT NULL, at timestamptz NOT NULL DEFAULT now()); CREATE INDEX ON s (at); CREATE VIEW w AS SELECT * FROM s";

    private const int Rows = 3;

    /// <summary>Writes until it is stopped; every transaction is then ended.</summary>
    public Task RunAsync(int writers, CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(() => WriteAsync(w, writers, stop))));

    private async Task WriteAsync(int writer, int writers, CancellationToken stop)
    {
        var random = new Random(writer);
        var committed = new List<long>();
        await using var session = await db.OpenAsync();
        for (var n = 0L; !stop.IsCancellationRequested; n++)
        {
            var first = ((n * writers) + writer) * 2 * Rows;
            var made = new List<long> { first };
            await ExecuteAsync(session, $"BEGIN; INSERT INTO s SELECT g, 0 FROM generate_series({first}, {first + Rows - 1}) g");
            await Task.Delay(random.Next(100), CancellationToken.None);
            if (random.Next(2) == 0)
            {
                var undone = random.Next(3) == 0;
                await ExecuteAsync(session, $"SAVEPOINT a; INSERT INTO s SELECT g, 0, clock_timestamp() FROM generate_series({first + Rows}, {first + (2 * Rows) - 1}) g");
                await Task.Delay(random.Next(100), CancellationToken.None);
                await ExecuteAsync(session, undone ? "ROLLBACK TO a" : random.Next(2) == 0 ? "RELEASE a" : "SAVEPOINT b");
                if (!undone)
                {
                    made.Add(first + Rows);
                }
            }

            if (committed.Count > 0)
            {
                var old = committed[random.Next(committed.Count)];
                await ExecuteAsync(session, $"UPDATE s SET v = v + 1, at = {(random.Next(2) == 0 ? "now()" : "clock_timestamp()")} WHERE id = {old}");
            }

            await Task.Delay(random.Next(200), CancellationToken.None);
            if (await EndAsync(session, random, prepared: writer == 0 && n % 4 == 0, $"{db.Name}_{n}"))
            {
                committed.AddRange(made);
            }
        }
    }

    private static async Task<bool> EndAsync(NpgsqlConnection session, Random random, bool prepared, string name)
    {
        var commit = random.Next(10) > 0;
        if (prepared)
        {
            await ExecuteAsync(session, $"PREPARE TRANSACTION '{name}'");
            await Task.Delay(random.Next(200), CancellationToken.None);
        }

        await ExecuteAsync(session, (commit ? "COMMIT" : "ROLLBACK") + (prepared ? $" PREPARED '{name}'" : ""));
        return commit;
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }
}
