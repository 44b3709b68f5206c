using System.Runtime.InteropServices;
using Apache.Arrow;
using Etl.Contracts;
using Etl.Contracts.Arrow;

namespace Etl.DuckDb;

/// <summary>
/// A streaming result. DuckDB hands out chunks of at most 2,048 rows, which are gathered into batches straight from its
/// vectors: no object per chunk.
/// </summary>
internal sealed unsafe class DuckStream : IDisposable
{
    private readonly DuckConnection _connection;
    private readonly DuckOperation _operation;
    private readonly DuckStatement _statement;
    private readonly DuckNative.Result* _result;
    private Schema? _schema;
    private RecordBatchBuilder? _builder;
    private nint _pending;
    private nint _chunk;
    private int _chunkRows;
    private int _chunkPosition;
    private bool _ended;
    private bool _disposed;

    /// <summary>
    /// Starts the query: it runs until the first rows are there, or all if it blocks. With <paramref name="schema"/> the batches have exactly that
    /// one (names, nullability) if the types agree, else ETL4408.
    /// </summary>
    public DuckStream(DuckConnection connection, string sql, IReadOnlyDictionary<string, object>? parameters, Schema? schema, CancellationToken cancel)
    {
        _connection = connection;
        _operation = connection.Begin(cancel);
        try
        {
            _statement = new DuckStatement(connection.Handle, sql);
            _statement.Bind(parameters);
            if (DuckNative.duckdb_pending_prepared_streaming(_statement.Handle, out _pending) != 0)
            {
                throw connection.Failure(DuckNative.Text(DuckNative.duckdb_pending_error(_pending)), sql);
            }

            _result = (DuckNative.Result*)NativeMemory.AllocZeroed((nuint)sizeof(DuckNative.Result));
            if (DuckNative.duckdb_execute_pending(_pending, _result) != 0)
            {
                throw connection.Failure(DuckNative.Text(DuckNative.duckdb_result_error(_result)), sql);
            }

            Columns = ReadColumns();
            _schema = schema is null ? null : Agreed(schema);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The columns by DuckDB's types.</summary>
    public IReadOnlyList<DuckColumn> Columns { get; }

    /// <summary>The schema of the batches; ETL4405 for a column of a type that rows do not move in.</summary>
    public Schema Schema => _schema ??= new Schema(Columns.Select(DuckConnection.ToField), null);

    /// <summary>The next batch, the caller's to dispose; null at the end.</summary>
    public RecordBatch? Next(int batchRows, long batchBytes)
    {
        _builder ??= new RecordBatchBuilder(Schema, batchRows);
        while (_builder.Length < batchRows && _builder.ByteLength < batchBytes && Fetch())
        {
            var rows = Math.Min(_chunkRows - _chunkPosition, batchRows - _builder.Length);
            for (var i = 0; i < Columns.Count; i++)
            {
                DuckVector.Append(_builder[i], Columns[i].Type, DuckNative.duckdb_data_chunk_get_vector(_chunk, (ulong)i), _chunkPosition, rows);
            }

            _chunkPosition += rows;
        }

        _operation.Caller.ThrowIfCancellationRequested();
        return _builder.Length > 0 ? _builder.Build() : null;
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!_ended)
        {
            _operation.GiveUp();
        }

        DropChunk();
        _builder?.Dispose();
        if (_result is not null)
        {
            DuckNative.duckdb_destroy_result(_result);
            NativeMemory.Free(_result);
        }

        if (_pending != 0)
        {
            DuckNative.duckdb_destroy_pending(ref _pending);
        }

        // Null when the constructor did not come that far.
        _statement?.Dispose();
        _operation.Dispose();
    }

    private bool Fetch()
    {
        while (_chunkPosition >= _chunkRows)
        {
            DropChunk();
            if (_ended)
            {
                return false;
            }

            _operation.Caller.ThrowIfCancellationRequested();
            _chunk = DuckNative.duckdb_fetch_chunk(*_result);
            if (_chunk == 0)
            {
                _ended = true;
                var error = DuckNative.Text(DuckNative.duckdb_result_error(_result));
                return error.Length == 0 ? false : throw _connection.Failure(error, _statement.Sql);
            }

            _chunkRows = (int)DuckNative.duckdb_data_chunk_get_size(_chunk);
            _chunkPosition = 0;
            _ended = _chunkRows == 0;
        }

        return true;
    }

    private void DropChunk()
    {
        if (_chunk != 0)
        {
            DuckNative.duckdb_destroy_data_chunk(ref _chunk);
        }

        _chunkRows = 0;
        _chunkPosition = 0;
    }

    private Schema Agreed(Schema schema)
    {
        var agree = schema.FieldsList.Count == Columns.Count;
        for (var i = 0; agree && i < Columns.Count; i++)
        {
            agree = DuckType.Of(schema.FieldsList[i].DataType) == Columns[i].Type;
        }

        return agree ? schema : throw new EtlException(
            "ETL4408", $"the query yields ({string.Join(", ", Columns.Select(c => $"{c.Name} {c.Type}"))}) where ({string.Join(", ", schema.FieldsList.Select(f => $"{f.Name} {DuckType.Of(f.DataType)}"))}) was expected", "Cast the columns that differ.");
    }

    private DuckColumn[] ReadColumns()
    {
        var columns = new DuckColumn[DuckNative.duckdb_column_count(_result)];
        for (var i = 0; i < columns.Length; i++)
        {
            columns[i] = new DuckColumn(
                DuckNative.Text(DuckNative.duckdb_column_name(_result, (ulong)i)),
                DuckType.Take(DuckNative.duckdb_column_logical_type(_result, (ulong)i)));
        }

        return columns;
    }
}
