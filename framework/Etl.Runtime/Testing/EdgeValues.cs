using System.Text.RegularExpressions;
using Apache.Arrow;
using Apache.Arrow.Types;
using Etl.Runtime.Compilation;
using Etl.Runtime.Definition;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Testing;

/// <summary>
/// Values of a source's column at which a pipeline may change its mind: those that its stages mention together with the column, and their
/// neighbours; then those where the type ends.
/// </summary>
internal sealed partial class EdgeValues(CompiledPipeline pipeline)
{
    private const int MostMentioned = 12;

    private readonly List<(string Words, List<string> Constants)> _mentions = [.. pipeline.Definition.Stages.Where(s => s.Kind == StageKind.Transform).SelectMany(s => Mentions(s.With, "", pipeline.Definition.Parameters))];
    private readonly HashSet<string> _names = [.. pipeline.Nodes.SelectMany(n => n.Schema.Names)];

    /// <summary>Constants in options that name the column, and the next values on both sides.</summary>
    public IEnumerable<object?> Mentioned(Field field)
    {
        var word = new Regex($@"\b{Regex.Escape(field.Name)}\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
        return _mentions.Where(m => word.IsMatch(m.Words)).SelectMany(m => m.Constants).Where(c => !_names.Contains(c)).Select(c => Cell.Parse(c, field.DataType)).Where(v => v is not null)
            .SelectMany(v => Neighbours(v, field.DataType)).Distinct().Take(MostMentioned);
    }

    /// <summary>NULL where it may be, the least and the greatest value, nothing, and one that no list of values holds.</summary>
    public static IEnumerable<object?> OfType(Field field)
    {
        object?[] edges = field.DataType switch
        {
            BooleanType => [false, true],
            StringType => ["", "?"],
            FloatType or DoubleType => [0d, 1d, -1d],
            Decimal128Type d => [(Int128)0, (Int128)1, Cell.Power(d.Precision) - 1, 1 - Cell.Power(d.Precision)],
            Date32Type => [Cell.Parse("1970-01-01", field.DataType), Cell.Parse("9999-12-31", field.DataType)],
            TimestampType => [0L, Cell.Micros(new DateTime(9999, 12, 31, 23, 59, 59, DateTimeKind.Utc))],
            _ when Cell.Limits(field.DataType) is (var least, var most) => [(Int128)0, (Int128)1, least, most],
            _ => [],
        };
        return field.IsNullable ? edges.Prepend(null) : edges;
    }

    private static IEnumerable<object?> Neighbours(object? value, IArrowType type) => value switch
    {
        Int128 n => new[] { n, n - 1, n + 1 }.Where(v => Cell.Parse(Cell.Format(v, type), type) is not null).Cast<object?>(),
        double d => [d, d - 1, d + 1],
        long when type is Date32Type => [value, (long)value - 1, (long)value + 1],
        long micros when type is TimestampType => [micros, micros - 1_000_000, micros + 1_000_000],
        _ => [value],
    };

    // Each text with the keys above it, and the constants in it: itself, its numbers and quoted texts, the values of its parameters.
    private static IEnumerable<(string Words, List<string> Constants)> Mentions(YamlNode node, string path, IReadOnlyDictionary<string, object> parameters) => node switch
    {
        YamlMap map => map.Entries.SelectMany(e => Mentions(e.Value, $"{path} {e.Key}", parameters)),
        YamlList list => list.Items.SelectMany(i => Mentions(i, path, parameters)),
        YamlScalar scalar => [($"{path} {scalar.Value}",
        [
            scalar.Value,
            .. Constant().Matches(scalar.Value).Select(m => m.Groups[1].Success ? m.Groups[1].Value.Replace("''", "'", StringComparison.Ordinal) : m.Value),
            .. parameters.Where(p => scalar.Value.Contains($"${p.Key}", StringComparison.Ordinal)).Select(p => OptionText.Of(p.Value)!),
        ])],
        _ => [],
    };

    [GeneratedRegex(@"'((?:[^']|'')*)'|(?<![\w.])-?[0-9]+(?:\.[0-9]+)?(?![\w.])", RegexOptions.CultureInvariant)]
    private static partial Regex Constant();
}
