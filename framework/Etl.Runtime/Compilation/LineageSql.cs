using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Contracts;
using Etl.DuckDb;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>DuckDB's own parser, as JSON, and what has to be known of its functions.</summary>
internal sealed class LineageSql : IDisposable
{
    // A long chain of CASE is as deep as it is long.
    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 4096 };

    private readonly DuckConnection _connection = OfflineDatabase.Connect();
    private HashSet<string>? _aggregates;

    /// <summary>The tree of a SELECT that binds; nothing is executed.</summary>
    public JsonObject Parse(string sql)
    {
        var text = _connection.QueryText($"SELECT json_serialize_sql({SqlText.Literal(sql)}, skip_null := true, skip_empty := true)::VARCHAR")!;
        return JsonNode.Parse(text, documentOptions: Deep)!["statements"]![0]!["node"]!.AsObject();
    }

    /// <summary>Whether a function sees several rows.</summary>
    public bool IsAggregate(string function) => (_aggregates ??=
        [.. _connection.QueryRows("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type = 'aggregate'").Select(r => r[0]!)]).Contains(function.ToLowerInvariant());

    public void Dispose() => _connection.Dispose();
}

/// <summary>A construct that is not followed; the stage that holds it is opaque.</summary>
internal sealed class OpaqueSqlException(string construct) : Exception(construct);
