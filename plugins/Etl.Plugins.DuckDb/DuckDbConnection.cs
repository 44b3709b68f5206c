using Apache.Arrow;
using Etl.Contracts;
using Etl.DuckDb;

namespace Etl.Plugins.DuckDb;

/// <summary>Options of <c>type: duckdb</c>.</summary>
public sealed record DuckDbConnectionOptions
{
    /// <summary>The file.</summary>
    [Option("The database file; relative to the project's folder.", Example = "warehouse.duckdb")]
    public required string Path { get; init; }

    /// <summary>The schema of tables without one.</summary>
    [Option("Schema of tables that are named without one.", Identifier = true)]
    public string Schema { get; init; } = "main";

    /// <summary>No writing.</summary>
    [Option("Opens the file for reading only; several processes may do so at once.")]
    public bool ReadOnly { get; init; }
}

/// <summary>A DuckDB database file.</summary>
[ConnectionType("duckdb", "A DuckDB database file, opened once in this process and shared.")]
public sealed class DuckDbConnection(DuckDbConnectionOptions options, PluginContext context) : IConnection, ITableCatalog, IScriptRunner
{
    private readonly string _path = System.IO.Path.GetFullPath(options.Path, context.ProjectFolder);

    /// <inheritdoc/>
    public string Display => options.Path;

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancel) => await Task.Run(
        () =>
        {
            using var handle = Open(mustExist: options.ReadOnly);
            handle.Duck.QueryText("SELECT 1", cancel: cancel);
        },
        cancel);

    /// <summary>A file that another process holds is freed at some time; nothing else here passes by itself.</summary>
    public bool IsTransient(Exception error) => error is LeaseHeldException || (error is DuckException duck && duck.Error.Type == "TransactionContext");

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTablesAsync(string pattern, CancellationToken cancel) => await Task.Run<IReadOnlyList<string>>(
        () =>
        {
            using var handle = Open(mustExist: true);
            var parameters = new Dictionary<string, object> { ["pattern"] = pattern.Contains('.', StringComparison.Ordinal) ? pattern : $"{options.Schema}.{pattern}", ["state"] = DuckDbState.Schema };
            return [.. handle.Duck.QueryRows(
                """
                SELECT table_schema, table_name FROM information_schema.tables
                WHERE table_catalog = current_database() AND table_schema <> $state AND table_schema || '.' || table_name GLOB $pattern ORDER BY 1, 2
                """,
                parameters, cancel).Select(r => Name(new DuckDbTable(r[0]!, r[1]!)))];
        },
        cancel);

    /// <inheritdoc/>
    public async ValueTask<TableDescription?> DescribeTableAsync(string table, CancellationToken cancel) => await Task.Run(
        () =>
        {
            using var handle = Open(mustExist: true);
            var name = Table(table);
            var columns = name.Columns(handle.Duck);
            return columns.Count == 0 ? null : new TableDescription(
                Name(name),
                [.. columns.Select(c => new ColumnDescription(c.Name, new Field(c.Name, DuckDbTypeMap.Extracted(c.Type).ToArrow(), c.Nullable), c.Physical))],
                name.PrimaryKey(handle.Duck));
        },
        cancel);

    /// <inheritdoc/>
    public async ValueTask ExecuteScriptAsync(string sql, CancellationToken cancel) => await Task.Run(
        () =>
        {
            using var handle = Open(mustExist: false);
            handle.Duck.Execute(sql, cancel: cancel);
        },
        cancel);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Whether the file is there.</summary>
    internal bool Exists => File.Exists(_path);

    /// <summary><c>table</c> or <c>schema.table</c> as an option writes it.</summary>
    internal DuckDbTable Table(string name) => name.Split('.', 2) is [var schema, var table] ? new DuckDbTable(schema, table) : new DuckDbTable(options.Schema, name);

    internal DuckDbHandle Open(bool mustExist)
    {
        if (mustExist && !File.Exists(_path))
        {
            throw new EtlException("ETL4411", $"there is no DuckDB file {options.Path}", $"Looked for {_path}. Check the connection's path.");
        }

        System.IO.Directory.CreateDirectory(System.IO.Path.GetDirectoryName(_path)!);
        return DuckDbHandle.Open(_path, options.ReadOnly, context.MemoryBytes);
    }

    private string Name(DuckDbTable table) => table.Schema == options.Schema ? table.Name : $"{table.Schema}.{table.Name}";
}
