using System.Globalization;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Postgres.Load;

/// <summary>All keys that the source has.</summary>
/// <param name="Table">Holds them, quoted; null where there are none.</param>
internal sealed record StagedKeys(string? Table);

/// <summary>Makes staged rows the target's, in the transaction that the caller began and commits.</summary>
/// <param name="session">In a transaction that holds the checkpoint's row.</param>
/// <param name="name">The target.</param>
/// <param name="options">Its options.</param>
/// <param name="key">The key of upsert.</param>
/// <param name="request">The request.</param>
/// <param name="tables">Staging tables, quoted.</param>
/// <param name="differences">The quoted name of a table that may be made beside them.</param>
/// <param name="staged">Rows in them.</param>
/// <param name="keys">Rows of other keys are deleted; null to leave them.</param>
/// <param name="isFirst">Nothing was ever published: the table is made even if there are no rows.</param>
internal sealed class Publication(
    NpgsqlConnection session, TableName name, TableLoadOptions options, IReadOnlyList<string> key, LoadRequest request, IReadOnlyList<string> tables, string differences, long staged, StagedKeys? keys, bool isFirst)
{
    private readonly bool _replaces = options.Mode == TableLoadMode.Replace || request.FullRefresh;

    /// <summary>Runs it and counts.</summary>
    public async ValueTask<PublishResult> RunAsync(CancellationToken cancel)
    {
        if (staged == 0 && keys is null && !_replaces && !isFirst)
        {
            return new PublishResult(0, 0, 0, 0);
        }

        var live = await LiveTable.FindAsync(session, name, cancel);
        if (live is null)
        {
            // Of several pipelines that load a table that is not there, one makes it: the server's CREATE does not wait for another's, even with
            // IF NOT EXISTS, but fails with a unique violation in its catalog.
            await ExecuteAsync("SELECT pg_advisory_xact_lock(hashtextextended('etl: create a table', 0))", "wait for others", cancel);
            live = await LiveTable.FindAsync(session, name, cancel);
        }

        if (live is null && !isFirst && !_replaces)
        {
            throw new EtlException("ETL4308", $"the table {name} is gone, and the checkpoint says that rows were loaded into it", "Restore it from a copy, or run with --full-refresh to load it anew.");
        }

        var table = TargetTable.Fit(name, live, request.Schema, key, options.Schema);
        // IF NOT EXISTS would ask for the right to create schemas even where there is nothing to create.
        if (live is null && options.Schema.Create && !(bool)await ScalarAsync($"SELECT to_regnamespace({SqlText.Literal(SqlText.Quote(name.Schema))}) IS NOT NULL", cancel))
        {
            await ExecuteAsync($"CREATE SCHEMA {SqlText.Quote(name.Schema)}", "create schema", cancel);
        }

        foreach (var statement in table.Statements)
        {
            await ExecuteAsync(statement, "fit the table", cancel);
        }

        var result = await PublishAsync(table, cancel);
        foreach (var statement in table.StatementsAfterRows)
        {
            await ExecuteAsync(statement, "make the key", cancel);
        }

        return result;
    }

    private async ValueTask<PublishResult> PublishAsync(TargetTable table, CancellationToken cancel)
    {
        var publish = new PublishStatements(name.Sql, Staged(), differences, table.Columns, key, request.Schema.HasOp);
        if (_replaces)
        {
            return await ReplaceAsync(publish, cancel);
        }

        if (options.Mode == TableLoadMode.Append)
        {
            return new PublishResult(staged == 0 ? 0 : await ExecuteAsync(publish.Insert, "insert", cancel), 0, 0, 0);
        }

        var result = staged == 0 ? new PublishResult(0, 0, 0, 0) : await UpsertAsync(publish, cancel);
        return keys is null ? result : result with { Deleted = result.Deleted + await DeleteOthersAsync(publish, keys, cancel) };
    }

    private async ValueTask<long> DeleteOthersAsync(PublishStatements publish, StagedKeys keys, CancellationToken cancel)
    {
        if (keys.Table is null && !options.AllowEmpty && await CountAsync($"SELECT count(*) FROM {name.Sql}", cancel) is > 0 and var rows)
        {
            throw WouldEmpty(rows);
        }

        await ExecuteAsync(publish.Lock, "lock", cancel);
        return await ExecuteAsync(publish.DeleteOthers(keys.Table), "delete others", cancel);
    }

    private async ValueTask<PublishResult> UpsertAsync(PublishStatements publish, CancellationToken cancel)
    {
        await ExecuteAsync(publish.Lock, "lock", cancel);
        await RequireKeysAsync(publish, cancel);
        request.Step("check keys");
        if (!(bool)await ScalarAsync($"SELECT EXISTS (SELECT FROM {name.Sql})", cancel))
        {
            return new PublishResult(await ExecuteAsync(publish.Insert, "insert", cancel), 0, 0, 0);
        }

        var deleted = request.Schema.HasOp ? await ExecuteAsync(publish.Delete, "delete", cancel) : 0;
        await ExecuteAsync(publish.FindDifferences, "find differences", cancel);
        await ExecuteAsync(publish.AnalyzeDifferences, "analyze differences", cancel);
        var updated = publish.Update is { } update ? await ExecuteAsync(update, "update changed", cancel) : 0;
        var inserted = await ExecuteAsync(publish.InsertMissing, "insert missing", cancel);
        await ExecuteAsync(publish.DropDifferences, "drop differences", cancel);
        var versions = request.Schema.HasOp ? await CountAsync(publish.CountVersions, cancel) : staged;
        return new PublishResult(inserted, updated, deleted, versions - inserted - updated);
    }

    // TRUNCATE and INSERT in one transaction keep the table's grants, views, indexes and identity, which a new table under the old name would
    // not. Readers wait from the TRUNCATE to the commit.
    private async ValueTask<PublishResult> ReplaceAsync(PublishStatements publish, CancellationToken cancel)
    {
        await ExecuteAsync(publish.Lock, "lock", cancel);
        if (staged > 0 && key.Count > 0)
        {
            await RequireKeysAsync(publish, cancel);
        }

        var before = await CountAsync($"SELECT count(*) FROM {name.Sql}", cancel);
        var versions = staged == 0 ? 0 : await CountAsync(publish.CountVersions, cancel);
        if (versions == 0 && before > 0 && !options.AllowEmpty)
        {
            throw WouldEmpty(before);
        }

        if (before > 0)
        {
            // A table that others refer to cannot be truncated; deleting its rows lets the server check each reference.
            var isReferenced = (bool)await ScalarAsync($"SELECT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = {SqlText.Literal(name.Sql)}::regclass)", cancel);
            await ExecuteAsync(isReferenced ? $"DELETE FROM {name.Sql}" : $"TRUNCATE {name.Sql}", "empty", cancel);
        }

        var inserted = versions == 0 ? 0 : await ExecuteAsync(publish.Insert, "insert", cancel);
        return new PublishResult(inserted, 0, before, 0, before == 0 ? null : "replaced");
    }

    // Counted even where the schema calls the key unique: a contract may have said so, and it can be wrong about its source, which would
    // double rows silently in a target without an index on the key.
    private async ValueTask RequireKeysAsync(PublishStatements publish, CancellationToken cancel)
    {
        if (key.Any(k => request.Schema.Require(k).IsNullable) && await CountAsync(publish.CountNullKeys, cancel) is > 0 and var nulls)
        {
            throw new EtlException("ETL4476", $"the key of {nulls.ToString(CultureInfo.InvariantCulture)} rows for {name} is NULL in {Names(key)}", "Filter such rows out, or send them to the dead letters with a check.") { OptionPath = "key" };
        }

        if (await CountAsync(publish.CountDuplicates, cancel) is > 0 and var duplicates)
        {
            throw new EtlException("ETL4475", $"{duplicates.ToString(CultureInfo.InvariantCulture)} keys ({Names(key)}) come more than once in the rows for {name}, and which row counts is not known", "Add transform: deduplicate before the load, or correct the key; if the contract calls it the primary key, correct the contract.") { OptionPath = "key" };
        }
    }

    private EtlException WouldEmpty(long rows) => new(
        "ETL4474", $"no rows came, and publishing them would empty {name}, which holds {rows.ToString(CultureInfo.InvariantCulture)}", "If that is meant: allow_empty: true.") { OptionPath = "allow_empty" };

    private string Staged() => tables.Count switch
    {
        // Nothing was staged: the statements over it are not run.
        0 => name.Sql,
        1 => tables[0],
        _ => $"({string.Join(" UNION ALL ", tables.Select(t => $"SELECT * FROM {t}"))})",
    };

    private static string Names(IEnumerable<string> names) => string.Join(", ", names);

    private async ValueTask<long> CountAsync(string sql, CancellationToken cancel) => (long)await ScalarAsync(sql, cancel);

    private async ValueTask<object> ScalarAsync(string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return (await command.ExecuteScalarAsync(cancel))!;
    }

    private async ValueTask<long> ExecuteAsync(string sql, string step, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, session);
        var rows = await command.ExecuteNonQueryAsync(cancel);
        request.Step(step);
        return rows;
    }
}
