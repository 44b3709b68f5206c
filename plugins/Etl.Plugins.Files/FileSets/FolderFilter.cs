using System.Text;
using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Contracts;
using Etl.Plugins.Values;

namespace Etl.Plugins.FileSets;

/// <summary>The option <c>partitions</c>: which folders are read. A NULL meets no condition, as in SQL.</summary>
internal sealed partial class FolderFilter
{
    private readonly List<Condition> _conditions = [];

    /// <summary>For columns of <paramref name="schema"/>. ETL4536: a condition that cannot be read.</summary>
    public FolderFilter(IReadOnlyDictionary<string, string> partitions, RowSchema schema)
    {
        foreach (var (column, text) in partitions)
        {
            var path = $"partitions.{column}";
            var field = schema.Require(column, path);
            foreach (var part in And().Split(text))
            {
                var match = Comparison().Match(part.Trim());
                var value = Value(match.Groups["value"].Value, field.DataType)
                    ?? throw new EtlException("ETL4536", $"a condition on '{column}' is no {CellText.Describe(field.DataType)}", "Write a value of the column's type, with =, !=, <, <=, > or >= before it if it is not equality.") { OptionPath = path };
                _conditions.Add(new(field, match.Groups["op"].Value, value));
            }
        }
    }

    /// <summary>Whether a file's folders meet all conditions. ETL4535: it lies in no folder of that column, or in one with another type.</summary>
    public bool Admits(string key) => _conditions.Count == 0 || Admits(key, [.. Folders.Of(key)]);

    /// <summary>The same for values that something else than the key gives.</summary>
    public bool Admits(string key, IReadOnlyList<(string Column, string? Value)> values)
    {
        var folders = values.ToList();
        return _conditions.All(c =>
        {
            var folder = folders.FindIndex(f => f.Column.Equals(c.Field.Name, StringComparison.OrdinalIgnoreCase));
            return folder < 0
                ? throw new EtlException("ETL4535", $"'{key}' lies in no folder '{c.Field.Name}=...', and partitions asks for one", "Correct path, or leave the condition out.") { OptionPath = "path" }
                : Meets(key, c, folders[folder].Value);
        });
    }

    private static bool Meets(string key, Condition condition, string? text)
    {
        if (text is null)
        {
            return false;
        }

        var value = Value(text, condition.Field.DataType)
            ?? throw new EtlException("ETL4535", $"'{key}' lies in a folder whose value of column '{condition.Field.Name}' is no {CellText.Describe(condition.Field.DataType)}", "Correct the folder's name, or the column's type in the contract.");
        var order = value is string a ? string.CompareOrdinal(a, (string)condition.Value) : value.CompareTo(condition.Value);
        return condition.Operator switch
        {
            "!=" => order != 0,
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0,
            ">=" => order >= 0,
            _ => order == 0,
        };
    }

    private static IComparable? Value(string text, IArrowType type)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return type switch
        {
            StringType => text,
            Date32Type => TemporalText.TryDate(bytes, out var days) ? days : null,
            Time64Type => TemporalText.TryTime(bytes, out var micros) ? micros : null,
            TimestampType => TemporalText.TryTimestamp(bytes, out var micros, out _) ? micros : null,
            BooleanType => bool.TryParse(text, out var flag) ? flag : null,
            Decimal128Type d => DecimalText.TryParse(bytes, d.Precision, d.Scale, out var unscaled) ? unscaled : null,
            Int8Type or Int16Type or Int32Type or Int64Type => DecimalText.TryParse(bytes, 19, 0, out var number) ? number : null,
            _ => null,
        };
    }

    [GeneratedRegex(@"\s+and\s+", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex And();

    [GeneratedRegex(@"^(?<op>=|!=|<=|>=|<|>)?\s*(?<value>.*)$", RegexOptions.Singleline)]
    private static partial Regex Comparison();

    private sealed record Condition(Field Field, string Operator, IComparable Value);
}
