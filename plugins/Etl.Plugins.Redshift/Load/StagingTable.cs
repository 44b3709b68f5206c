using Etl.Contracts;
using Npgsql;

namespace Etl.Plugins.Redshift.Load;

/// <summary>
/// The table in the state's schema that holds what a session staged. Its name carries the load and the fence, so that a newer session knows what it may drop,
/// and a COPY that goes on after its client is gone writes where nobody reads.
/// </summary>
internal sealed class StagingTable(CheckpointKey key, long fence, RowSchema schema) : IDisposable
{
    private readonly SemaphoreSlim _copying = new(1, 1);
    private readonly string _name = $"stg_{key.ShortName}_{RedshiftTypes.Text(fence)}";
    private bool _exists;

    /// <summary>The quoted name.</summary>
    public string Sql => SqlText.Quote(LoadState.Schema, _name);

    /// <summary>Rows in it.</summary>
    public long Rows { get; private set; }

    /// <summary>
    /// Loads files by one COPY, outside of a transaction and one at a time, as the cluster spreads a single COPY over all its slices. ETL4636: it failed; ETL4637: it loaded another
    /// number of rows than were sent.
    /// </summary>
    public async ValueTask CopyAsync(RedshiftConnection connection, StagedFiles files, CancellationToken cancel)
    {
        await _copying.WaitAsync(cancel);
        try
        {
            await using var session = await connection.OpenAsync(cancel);
            var fields = schema.Arrow.FieldsList;
            if (!_exists)
            {
                await session.ExecuteAsync($"CREATE TABLE {Sql} ({string.Join(", ", fields.Select(f => $"{SqlText.Quote(f.Name)} {RedshiftTypes.SqlType(RedshiftTypes.Staged(f).DataType)}"))}) DISTSTYLE EVEN", cancel);
                _exists = true;
            }

            try
            {
                await session.ExecuteAsync(
                    $"COPY {Sql} ({string.Join(", ", fields.Select(f => SqlText.Quote(f.Name)))}) FROM {RedshiftText.Literal(files.ManifestUrl)} {connection.Staging.Authorization} FORMAT AS PARQUET MANIFEST", cancel);
            }
            catch (PostgresException e) when (!RedshiftErrors.IsTransient(e) && e.SqlState != PostgresErrorCodes.UndefinedTable)
            {
                throw RedshiftErrors.OfStore(e, "COPY", connection.Staging);
            }

            var loaded = (long)(await session.ScalarAsync("SELECT pg_last_copy_count()::bigint", cancel))!;
            if (loaded != files.Rows)
            {
                throw new EtlException("ETL4637", $"COPY loaded {RedshiftTypes.Text(loaded)} rows of {RedshiftTypes.Text(files.Rows)} that were sent", "Nothing was published. Run again; if it comes back, something else writes to the staging store.");
            }

            Rows += loaded;
        }
        finally
        {
            _copying.Release();
        }
    }

    /// <summary>Drops it.</summary>
    public async ValueTask DropAsync(NpgsqlConnection session, CancellationToken cancel)
    {
        if (_exists)
        {
            await session.ExecuteAsync($"DROP TABLE IF EXISTS {Sql}", cancel);
            _exists = false;
        }
    }

    /// <summary>Drops the tables of sessions with an older fence. One that a COPY still writes to stays for the next time.</summary>
    public static async ValueTask DropOlderAsync(NpgsqlConnection session, CheckpointKey key, long fence, CancellationToken cancel)
    {
        var prefix = $"stg_{key.ShortName}_";
        var names = await session.RowsAsync("SELECT c.relname::varchar FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND left(c.relname::varchar, $2) = $3", cancel, LoadState.Schema, prefix.Length, prefix);
        var older = names.Select(n => (string)n[0]!).Where(n => long.TryParse(n[prefix.Length..], out var of) && of < fence).ToList();
        if (older.Count == 0)
        {
            return;
        }

        await session.ExecuteAsync("SET statement_timeout TO 5000", cancel);
        foreach (var name in older)
        {
            try
            {
                await session.ExecuteAsync($"DROP TABLE IF EXISTS {SqlText.Quote(LoadState.Schema, name)}", cancel);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.QueryCanceled && !cancel.IsCancellationRequested)
            {
                // Its COPY runs: nobody reads the table, so it can wait.
            }
        }

        await session.ExecuteAsync("SET statement_timeout TO 0", cancel);
    }

    /// <inheritdoc/>
    public void Dispose() => _copying.Dispose();
}
