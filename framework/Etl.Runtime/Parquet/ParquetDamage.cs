using Parquet;
using Parquet.Meta.Proto;

namespace Etl.Parquet;

/// <summary>The library checks little of what it reads: what is wrong in a file shows in many ways.</summary>
internal static class ParquetDamage
{
    /// <summary>Whether an exception of the library means that the file is damaged or not of the format.</summary>
    public static bool IsShownBy(Exception e) => e is IOException or InvalidDataException or InvalidOperationException or NotSupportedException or ArgumentException
        or IndexOutOfRangeException or OverflowException or NullReferenceException or InvalidCastException or KeyNotFoundException or OutOfMemoryException or FormatException
        or NotImplementedException or DivideByZeroException or ParquetException or ThriftProtocolException;
}
