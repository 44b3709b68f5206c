using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift.Load;

/// <summary>Makes staged rows the target's, in the transaction that the caller began and ends.</summary>
/// <param name="session">In a transaction.</param>
/// <param name="name">The target.</param>
/// <param name="options">Its options.</param>
/// <param name="key">The key of upsert.</param>
/// <param name="request">The request.</param>
/// <param name="staging">What was staged.</param>
internal sealed class Publication(NpgsqlConnection session, TableName name, RedshiftTableLoadOptions options, IReadOnlyList<string> key, LoadRequest request, StagingTable staging)
{
    private readonly bool _replaces = options.Mode == TableLoadMode.Replace || request.FullRefresh;

    /// <summary>Runs it and counts. The first time, the table is made even if there are no rows.</summary>
    public async ValueTask<PublishResult> RunAsync(bool isFirst, CancellationToken cancel)
    {
        if (staging.Rows == 0 && !_replaces && !isFirst)
        {
            return new PublishResult(0, 0, 0, 0);
        }

        var live = await LiveTable.FindAsync(session, name, cancel);
        if (live is null && !isFirst && !_replaces)
        {
            throw new EtlException("ETL4308", $"the table {name} is gone, and the checkpoint says that rows were loaded into it", "Restore it from a snapshot, or run with --full-refresh to load it anew.");
        }

        var table = TargetTable.Fit(name, live, request.Schema, key, options);
        if (live is null && options.Schema.Create)
        {
            await session.ExecuteAsync($"CREATE SCHEMA IF NOT EXISTS {SqlText.Quote(name.Schema)}", cancel);
        }

        foreach (var statement in table.Statements)
        {
            await ExecuteAsync(statement, "fit the table", cancel);
        }

        var publish = new PublishStatements(name, staging.Sql, table.Columns, key, request.Schema.HasOp);
        return _replaces ? await ReplaceAsync(publish, cancel)
            : staging.Rows == 0 ? new PublishResult(0, 0, 0, 0)
            : options.Mode == TableLoadMode.Append ? new PublishResult(await ExecuteAsync(publish.Insert, "insert", cancel), 0, 0, 0)
            : await UpsertAsync(publish, cancel);
    }

    private async ValueTask<PublishResult> UpsertAsync(PublishStatements publish, CancellationToken cancel)
    {
        await RequireKeysAsync(publish, cancel);
        var unchanged = await ExecuteAsync(publish.DropUnchanged, "leave equal rows alone", cancel);
        var deleted = request.Schema.HasOp ? await ExecuteAsync(publish.Delete, "delete", cancel) : 0;
        var updated = await ExecuteAsync(publish.DeleteChanged, "delete changed", cancel);
        var written = await ExecuteAsync(publish.Insert, "insert", cancel);
        return new PublishResult(written - updated, updated, deleted, unchanged);
    }

    private async ValueTask<PublishResult> ReplaceAsync(PublishStatements publish, CancellationToken cancel)
    {
        if (staging.Rows > 0 && key.Count > 0)
        {
            await RequireKeysAsync(publish, cancel);
        }

        var before = await CountAsync($"SELECT count(*) FROM {name.Sql}", cancel);
        var versions = staging.Rows == 0 ? 0 : await CountAsync(publish.CountVersions, cancel);
        if (versions == 0 && before > 0 && !options.AllowEmpty)
        {
            throw new EtlException("ETL4674", $"no rows came, and publishing them would empty {name}, which holds {RedshiftTypes.Text(before)}", "If that is meant: allow_empty: true.") { OptionPath = "allow_empty" };
        }

        if (before > 0)
        {
            await ExecuteAsync(publish.Empty, "empty", cancel);
        }

        var inserted = versions == 0 ? 0 : await ExecuteAsync(publish.Insert, "insert", cancel);
        return new PublishResult(inserted, 0, before, 0, before == 0 ? null : "replaced");
    }

    // No key is enforced, so they are counted: in what came, whatever the contract says of it, and in the target, where a key that is there twice would be
    // counted as two updates and hide what someone else did to the table.
    private async ValueTask RequireKeysAsync(PublishStatements publish, CancellationToken cancel)
    {
        if (key.Any(k => request.Schema.Require(k).IsNullable) && await CountAsync(publish.CountNullKeys, cancel) is > 0 and var nulls)
        {
            throw new EtlException("ETL4676", $"the key of {RedshiftTypes.Text(nulls)} rows for {name} is NULL in {Names}", "Filter such rows out, or send them to the dead letters with a check.") { OptionPath = "key" };
        }

        if (await CountAsync(publish.CountDuplicates, cancel) is > 0 and var duplicates)
        {
            throw new EtlException("ETL4675", $"{RedshiftTypes.Text(duplicates)} keys ({Names}) come more than once in the rows for {name}, and which row counts is not known", "Add transform: deduplicate before the load, or correct the key; if the contract calls it the primary key, correct the contract.") { OptionPath = "key" };
        }

        if (!_replaces && await CountAsync(publish.CountDoubled, cancel) is > 0 and var doubled)
        {
            throw new EtlException("ETL4683", $"{name} has {RedshiftTypes.Text(doubled)} of the keys ({Names}) that came more than once", "Another program wrote to it. Remove the extra rows, or run with --full-refresh.") { OptionPath = "key" };
        }

        request.Step("check keys");
    }

    private string Names => string.Join(", ", key);

    private async ValueTask<long> CountAsync(string sql, CancellationToken cancel) => (long)(await session.ScalarAsync(sql, cancel))!;

    private async ValueTask<long> ExecuteAsync(string sql, string step, CancellationToken cancel)
    {
        var rows = await session.ExecuteAsync(sql, cancel);
        request.Step(step);
        return rows;
    }
}
