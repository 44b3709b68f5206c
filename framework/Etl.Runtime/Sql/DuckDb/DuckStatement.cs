using System.Text;
using Etl.Contracts;

namespace Etl.DuckDb;

/// <summary>A column of a result before it is mapped to Arrow.</summary>
internal sealed record DuckColumn(string Name, DuckType Type);

/// <summary>A prepared statement with its parameters bound by type.</summary>
internal sealed unsafe class DuckStatement : IDisposable
{
    private const int Select = 1;
    private nint _statement;

    /// <summary>Parses and binds; <see cref="DuckException"/> when DuckDB refuses the SQL.</summary>
    public DuckStatement(nint connection, string sql)
    {
        Sql = sql;
        if (DuckNative.duckdb_prepare(connection, sql, out _statement) != 0)
        {
            var error = DuckError.Parse(DuckNative.Text(DuckNative.duckdb_prepare_error(_statement)), sql);
            Dispose();
            throw new DuckException(error, sql);
        }
    }

    public string Sql { get; }

    public nint Handle => _statement;

    public ulong ParameterCount => DuckNative.duckdb_nparams(_statement);

    public bool IsSelect => DuckNative.duckdb_prepared_statement_type(_statement) == Select;

    /// <summary>Columns of the result as far as they are known without values of parameters.</summary>
    public DuckColumn[] Columns()
    {
        var columns = new DuckColumn[DuckNative.duckdb_prepared_statement_column_count(_statement)];
        for (var i = 0; i < columns.Length; i++)
        {
            var name = DuckNative.duckdb_prepared_statement_column_name(_statement, (ulong)i);
            columns[i] = new DuckColumn(DuckNative.Text(name), DuckType.Take(DuckNative.duckdb_prepared_statement_column_logical_type(_statement, (ulong)i)));
            DuckNative.duckdb_free(name);
        }

        return columns;
    }

    /// <summary>Binds each <c>$name</c> that the statement uses; values that it does not use are left. ETL4404: a value is missing.</summary>
    public void Bind(IReadOnlyDictionary<string, object>? parameters)
    {
        for (ulong i = 1; i <= ParameterCount; i++)
        {
            var name = DuckNative.duckdb_parameter_name(_statement, i);
            var key = DuckNative.Text(name);
            DuckNative.duckdb_free(name);
            if (parameters is null || !parameters.TryGetValue(key, out var value))
            {
                throw new EtlException("ETL4404", $"the parameter ${key} has no value", parameters is { Count: > 0 } ? $"Parameters are: {string.Join(", ", parameters.Keys)}." : "There are no parameters here.");
            }

            if (BindValue(i, value) != 0)
            {
                throw new EtlException("ETL4404", $"the parameter ${key} cannot be bound as {value.GetType().Name}");
            }
        }
    }

    public void Dispose()
    {
        if (_statement != 0)
        {
            DuckNative.duckdb_destroy_prepare(ref _statement);
        }
    }

    private int BindValue(ulong index, object value) => value switch
    {
        bool b => DuckNative.duckdb_bind_boolean(_statement, index, b ? (byte)1 : (byte)0),
        int n => DuckNative.duckdb_bind_int64(_statement, index, n),
        long n => DuckNative.duckdb_bind_int64(_statement, index, n),
        decimal d => DuckNative.duckdb_bind_decimal(_statement, index, ToDecimal(d)),
        DateOnly d => DuckNative.duckdb_bind_date(_statement, index, d.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber),
        DateTimeOffset t => DuckNative.duckdb_bind_timestamp_tz(_statement, index, (t.UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond),
        string s => BindText(index, s),
        _ => throw new EtlException("ETL4404", $"a parameter cannot be a {value.GetType().Name}", "It is a string, bool, long, decimal, DateOnly or DateTimeOffset."),
    };

    private int BindText(ulong index, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* pointer = bytes.Length == 0 ? [0] : bytes)
        {
            return DuckNative.duckdb_bind_varchar_length(_statement, index, pointer, (ulong)bytes.Length);
        }
    }

    // The type that DuckDB gives to the same number written as a literal: 0.21 is DECIMAL(3,2).
    private static DuckNative.DecimalValue ToDecimal(decimal value)
    {
        Span<int> parts = stackalloc int[4];
        decimal.GetBits(value, parts);
        var scale = (byte)(parts[3] >> 16);
        var unscaled = new Int128((uint)parts[2], ((ulong)(uint)parts[1] << 32) | (uint)parts[0]);
        var digits = 0;
        for (var rest = unscaled; rest != 0; rest /= 10)
        {
            digits++;
        }

        var signed = value < 0 ? -unscaled : unscaled;
        return new DuckNative.DecimalValue { Width = (byte)Math.Max(digits, scale + 1), Scale = scale, Lower = (ulong)signed, Upper = (long)(signed >> 64) };
    }
}
