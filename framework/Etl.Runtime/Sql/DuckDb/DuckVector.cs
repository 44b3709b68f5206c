using Etl.Contracts.Arrow;

namespace Etl.DuckDb;

/// <summary>Copies values out of a flat vector of a fetched chunk.</summary>
internal static unsafe class DuckVector
{
    /// <summary>Appends <paramref name="count"/> values that start at <paramref name="offset"/>; the type was accepted by <see cref="DuckType.ToArrow"/>.</summary>
    public static void Append(ColumnBuilder target, DuckType type, nint vector, int offset, int count)
    {
        var data = DuckNative.duckdb_vector_get_data(vector);
        var validity = DuckNative.duckdb_vector_get_validity(vector);
        switch (type.Id)
        {
            case DuckTypeId.Boolean:
                AppendBooleans(target, (byte*)data, validity, offset, count);
                break;
            case DuckTypeId.TinyInt:
                AppendFixed(target, (sbyte*)data, validity, offset, count);
                break;
            case DuckTypeId.SmallInt:
                AppendFixed(target, (short*)data, validity, offset, count);
                break;
            case DuckTypeId.Integer or DuckTypeId.Date or DuckTypeId.Float:
                AppendFixed(target, (int*)data, validity, offset, count);
                break;
            case DuckTypeId.BigInt or DuckTypeId.Double or DuckTypeId.Time or DuckTypeId.Timestamp or DuckTypeId.TimestampTz:
                AppendFixed(target, (long*)data, validity, offset, count);
                break;
            case DuckTypeId.Decimal:
                AppendDecimals(target, type.Width, data, validity, offset, count);
                break;
            case DuckTypeId.Varchar or DuckTypeId.Blob:
                AppendBytes(target, (DuckNative.StringValue*)data, validity, offset, count);
                break;
            case DuckTypeId.List:
                AppendLists(target, type.Item!, vector, validity, offset, count);
                break;
            default:
                throw new InvalidOperationException($"no values of {type} come this way");
        }
    }

    private static bool IsNull(ulong* validity, int row) => validity is not null && (validity[row >> 6] >> (row & 63) & 1) == 0;

    private static void AppendFixed<T>(ColumnBuilder target, T* values, ulong* validity, int offset, int count) where T : unmanaged
    {
        for (var i = offset; i < offset + count; i++)
        {
            if (IsNull(validity, i))
            {
                target.AppendNull();
            }
            else
            {
                target.Append(values[i]);
            }
        }
    }

    private static void AppendBooleans(ColumnBuilder target, byte* values, ulong* validity, int offset, int count)
    {
        for (var i = offset; i < offset + count; i++)
        {
            if (IsNull(validity, i))
            {
                target.AppendNull();
            }
            else
            {
                target.Append(values[i] != 0);
            }
        }
    }

    // DuckDB stores a decimal in the least integer that holds its width.
    private static void AppendDecimals(ColumnBuilder target, byte width, void* data, ulong* validity, int offset, int count)
    {
        for (var i = offset; i < offset + count; i++)
        {
            if (IsNull(validity, i))
            {
                target.AppendNull();
            }
            else
            {
                target.Append(width switch
                {
                    <= 4 => ((short*)data)[i],
                    <= 9 => ((int*)data)[i],
                    <= 18 => ((long*)data)[i],
                    _ => ((Int128*)data)[i],
                });
            }
        }
    }

    private static void AppendBytes(ColumnBuilder target, DuckNative.StringValue* values, ulong* validity, int offset, int count)
    {
        for (var i = offset; i < offset + count; i++)
        {
            if (IsNull(validity, i))
            {
                target.AppendNull();
            }
            else
            {
                target.Append(DuckNative.StringValue.Bytes(values + i));
            }
        }
    }

    private static void AppendLists(ColumnBuilder target, DuckType item, nint vector, ulong* validity, int offset, int count)
    {
        var entries = (DuckNative.ListEntry*)DuckNative.duckdb_vector_get_data(vector);
        var items = DuckNative.duckdb_list_vector_get_child(vector);
        for (var i = offset; i < offset + count; i++)
        {
            if (IsNull(validity, i))
            {
                target.AppendNull();
            }
            else
            {
                Append(target.Items!, item, items, (int)entries[i].Offset, (int)entries[i].Length);
                target.EndList();
            }
        }
    }
}
