using System.Runtime.CompilerServices;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>Options of <c>load: table</c> to SQLite.</summary>
public sealed record SqliteTableLoadOptions : TableLoadOptions;

/// <summary>Key and mode fit.</summary>
public sealed class SqliteTableLoadRules : TableLoadRules<SqliteTableLoadOptions>;

/// <summary>Writes a table, and its checkpoint with it.</summary>
[Loader("table", "Loads rows into a table of an SQLite file, with the checkpoint in the same transaction.", For = "sqlite")]
public sealed class SqliteTableLoader(SqliteTableLoadOptions options, SqliteDatabase database) : ILoader, IEpochHistory, ILiveTarget
{
    /// <inheritdoc/>
    public LoadPlan Describe(RowSchema input)
    {
        for (var i = 0; i < options.Key.Count; i++)
        {
            input.Require(options.Key[i], $"key[{i}]");
        }

        if (options.Mode == TableLoadMode.Append && input.HasOp)
        {
            throw new EtlException("ETL3021", "the rows carry deletions (deleted_when), and mode: append has no way to apply them", "Use mode: upsert with a key, or filter the deleted rows out.") { OptionPath = "mode" };
        }

        var publication = new SqlitePublication(SqliteTarget.ForPlan(options, input), SqlText.Quote("_etl_stage"), input.HasOp);
        return new(
            options.Mode switch { TableLoadMode.Append => LoadMode.Append, TableLoadMode.Upsert => LoadMode.Upsert, _ => LoadMode.Replace },
            options.Key,
            $"{options.Table} in {database.Display}",
            "exactly-once effect: rows, checkpoint and audit row are one transaction of the file",
            [.. publication.Target.Ddl, .. Publishing(publication)],
            DeletesExcluded: options is { Mode: TableLoadMode.Upsert, OnExcluded: OnExcluded.Delete })
        {
            Conversions = [.. publication.Target.Columns.Select(c => SqliteTypeMap.Stored(c.Field))],
            AcceptedLosses = options.AcceptLoss,
        };
    }

    /// <inheritdoc/>
    public async ValueTask<Checkpoint?> ReadCheckpointAsync(CheckpointKey key, CancellationToken cancel)
    {
        if (!File.Exists(database.Path))
        {
            return null;
        }

        using var session = await database.OpenTargetAsync(cancel);
        return new SqliteState(session, key).Read();
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Checkpoint> ReadEpochsAsync(CheckpointKey key, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (!File.Exists(database.Path))
        {
            yield break;
        }

        using var session = await database.OpenTargetAsync(cancel);
        foreach (var epoch in new SqliteState(session, key).ReadEpochs())
        {
            yield return epoch;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ILoadSession> OpenAsync(LoadRequest request, CancellationToken cancel)
    {
        var session = await database.OpenTargetAsync(cancel);
        try
        {
            return await Task.Run(() => SqliteLoadSession.Open(database, session, request, options), cancel);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<TargetFit> FitAsync(RowSchema rows, CancellationToken cancel)
    {
        if (!File.Exists(database.Path))
        {
            return new(false, SqliteTarget.ForPlan(options, rows).Ddl);
        }

        using var session = await database.OpenSourceAsync(cancel);
        try
        {
            var target = SqliteTarget.Resolve(session, options, rows);
            return new(target.Exists, target.Ddl);
        }
        catch (EtlException e) when (e.Code is "ETL4521" or "ETL4522" or "ETL4523")
        {
            return new(e.Code != "ETL4521", [], e);
        }
    }

    private IEnumerable<string> Publishing(SqlitePublication publication) => options.Mode switch
    {
        TableLoadMode.Append => [publication.InsertAll],
        TableLoadMode.Replace => [publication.DeleteAll, publication.InsertAll],
        _ => new[] { publication.HasOp ? publication.DeleteByKey : null, publication.UpdateChanged, publication.InsertMissing }.OfType<string>(),
    };
}
