using System.Runtime.InteropServices;
using Apache.Arrow;
using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>
/// A connection: one statement at a time. A source is scanned on the connection that registered it; statements of other
/// connections of the database see its function, but neither its exceptions nor its cancellation.
/// <para>Errors of DuckDB are <see cref="DuckException"/>; what a source threw is thrown again as it was.</para>
/// </summary>
internal sealed unsafe class DuckConnection : IDisposable
{
    private readonly bool _owned;
    private readonly List<DuckSource> _sources = [];
    private nint _connection;
    private DuckOperation? _operation;

    /// <summary>Over a native connection; one that is not <paramref name="owned"/> is left open.</summary>
    public DuckConnection(nint connection, bool owned)
    {
        _connection = connection;
        _owned = owned;
    }

    internal nint Handle => _connection != 0 ? _connection : throw new ObjectDisposedException(nameof(DuckConnection));

    // Cancelled when the statement that runs is cancelled or given up; a source waits on it.
    internal CancellationToken Running => _operation?.Token ?? CancellationToken.None;

    /// <summary>Runs statements that are separated by semicolons, or one with parameters.</summary>
    public void Execute(string sql, IReadOnlyDictionary<string, object>? parameters = null, CancellationToken cancel = default) =>
        ExecuteCount(sql, parameters, cancel);

    /// <summary>Runs as <see cref="Execute"/> and returns how many rows the last statement inserted, updated or deleted.</summary>
    public long ExecuteCount(string sql, IReadOnlyDictionary<string, object>? parameters = null, CancellationToken cancel = default)
    {
        using var operation = Begin(cancel);
        DuckNative.Result result = default;
        try
        {
            Run(sql, parameters, &result);
            return (long)DuckNative.duckdb_rows_changed(&result);
        }
        finally
        {
            DuckNative.duckdb_destroy_result(&result);
        }
    }

    /// <summary>All rows of a small result, as DuckDB writes values as text. Numbers, text, dates, times without zone; cast others to VARCHAR.</summary>
    public IReadOnlyList<string?[]> QueryRows(string sql, IReadOnlyDictionary<string, object>? parameters = null, CancellationToken cancel = default)
    {
        using var operation = Begin(cancel);
        DuckNative.Result result = default;
        try
        {
            Run(sql, parameters, &result);
            var rows = new string?[DuckNative.duckdb_row_count(&result)][];
            var columns = DuckNative.duckdb_column_count(&result);
            RequireText(&result, columns);
            for (var row = 0; row < rows.Length; row++)
            {
                rows[row] = new string?[columns];
                for (ulong column = 0; column < columns; column++)
                {
                    var text = DuckNative.duckdb_value_varchar(&result, column, (ulong)row);
                    if (text != 0)
                    {
                        rows[row][column] = DuckNative.Text(text);
                        DuckNative.duckdb_free(text);
                    }
                }
            }

            return rows;
        }
        finally
        {
            DuckNative.duckdb_destroy_result(&result);
        }
    }

    /// <summary>The first column of the first row as text; null when it is NULL or there is no row.</summary>
    public string? QueryText(string sql, IReadOnlyDictionary<string, object>? parameters = null, CancellationToken cancel = default) =>
        QueryRows(sql, parameters, cancel) is [var first, ..] ? first[0] : null;

    /// <summary>As <see cref="QueryText"/>, of a long text that is read as UTF-8.</summary>
    public byte[] QueryUtf8(string sql)
    {
        using var statement = new DuckStatement(Handle, sql);
        return QueryUtf8(statement, null);
    }

    /// <summary>The same of a statement that was made before.</summary>
    public byte[] QueryUtf8(DuckStatement statement, IReadOnlyDictionary<string, object>? parameters)
    {
        using var operation = Begin(CancellationToken.None);
        DuckNative.Result result = default;
        try
        {
            Run(statement, parameters, &result);
            var text = DuckNative.duckdb_value_varchar(&result, 0, 0);
            var bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)text).ToArray();
            DuckNative.duckdb_free(text);
            return bytes;
        }
        finally
        {
            DuckNative.duckdb_destroy_result(&result);
        }
    }

    /// <summary>A statement that is run several times; the caller disposes it.</summary>
    public DuckStatement Prepare(string sql) => new(Handle, sql);

    /// <summary>Names and DuckDB's types of a SELECT's columns, by DuckDB's binder; with parameters by an execution that the optimizer cuts down to nothing. ETL4403: not one SELECT.</summary>
    public IReadOnlyList<DuckColumn> DescribeColumns(string sql, IReadOnlyDictionary<string, object>? parameters = null)
    {
        using (var statement = new DuckStatement(Handle, sql))
        {
            if (!statement.IsSelect)
            {
                throw new EtlException("ETL4403", "the SQL is not a SELECT", "Write one SELECT.");
            }

            if (statement.ParameterCount == 0)
            {
                return statement.Columns();
            }

            statement.Bind(parameters);
        }

        // A parameter's type is known only once it is bound, and then only to an execution.
        using var stream = new DuckStream(this, $"SELECT * FROM (\n{sql.TrimEnd().TrimEnd(';')}\n) LIMIT 0", parameters, null, CancellationToken.None);
        return stream.Columns;
    }

    /// <summary>Names of a SELECT's columns, whatever its parameters are.</summary>
    public IReadOnlyList<string> ColumnNames(string sql)
    {
        using var statement = new DuckStatement(Handle, sql);
        return [.. statement.Columns().Select(c => c.Name)];
    }

    /// <summary>
    /// The result of a SELECT as it comes, in batches of at most <paramref name="batchRows"/> rows, cut also at about
    /// <paramref name="batchBytes"/>. Each batch is the caller's to dispose. With <paramref name="schema"/> they have exactly that one if its types agree.
    /// </summary>
    public IEnumerable<RecordBatch> Query(
        string sql, IReadOnlyDictionary<string, object>? parameters = null, int batchRows = 65536, long batchBytes = 16 << 20, Schema? schema = null, CancellationToken cancel = default)
    {
        using var stream = new DuckStream(this, sql, parameters, schema, cancel);
        while (stream.Next(batchRows, batchBytes) is { } batch)
        {
            yield return batch;
        }
    }

    /// <summary>
    /// Makes <paramref name="source"/> readable as <c>name()</c>, once, by several threads, without a copy of strings and most numbers. The
    /// function's name stays taken for the life of the database; disposing the registration lets go of the source.
    /// </summary>
    /// <param name="name">Unique in the database.</param>
    /// <param name="schema">Each batch has it.</param>
    /// <param name="source">Asked from several threads.</param>
    /// <param name="estimatedRows">Helps DuckDB to order joins.</param>
    public IDisposable RegisterSource(string name, Schema schema, IBatchSource source, long? estimatedRows = null)
    {
        var registered = new DuckSource(this, name, schema, source, estimatedRows);
        registered.Register();
        _sources.Add(registered);
        return registered;
    }

    /// <summary>Stops the statement that runs, from another thread; it fails with DuckDB's type <c>Interrupt</c>.</summary>
    public void Interrupt()
    {
        if (_connection != 0)
        {
            DuckNative.duckdb_interrupt(_connection);
        }
    }

    public void Dispose()
    {
        _operation?.Dispose();
        if (_connection != 0 && _owned)
        {
            DuckNative.duckdb_disconnect(ref _connection);
        }

        _connection = 0;
        foreach (var source in _sources.ToArray())
        {
            source.Dispose();
        }
    }

    internal DuckOperation Begin(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        if (_operation is not null)
        {
            throw new InvalidOperationException("the connection has a statement that is still running or read");
        }

        foreach (var source in _sources)
        {
            source.TakeFailure();
        }

        return _operation = new DuckOperation(this, cancel);
    }

    internal void End(DuckOperation operation)
    {
        if (_operation == operation)
        {
            _operation = null;
        }
    }

    internal void Forget(DuckSource source) => _sources.Remove(source);

    // The reason behind a failed statement: our caller's cancellation, then what a source threw, then DuckDB's own words.
    internal Exception Failure(string text, string sql)
    {
        if (_operation is { IsCancelled: true } operation)
        {
            return new OperationCanceledException(operation.Caller);
        }

        foreach (var source in _sources)
        {
            source.TakeFailure()?.Throw();
        }

        return new DuckException(DuckError.Parse(text, sql), sql);
    }

    private void Run(string sql, IReadOnlyDictionary<string, object>? parameters, DuckNative.Result* result)
    {
        if (parameters is null)
        {
            if (DuckNative.duckdb_query(Handle, sql, result) != 0)
            {
                throw Failure(DuckNative.Text(DuckNative.duckdb_result_error(result)), sql);
            }

            return;
        }

        using var statement = new DuckStatement(Handle, sql);
        Run(statement, parameters, result);
    }

    private void Run(DuckStatement statement, IReadOnlyDictionary<string, object>? parameters, DuckNative.Result* result)
    {
        statement.Bind(parameters);
        if (DuckNative.duckdb_execute_prepared(statement.Handle, result) != 0)
        {
            throw Failure(DuckNative.Text(DuckNative.duckdb_result_error(result)), statement.Sql);
        }
    }

    // DuckDB gives NULL for the text of any other type.
    private static void RequireText(DuckNative.Result* result, ulong columns)
    {
        for (ulong i = 0; i < columns; i++)
        {
            var type = DuckType.Take(DuckNative.duckdb_column_logical_type(result, i));
            if (type.Id is > DuckTypeId.Decimal or DuckTypeId.Interval)
            {
                throw new InvalidOperationException($"column {DuckNative.Text(DuckNative.duckdb_column_name(result, i))} has the type {type}; cast it to VARCHAR to read it as text");
            }
        }
    }

    internal static Field ToField(DuckColumn column) => new(
        column.Name,
        column.Type.ToArrow() ?? throw new EtlException(
            "ETL4405", $"column '{column.Name}' has DuckDB's type {column.Type}, which rows do not move in",
            column.Type.Normalized() is { } better ? $"Cast it: CAST({SqlText.Quote(column.Name)} AS {better})." : "Cast it to a type that keeps what you need, such as VARCHAR, or take its parts as columns."),
        true);
}
