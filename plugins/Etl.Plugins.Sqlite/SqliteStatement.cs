using SQLitePCL;

namespace Etl.Plugins.Sqlite;

/// <summary>How SQLite stored a value.</summary>
internal enum StorageClass
{
    /// <summary>64-bit integer.</summary>
    Integer = 1,

    /// <summary>64-bit float.</summary>
    Real = 2,

    /// <summary>Text.</summary>
    Text = 3,

    /// <summary>Bytes.</summary>
    Blob = 4,

    /// <summary>NULL.</summary>
    Null = 5,
}

/// <summary>A compiled statement. Columns are 0-based, parameters 1-based. A span is good until the next step.</summary>
internal sealed class SqliteStatement(SqliteSession session, sqlite3_stmt handle) : IDisposable
{
    /// <summary>Moves to the next row; false at the end.</summary>
    public bool Step()
    {
        var result = raw.sqlite3_step(handle);
        if (result == raw.SQLITE_ROW)
        {
            return true;
        }

        session.Check(result, null);
        return false;
    }

    /// <summary>Runs to the end and makes the statement ready to run again.</summary>
    public void Run()
    {
        var result = raw.sqlite3_step(handle);
        if (result is not (raw.SQLITE_DONE or raw.SQLITE_ROW))
        {
            try
            {
                session.Check(result, null);
            }
            finally
            {
                // Returns the same error again, which is already on its way.
                _ = raw.sqlite3_reset(handle);
            }
        }

        session.Check(raw.sqlite3_reset(handle), null);
    }

    public int ColumnCount => raw.sqlite3_column_count(handle);

    public string ColumnName(int column) => raw.sqlite3_column_name(handle, column).utf8_to_string();

    public StorageClass Class(int column) => (StorageClass)raw.sqlite3_column_type(handle, column);

    public bool IsNull(int column) => Class(column) == StorageClass.Null;

    public long Integer(int column) => raw.sqlite3_column_int64(handle, column);

    public double Real(int column) => raw.sqlite3_column_double(handle, column);

    /// <summary>A blob's bytes.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(handle, column);

    /// <summary>A text's bytes as UTF-8, whatever the file's encoding; U+0000 inside is kept.</summary>
    public ReadOnlySpan<byte> Text(int column)
    {
        // Makes SQLite convert a UTF-16 file's value in place; the bytes are then those of the converted value.
        _ = raw.sqlite3_column_text(handle, column);
        return raw.sqlite3_column_blob(handle, column);
    }

    public string String(int column) => System.Text.Encoding.UTF8.GetString(Text(column));

    public int ParameterCount => raw.sqlite3_bind_parameter_count(handle);

    /// <summary>With its leading <c>$</c>; null for a <c>?</c>.</summary>
    public string? ParameterName(int parameter) => raw.sqlite3_bind_parameter_name(handle, parameter).utf8_to_string();

    public void BindNull(int parameter) => session.Check(raw.sqlite3_bind_null(handle, parameter), null);

    public void Bind(int parameter, long value) => session.Check(raw.sqlite3_bind_int64(handle, parameter, value), null);

    public void Bind(int parameter, double value) => session.Check(raw.sqlite3_bind_double(handle, parameter, value), null);

    /// <summary>UTF-8 text.</summary>
    public void BindText(int parameter, ReadOnlySpan<byte> utf8) => session.Check(
        // An empty span has a null pointer, which SQLite takes for NULL.
        utf8.IsEmpty ? raw.sqlite3_bind_text(handle, parameter, utf8z.FromSpan("\0"u8)) : raw.sqlite3_bind_text(handle, parameter, utf8), null);

    public void BindBlob(int parameter, ReadOnlySpan<byte> bytes) => session.Check(
        bytes.IsEmpty ? raw.sqlite3_bind_zeroblob(handle, parameter, 0) : raw.sqlite3_bind_blob(handle, parameter, bytes), null);

    public void Bind(int parameter, string value) => session.Check(raw.sqlite3_bind_text(handle, parameter, value), null);

    /// <summary>Texts for the first parameters, in order.</summary>
    public void Bind(ReadOnlySpan<string> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            Bind(i + 1, values[i]);
        }
    }

    public void Dispose() => handle.Dispose();
}
