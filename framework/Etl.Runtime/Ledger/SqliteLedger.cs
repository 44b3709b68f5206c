using System.Data.Common;
using Dapper;
using Etl.Contracts;
using Etl.Runtime.Definition;
using Etl.Runtime.Reports;
using Microsoft.Data.Sqlite;

namespace Etl.Runtime.Ledger;

/// <summary>
/// The ledger of a project on this machine: the SQLite file <c>.etl/ledger.db</c>, readable by its owner only. Made when first needed; one of an
/// older version is brought forward, one of a newer version is refused (ETL4610).
/// </summary>
public sealed class SqliteLedger : ILedger
{
    private static readonly LedgerSql Sql = new("");

    private readonly string path;
    private readonly LedgerStore store;
    private bool ready;

    /// <summary>Does no I/O. <paramref name="path"/> is the file's absolute path.</summary>
    public SqliteLedger(string path)
    {
        this.path = path;
        store = new LedgerStore(Sql, OpenAsync);
    }

    /// <inheritdoc/>
    public Task StartAsync(RunStart run, CancellationToken cancel) => WriteAsync(() => store.StartAsync(run, cancel));

    /// <inheritdoc/>
    public Task FinishAsync(RunReport report, CancellationToken cancel) => WriteAsync(() => store.FinishAsync(report, cancel));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunSummary>> ListAsync(RunFilter filter, CancellationToken cancel) =>
        File.Exists(path) ? await store.ListAsync(filter, cancel) : [];

    /// <inheritdoc/>
    public async Task<RunRecord?> ShowAsync(string id, CancellationToken cancel) =>
        File.Exists(path) ? await store.ShowAsync(id, cancel) : null;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task WriteAsync(Func<Task> write)
    {
        try
        {
            await write();
        }
        // A constraint that is broken is an error of the program, and no matter of the disk.
        catch (SqliteException e) when (e.SqliteErrorCode != SQLitePCL.raw.SQLITE_CONSTRAINT)
        {
            throw new EtlException("ETL4316", $"the ledger {path} cannot be written: {e.Message}", "Look at its disk, and run again. What targets hold is told by their own checkpoints: nothing of it depends on the ledger.", e);
        }
    }

    private async Task<DbConnection> OpenAsync(CancellationToken cancel)
    {
        // Without a pool the file is closed with the connection, and can be moved or deleted.
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, ForeignKeys = true, DefaultTimeout = 30 }.ToString());
        try
        {
            if (!ready)
            {
                CreateFile();
            }

            await connection.OpenAsync(cancel);
            if (!ready)
            {
                await MigrateAsync(connection, cancel);
                ready = true;
            }

            return connection;
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            await connection.DisposeAsync();
            throw new EtlException("ETL4611", $"the ledger {path} cannot be opened: {e.Message}", "Check that the folder can be written; a damaged ledger can be moved away, only history is lost.", e);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // SQLite would make it readable by all, and errors in a report can tell more than everybody should know.
    private void CreateFile()
    {
        PrivateFolder.Create(Path.GetDirectoryName(path)!);
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    private async Task MigrateAsync(SqliteConnection connection, CancellationToken cancel)
    {
        var version = await connection.ExecuteScalarAsync<int>(new CommandDefinition("pragma user_version", cancellationToken: cancel));
        if (version > Sql.Migrations.Count)
        {
            throw LedgerVersion.TooNew(path, version, Sql.Migrations.Count);
        }

        if (version == Sql.Migrations.Count)
        {
            return;
        }

        // An immediate transaction: of two processes that come at once, the second waits and then finds it done.
        await using var transaction = connection.BeginTransaction(deferred: false);
        version = await connection.ExecuteScalarAsync<int>(new CommandDefinition("pragma user_version", transaction: transaction, cancellationToken: cancel));
        for (; version < Sql.Migrations.Count; version++)
        {
            await connection.ExecuteAsync(new CommandDefinition(Sql.Migrations[version], transaction: transaction, cancellationToken: cancel));
            await connection.ExecuteAsync(new CommandDefinition(FormattableString.Invariant($"pragma user_version = {version + 1}"), transaction: transaction, cancellationToken: cancel));
        }

        await transaction.CommitAsync(cancel);
    }
}
