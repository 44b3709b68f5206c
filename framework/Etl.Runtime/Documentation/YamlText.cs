using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Documentation;

/// <summary>
/// A mapping as YAML that a person reads, in one form however it was laid out. References and templates are shown as they were written: what a variable holds
/// is of a machine, and may be a secret.
/// </summary>
internal static class YamlText
{
    private const int LongestLine = 100;

    /// <summary>An entry on a line of its own; entries within on one line if they fit.</summary>
    public static string Block(YamlMap map) => string.Join('\n', map.Entries.SelectMany(e => Entry(Key(e), e.Value)));

    /// <summary>All on one line.</summary>
    public static string Flow(YamlNode node) => node switch
    {
        YamlMap { Entries: [] } => "{}",
        YamlMap map => $"{{ {string.Join(", ", map.Entries.Select(e => $"{Key(e)} {Flow(e.Value)}"))} }}",
        YamlList list => $"[{string.Join(", ", list.Items.Select(Flow))}]",
        YamlScalar scalar => Scalar(scalar),
        _ => "",
    };

    private static IEnumerable<string> Entry(string head, YamlNode node)
    {
        var line = $"{head} {Flow(node)}";
        return node switch
        {
            YamlScalar scalar when Lines(scalar) is { Count: > 1 } lines => [$"{head} |", .. lines.Select(l => $"  {l}".TrimEnd())],
            YamlMap { Entries.Count: > 0 } map when line.Length > LongestLine || HasLines(map) => [head, .. map.Entries.SelectMany(e => Entry(Key(e), e.Value)).Select(l => $"  {l}")],
            YamlList { Items.Count: > 0 } list when line.Length > LongestLine || HasLines(list) => [head, .. list.Items.SelectMany(Item).Select(l => $"  {l}")],
            _ => [line],
        };
    }

    private static IEnumerable<string> Item(YamlNode node) => node is YamlMap { Entries.Count: > 0 } map && (Flow(map).Length > LongestLine || HasLines(map))
        ? map.Entries.SelectMany(e => Entry(Key(e), e.Value)).Select((l, i) => $"{(i == 0 ? "-" : " ")} {l}")
        : [$"- {Flow(node)}"];

    private static bool HasLines(YamlNode node) => node switch
    {
        YamlMap map => map.Entries.Any(e => HasLines(e.Value)),
        YamlList list => list.Items.Any(HasLines),
        _ => Lines((YamlScalar)node).Count > 1,
    };

    private static List<string> Lines(YamlScalar scalar) => [.. scalar.Written.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n')];

    private static string Key(YamlEntry entry) => $"{OptionText.Of((object)entry.Key)}:";

    // What needed no quotes where it was written needs none here, unless it is within a list or a mapping on a line.
    private static string Scalar(YamlScalar scalar) => scalar.Style == YamlStyle.Plain && scalar.Written.Length == 0 ? "" : OptionText.Of((object)scalar.Written)!;
}
