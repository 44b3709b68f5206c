using System.Text;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>A database file.</summary>
[ConnectionType("sqlite", "An SQLite database file.")]
public sealed class SqliteDatabase(SqliteOptions options, PluginContext context) : IConnection, ITableCatalog, IScriptRunner
{
    private readonly SemaphoreSlim _seeding = new(1, 1);

    /// <summary>The file's absolute path.</summary>
    public string Path { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(context.ProjectFolder, options.Path));

    /// <inheritdoc/>
    public string Display => $"sqlite {options.Path}";

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel)
    {
        await SeedAsync(cancel);
        if (File.Exists(Path))
        {
            using var session = Open(readOnly: true);
            session.Integer("select count(*) from sqlite_schema");
        }
        else if (System.IO.Path.GetDirectoryName(Path) is { } folder && !Directory.Exists(folder))
        {
            throw new EtlException("ETL4502", $"there is no folder '{folder}' for the database file", "Make the folder, or correct the connection's path.");
        }
    }

    /// <inheritdoc/>
    public bool IsTransient(Exception error) => error is SqliteError { IsLock: true };

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTablesAsync(string pattern, CancellationToken cancel)
    {
        using var session = await OpenSourceAsync(cancel);
        using var statement = session.Prepare(
            """
            select name from sqlite_schema
            where type in ('table', 'view') and name not like 'sqlite\_%' escape '\' and name not like '\_etl\_%' escape '\'
            order by name
            """);
        var like = new Regex($"^{Regex.Escape(Unqualified(pattern)).Replace("\\*", ".*", StringComparison.Ordinal)}$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
        var names = new List<string>();
        while (statement.Step())
        {
            var name = statement.String(0);
            if (like.IsMatch(name))
            {
                names.Add(name);
            }
        }

        return names;
    }

    /// <inheritdoc/>
    public async ValueTask<TableDescription?> DescribeTableAsync(string table, CancellationToken cancel)
    {
        using var session = await OpenSourceAsync(cancel);
        return Describe(session, Unqualified(table));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _seeding.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask ExecuteScriptAsync(string sql, CancellationToken cancel)
    {
        using var session = await OpenTargetAsync(cancel);
        session.Execute(sql);
    }

    /// <summary>A read-only session on a file that must be there (or be made by its seed).</summary>
    internal async ValueTask<SqliteSession> OpenSourceAsync(CancellationToken cancel)
    {
        await SeedAsync(cancel);
        return File.Exists(Path)
            ? Open(readOnly: true)
            : throw new EtlException("ETL4501", $"there is no database '{options.Path}'", "Correct the connection's path (it is relative to the project folder), or give it a seed.");
    }

    /// <summary>A session that writes, on a file that is made when it is not there.</summary>
    internal async ValueTask<SqliteSession> OpenTargetAsync(CancellationToken cancel)
    {
        await SeedAsync(cancel);
        return SqliteSession.Open(Path, readOnly: false, create: true, options.BusyTimeout);
    }

    /// <summary>A table as it is now; null when it is not there.</summary>
    internal static TableDescription? Describe(SqliteSession session, string table)
    {
        using var statement = session.Prepare("select name, type, \"notnull\", pk from pragma_table_info(?) order by cid");
        statement.Bind(1, table);
        var columns = new List<ColumnDescription>();
        var key = new List<(long Position, string Name)>();
        while (statement.Step())
        {
            var (name, declared, position) = (statement.String(0), statement.String(1), statement.Integer(3));
            // SQLite allows NULL in a primary key unless it is the rowid, for compatibility with its own past; extraction tells where one is.
            columns.Add(new(name, new Field(name, SqliteTypeMap.ToArrow(declared), nullable: statement.Integer(2) == 0 && position == 0), declared));
            if (position > 0)
            {
                key.Add((position, name));
            }
        }

        return columns.Count == 0 ? null : new(table, columns, [.. key.OrderBy(k => k.Position).Select(k => k.Name)]);
    }

    /// <summary>The table's name without the schema; an SQLite file has one, <c>main</c>.</summary>
    internal static string Unqualified(string table)
    {
        var dot = table.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? table
            : table[..dot].Equals("main", StringComparison.OrdinalIgnoreCase) ? table[(dot + 1)..]
            : throw new EtlException("ETL4503", $"'{table}' names the schema '{table[..dot]}'; an SQLite file has only 'main'", "Write the table's name alone.");
    }

    private SqliteSession Open(bool readOnly) => SqliteSession.Open(Path, readOnly, create: false, options.BusyTimeout);

    // Under a temporary name first, so that an interrupted script leaves nothing that looks like a database.
    private async ValueTask SeedAsync(CancellationToken cancel)
    {
        if (options.Seed is null || File.Exists(Path))
        {
            return;
        }

        await _seeding.WaitAsync(cancel);
        try
        {
            if (File.Exists(Path))
            {
                return;
            }

            var script = System.IO.Path.GetFullPath(System.IO.Path.Combine(context.ProjectFolder, options.Seed));
            if (!File.Exists(script))
            {
                throw new EtlException("ETL4501", $"there is no seed script '{options.Seed}'", "The path is relative to the project folder.");
            }

            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
            var temporary = $"{Path}.seed-{Guid.NewGuid():N}";
            try
            {
                var sql = await File.ReadAllTextAsync(script, Encoding.UTF8, cancel);
                await Task.Run(() => RunScript(temporary, sql, cancel), cancel);
                File.Move(temporary, Path, overwrite: false);
            }
            catch (IOException) when (File.Exists(Path))
            {
                // Another process made it first: the script is the same, so is the result.
            }
            finally
            {
                File.Delete(temporary);
                File.Delete(temporary + "-wal");
                File.Delete(temporary + "-shm");
            }
        }
        finally
        {
            _seeding.Release();
        }
    }

    private void RunScript(string file, string sql, CancellationToken cancel)
    {
        using var session = SqliteSession.Open(file, readOnly: false, create: true, options.BusyTimeout);
        using var stop = cancel.Register(session.Interrupt);
        session.Execute(sql);
        if (session.InTransaction)
        {
            session.Execute("commit");
        }

        // One file to rename: nothing may be left in the log.
        session.Execute("pragma wal_checkpoint(truncate)");
    }
}
