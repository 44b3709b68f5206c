using Etl.Contracts;

namespace Etl.Plugins.Postgres.Extract;

/// <summary>What each way of reading an increment promises, in the plan's words.</summary>
internal static class Promise
{
    private const string Whole = "exact: everything, in one snapshot";

    private const string Deletions = "Deletions are seen through deleted_when only.";

    /// <summary>The kind of a position: one of <c>hold_back</c> means another thing by its cursor.</summary>
    public static string Kind(string source, PostgresIncrementalOptions? incremental) => incremental?.Exact == PostgresExact.HoldBack ? $"{source}.hold_back/1" : $"{source}/1";

    /// <summary>Of <c>extract: table</c>.</summary>
    public static string OfTable(PostgresIncrementalOptions? incremental) => incremental switch
    {
        null => Whole,
        { Exact: PostgresExact.HoldBack } => HoldBack(incremental),
        { Exact: PostgresExact.Window } => "exact if the server's clock sets the cursor in the transaction that writes the row: every committed change since the last run, by transaction ids, among rows not older than "
            + $"the oldest transaction that was open then. Where the server does not tell which are open (no pg_read_all_stats, a standby), rows of a transaction that is open for longer than {incremental.Assumed} may be missed. A change that does not move the cursor is not seen. " + Deletions,
        _ => "exact: every committed change since the last run, by transaction ids, whatever its cursor. "
            + "A target with a key gets rows of transactions that were open then again, one without gets each once. "
            + (incremental.Exact is null ? Deletions + " A view or foreign table has no transaction ids: by the cursor, " + Overlap(incremental) : Deletions),
    };

    /// <summary>Of <c>extract: query</c>.</summary>
    public static string OfQuery(PostgresIncrementalOptions? incremental) => incremental switch
    {
        null => Whole,
        { Exact: PostgresExact.HoldBack } => HoldBack(incremental),
        _ => "by the cursor, " + Overlap(incremental),
    };

    /// <summary>The refusal of scan and window where they cannot be.</summary>
    public static EtlException NoTransactionIds(string what) =>
        new("ETL4488", $"{what} no transaction ids, by which scan and window go", "Say exact: hold_back, or leave exact out to read with an overlap.") { OptionPath = "incremental.exact" };

    private static string HoldBack(PostgresIncrementalOptions incremental) =>
        "exact if the server's clock sets the cursor in the transaction that writes the row: each committed row once, as late as the oldest open transaction ends"
        + (incremental.LateWindow is { } late ? $" and {late} later" : "") + "; a change that does not move the cursor is not seen";

    private static string Overlap(PostgresIncrementalOptions incremental) =>
        "with an overlap as long as the oldest open transaction is old where the user has pg_read_all_stats, else of " + incremental.Assumed
        + ": complete if the cursor is set by the server's now() and, in the second case, no transaction is open for longer; a cursor that is no time has no overlap and may miss rows that commit late";
}
