using Npgsql;

namespace Etl.Model.Tests.Protocol;

/// <summary>A table of PostgreSQL in a schema of its own, and the transactions that are open on it, with what is committed beside them.</summary>
internal sealed class LateSource : IAsyncDisposable
{
    private readonly NpgsqlConnection _session = new(Server.ConnectionString);
    private readonly Dictionary<int, Transaction> _open = [];
    private readonly Dictionary<int, Row> _committed = [];
    private long _seq;

    /// <summary>Of this table.</summary>
    public string Schema { get; } = $"model_{Guid.NewGuid():N}";

    /// <summary>Where the table is.</summary>
    public static NpgsqlConnectionStringBuilder Server { get; } = new(
        Environment.GetEnvironmentVariable("ETL_TEST_POSTGRES") ?? throw new InvalidOperationException("ETL_TEST_POSTGRES names no server; run the tests by tools/test")) { Pooling = false };

    /// <summary>The variable that holds the server's password.</summary>
    public const string Password = "ETL_MODEL_PASSWORD";

    static LateSource() => Environment.SetEnvironmentVariable(Password, Server.Password);

    /// <summary>What a snapshot sees now.</summary>
    public IReadOnlyList<Row> Visible => [.. _committed.Values];

    /// <summary>The transactions that are open.</summary>
    public IReadOnlyList<int> Open => [.. _open.Keys];

    private string Items => $"{Schema}.items";

    public async Task CreateAsync()
    {
        await _session.OpenAsync();
        await RunAsync(_session, $"CREATE SCHEMA {Schema}; CREATE TABLE {Items} (id bigint PRIMARY KEY, value bigint NOT NULL, deleted bigint NOT NULL, seq bigint NOT NULL)");
    }

    /// <summary>Cursors are given when rows are written, so a transaction that ends late has low ones.</summary>
    public async Task WriteAsync(LateStep.Write write)
    {
        var row = new Row((write.Slot * 10) + write.Key, write.Value, write.Deleted, ++_seq);
        var sql = FormattableString.Invariant(
            $"INSERT INTO {Items} VALUES ({row.Id}, {row.Value}, {(row.Deleted ? 1 : 0)}, {row.Seq}) ON CONFLICT (id) DO UPDATE SET value = excluded.value, deleted = excluded.deleted, seq = excluded.seq");
        if (write.Slot == 0)
        {
            await RunAsync(_session, sql);
            _committed[row.Id] = row;
            return;
        }

        if (!_open.TryGetValue(write.Slot, out var transaction))
        {
            _open.Add(write.Slot, transaction = new Transaction(new NpgsqlConnection(Server.ConnectionString)));
            await transaction.Session.OpenAsync();
            await RunAsync(transaction.Session, "BEGIN");
        }

        if (transaction.PreparedAs is null)
        {
            await RunAsync(transaction.Session, write.InSavepoint ? $"SAVEPOINT inner_one; {sql}; RELEASE inner_one" : sql);
            transaction.Rows.Add(row);
        }
    }

    public async Task PrepareAsync(int slot)
    {
        if (_open.TryGetValue(slot, out var transaction) && transaction.PreparedAs is null)
        {
            transaction.PreparedAs = $"{Schema}_{slot}";
            await RunAsync(transaction.Session, $"PREPARE TRANSACTION '{transaction.PreparedAs}'");
        }
    }

    public async Task SettleAsync(int slot, Ending ending)
    {
        if (!_open.Remove(slot, out var transaction))
        {
            return;
        }

        var verb = ending == Ending.Commit ? "COMMIT" : "ROLLBACK";
        await RunAsync(transaction.Session, transaction.PreparedAs is null ? verb : $"{verb} PREPARED '{transaction.PreparedAs}'");
        await transaction.Session.DisposeAsync();
        foreach (var row in ending == Ending.Commit ? transaction.Rows : [])
        {
            _committed[row.Id] = row;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var slot in Open)
        {
            await SettleAsync(slot, Ending.Rollback);
        }

        await RunAsync(_session, $"DROP SCHEMA IF EXISTS {Schema} CASCADE");
        await _session.DisposeAsync();
    }

    /// <summary>The id after the last transaction's: where a reader stands that takes all before it for ended.</summary>
    public async Task<long> NextTransactionAsync()
    {
        await using var command = new NpgsqlCommand("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", _session);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task RunAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }

    private sealed class Transaction(NpgsqlConnection session)
    {
        public NpgsqlConnection Session { get; } = session;

        public List<Row> Rows { get; } = [];

        public string? PreparedAs { get; set; }
    }
}
