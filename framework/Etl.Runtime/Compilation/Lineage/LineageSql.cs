using System.Text.Json.Nodes;
using Etl.DuckDb;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>DuckDB's own parser, as JSON, and what has to be known of its functions.</summary>
internal sealed class LineageSql : IDisposable
{
    // One offline database for the process, and so one list of its functions.
    private static readonly Lazy<HashSet<string>> Aggregates = new(() =>
    {
        using var connection = OfflineDatabase.Connect();
        return [.. connection.QueryRows("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'aggregate'").Select(r => r[0]!)];
    });

    private readonly DuckConnection _connection = OfflineDatabase.Connect();

    /// <summary>The tree of a SELECT that binds; nothing is executed.</summary>
    public JsonObject Parse(string sql) => SqlSyntax.Parse(_connection, sql)!;

    /// <summary>Whether a function sees several rows.</summary>
    public static bool IsAggregate(string function) => Aggregates.Value.Contains(function.ToLowerInvariant());

    public void Dispose() => _connection.Dispose();
}

/// <summary>A construct that is not followed; the stage that holds it is opaque.</summary>
internal sealed class OpaqueSqlException(string construct) : Exception(construct);
