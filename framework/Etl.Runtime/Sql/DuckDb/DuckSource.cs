using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.C;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>Gives batches to a query.</summary>
internal interface IBatchSource
{
    /// <summary>
    /// The next batch, or null at the end (again and again). Called from several threads at once; may wait. The bridge disposes
    /// each batch. An exception ends the query and is thrown to its caller.
    /// </summary>
    RecordBatch? Next(CancellationToken cancel);
}

/// <summary>
/// A table function over a source. Each thread takes a batch and hands it on in windows of a vector's length, column by column, as
/// Arrow arrays that share the batch (<see cref="SharedBatch"/>).
/// </summary>
internal sealed unsafe class DuckSource(DuckConnection connection, string name, Schema schema, IBatchSource source, long? estimatedRows) : IDisposable
{
    private const int VectorRows = 2048;
    private readonly DuckType[] _types = [.. schema.FieldsList.Select(f => DuckType.Of(f.DataType))];
    private readonly nint[] _converted = new nint[schema.FieldsList.Count];
    private volatile IBatchSource? _source = source;
    private ExceptionDispatchInfo? _failure;
    private int _scans;

    /// <summary>Registers the function; it lives as long as the database.</summary>
    public void Register()
    {
        for (var i = 0; i < _converted.Length; i++)
        {
            _converted[i] = Convert(schema.FieldsList[i]);
        }

        var function = DuckNative.duckdb_create_table_function();
        try
        {
            DuckNative.duckdb_table_function_set_name(function, name);
            DuckNative.duckdb_table_function_set_extra_info(function, GCHandle.ToIntPtr(GCHandle.Alloc(this)), &DeleteSource);
            DuckNative.duckdb_table_function_set_bind(function, &Bind);
            DuckNative.duckdb_table_function_set_init(function, &Init);
            DuckNative.duckdb_table_function_set_local_init(function, &InitThread);
            DuckNative.duckdb_table_function_set_function(function, &Read);
            DuckNative.duckdb_table_function_supports_projection_pushdown(function, 1);
            if (DuckNative.duckdb_register_table_function(connection.Handle, function) != 0)
            {
                throw NotRegistered(name);
            }
        }
        finally
        {
            DuckNative.duckdb_destroy_table_function(ref function);
        }
    }

    /// <summary>ETL4407: DuckDB took no function of this name.</summary>
    public static EtlException NotRegistered(string name) => new("ETL4407", $"DuckDB could not register the source {name}", "This is an error of the framework; please report it.");

    /// <summary>The first exception of the source since it was last asked.</summary>
    public ExceptionDispatchInfo? TakeFailure() => Interlocked.Exchange(ref _failure, null);

    /// <summary>Lets go of the source: a later scan fails.</summary>
    public void Dispose()
    {
        _source = null;
        connection.Forget(this);
    }

    private nint Convert(Field field)
    {
        var exported = CArrowSchema.Create();
        try
        {
            CArrowSchemaExporter.ExportSchema(new Schema([field], null), exported);
            var error = DuckNative.duckdb_schema_from_arrow(connection.Handle, exported, out var converted);
            return error == 0 ? converted : throw new EtlException("ETL3020", $"column '{field.Name}': {TakeMessage(error)}", "Convert it at the source, or declare it as text in the contract.");
        }
        finally
        {
            CArrowSchema.Free(exported);
        }
    }

    private static string TakeMessage(nint error)
    {
        var message = DuckNative.Text(DuckNative.duckdb_error_data_message(error));
        DuckNative.duckdb_destroy_error_data(ref error);
        return message;
    }

    private string Fail(Exception error)
    {
        Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(error), null);
        return error.Message;
    }

    private RecordBatch? TakeBatch()
    {
        var from = _source ?? throw new ObjectDisposedException(name, $"the source {name} was let go of");
        while (true)
        {
            var batch = from.Next(connection.Running);
            if (batch is not { Length: 0 })
            {
                return batch;
            }

            batch.Dispose();
        }
    }

    // A batch of another layout would be read as bytes of the wrong meaning.
    private void Check(RecordBatch batch)
    {
        var fits = batch.ColumnCount == _types.Length;
        for (var i = 0; fits && i < _types.Length; i++)
        {
            fits = SameLayout(schema.FieldsList[i].DataType, batch.Column(i).Data.DataType) && batch.Column(i).Length == batch.Length;
        }

        if (!fits)
        {
            var message = $"a batch has the columns ({Describe(batch.Schema)}) where ({Describe(schema)}) were declared";
            batch.Dispose();
            throw new EtlException("ETL4408", message, "The component that made the batch broke its declared schema.");
        }
    }

    private static bool SameLayout(IArrowType declared, IArrowType found) => declared.TypeId == found.TypeId && (declared, found) switch
    {
        (Decimal128Type a, Decimal128Type b) => a.Precision == b.Precision && a.Scale == b.Scale,
        (TimestampType a, TimestampType b) => a.Unit == b.Unit,
        (Time64Type a, Time64Type b) => a.Unit == b.Unit,
        (ListType a, ListType b) => SameLayout(a.ValueDataType, b.ValueDataType),
        _ => true,
    };

    private static string Describe(Schema schema) => string.Join(", ", schema.FieldsList.Select(f => $"{f.Name} {f.DataType.Name}"));

    private static T Get<T>(nint handle) => (T)GCHandle.FromIntPtr(handle).Target!;

    // Callbacks: an exception must not cross into native code.
    [UnmanagedCallersOnly]
    private static void DeleteSource(nint handle)
    {
        var self = Get<DuckSource>(handle);
        foreach (ref var converted in self._converted.AsSpan())
        {
            DuckNative.duckdb_destroy_arrow_converted_schema(ref converted);
        }

        GCHandle.FromIntPtr(handle).Free();
    }

    [UnmanagedCallersOnly]
    private static void DeleteReader(nint handle)
    {
        Get<Reader>(handle).Dispose();
        GCHandle.FromIntPtr(handle).Free();
    }

    [UnmanagedCallersOnly]
    private static void Bind(nint info)
    {
        var self = Get<DuckSource>(DuckNative.duckdb_bind_get_extra_info(info));
        try
        {
            self.AddColumns(info);
        }
        catch (Exception e)
        {
            DuckNative.duckdb_bind_set_error(info, self.Fail(e));
        }
    }

    private void AddColumns(nint info)
    {
        for (var i = 0; i < _types.Length; i++)
        {
            var type = _types[i].Create();
            DuckNative.duckdb_bind_add_result_column(info, schema.FieldsList[i].Name, type);
            DuckNative.duckdb_destroy_logical_type(ref type);
        }

        if (estimatedRows is { } rows)
        {
            DuckNative.duckdb_bind_set_cardinality(info, (ulong)rows, 0);
        }
    }

    [UnmanagedCallersOnly]
    private static void Init(nint info)
    {
        var self = Get<DuckSource>(DuckNative.duckdb_init_get_extra_info(info));
        if (Interlocked.Increment(ref self._scans) > 1)
        {
            DuckNative.duckdb_init_set_error(info, self.Fail(new EtlException(
                "ETL4409", $"the source {self.Name} would be read a second time, and its rows are gone", "Read it once: put it in a CTE AS MATERIALIZED, or in a table.")));
            return;
        }

        DuckNative.duckdb_init_set_max_threads(info, (ulong)Environment.ProcessorCount);
    }

    private string Name => name;

    [UnmanagedCallersOnly]
    private static void InitThread(nint info)
    {
        var self = Get<DuckSource>(DuckNative.duckdb_init_get_extra_info(info));
        var columns = new int[DuckNative.duckdb_init_get_column_count(info)];
        for (var i = 0; i < columns.Length; i++)
        {
            // A count of rows asks for a column that is none of ours.
            var index = DuckNative.duckdb_init_get_column_index(info, (ulong)i);
            columns[i] = index < (ulong)self._types.Length ? (int)index : -1;
        }

        DuckNative.duckdb_init_set_init_data(info, GCHandle.ToIntPtr(GCHandle.Alloc(new Reader(self, columns))), &DeleteReader);
    }

    [UnmanagedCallersOnly]
    private static void Read(nint info, nint output)
    {
        var self = Get<DuckSource>(DuckNative.duckdb_function_get_extra_info(info));
        try
        {
            Get<Reader>(DuckNative.duckdb_function_get_local_init_data(info)).Fill(output);
        }
        catch (Exception e)
        {
            DuckNative.duckdb_function_set_error(info, self.Fail(e));
        }
    }

    /// <summary>One thread's place in the source.</summary>
    private sealed class Reader(DuckSource source, int[] columns) : IDisposable
    {
        private SharedBatch? _batch;
        private SharedBatch? _previous;
        private int _position;

        public void Fill(nint output)
        {
            // Some of DuckDB's string functions point into their input without holding it. Nothing of the last chunk is looked at once
            // the next is asked for, yet the last batch is kept for one call more.
            _previous?.Release();
            _previous = null;
            if (_batch is null || _position >= _batch.Length)
            {
                (_previous, _batch, _position) = (_batch, null, 0);
                if (source.TakeBatch() is not { } batch)
                {
                    DuckNative.duckdb_data_chunk_set_size(output, 0);
                    return;
                }

                source.Check(batch);
                _batch = new SharedBatch(batch);
            }

            var rows = Math.Min(VectorRows, _batch.Length - _position);
            for (var i = 0; i < columns.Length; i++)
            {
                if (columns[i] >= 0)
                {
                    Reference(_batch, columns[i], rows, DuckNative.duckdb_data_chunk_get_vector(output, (ulong)i));
                }
            }

            DuckNative.duckdb_data_chunk_set_size(output, (ulong)rows);
            _position += rows;
        }

        public void Dispose()
        {
            _previous?.Release();
            _batch?.Release();
        }

        // One chunk for each column: DuckDB ties the release of an imported array to its first column's vector only.
        private void Reference(SharedBatch batch, int column, int rows, nint target)
        {
            CArray window;
            batch.Window(column, _position, rows, &window);
            var error = DuckNative.duckdb_data_chunk_from_arrow(source.Handle, &window, source._converted[column], out var chunk);
            if (window.Release is not null)
            {
                window.Release(&window);
            }

            if (error != 0)
            {
                throw new EtlException("ETL4408", $"DuckDB cannot read column {source.ColumnName(column)}: {TakeMessage(error)}");
            }

            DuckNative.duckdb_vector_reference_vector(target, DuckNative.duckdb_data_chunk_get_vector(chunk, 0));
            DuckNative.duckdb_destroy_data_chunk(ref chunk);
        }
    }

    private nint Handle => connection.Handle;

    private string ColumnName(int index) => schema.FieldsList[index].Name;
}
