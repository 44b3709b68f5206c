namespace Etl.Runtime.Sql;

/// <summary>What has to be known of DuckDB's functions.</summary>
internal static class SqlFunctions
{
    // One offline database for the process, and so one list of its functions.
    private static readonly Lazy<HashSet<string>> Aggregates = new(() =>
    {
        using var connection = OfflineDatabase.Connect();
        return [.. connection.QueryRows("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'aggregate'").Select(r => r[0]!)];
    });

    /// <summary>Whether a function sees several rows.</summary>
    public static bool IsAggregate(string function) => Aggregates.Value.Contains(function.ToLowerInvariant());
}
