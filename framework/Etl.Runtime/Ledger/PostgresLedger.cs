using System.Data.Common;
using Dapper;
using Etl.Contracts;
using Etl.Runtime.Reports;

namespace Etl.Runtime.Ledger;

/// <summary>
/// The ledger of several machines: tables <c>ledger_*</c> in the schema <c>_etl</c> of a PostgreSQL database. Made when first needed, brought forward from
/// an older version, refused when newer (ETL4610).
/// </summary>
public sealed class PostgresLedger : ILedger
{
    // Any number: whoever holds it brings the tables forward.
    private const long MigrationLock = 0x65_74_6c_6c_65_64_67_72;

    private static readonly LedgerSql Sql = new("_etl.ledger_");

    private readonly Func<CancellationToken, ValueTask<DbConnection>> open;
    private readonly string display;
    private readonly LedgerStore store;
    private bool ready;

    /// <summary>Does no I/O. <paramref name="open"/> gives open sessions of the database that people call <paramref name="display"/>.</summary>
    public PostgresLedger(Func<CancellationToken, ValueTask<DbConnection>> open, string display)
    {
        (this.open, this.display) = (open, display);
        store = new LedgerStore(Sql, OpenAsync);
    }

    /// <inheritdoc/>
    public Task StartAsync(RunStart run, CancellationToken cancel) => store.StartAsync(run, cancel);

    /// <inheritdoc/>
    public Task FinishAsync(RunReport report, CancellationToken cancel) => store.FinishAsync(report, cancel);

    /// <inheritdoc/>
    public Task<IReadOnlyList<RunSummary>> ListAsync(RunFilter filter, CancellationToken cancel) => store.ListAsync(filter, cancel);

    /// <inheritdoc/>
    public Task<RunRecord?> ShowAsync(string id, CancellationToken cancel) => store.ShowAsync(id, cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<DbConnection> OpenAsync(CancellationToken cancel)
    {
        try
        {
            var connection = await open(cancel);
            try
            {
                if (!ready)
                {
                    await MigrateAsync(connection, cancel);
                    ready = true;
                }

                return connection;
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        }
        catch (DbException e)
        {
            throw new EtlException("ETL4611", $"the ledger in {display} cannot be opened: {e.Message}", "Check the host, the user's right to create the schema _etl, and `ledger` in etl.yaml.", e);
        }
    }

    private async Task MigrateAsync(DbConnection connection, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        Task Run(string text) => connection.ExecuteAsync(new CommandDefinition(text, transaction: transaction, cancellationToken: cancel));

        await Run(FormattableString.Invariant($"select pg_advisory_xact_lock({MigrationLock})"));
        var exists = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select to_regclass('_etl.ledger_version') is not null", transaction: transaction, cancellationToken: cancel));
        if (!exists)
        {
            await Run("create schema if not exists _etl");
            await Run("create table _etl.ledger_version (version int not null)");
            await Run("insert into _etl.ledger_version values (0)");
        }

        var version = await connection.ExecuteScalarAsync<int>(new CommandDefinition(
            "select version from _etl.ledger_version", transaction: transaction, cancellationToken: cancel));
        if (version > Sql.Migrations.Count)
        {
            throw LedgerVersion.TooNew($"in {display}", version, Sql.Migrations.Count);
        }

        for (; version < Sql.Migrations.Count; version++)
        {
            await Run(Sql.Migrations[version]);
            await Run(FormattableString.Invariant($"update _etl.ledger_version set version = {version + 1}"));
        }

        await transaction.CommitAsync(cancel);
    }
}
