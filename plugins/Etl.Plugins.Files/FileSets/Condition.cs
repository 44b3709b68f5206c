using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Parquet;
using Etl.Plugins.Values;

namespace Etl.Plugins.FileSets;

/// <summary>
/// A condition of an option on one column, such as <c>&gt;= 2026-01-01</c>. NULL meets none, as in SQL; NaN is greater than every number, as in PostgreSQL and DuckDB; text is compared
/// by its bytes. Values are as in <see cref="ValueRange"/>.
/// </summary>
internal sealed partial record Condition(Field Field, string Operator, object Value)
{
    /// <summary>Those of an option, on columns of <paramref name="schema"/>. ETL4536: one that cannot be read.</summary>
    public static IReadOnlyList<Condition> Parse(IReadOnlyDictionary<string, string> conditions, string option, RowSchema schema)
    {
        var parsed = new List<Condition>();
        foreach (var (column, text) in conditions)
        {
            var path = $"{option}.{column}";
            var field = schema.Require(column, path);
            foreach (var part in And().Split(text))
            {
                var match = Comparison().Match(part.Trim());
                var value = ValueOf(match.Groups["value"].Value, field.DataType)
                    ?? throw new EtlException("ETL4536", $"a condition on '{column}' is no {CellText.Describe(field.DataType)}", "Write a value of the column's type, with =, !=, <, <=, > or >= before it if it is not equality.") { OptionPath = path };
                parsed.Add(new(field, match.Groups["op"].Value, value));
            }
        }

        return parsed;
    }

    /// <summary>A text as a value of a type; null for one that is none.</summary>
    public static object? ValueOf(string text, IArrowType type)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return type switch
        {
            StringType => bytes,
            Date32Type => TemporalText.TryDate(bytes, out var days) ? (Int128)days : null,
            Time64Type => TemporalText.TryTime(bytes, out var micros) ? (Int128)micros : null,
            TimestampType => TemporalText.TryTimestamp(bytes, out var micros, out _) ? (Int128)micros : null,
            BooleanType => bool.TryParse(text, out var flag) ? (Int128)(flag ? 1 : 0) : null,
            Decimal128Type d => DecimalText.TryParse(bytes, d.Precision, d.Scale, out var unscaled) ? unscaled : null,
            Int8Type or Int16Type or Int32Type or Int64Type => DecimalText.TryParse(bytes, 19, 0, out var number) ? number : null,
            FloatType => float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var single) ? (double)single : null,
            DoubleType => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null,
            _ => null,
        };
    }

    /// <summary>Whether a value meets it.</summary>
    public bool IsMetBy(object value) => IsMet(Compare(value, Value));

    /// <summary>Whether a value does of which is known how it compares with <see cref="Value"/>.</summary>
    public bool IsMet(int order) => Operator switch
    {
        "!=" => order != 0,
        "<" => order < 0,
        "<=" => order <= 0,
        ">" => order > 0,
        ">=" => order >= 0,
        _ => order == 0,
    };

    /// <summary>Whether one of the values in a range may meet it.</summary>
    public bool MayBeMetIn(ValueRange range) => range.HasValues && Operator switch
    {
        "!=" => true,
        "<" or "<=" => range.Min is null || IsMetBy(range.Min),
        ">" or ">=" => IsOpen(range) || IsMetBy(range.Max!),
        _ => (range.Min is null || Compare(range.Min, Value) <= 0) && (IsOpen(range) || Compare(range.Max!, Value) >= 0),
    };

    // The greatest value that is told is none of floats: NaN is greater, and not told.
    private bool IsOpen(ValueRange range) => range.Max is null || Value is double;

    /// <summary>The order of two values of one type.</summary>
    private static int Compare(object a, object b) => (a, b) switch
    {
        (byte[] x, byte[] y) => x.AsSpan().SequenceCompareTo(y),
        (double x, double y) => CompareFloats(x, y),
        _ => ((Int128)a).CompareTo((Int128)b),
    };

    /// <summary>The order of floats, in which NaN is the last.</summary>
    public static int CompareFloats(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.IsNaN(a).CompareTo(double.IsNaN(b)) : a.CompareTo(b);

    // In a text, "and" may be a word of it.
    [GeneratedRegex(@"\s+and\s+(?=[=!<>])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex And();

    [GeneratedRegex(@"^(?<op>=|!=|<=|>=|<|>)?\s*(?<value>.*)$", RegexOptions.Singleline)]
    private static partial Regex Comparison();
}
