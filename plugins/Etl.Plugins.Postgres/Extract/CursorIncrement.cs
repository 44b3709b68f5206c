using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>Increments by the cursor alone, where rows have no transaction ids.</summary>
/// <param name="snapshot">What is read.</param>
/// <param name="relation">The source as SQL: a name, or a query in parentheses with an alias.</param>
/// <param name="display">The source, for people.</param>
/// <param name="cursor">The cursor's live column.</param>
/// <param name="options">The options.</param>
/// <param name="open">Asked before the snapshot was taken.</param>
internal sealed class CursorIncrement(SourceSnapshot snapshot, string relation, string display, LiveColumn cursor, PostgresIncrementalOptions options, OpenTransactions open)
{
    private readonly string _name = SqlText.Quote(cursor.Name);

    /// <summary>The increment since a position; null to read everything. ETL4486: rows would come twice and may come only once.</summary>
    public async ValueTask<Increment> SinceAsync(JsonObject? from, bool once, CancellationToken cancel)
    {
        if (options.Exact == PostgresExact.HoldBack)
        {
            return await HoldBack(Increment.Time(from?["cursor"])).WithNullsAsync(snapshot, relation, display, cursor, options.NullCursor, cancel);
        }

        return once
            ? throw new EtlException("ETL4486", $"{display} is read with an overlap, whose rows would be appended again in each run", "Say exact: hold_back, which reads each row once, or use mode: upsert.") { OptionPath = "incremental" }
            : await OverlapAsync(from?["cursor"]?.GetValue<string>(), cancel);
    }

    /// <summary>
    /// What is older than every transaction that could still write: such cursors are complete, and never read again. While a prepared
    /// transaction is open nothing moves, since its age is not known.
    /// </summary>
    private Increment HoldBack(DateTime? previous)
    {
        if (open.Silence is not null)
        {
            throw new EtlException("ETL4484", $"exact: hold_back must know which transactions are open, and {open.Silence}", snapshot.InRecovery
                ? "Read a table instead, which needs no such knowledge, or read from the primary."
                : "GRANT pg_read_all_stats to the user of the connection, and leave track_activities on.") { OptionPath = "incremental.exact" };
        }

        var least = open.LeastCursor(options, previous) ?? throw new EtlException(
            "ETL4485", $"exact: hold_back cannot begin while a prepared transaction of unknown age is open: {open.Prepared}", "Commit it or roll it back, then run again.") { OptionPath = "incremental.exact" };
        var bound = previous > least ? previous.Value : least;
        var below = $"{_name} < {Increment.Literal(bound, cursor)}";
        var pending = previous is null ? "true" : $"{_name} >= {Increment.Literal(previous.Value, cursor)}";
        return new Increment(previous is null ? [below] : [pending, below], new JsonObject { ["cursor"] = Increment.Text(bound) })
        {
            Pending = pending,
            Empty = bound == previous,
            Warnings = [.. open.Warnings(options, "what is younger waits for its end")],
        };
    }

    /// <summary>From the highest value that was seen, less an overlap as long as the oldest open transaction is old.</summary>
    private async ValueTask<Increment> OverlapAsync(string? previous, CancellationToken cancel)
    {
        IReadOnlyList<string> conditions = previous is null ? [] : [$"{_name} >= {SqlText.Literal(previous)}::{cursor.Declared}"];
        var next = $"max({_name})";
        if (cursor.TypeOid is PostgresTypes.TimestampOid or PostgresTypes.TimestamptzOid or PostgresTypes.DateOid)
        {
            // A cursor in the future would else take the overlap with it.
            var overlap = open.Silence is null && open.Prepared is null ? open.Now!.Value - open.LeastCursor(options, null)!.Value : options.Assumed;
            next = FormattableString.Invariant($"(least({next}, clock_timestamp()) - {overlap.TotalSeconds} * interval '1 second')::{cursor.Declared}");
        }

        if (previous is not null)
        {
            next = $"greatest({next}, {SqlText.Literal(previous)}::{cursor.Declared})";
        }

        var increment = new Increment(conditions, new JsonObject { ["cursor"] = (string?)await snapshot.ScalarAsync($"SELECT ({next})::text FROM {relation}", cancel) })
        {
            Warnings = [.. open.Warnings(options, open.Silence is null && open.Prepared is null ? "what is younger is read again by each run" : "its rows may be missed, as it is older than the overlap")],
        };
        return await increment.WithNullsAsync(snapshot, relation, display, cursor, options.NullCursor, cancel);
    }
}
