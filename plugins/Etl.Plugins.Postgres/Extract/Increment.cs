using System.Globalization;
using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>Which rows of a source are new, as conditions in SQL, and the position after them.</summary>
/// <param name="Conditions">To be joined by AND; none: everything.</param>
/// <param name="Position">After all rows were read.</param>
internal sealed record Increment(IReadOnlyList<string> Conditions, JsonObject Position)
{
    /// <summary>Everything.</summary>
    public static Increment Whole { get; } = new([], []);

    /// <summary>Holds for the rows that this increment or a later one reads; the conditions, where nothing else is said.</summary>
    public string Pending
    {
        get => field ?? string.Join(" AND ", Conditions);
        init;
    }

    /// <summary>No row can be new, so nothing need be read.</summary>
    public bool Empty { get; init; }

    /// <summary>An index leads to the rows; ranges of blocks would lead past it.</summary>
    public bool Indexed { get; init; }

    /// <summary>For the run's report.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>This increment by the policy for rows whose cursor is NULL; ETL4110 if they fail the run.</summary>
    public async ValueTask<Increment> WithNullsAsync(SourceSnapshot snapshot, string relation, string display, LiveColumn cursor, NullCursor policy, CancellationToken cancel)
    {
        if (cursor.NotNull)
        {
            return this;
        }

        var name = SqlText.Quote(cursor.Name);
        switch (policy)
        {
            case NullCursor.Include when Conditions.Count > 0:
                return this with { Conditions = [$"({string.Join(" AND ", Conditions)} OR {name} IS NULL)"] };
            case NullCursor.Skip:
                return this with { Conditions = [.. Conditions, $"{name} IS NOT NULL"] };
            case NullCursor.Fail when (bool)(await snapshot.ScalarAsync($"SELECT EXISTS (SELECT FROM {relation} WHERE {name} IS NULL)", cancel))!:
                throw new EtlException("ETL4110", $"the cursor '{cursor.Name}' of {display} is NULL in some rows, so nobody can tell whether they are new", "Fill it in the source, or decide: null_cursor: include (read them in every run) or skip (never).") { OptionPath = "incremental.cursor" };
            default:
                return this;
        }
    }

    /// <summary>A time as a position holds it.</summary>
    public static string Text(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + "+00";

    /// <summary>The time that <see cref="Text"/> gave; null for null.</summary>
    public static DateTime? Time(JsonNode? text) => text is null
        ? null
        : DateTime.ParseExact(text.GetValue<string>(), "yyyy-MM-dd HH:mm:ss.ffffffzz", CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);

    /// <summary>A time as a value of the cursor's type; a session's time zone is UTC.</summary>
    public static string Literal(DateTime time, LiveColumn cursor) => $"{SqlText.Literal(Text(time))}::timestamptz::{cursor.Declared}";
}
