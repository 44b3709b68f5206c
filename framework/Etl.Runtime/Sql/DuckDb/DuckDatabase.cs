using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>One DuckDB instance: in memory, or a file. Its threads are shared by all its connections.</summary>
internal sealed class DuckDatabase : IDisposable
{
    private nint _database;

    private DuckDatabase(nint database) => _database = database;

    /// <summary>Opens and locks down an instance; <paramref name="path"/> null is in memory. ETL4401: it cannot be opened.</summary>
    public static DuckDatabase Open(string? path, DuckSettings settings)
    {
        if (DuckNative.duckdb_create_config(out var config) != 0)
        {
            throw new EtlException("ETL4401", "DuckDB could not make a configuration", "The process is out of memory.");
        }

        try
        {
            foreach (var (name, value) in settings.OpenOptions())
            {
                if (DuckNative.duckdb_set_config(config, name, value) != 0)
                {
                    throw new EtlException("ETL4401", $"DuckDB refuses {name} = {value}");
                }
            }

            if (DuckNative.duckdb_open_ext(path, out var handle, config, out var error) != 0)
            {
                var message = DuckNative.Text(error);
                DuckNative.duckdb_free(error);
                throw new EtlException("ETL4401", $"DuckDB cannot open {path ?? "an in-memory database"}: {DuckError.Parse(message, null).Message}", "A DuckDB file belongs to one process at a time; look for another one that has it open, and at the permissions of its folder.");
            }

            var database = new DuckDatabase(handle);
            try
            {
                using var connection = database.Connect();
                foreach (var statement in settings.Statements())
                {
                    connection.Execute(statement);
                }

                return database;
            }
            catch
            {
                database.Dispose();
                throw;
            }
        }
        finally
        {
            DuckNative.duckdb_destroy_config(ref config);
        }
    }

    /// <summary>A new connection: one statement at a time, its own transactions.</summary>
    public DuckConnection Connect()
    {
        ObjectDisposedException.ThrowIf(_database == 0, this);
        return DuckNative.duckdb_connect(_database, out var connection) == 0
            ? new DuckConnection(connection, owned: true)
            : throw new EtlException("ETL4401", "DuckDB could not open another connection");
    }

    /// <summary>Lets its connections bind over <see cref="DuckRelations"/>.</summary>
    public void AcceptRelations()
    {
        using var connection = Connect();
        DuckRelations.Register(_database, connection.Handle);
    }

    /// <summary>Closes the instance once its connections are closed.</summary>
    public void Dispose()
    {
        if (_database != 0)
        {
            DuckNative.duckdb_close(ref _database);
        }
    }
}
