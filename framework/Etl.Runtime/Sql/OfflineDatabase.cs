using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>The DuckDB that parses and binds and never sees a row. One for the process: opening one takes longer than typing a pipeline.</summary>
internal static class OfflineDatabase
{
    private static readonly Lazy<DuckDatabase> Opened = new(() =>
    {
        var database = DuckDatabase.Open(null, new DuckSettings { Threads = 1 });
        database.AcceptRelations();
        return database;
    });

    /// <summary>Opens it on another thread, for a caller that will need it and has something else to do first. Why it could not be opened is told by <see cref="Connect"/>.</summary>
    /// <returns>Ends when it is open, or could not be opened. To be waited for before the program ends, as that must not happen within DuckDB's own start.</returns>
    public static async Task PrepareAsync()
    {
        if (!Opened.IsValueCreated)
        {
            await Task.Run(() => { _ = Opened.Value; }).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        }
    }

    /// <summary>A session; what it declares as temporary is its own.</summary>
    public static DuckConnection Connect()
    {
        var connection = Opened.Value.Connect();

        // A query that never runs need not be a fast one, and to prepare it takes half the time.
        connection.Execute("PRAGMA disable_optimizer");
        return connection;
    }
}
