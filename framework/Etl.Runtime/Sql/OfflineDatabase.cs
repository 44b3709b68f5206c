using Etl.DuckDb;

namespace Etl.Runtime.Sql;

/// <summary>The DuckDB that parses and binds and never sees a row. One for the process: opening one takes longer than typing a pipeline.</summary>
internal static class OfflineDatabase
{
    private static readonly Lazy<DuckDatabase> Opened = new(() => DuckDatabase.Open(null, new DuckSettings { Threads = 1 }));

    /// <summary>A session; what it declares as temporary is its own.</summary>
    public static DuckConnection Connect() => Opened.Value.Connect();
}
