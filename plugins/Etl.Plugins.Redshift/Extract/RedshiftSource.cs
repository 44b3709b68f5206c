using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift.Extract;

/// <summary>What a source has, found before it is read.</summary>
/// <param name="Columns">An expression for each column of the schema, named as it.</param>
/// <param name="Identity">Of the source in its database.</param>
/// <param name="Warnings">For the run's report.</param>
internal sealed record SourceShape(IReadOnlyList<string> Columns, string Identity, IReadOnlyList<string> Warnings);

/// <summary>What extractors of a table and of a query have in common: a cursor with an overlap, and UNLOAD in the same transaction, so that both see one snapshot.</summary>
internal sealed class RedshiftSource(RedshiftConnection connection, PluginContext context, string kind, RedshiftIncrementalOptions? incremental)
{
    // What runs that were killed left; no run takes longer than this.
    private static readonly TimeSpan Abandoned = TimeSpan.FromDays(2);

    /// <summary>For the plan.</summary>
    public ExtractorCapabilities Capabilities(string source) => new(
        kind,
        incremental is not null,
        incremental is null
            ? "exact: everything, in one snapshot"
            : $"by the cursor, with an overlap of {incremental.Overlap}: complete if a row's cursor is never further behind its commit than that; Redshift keeps no trace by which later ones could be found. A cursor that is no time has no overlap. Deletions are seen through deleted_when only.",
        $"{source}; cursor {incremental?.Cursor}; null_cursor {incremental?.NullCursor}; deleted_when {incremental?.DeletedWhen}")
    {
        MayRepeat = incremental is not null,
    };

    /// <summary>The contract's columns, or those of them that are named, and <c>_op</c> if deletions are marked.</summary>
    public RowSchema Describe(DataContract? contract, IReadOnlyList<string>? columns, string source)
    {
        if (contract is null)
        {
            throw new EtlException("ETL3001", "the stage has no contract, so the types of its columns are not known", $"Write one from the source: etl contract import --connection NAME --table {source}");
        }

        var fields = columns is null ? contract.Schema.Arrow.FieldsList.ToList() : [.. columns.Select((name, i) => contract.Schema.Require(name, $"columns[{i}]"))];
        if (fields.FirstOrDefault(f => RedshiftTypes.SqlType(f.DataType) is null || f.DataType is Int8Type) is { } unknown)
        {
            throw new EtlException("ETL4670", $"column '{unknown.Name}' is declared as {unknown.DataType.Name}, which Redshift, or UNLOAD to Parquet, does not have", "Correct the contract.");
        }

        if (incremental is not null && contract.Schema.Require(incremental.Cursor, "incremental.cursor").DataType is FloatType or DoubleType or BooleanType)
        {
            throw new EtlException("ETL4686", $"the cursor '{incremental.Cursor}' is no time, date, number or text that is compared exactly", "Take another column.") { OptionPath = "incremental.cursor" };
        }

        if (incremental?.DeletedWhen is not null)
        {
            fields.Add(new Field(RowSchema.OpColumn, StringType.Default, false));
        }

        return contract.RowsOf(fields, incremental?.Key ?? contract.PrimaryKey);
    }

    /// <summary>Unloads what is new. ETL4639: the stored position is of another source; ETL4686: rows would come twice and may come only once.</summary>
    public async ValueTask<IExtraction> OpenAsync(ExtractRequest request, string relation, string display, Func<NpgsqlConnection, ValueTask<SourceShape>> shape, CancellationToken cancel)
    {
        if (request.Once && incremental is not null)
        {
            throw new EtlException("ETL4686", $"{display} is read with an overlap, whose rows would be appended again in each run", "Use mode: upsert with a key.") { OptionPath = "incremental" };
        }

        var folder = connection.Staging.Key("unload/");
        var oldest = context.Time.GetUtcNow() - Abandoned;
        await connection.Staging.DeleteAsync(folder, o => o.Modified < oldest, cancel);
        await using var session = await connection.OpenAsync(cancel);
        var found = await shape(session);
        var identity = $"{connection.Display}/{found.Identity}";
        if (request.From is { } from && (from.Kind != kind || from.Identity != identity))
        {
            throw new EtlException("ETL4639", $"the stored position is of {from.Kind} {from.Identity}; this reads {kind} {identity}", "The table was made anew, or the connection leads elsewhere. If that is meant, run with --full-refresh.");
        }

        var columns = incremental?.DeletedWhen is { } deleted
            ? [.. found.Columns, $"CAST(CASE WHEN {SourceSql.Bind(deleted, request.Parameters, "incremental.deleted_when")} THEN '{RowSchema.OpDelete}' ELSE '{RowSchema.OpUpsert}' END AS varchar(6)) AS {SqlText.Quote(RowSchema.OpColumn)}"]
            : found.Columns;
        var prefix = $"{folder}{Guid.NewGuid():N}/";
        try
        {
            await session.ExecuteAsync("BEGIN", cancel);
            var (where, position) = await IncrementAsync(session, relation, display, request, cancel);
            var rows = await UnloadAsync(session, $"SELECT {string.Join(", ", columns)} FROM {relation}{where}", prefix, cancel);
            await session.ExecuteAsync("END", cancel);
            var splits = await UnloadedFiles.ListAsync(connection.Staging, prefix, rows, cancel);
            return new UnloadExtraction(connection.Staging, prefix, splits, new SourcePosition(kind, identity, position), rows, found.Warnings, request.Schema.Arrow);
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            await Load.LoadState.RollbackAsync(session);
            throw new EtlException("ETL4635", $"the SQL cannot run: {e.MessageText} ({e.SqlState})", e.Hint ?? "Correct the SQL, or grant the connection's user what it needs.", e) { OptionPath = kind.StartsWith("redshift.query", StringComparison.Ordinal) ? "query" : null };
        }
        catch
        {
            await Load.LoadState.RollbackAsync(session);
            await connection.Staging.DeleteAsync(prefix, _ => true, CancellationToken.None);
            throw;
        }
    }

    private async ValueTask<(string Where, JsonObject Position)> IncrementAsync(NpgsqlConnection session, string relation, string display, ExtractRequest request, CancellationToken cancel)
    {
        if (incremental is null)
        {
            return ("", []);
        }

        var field = request.Contract!.Schema.Require(incremental.Cursor);
        var (name, type) = (SqlText.Quote(field.Name), RedshiftTypes.SqlType(field.DataType));
        var previous = request.From?.Position["cursor"]?.GetValue<string>() is { } text ? $"CAST({RedshiftText.Literal(text)} AS {type})" : null;
        if (incremental.NullCursor == NullCursor.Fail && field.IsNullable && (long)(await session.ScalarAsync($"SELECT count(*) FROM {relation} WHERE {name} IS NULL", cancel))! is > 0 and var nulls)
        {
            throw new EtlException("ETL4110", $"the cursor '{field.Name}' of {display} is NULL in {RedshiftTypes.Text(nulls)} rows, so nobody can tell whether they are new", "Fill it in the source, or decide: null_cursor: include (read them in every run) or skip (never).") { OptionPath = "incremental.cursor" };
        }

        // A cursor in the future would else take the overlap with it.
        var next = field.DataType is TimestampType or Date32Type
            ? $"least(max({name}), CAST(getdate() AS {type})) - interval '{RedshiftTypes.Text((long)incremental.Overlap.TotalSeconds)} seconds'"
            : $"max({name})";
        next = $"CAST({next} AS {type})";
        var reached = await session.ScalarAsync($"SELECT CAST({(previous is null ? next : $"greatest({next}, {previous})")} AS varchar) FROM {relation}", cancel);
        var conditions = previous is null ? null : $"{name} >= {previous}";
        var where = (conditions, incremental.NullCursor) switch
        {
            (null, NullCursor.Skip) => $" WHERE {name} IS NOT NULL",
            (null, _) => "",
            (_, NullCursor.Include) => $" WHERE ({conditions} OR {name} IS NULL)",
            _ => $" WHERE {conditions}",
        };
        return (where, new JsonObject { ["cursor"] = (string?)reached ?? request.From?.Position["cursor"]?.GetValue<string>() });
    }

    private async ValueTask<long> UnloadAsync(NpgsqlConnection session, string query, string prefix, CancellationToken cancel)
    {
        try
        {
            await session.ExecuteAsync(
                $"UNLOAD ({RedshiftText.Literal(query)}) TO {RedshiftText.Literal(connection.Staging.UrlOf(prefix))} {connection.Staging.Authorization} FORMAT AS PARQUET MANIFEST VERBOSE MAXFILESIZE 64 MB", cancel);
        }
        catch (PostgresException e) when (!RedshiftErrors.IsTransient(e) && !e.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            throw RedshiftErrors.OfStore(e, "UNLOAD", connection.Staging);
        }

        return (long)(await session.ScalarAsync("SELECT pg_last_unload_count()::bigint", cancel))!;
    }
}
