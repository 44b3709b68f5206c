using System.Runtime.InteropServices;
using Apache.Arrow;

namespace Etl.DuckDb;

/// <summary>
/// Relations of which nothing but the columns is known. A statement that names one is bound as over an empty table, which it takes ten times as long to make.
/// <para>They are those of the thread that binds: DuckDB asks on it, and says of a name neither who asks nor for which connection.</para>
/// </summary>
internal sealed unsafe class DuckRelations
{
    private const string Function = "relation of columns";

    [ThreadStatic]
    private static DuckRelations? _current;

    private readonly Dictionary<string, IReadOnlyList<DuckColumn>> _columns = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Their columns, by their names.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<DuckColumn>> Columns => _columns;

    /// <summary>Lets connections of a database ask for them. ETL4407: DuckDB refuses.</summary>
    public static void Register(nint database, nint connection)
    {
        var text = DuckNative.duckdb_create_logical_type((int)DuckTypeId.Varchar);
        var function = DuckNative.duckdb_create_table_function();
        DuckNative.duckdb_table_function_set_name(function, Function);
        DuckNative.duckdb_table_function_add_parameter(function, text);
        DuckNative.duckdb_table_function_set_bind(function, &Bind);
        DuckNative.duckdb_table_function_set_init(function, &Init);
        DuckNative.duckdb_table_function_set_function(function, &Read);
        var error = DuckNative.duckdb_register_table_function(connection, function);
        DuckNative.duckdb_destroy_table_function(ref function);
        DuckNative.duckdb_destroy_logical_type(ref text);
        if (error != 0)
        {
            throw DuckSource.NotRegistered(Function);
        }

        DuckNative.duckdb_add_replacement_scan(database, &Replace, 0, null);
    }

    /// <summary>One more, or another one of the same name.</summary>
    public void Declare(string name, Schema schema) => _columns[name] = [.. schema.FieldsList.Select(f => new DuckColumn(f.Name, DuckType.Of(f.DataType)))];

    /// <summary>What is bound meanwhile, on this thread, finds these.</summary>
    public T While<T>(Func<T> bind)
    {
        var before = _current;
        _current = this;
        try
        {
            return bind();
        }
        finally
        {
            _current = before;
        }
    }

    // Callbacks: an exception must not cross into native code, where it would end the process; a name that none is called by is DuckDB's to tell.
    [UnmanagedCallersOnly]
    private static void Replace(nint info, nint name, nint data)
    {
        if (ColumnsOf(name).Count > 0)
        {
            DuckNative.duckdb_replacement_scan_set_function_name(info, Function);
            var value = DuckNative.duckdb_create_varchar(name);
            DuckNative.duckdb_replacement_scan_add_parameter(info, value);
            DuckNative.duckdb_destroy_value(ref value);
        }
    }

    [UnmanagedCallersOnly]
    private static void Bind(nint info)
    {
        var value = DuckNative.duckdb_bind_get_parameter(info, 0);
        var name = DuckNative.duckdb_get_varchar(value);
        DuckNative.duckdb_destroy_value(ref value);
        var columns = ColumnsOf(name);
        DuckNative.duckdb_free(name);
        foreach (var column in columns)
        {
            var type = column.Type.Create();
            DuckNative.duckdb_bind_add_result_column(info, column.Name, type);
            DuckNative.duckdb_destroy_logical_type(ref type);
        }

        if (columns.Count == 0)
        {
            DuckNative.duckdb_bind_set_error(info, "there is no such relation here");
        }
    }

    private static IReadOnlyList<DuckColumn> ColumnsOf(nint name) => _current?._columns.GetValueOrDefault(DuckNative.Text(name)) ?? [];

    [UnmanagedCallersOnly]
    private static void Init(nint info)
    {
    }

    [UnmanagedCallersOnly]
    private static void Read(nint info, nint output) => DuckNative.duckdb_data_chunk_set_size(output, 0);
}
