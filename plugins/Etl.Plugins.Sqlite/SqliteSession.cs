using System.Text;
using Etl.Contracts;
using SQLitePCL;

namespace Etl.Plugins.Sqlite;

/// <summary>
/// One open handle on a database file, over SQLite's own calls: no object per row or value. Not thread-safe, except
/// <see cref="Interrupt"/>.
/// </summary>
internal sealed class SqliteSession : IDisposable
{
    // SQLITE_DBCONFIG_DQS_DML
    private const int DoubleQuotedText = 1013;

    private readonly sqlite3 _handle;

    static SqliteSession() => Batteries_V2.Init();

    private SqliteSession(sqlite3 handle) => _handle = handle;

    /// <summary>Opens a file; <paramref name="create"/> makes a missing one, in WAL mode, readable by its owner only.</summary>
    public static SqliteSession Open(string path, bool readOnly, bool create, TimeSpan busyTimeout)
    {
        var isNew = !File.Exists(path);
        if (isNew && create)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }

        if (isNew && create && !OperatingSystem.IsWindows())
        {
            // SQLite would make it with the umask's mode; its -wal and -shm files take the database's.
            new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }).Dispose();
        }

        var flags = readOnly ? raw.SQLITE_OPEN_READONLY : raw.SQLITE_OPEN_READWRITE | (create ? raw.SQLITE_OPEN_CREATE : 0);
        var result = raw.sqlite3_open_v2(path, out var handle, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        var session = new SqliteSession(handle);
        try
        {
            session.Check(result, null);
            raw.sqlite3_busy_timeout(handle, (int)Math.Min(int.MaxValue, busyTimeout.TotalMilliseconds));
            // Without this a misspelt "column" is read as the text 'column'.
            session.Check(raw.sqlite3_db_config(handle, DoubleQuotedText, 0, out _), null);
            session.Execute("pragma trusted_schema = off");
            if (readOnly)
            {
                session.Execute("pragma query_only = on");
            }
            else if (isNew)
            {
                session.Execute("pragma journal_mode = wal");
            }

            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Rows changed by the last INSERT, UPDATE or DELETE.</summary>
    public long Changes => raw.sqlite3_changes(_handle);

    /// <summary>Whether a transaction is open.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    /// <summary>Runs one or several statements that give no rows.</summary>
    public void Execute(string sql) => Check(raw.sqlite3_exec(_handle, sql), sql);

    /// <summary>Compiles exactly one statement; a second one after it is refused.</summary>
    public SqliteStatement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out var statement, out var tail), sql);
        if (!string.IsNullOrWhiteSpace(tail) && !tail.TrimStart().StartsWith("--", StringComparison.Ordinal))
        {
            statement.Dispose();
            throw new EtlException("ETL4504", "the SQL holds more than one statement", "Write one SELECT.");
        }

        return new SqliteStatement(this, statement);
    }

    /// <summary>The first column of the first row as an integer; null without a row or for NULL.</summary>
    public long? Integer(string sql, params ReadOnlySpan<string> arguments)
    {
        using var statement = Prepare(sql);
        statement.Bind(arguments);
        return statement.Step() && !statement.IsNull(0) ? statement.Integer(0) : null;
    }

    /// <summary>Stops a statement that runs in another thread: it fails with SQLITE_INTERRUPT.</summary>
    public void Interrupt() => raw.sqlite3_interrupt(_handle);

    /// <summary>Rolls back if a transaction is open; SQLite ends some by itself when they fail.</summary>
    public void Rollback()
    {
        if (InTransaction)
        {
            Execute("rollback");
        }
    }

    /// <summary>Throws what the handle says about a result that is not success.</summary>
    public void Check(int result, string? sql)
    {
        if (result is raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE)
        {
            return;
        }

        if (result == raw.SQLITE_INTERRUPT)
        {
            throw new OperationCanceledException("the statement was interrupted");
        }

        var extended = _handle.IsInvalid ? result : raw.sqlite3_extended_errcode(_handle);
        var message = _handle.IsInvalid ? raw.sqlite3_errstr(result).utf8_to_string() : raw.sqlite3_errmsg(_handle).utf8_to_string();
        var hint = (result & 0xFF) switch
        {
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => "Another connection holds the file's lock. Wait for it, raise busy_timeout, or set `pragma journal_mode = wal` on the file so that readers do not stop a writer.",
            raw.SQLITE_CANTOPEN => "Look at the connection's path and at the permissions of the file and its folder.",
            raw.SQLITE_READONLY => "The file or its folder is not writable.",
            raw.SQLITE_FULL => "There is no room left for the file, its journal or SQLite's temporary files: look at the disk, at quotas, and at the folder of SQLITE_TMPDIR.",
            raw.SQLITE_NOTADB => "The file is not an SQLite database.",
            raw.SQLITE_ERROR when sql is not null => $"The statement was: {Shorten(sql)}",
            _ => null,
        };
        throw new SqliteError(extended, message, hint);
    }

    public void Dispose() => _handle.Dispose();

    private static string Shorten(string sql) => sql.Length <= 300 ? sql : new StringBuilder(sql, 0, 300, 301).Append('…').ToString();
}
