using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Etl.DuckDb;

/// <summary>
/// DuckDB's C API, as far as it is used here. DuckDB.NET wraps neither table functions over Arrow nor streaming results with
/// access to their vectors. Signatures: https://duckdb.org/docs/stable/clients/c/api.
/// </summary>
[SuppressMessage("Security", "CA5392", Justification = "The resolver below names the one copy that may be loaded.")]
internal static unsafe partial class DuckNative
{
    private const string Library = "duckdb";

    private static nint _library;

    // Two copies of the library on one file lose committed rows, so every user resolves it as DuckDB.NET does, from the host. Each function asks when it is first called, and to look for
    // the library takes a dozen attempts.
    static DuckNative() => NativeLibrary.SetDllImportResolver(typeof(DuckNative).Assembly, static (name, _, path) =>
        name != Library ? 0 : _library != 0 ? _library : _library = NativeLibrary.Load(name, typeof(DuckDB.NET.Native.DuckDBDatabase).Assembly, path));

    [StructLayout(LayoutKind.Sequential)]
    public struct Result
    {
        private ulong _columns;
        private ulong _rows;
        private ulong _changed;
        private nint _data;
        private nint _error;
        private nint _internal;
    }

    /// <summary><c>duckdb_string_t</c>: up to 12 bytes inline, else a pointer.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 16)]
    public struct StringValue
    {
        [FieldOffset(0)]
        public uint Length;

        [FieldOffset(8)]
        public byte* Pointer;

        public static ReadOnlySpan<byte> Bytes(StringValue* value) =>
            value->Length <= 12 ? new((byte*)value + 4, (int)value->Length) : new(value->Pointer, (int)value->Length);
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ListEntry
    {
        public ulong Offset;
        public ulong Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct DecimalValue
    {
        public byte Width;
        public byte Scale;
        public ulong Lower;
        public long Upper;
    }

    public static string Text(nint utf8) => Marshal.PtrToStringUTF8(utf8) ?? "";

    // Databases and connections
    [LibraryImport(Library)]
    public static partial int duckdb_create_config(out nint config);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_set_config(nint config, string name, string value);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_config(ref nint config);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_open_ext(string? path, out nint database, nint config, out nint error);

    [LibraryImport(Library)]
    public static partial void duckdb_close(ref nint database);

    [LibraryImport(Library)]
    public static partial int duckdb_connect(nint database, out nint connection);

    [LibraryImport(Library)]
    public static partial void duckdb_disconnect(ref nint connection);

    [LibraryImport(Library)]
    public static partial void duckdb_interrupt(nint connection);

    [LibraryImport(Library)]
    public static partial void duckdb_free(nint memory);

    // Statements
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_query(nint connection, string sql, Result* result);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_prepare(nint connection, string sql, out nint statement);

    [LibraryImport(Library)]
    public static partial nint duckdb_prepare_error(nint statement);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_prepare(ref nint statement);

    [LibraryImport(Library)]
    public static partial ulong duckdb_nparams(nint statement);

    [LibraryImport(Library)]
    public static partial nint duckdb_parameter_name(nint statement, ulong index);

    [LibraryImport(Library)]
    public static partial ulong duckdb_prepared_statement_column_count(nint statement);

    [LibraryImport(Library)]
    public static partial nint duckdb_prepared_statement_column_name(nint statement, ulong index);

    [LibraryImport(Library)]
    public static partial nint duckdb_prepared_statement_column_logical_type(nint statement, ulong index);

    [LibraryImport(Library)]
    public static partial int duckdb_prepared_statement_type(nint statement);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_null(nint statement, ulong index);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_boolean(nint statement, ulong index, byte value);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_int64(nint statement, ulong index, long value);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_decimal(nint statement, ulong index, DecimalValue value);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_date(nint statement, ulong index, int days);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_timestamp_tz(nint statement, ulong index, long microseconds);

    [LibraryImport(Library)]
    public static partial int duckdb_bind_varchar_length(nint statement, ulong index, byte* text, ulong length);

    [LibraryImport(Library)]
    public static partial int duckdb_execute_prepared(nint statement, Result* result);

    [LibraryImport(Library)]
    public static partial int duckdb_pending_prepared_streaming(nint statement, out nint pending);

    [LibraryImport(Library)]
    public static partial nint duckdb_pending_error(nint pending);

    [LibraryImport(Library)]
    public static partial int duckdb_execute_pending(nint pending, Result* result);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_pending(ref nint pending);

    // Results
    [LibraryImport(Library)]
    public static partial nint duckdb_result_error(Result* result);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_result(Result* result);

    [LibraryImport(Library)]
    public static partial ulong duckdb_rows_changed(Result* result);

    [LibraryImport(Library)]
    public static partial ulong duckdb_row_count(Result* result);

    [LibraryImport(Library)]
    public static partial ulong duckdb_column_count(Result* result);

    [LibraryImport(Library)]
    public static partial nint duckdb_column_name(Result* result, ulong index);

    [LibraryImport(Library)]
    public static partial nint duckdb_column_logical_type(Result* result, ulong index);

    [LibraryImport(Library)]
    public static partial nint duckdb_value_varchar(Result* result, ulong column, ulong row);

    [LibraryImport(Library)]
    public static partial nint duckdb_fetch_chunk(Result result);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_data_chunk(ref nint chunk);

    [LibraryImport(Library)]
    public static partial ulong duckdb_data_chunk_get_size(nint chunk);

    [LibraryImport(Library)]
    public static partial void duckdb_data_chunk_set_size(nint chunk, ulong size);

    [LibraryImport(Library)]
    public static partial nint duckdb_data_chunk_get_vector(nint chunk, ulong index);

    [LibraryImport(Library)]
    public static partial void* duckdb_vector_get_data(nint vector);

    [LibraryImport(Library)]
    public static partial ulong* duckdb_vector_get_validity(nint vector);

    [LibraryImport(Library)]
    public static partial nint duckdb_list_vector_get_child(nint vector);

    [LibraryImport(Library)]
    public static partial void duckdb_vector_reference_vector(nint to, nint from);

    // Types
    [LibraryImport(Library)]
    public static partial nint duckdb_create_logical_type(int type);

    [LibraryImport(Library)]
    public static partial nint duckdb_create_list_type(nint item);

    [LibraryImport(Library)]
    public static partial nint duckdb_create_decimal_type(byte width, byte scale);

    [LibraryImport(Library)]
    public static partial int duckdb_get_type_id(nint type);

    [LibraryImport(Library)]
    public static partial byte duckdb_decimal_width(nint type);

    [LibraryImport(Library)]
    public static partial byte duckdb_decimal_scale(nint type);

    [LibraryImport(Library)]
    public static partial nint duckdb_list_type_child_type(nint type);

    [LibraryImport(Library)]
    public static partial nint duckdb_array_type_child_type(nint type);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_logical_type(ref nint type);

    // Arrow in
    [LibraryImport(Library)]
    public static partial nint duckdb_schema_from_arrow(nint connection, void* schema, out nint converted);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_arrow_converted_schema(ref nint converted);

    [LibraryImport(Library)]
    public static partial nint duckdb_data_chunk_from_arrow(nint connection, void* array, nint converted, out nint chunk);

    [LibraryImport(Library)]
    public static partial nint duckdb_error_data_message(nint error);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_error_data(ref nint error);

    // Table functions
    [LibraryImport(Library)]
    public static partial nint duckdb_create_table_function();

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_table_function(ref nint function);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void duckdb_table_function_set_name(nint function, string name);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_set_extra_info(nint function, nint info, delegate* unmanaged<nint, void> delete);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_set_bind(nint function, delegate* unmanaged<nint, void> callback);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_set_init(nint function, delegate* unmanaged<nint, void> callback);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_set_local_init(nint function, delegate* unmanaged<nint, void> callback);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_set_function(nint function, delegate* unmanaged<nint, nint, void> callback);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_supports_projection_pushdown(nint function, byte supports);

    [LibraryImport(Library)]
    public static partial void duckdb_table_function_add_parameter(nint function, nint type);

    [LibraryImport(Library)]
    public static partial int duckdb_register_table_function(nint connection, nint function);

    [LibraryImport(Library)]
    public static partial nint duckdb_bind_get_parameter(nint info, ulong index);

    [LibraryImport(Library)]
    public static partial nint duckdb_bind_get_extra_info(nint info);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void duckdb_bind_add_result_column(nint info, string name, nint type);

    [LibraryImport(Library)]
    public static partial void duckdb_bind_set_cardinality(nint info, ulong rows, byte exact);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void duckdb_bind_set_error(nint info, string message);

    [LibraryImport(Library)]
    public static partial nint duckdb_init_get_extra_info(nint info);

    [LibraryImport(Library)]
    public static partial ulong duckdb_init_get_column_count(nint info);

    [LibraryImport(Library)]
    public static partial ulong duckdb_init_get_column_index(nint info, ulong index);

    [LibraryImport(Library)]
    public static partial void duckdb_init_set_max_threads(nint info, ulong threads);

    [LibraryImport(Library)]
    public static partial void duckdb_init_set_init_data(nint info, nint data, delegate* unmanaged<nint, void> delete);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void duckdb_init_set_error(nint info, string message);

    [LibraryImport(Library)]
    public static partial nint duckdb_function_get_extra_info(nint info);

    [LibraryImport(Library)]
    public static partial nint duckdb_function_get_local_init_data(nint info);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void duckdb_function_set_error(nint info, string message);

    // Names that no table has
    [LibraryImport(Library)]
    public static partial void duckdb_add_replacement_scan(nint database, delegate* unmanaged<nint, nint, nint, void> callback, nint data, delegate* unmanaged<nint, void> delete);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void duckdb_replacement_scan_set_function_name(nint info, string name);

    [LibraryImport(Library)]
    public static partial void duckdb_replacement_scan_add_parameter(nint info, nint value);

    [LibraryImport(Library)]
    public static partial nint duckdb_create_varchar(nint utf8);

    [LibraryImport(Library)]
    public static partial nint duckdb_get_varchar(nint value);

    [LibraryImport(Library)]
    public static partial void duckdb_destroy_value(ref nint value);
}
