using System.Globalization;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>What SQLite answered, with its extended result code (https://sqlite.org/rescode.html).</summary>
internal sealed class SqliteError(int resultCode, string message, string? hint)
    : EtlException("ETL4500", string.Create(CultureInfo.InvariantCulture, $"SQLite: {message} (result {resultCode})"), hint)
{
    /// <summary>The extended code; the lowest byte is the primary one.</summary>
    public int ResultCode { get; } = resultCode;

    /// <summary>The primary code.</summary>
    public int Primary => ResultCode & 0xFF;

    /// <summary>Another connection holds a lock: BUSY, LOCKED or PROTOCOL.</summary>
    public bool IsLock => Primary is SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED or SQLitePCL.raw.SQLITE_PROTOCOL;
}
