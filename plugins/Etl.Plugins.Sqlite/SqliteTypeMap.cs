using System.Globalization;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;

namespace Etl.Plugins.Sqlite;

/// <summary>What SQLite does to a value stored in a column (https://sqlite.org/datatype3.html, section 3.1).</summary>
internal enum Affinity
{
    /// <summary>As given.</summary>
    None,

    /// <summary>Numbers become text.</summary>
    Text,

    /// <summary>Text that looks like a number becomes one.</summary>
    Numeric,

    /// <summary>As numeric.</summary>
    Integer,

    /// <summary>Numbers become floats.</summary>
    Real,
}

/// <summary>Declared types to Arrow and back.</summary>
internal static partial class SqliteTypeMap
{
    /// <summary>Decimals up to here come back exactly from the 64-bit float that SQLite makes of them.</summary>
    public const int ExactDigits = 15;

    private static readonly TimestampType Timestamp = new(TimeUnit.Microsecond, (string?)null);
    private static readonly TimestampType TimestampUtc = new(TimeUnit.Microsecond, "UTC");

    /// <summary>The Arrow type of a declared one: common names first, then SQLite's affinity.</summary>
    public static IArrowType ToArrow(string declared)
    {
        var type = declared.Trim().ToUpperInvariant();
        if (DecimalPattern().Match(type) is { Success: true } match)
        {
            var scale = match.Groups["s"].Success ? match.Groups["s"].ValueSpan : "0";
            return new Decimal128Type(int.Parse(match.Groups["p"].ValueSpan, CultureInfo.InvariantCulture), int.Parse(scale, CultureInfo.InvariantCulture));
        }

        return type switch
        {
            "BOOLEAN" or "BOOL" => BooleanType.Default,
            "DATE" => Date32Type.Default,
            "TIME" => new Time64Type(TimeUnit.Microsecond),
            "DATETIME" or "TIMESTAMP" or "TIMESTAMP WITHOUT TIME ZONE" => Timestamp,
            "TIMESTAMPTZ" or "TIMESTAMP WITH TIME ZONE" or "DATETIMEOFFSET" => TimestampUtc,
            _ => AffinityOf(type) switch
            {
                Affinity.Integer => Int64Type.Default,
                Affinity.Text => StringType.Default,
                Affinity.None => BinaryType.Default,
                _ => DoubleType.Default,
            },
        };
    }

    /// <summary>SQLite's own rule, in its order.</summary>
    public static Affinity AffinityOf(string declared)
    {
        bool Has(string part) => declared.Contains(part, StringComparison.OrdinalIgnoreCase);
        return Has("INT") ? Affinity.Integer
            : Has("CHAR") || Has("CLOB") || Has("TEXT") ? Affinity.Text
            : declared.Length == 0 || Has("BLOB") ? Affinity.None
            : Has("REAL") || Has("FLOA") || Has("DOUB") ? Affinity.Real
            : Affinity.Numeric;
    }

    /// <summary>The type to declare for a column of a new table; ETL4520 for one that SQLite cannot hold.</summary>
    public static string Declare(Field field) => field.DataType switch
    {
        Int8Type or Int16Type or Int32Type or Int64Type => "INTEGER",
        FloatType or DoubleType => "REAL",
        StringType => "TEXT",
        BinaryType => "BLOB",
        BooleanType => "BOOLEAN",
        Date32Type => "DATE",
        Time64Type { Unit: TimeUnit.Microsecond } => "TIME",
        TimestampType { Unit: TimeUnit.Microsecond } t => t.Timezone is null ? "TIMESTAMP" : "TIMESTAMPTZ",
        // A name with TEXT in it has text affinity: more digits than a float keeps stay as they are.
        Decimal128Type d => string.Create(CultureInfo.InvariantCulture, $"{(d.Precision > ExactDigits ? "TEXT_" : "")}DECIMAL({d.Precision},{d.Scale})"),
        _ => throw new EtlException("ETL4520", $"column '{field.Name}' has the type {field.DataType.Name}, which SQLite cannot hold", "Cast it to text, or leave it out."),
    };

    /// <summary>What storing makes of a column's values; all of them come back as they were.</summary>
    public static ColumnConversion Stored(Field field)
    {
        var note = field.DataType switch
        {
            BooleanType => "0 and 1",
            Date32Type or Time64Type or TimestampType => "ISO 8601 text, which sorts as the times do",
            Decimal128Type { Precision: <= ExactDigits } => "a 64-bit float, which keeps 15 digits",
            Decimal128Type => "text with all digits, which does not compare as a number",
            _ => null,
        };
        var isSame = note is null && field.DataType is Int64Type or DoubleType or StringType or BinaryType;
        return new ColumnConversion(field.Name, Declare(field), isSame ? ConversionVerdict.Exact : ConversionVerdict.Widening, note);
    }

    /// <summary>Whether a column with this affinity keeps the field's values as they are.</summary>
    public static bool Keeps(Affinity affinity, Field field) => field.DataType switch
    {
        BinaryType => true,
        Int8Type or Int16Type or Int32Type or Int64Type or BooleanType => affinity is Affinity.Integer or Affinity.Numeric or Affinity.None,
        FloatType or DoubleType => affinity != Affinity.Text,
        Decimal128Type d => d.Precision <= ExactDigits || affinity is Affinity.Text or Affinity.None,
        StringType => affinity is Affinity.Text or Affinity.None,
        Date32Type or Time64Type or TimestampType => affinity is Affinity.Text or Affinity.Numeric or Affinity.None,
        _ => false,
    };

    [GeneratedRegex(@"^(TEXT_)?(DECIMAL|NUMERIC|DEC|NUMBER)\s*\(\s*(?<p>[1-9]|[12][0-9]|3[0-8])\s*(,\s*(?<s>[0-9]{1,2})\s*)?\)$", RegexOptions.CultureInvariant)]
    private static partial Regex DecimalPattern();
}
