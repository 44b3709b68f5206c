using System.Runtime.CompilerServices;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Postgres.Load;

namespace Etl.Plugins.Postgres;

/// <summary>Options of <c>load: table</c> into PostgreSQL.</summary>
public sealed record PostgresTableLoadOptions : TableLoadOptions;

/// <summary>Rules of <see cref="PostgresTableLoadOptions"/>.</summary>
public sealed class PostgresTableLoadRules : TableLoadRules<PostgresTableLoadOptions>;

/// <summary>Stages rows in unlogged tables and publishes them, the checkpoint and the audit in one transaction.</summary>
[Loader("table", "Writes rows to a table of PostgreSQL: appends, upserts by key, or replaces.", For = "postgres")]
public sealed class PostgresTableLoader(PostgresTableLoadOptions options, PostgresConnection connection) : ILoader, IEpochHistory, ILiveTarget
{
    // One less than a table has: an upsert marks rows in one of its own.
    private const int MaxColumns = 1599;

    private readonly TableName _table = TableName.Parse(options.Table, connection.Schema);

    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input)
    {
        var mode = options.Mode switch
        {
            TableLoadMode.Append => LoadMode.Append,
            TableLoadMode.Upsert => LoadMode.Upsert,
            _ => LoadMode.Replace,
        };
        if (input.HasOp && mode == LoadMode.Append)
        {
            throw new EtlException("ETL3021", "the rows carry deletions (deleted_when), and mode: append has no way to apply them", "Use mode: upsert with a key, or filter the deleted rows out.") { OptionPath = "mode" };
        }

        RequireColumns(input);
        var key = Key(input);
        var table = TargetTable.New(_table, input, key);
        var publish = new PublishStatements(_table.Sql, "staged", "differences", table.Columns, key, input.HasOp);
        IReadOnlyList<string?> statements = mode switch
        {
            LoadMode.Upsert => [publish.Lock, input.HasOp ? publish.Delete : null, publish.FindDifferences, publish.Update, publish.InsertMissing],
            LoadMode.Append => [publish.Insert],
            _ => [$"TRUNCATE {_table.Sql}", publish.Insert],
        };
        return new LoadPlan(
            mode,
            key,
            $"{connection.Display} {_table}",
            mode == LoadMode.Replace
                ? "exactly-once effect: emptying, rows, checkpoint and audit are committed in one transaction; grants, views and identity of the table stay"
                : "exactly-once effect: rows, checkpoint and audit are committed in one transaction",
            [.. options.Schema.Create ? table.Statements : [], .. statements.OfType<string>(), .. options.Schema.Create ? table.StatementsAfterRows : []],
            options.OnExcluded == OnExcluded.Delete && mode == LoadMode.Upsert)
        {
            Conversions = [.. input.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn).Select(f => PostgresTypes.Stored(f))],
            AcceptedLosses = options.AcceptLoss,
        };
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel)
    {
        await using var session = await connection.OpenSourceAsync(cancel);
        return await new CheckpointStore(key).ReadAsync(session, cancel);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        await using var session = await connection.OpenSourceAsync(cancel);
        await foreach (var epoch in new CheckpointStore(key).ReadEpochsAsync(session, cancel))
        {
            yield return epoch;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        RequireColumns(request.Schema);
        return await LoadSession.OpenAsync(connection, _table, options, Key(request.Schema), request, cancel);
    }

    /// <inheritdoc/>
    public async ValueTask<TargetFit> FitAsync(RowSchema rows, CancellationToken cancel)
    {
        await using var session = await connection.OpenSourceAsync(cancel);
        var live = await LiveTable.FindAsync(session, _table, cancel);
        try
        {
            return new(live is not null, TargetTable.Fit(_table, live, rows, Key(rows), options.Schema).Statements);
        }
        catch (EtlException e) when (e.Code is "ETL4472" or "ETL4473" or "ETL4479")
        {
            return new(live is not null, [], e);
        }
    }

    private IReadOnlyList<string> Key(RowSchema input) => [.. options.Key.Select((k, i) =>
    {
        var field = input.Require(k, $"key[{i}]");
        return field.DataType is FloatType or DoubleType
            ? throw new EtlException("ETL4481", $"the key column '{field.Name}' is a floating point number, which no two systems compare alike", "Use a decimal, or a hash of it.") { OptionPath = $"key[{i}]" }
            : field.Name;
    })];

    private static void RequireColumns(RowSchema input)
    {
        var fields = TargetTable.Written(input).ToList();
        if (fields.Count is 0 or > MaxColumns)
        {
            throw new EtlException("ETL4471", $"the rows have {fields.Count} columns; 1 to {MaxColumns} can be loaded into PostgreSQL", "Leave columns out on the way (transform: select).");
        }

        foreach (var field in fields)
        {
            TableName.RequireLength(field.Name, "column", null);
            if (PostgresTypes.SqlType(field.DataType) is null)
            {
                throw new EtlException("ETL4470", $"column '{field.Name}' has the Arrow type {field.DataType.Name}, for which PostgreSQL has none", "Convert it on the way (transform: derive).");
            }
        }
    }
}
