using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Dapper;
using Etl.Contracts;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Ledger;

/// <summary>Reads and writes a ledger over connections that are open and whose tables are up to date.</summary>
internal sealed class LedgerStore(LedgerSql sql, Func<CancellationToken, Task<DbConnection>> open)
{
    private const string Time = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    public async Task StartAsync(RunStart run, CancellationToken cancel)
    {
        await using var connection = await open(cancel);
        await connection.ExecuteAsync(new CommandDefinition(sql.Start, Values(run.RunId, run.Pipeline, run.Environment, RunStatus.Running, run.StartedAt, run.Process), cancellationToken: cancel));
    }

    public async Task FinishAsync(RunReport report, CancellationToken cancel)
    {
        await using var connection = await open(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        Task Run(string text, object? values) => connection.ExecuteAsync(new CommandDefinition(text, values, transaction, cancellationToken: cancel));

        var run = Values(report.RunId, report.Pipeline, report.Environment, report.Status, report.StartedAt, ProcessIdentity.Current);
        run.AddDynamicParams(new
        {
            report.Seconds,
            report.PlanHash,
            RowsRead = report.Stages.Where(s => s.Kind == "extract").Sum(s => s.RowsOut ?? 0),
            RowsWritten = report.Loads.Sum(l => l.Inserted + l.Updated + l.Deleted),
            DeadLetters = report.DeadLetters.Sum(d => d.Rows),
            ErrorCode = report.Error?.Code,
            Error = report.Error?.Message,
            Report = JsonReport.WriteLine(report),
        });
        await Run(sql.Finish, run);
        foreach (var forget in sql.Forget)
        {
            await Run(forget, new { report.RunId });
        }

        await Run(sql.Stage, report.Stages.Select(s => new
        {
            report.RunId, s.Stage, s.Kind, s.Component, s.RowsIn, s.RowsOut, s.Excluded, s.Deduplicated, s.DeadLettered, s.Matched, s.Unmatched, s.Seconds, s.Bytes,
            Retries = (long)s.Retries,
        }));
        await Run(sql.Rule, report.Rules.Select(r => new
        {
            report.RunId, r.Stage, r.Rule, Action = Name(r.Action), Outcome = Name(r.Outcome), r.FailedRows, r.AcceptedReason,
        }));
        await Run(sql.Load, report.Loads.Select(l => new
        {
            report.RunId, l.Stage, l.Target, l.Mode, Status = Name(l.Status), l.Inserted, l.Updated, l.Deleted, l.Unchanged, l.Detail, l.Epoch, l.Checkpoint,
        }));
        await transaction.CommitAsync(cancel);
    }

    public async Task<IReadOnlyList<RunSummary>> ListAsync(RunFilter filter, CancellationToken cancel)
    {
        await using var connection = await open(cancel);
        var values = new
        {
            Pipeline = filter.Pipeline ?? "",
            Environment = filter.Environment ?? "",
            // Running and interrupted are stored alike, and so are told apart below.
            Status = filter.Status switch { null => "", RunStatus.Interrupted => Name(RunStatus.Running), { } status => Name(status) },
            Limit = (long)(filter.Status is RunStatus.Running or RunStatus.Interrupted ? int.MaxValue : filter.Limit),
        };
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(sql.List, values, cancellationToken: cancel));
        return [.. rows.Select(Summary).Where(s => filter.Status is null || s.Status == filter.Status).Take(filter.Limit)];
    }

    public async Task<RunRecord?> ShowAsync(string id, CancellationToken cancel)
    {
        if (id.Length == 0)
        {
            return null;
        }

        await using var connection = await open(cancel);
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(sql.Show, new { Id = id }, cancellationToken: cancel))).AsList();
        if (rows.Count > 1 && rows[0].run_id != id)
        {
            throw new EtlException("ETL4605", $"several runs begin with '{id}', among them {rows[0].run_id} and {rows[1].run_id}", "Give more of the id; `etl runs list` shows them.");
        }

        return rows.Count == 0
            ? null
            : new RunRecord(Summary(rows[0]), Process(rows[0]), rows[0].report is { } report ? JsonReport.Parse(report) : null);
    }

    private static DynamicParameters Values(string runId, string pipeline, string environment, RunStatus status, DateTimeOffset startedAt, ProcessIdentity process) => new(new
    {
        RunId = runId,
        Pipeline = pipeline,
        Environment = environment,
        Status = Name(status),
        StartedAt = startedAt.ToUniversalTime().ToString(Time, CultureInfo.InvariantCulture),
        process.Host,
        ProcessId = (long)process.Id,
        ProcessStarted = process.StartedAtSeconds,
    });

    private static RunSummary Summary(Row r)
    {
        var status = Enum.Parse<RunStatus>(r.status.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
        return new RunSummary(
            r.run_id,
            r.pipeline,
            r.environment,
            status == RunStatus.Running && Process(r).IsGone() ? RunStatus.Interrupted : status,
            DateTimeOffset.ParseExact(r.started_at, Time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
            r.seconds,
            r.rows_read,
            r.rows_written,
            r.dead_letters,
            (r.error_code, r.error) switch { (_, null) => null, (null, var error) => error, var (code, error) => $"{code}: {error}" });
    }

    private static ProcessIdentity Process(Row r) => new(r.host, (int)r.process_id, r.process_started);

    private static string Name<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    // Named as the columns are: Dapper fills it by name.
    private sealed record Row
    {
        public string run_id { get; init; } = "";

        public string pipeline { get; init; } = "";

        public string environment { get; init; } = "";

        public string status { get; init; } = "";

        public string started_at { get; init; } = "";

        public double? seconds { get; init; }

        public long rows_read { get; init; }

        public long rows_written { get; init; }

        public long dead_letters { get; init; }

        public string? error_code { get; init; }

        public string? error { get; init; }

        public string host { get; init; } = "";

        public long process_id { get; init; }

        public long process_started { get; init; }

        public string? report { get; init; }
    }
}
