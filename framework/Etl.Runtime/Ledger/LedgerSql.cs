namespace Etl.Runtime.Ledger;

/// <summary>
/// The ledger's SQL, which SQLite and PostgreSQL both understand. Times are ISO text in UTC with a fixed number of digits, which sorts as
/// time does in either.
/// </summary>
/// <param name="prefix">In front of each table's name: empty, or a schema and a beginning.</param>
internal sealed class LedgerSql(string prefix)
{
    /// <summary>Scripts by version, from 1: script n brings a ledger of version n - 1 to n. Only ever add to it.</summary>
    public IReadOnlyList<string> Migrations { get; } =
    [
        $"""
        create table {prefix}run (
            run_id text not null primary key, pipeline text not null, environment text not null, status text not null,
            started_at text not null, seconds double precision, host text not null, process_id bigint not null, process_started bigint not null,
            plan_hash text, rows_read bigint not null default 0, rows_written bigint not null default 0, dead_letters bigint not null default 0,
            error_code text, error text, report text);
        create index ix_{Short(prefix)}run_started on {prefix}run (started_at);
        create table {prefix}run_stage (
            run_id text not null references {prefix}run (run_id) on delete cascade, stage text not null, kind text not null, component text not null,
            rows_in bigint, rows_out bigint, excluded bigint not null, deduplicated bigint not null, dead_lettered bigint not null,
            matched bigint, unmatched bigint, seconds double precision, bytes bigint, retries bigint not null, primary key (run_id, stage));
        create table {prefix}run_rule (
            run_id text not null references {prefix}run (run_id) on delete cascade, stage text not null, rule text not null, action text not null,
            outcome text not null, failed_rows bigint, accepted_reason text, primary key (run_id, stage, rule));
        create table {prefix}run_load (
            run_id text not null references {prefix}run (run_id) on delete cascade, stage text not null, target text not null, mode text not null,
            status text not null, inserted bigint not null, updated bigint not null, deleted bigint not null, unchanged bigint not null,
            detail text, epoch bigint, checkpoint text, primary key (run_id, stage));
        """,
    ];

    public string Start { get; } = $"""
        insert into {prefix}run (run_id, pipeline, environment, status, started_at, host, process_id, process_started)
        values (@RunId, @Pipeline, @Environment, @Status, @StartedAt, @Host, @ProcessId, @ProcessStarted)
        """;

    // A run whose start could not be noted is noted by its end.
    public string Finish { get; } = $"""
        insert into {prefix}run (run_id, pipeline, environment, status, started_at, seconds, host, process_id, process_started, plan_hash,
            rows_read, rows_written, dead_letters, error_code, error, report)
        values (@RunId, @Pipeline, @Environment, @Status, @StartedAt, @Seconds, @Host, @ProcessId, @ProcessStarted, @PlanHash,
            @RowsRead, @RowsWritten, @DeadLetters, @ErrorCode, @Error, @Report)
        on conflict (run_id) do update set status = excluded.status, seconds = excluded.seconds, plan_hash = excluded.plan_hash,
            rows_read = excluded.rows_read, rows_written = excluded.rows_written, dead_letters = excluded.dead_letters,
            error_code = excluded.error_code, error = excluded.error, report = excluded.report
        """;

    public IReadOnlyList<string> Forget { get; } =
    [
        $"delete from {prefix}run_stage where run_id = @RunId",
        $"delete from {prefix}run_rule where run_id = @RunId",
        $"delete from {prefix}run_load where run_id = @RunId",
    ];

    public string Stage { get; } = $"""
        insert into {prefix}run_stage (run_id, stage, kind, component, rows_in, rows_out, excluded, deduplicated, dead_lettered, matched, unmatched, seconds, bytes, retries)
        values (@RunId, @Stage, @Kind, @Component, @RowsIn, @RowsOut, @Excluded, @Deduplicated, @DeadLettered, @Matched, @Unmatched, @Seconds, @Bytes, @Retries)
        """;

    public string Rule { get; } = $"""
        insert into {prefix}run_rule (run_id, stage, rule, action, outcome, failed_rows, accepted_reason)
        values (@RunId, @Stage, @Rule, @Action, @Outcome, @FailedRows, @AcceptedReason)
        """;

    public string Load { get; } = $"""
        insert into {prefix}run_load (run_id, stage, target, mode, status, inserted, updated, deleted, unchanged, detail, epoch, checkpoint)
        values (@RunId, @Stage, @Target, @Mode, @Status, @Inserted, @Updated, @Deleted, @Unchanged, @Detail, @Epoch, @Checkpoint)
        """;

    // Whether a run was interrupted is seen in this process, so a status is asked for by what is stored.
    public string List { get; } = $"""
        {Summary(prefix)}
        where (@Pipeline = '' or pipeline = @Pipeline) and (@Environment = '' or environment = @Environment) and (@Status = '' or status = @Status)
        order by started_at desc, run_id desc limit @Limit
        """;

    // The beginning is compared as a range of text: an id may hold what LIKE takes for a wildcard.
    public string Show { get; } = $"""
        {Summary(prefix)}
        where run_id = @Id or substr(run_id, 1, length(@Id)) = @Id
        order by case when run_id = @Id then 0 else 1 end, run_id limit 2
        """;

    private static string Summary(string prefix) => $"""
        select run_id, pipeline, environment, status, started_at, seconds, rows_read, rows_written, dead_letters, error_code, error,
            host, process_id, process_started, report
        from {prefix}run
        """;

    // An index lives in its table's schema and is named without it.
    private static string Short(string prefix) => prefix[(prefix.IndexOf('.', StringComparison.Ordinal) + 1)..];
}
