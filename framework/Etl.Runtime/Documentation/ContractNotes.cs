using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Documentation;

/// <summary>What a contract says to people: the parts of the standard that no run needs.</summary>
/// <param name="Name">Of the contract.</param>
/// <param name="Status">Such as <c>active</c>.</param>
/// <param name="Domain">Of the business.</param>
/// <param name="Descriptions">Of the contract and of its object, by what they are about; none empty.</param>
/// <param name="Quality">Of the object, a line for each rule.</param>
/// <param name="Columns">By name, ignoring case.</param>
internal sealed record ContractNotes(
    string? Name, string? Status, string? Domain, IReadOnlyList<(string About, string Text)> Descriptions, IReadOnlyList<string> Quality, IReadOnlyDictionary<string, ColumnNotes> Columns)
{
    private static readonly IReadOnlyList<string> Abouts = ["purpose", "usage", "limitations"];

    /// <summary>Of a contract that <see cref="ContractReader"/> has read without a complaint; whatever has another form than is known is left out.</summary>
    public static ContractNotes Read(string file)
    {
        var root = YamlReader.ReadFile(file, "contract", new DiagnosticBag()) ?? YamlMap.Empty(SourceSpan.Start(file));
        var table = (root["schema"] as YamlList)?.Items.OfType<YamlMap>().FirstOrDefault() ?? YamlMap.Empty(root.Span);
        var columns = new Dictionary<string, ColumnNotes>(StringComparer.OrdinalIgnoreCase);
        foreach (var property in (table["properties"] as YamlList)?.Items.OfType<YamlMap>() ?? [])
        {
            if ((Text(property["physicalName"]) ?? Text(property["name"])) is { } name)
            {
                columns.TryAdd(name, new ColumnNotes(
                    string.Join(": ", ((string?[])[Text(property["businessName"]), Text(property["description"])]).OfType<string>()), Text(property["classification"]), Rules(property)));
            }
        }

        var descriptions = new List<(string, string)>();
        Describe(root["description"]);
        Describe(table["description"]);
        return new ContractNotes(Text(root["name"]), Text(root["status"]), Text(root["domain"]), descriptions, Rules(table), columns);

        void Describe(YamlNode? node)
        {
            if (Text(node) is { } text)
            {
                descriptions.Add(("", text));
            }

            foreach (var about in Abouts)
            {
                if (node is YamlMap map && Text(map[about]) is { } part)
                {
                    descriptions.Add((about, part));
                }
            }
        }
    }

    // A rule in the standard's own words, with its description before it.
    private static IReadOnlyList<string> Rules(YamlMap of) =>
    [
        .. ((of["quality"] as YamlList)?.Items ?? []).Select(rule => rule is YamlMap map
            ? string.Join(" ", ((string?[])[Markdown.Text(Text(map["description"]) ?? ""), Markdown.Code(string.Join(", ", map.Without("description").Entries.Select(e => $"{e.Key}: {YamlText.Flow(e.Value)}")))]).Where(p => !string.IsNullOrEmpty(p)))
            : Markdown.Code(YamlText.Flow(rule))).Where(r => r.Length > 0),
    ];

    private static string? Text(YamlNode? node) => node is YamlScalar { IsEmpty: false } scalar && scalar.Value.Trim() is { Length: > 0 } text ? text : null;
}

/// <summary>What a contract says to people of a column.</summary>
/// <param name="Description">Empty for none.</param>
/// <param name="Classification">Such as <c>restricted</c>.</param>
/// <param name="Quality">A line for each rule, as Markdown.</param>
internal sealed record ColumnNotes(string Description, string? Classification, IReadOnlyList<string> Quality);
