using System.Text.Json.Nodes;
using Etl.Contracts;

namespace Etl.Runtime.Options;

/// <summary>Options as JSON Schema (draft 7): what an editor checks and offers while a person types.</summary>
public static class OptionSchema
{
    // A value that is substituted before it is read can be any text in the file.
    private const string SubstitutedPattern = @"\$\{|\{\{";

    /// <summary>The schema of a mapping with these options and no others.</summary>
    public static JsonObject Of(OptionSet options)
    {
        var properties = new JsonObject();
        foreach (var option in options.Options)
        {
            properties[option.Name] = Of(option);
        }

        var schema = new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties };
        var required = options.Options.Where(o => o.Required).Select(o => (JsonNode?)o.Name).ToArray();
        if (required.Length > 0)
        {
            schema["required"] = new JsonArray(required);
        }

        return schema;
    }

    private static JsonObject Of(OptionDescription option)
    {
        var schema = Of(option.Type, option.Attribute);
        schema["description"] = option.Attribute.Description;
        if (Default(option) is { } standard)
        {
            schema["default"] = standard;
        }

        if (option.Attribute.Example is { } example)
        {
            schema["examples"] = new JsonArray(Example(option.Type, example));
        }

        return schema;
    }

    private static JsonObject Of(OptionType type, OptionAttribute attribute)
    {
        switch (type.Kind)
        {
            case OptionKind.Text when attribute.Secret:
                return new JsonObject { ["type"] = "string", ["pattern"] = @"\$\{" };
            case OptionKind.Text:
                // YAML reads 010 or true as something else than text, and the binder takes it as written.
                return new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") };
            case OptionKind.List:
                return new JsonObject { ["type"] = "array", ["items"] = Of(type.Element!, attribute) };
            case OptionKind.Map:
                return new JsonObject { ["type"] = "object", ["additionalProperties"] = Of(type.Element!, attribute) };
            case OptionKind.Record:
                return Of(type.Record!);
            case OptionKind.Choice:
                return OrSubstituted(new JsonObject { ["enum"] = new JsonArray([.. type.Choices.Select(c => (JsonNode?)c)]) });
            case OptionKind.Duration:
                return OrSubstituted(new JsonObject { ["type"] = "string", ["pattern"] = @"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)$" });
            case OptionKind.Size:
                return OrSubstituted(new JsonObject { ["type"] = "string", ["pattern"] = @"^[0-9]+(\.[0-9]+)? ?(B|KB|MB|GB|TB)$" });
            case OptionKind.Date:
                return OrSubstituted(new JsonObject { ["type"] = "string", ["pattern"] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" });
            case OptionKind.Boolean:
                return OrSubstituted(new JsonObject { ["type"] = "boolean" });
            default:
                return OrSubstituted(Number(type, attribute));
        }
    }

    private static JsonObject Number(OptionType type, OptionAttribute attribute)
    {
        var number = new JsonObject { ["type"] = type.Kind == OptionKind.Integer ? "integer" : "number" };
        if (!double.IsNaN(attribute.Min))
        {
            number["minimum"] = attribute.Min;
        }

        if (!double.IsNaN(attribute.Max))
        {
            number["maximum"] = attribute.Max;
        }

        return number;
    }

    private static JsonObject OrSubstituted(JsonObject schema) =>
        new() { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "string", ["pattern"] = SubstitutedPattern }) };

    private static JsonValue? Default(OptionDescription option) => option.Default switch
    {
        bool b => JsonValue.Create(b),
        int i => JsonValue.Create(i),
        long l => JsonValue.Create(l),
        double d => JsonValue.Create(d),
        decimal d => JsonValue.Create(d),
        string s => JsonValue.Create(s),
        _ when option.Type.Kind is OptionKind.List or OptionKind.Map or OptionKind.Record => null,
        _ => option.DefaultText is { } text ? JsonValue.Create(text) : null,
    };

    // An example is YAML; a list of plain words is the one form that is worth to show as a value.
    private static JsonNode Example(OptionType type, string example) =>
        type.Kind == OptionKind.List && example.StartsWith('[') && example.EndsWith(']') && example.AsSpan(1, example.Length - 2).IndexOfAny('[', '{') < 0
            ? new JsonArray([.. example[1..^1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(e => (JsonNode?)e)])
            : JsonValue.Create(example);
}
