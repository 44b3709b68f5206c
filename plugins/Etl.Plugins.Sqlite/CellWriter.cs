using System.Runtime.InteropServices;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Values;

namespace Etl.Plugins.Sqlite;

/// <summary>
/// Binds one column's values to a statement's parameter. Dates and times are ISO 8601 text with a fixed number of digits, so that
/// they sort as text; decimals a number where a float keeps all their digits, text with all decimals otherwise.
/// </summary>
internal sealed class CellWriter
{
    private readonly TargetColumn _column;
    private readonly int _parameter;
    private readonly bool _required;
    private readonly int _scale;
    private readonly double _power;

    public CellWriter(TargetColumn column, int parameter, bool required)
    {
        (_column, _parameter, _required) = (column, parameter, required);
        if (column.Field.DataType is Decimal128Type d)
        {
            _scale = d.Scale;
            var asNumber = d.Precision <= SqliteTypeMap.ExactDigits && SqliteTypeMap.AffinityOf(column.Declared) is Affinity.Numeric or Affinity.Integer or Affinity.Real;
            _power = asNumber ? Math.Pow(10, d.Scale) : 0;
        }
    }

    public void Bind(SqliteStatement statement, IArrowArray array, int row)
    {
        if (array.IsNull(row))
        {
            if (_required)
            {
                throw new EtlException("ETL4525", $"a row has no value in '{_column.Field.Name}', a column of the key", $"Refuse such rows above the load: a `check` with not_null: [{_column.Field.Name}].");
            }

            statement.BindNull(_parameter);
            return;
        }

        Span<byte> text = stackalloc byte[DecimalText.LongestText];
        switch (array)
        {
            case Int64Array a: statement.Bind(_parameter, a.Values[row]); break;
            case Int32Array a: statement.Bind(_parameter, a.Values[row]); break;
            case Int16Array a: statement.Bind(_parameter, a.Values[row]); break;
            case Int8Array a: statement.Bind(_parameter, a.Values[row]); break;
            case DoubleArray a: BindReal(statement, a.Values[row]); break;
            case FloatArray a: BindReal(statement, a.Values[row]); break;
            case BooleanArray a: statement.Bind(_parameter, a.GetValue(row) == true ? 1L : 0L); break;
            case StringArray a: statement.BindText(_parameter, a.GetBytes(row)); break;
            case BinaryArray a: statement.BindBlob(_parameter, a.GetBytes(row)); break;
            case Date32Array a: BindText(statement, text, TemporalText.FormatDate(a.Values[row], text)); break;
            case Time64Array a: BindText(statement, text, TemporalText.FormatTime(a.Values[row], text)); break;
            case TimestampArray a:
                var utc = ((TimestampType)a.Data.DataType).Timezone is not null;
                BindText(statement, text, TemporalText.FormatTimestamp(a.Values[row], utc, text));
                break;
            case Decimal128Array a:
                var unscaled = MemoryMarshal.Read<Int128>(a.ValueBuffer.Span[((a.Offset + row) * 16)..]);
                if (_power > 0)
                {
                    // Both are exact as floats, so the quotient is the float nearest to the decimal: it comes back as the same digits.
                    statement.Bind(_parameter, (double)(long)unscaled / _power);
                    break;
                }

                statement.BindText(_parameter, text[..DecimalText.Format(unscaled, _scale, text)]);
                break;
            default: throw new InvalidOperationException($"{array.Data.DataType.Name} passed the check of types");
        }
    }

    private void BindReal(SqliteStatement statement, double value)
    {
        if (double.IsNaN(value))
        {
            throw new EtlException("ETL4526", $"column '{_column.Field.Name}' holds NaN, which SQLite stores as NULL", "Replace it before the load with a `derive`, or refuse such rows with a `check`.");
        }

        statement.Bind(_parameter, value);
    }

    private void BindText(SqliteStatement statement, ReadOnlySpan<byte> text, int length)
    {
        if (length == 0)
        {
            throw new EtlException("ETL4526", $"column '{_column.Field.Name}' holds a date or time outside the years 0001 to 9999", "SQLite keeps it as ISO 8601 text, which has no form for it: refuse such rows before the load with a `check`.");
        }

        statement.BindText(_parameter, text[..length]);
    }
}
