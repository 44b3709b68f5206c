using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Etl.Runtime.Options;

namespace Etl.Runtime.Definition;

/// <summary>A component as the schema shows it.</summary>
/// <param name="Kind">The key that names it: <c>extract</c>, <c>transform</c>, <c>load</c>, or <c>connection</c>.</param>
/// <param name="Name">Its name. Several may share one, for connections of different types.</param>
/// <param name="Summary">A sentence.</param>
/// <param name="Options">Its options; null when it has none.</param>
public sealed record ComponentSchema(string Kind, string Name, string Summary, OptionSet? Options)
{
    /// <summary>Of a component that works through a connection, the types that it can use; null for others, and where that is not to be told.</summary>
    public IReadOnlyCollection<string>? ConnectionTypes { get; init; }

    /// <summary>Of a connection type, whether it keeps objects.</summary>
    public bool IsStore { get; init; }
}

/// <summary>
/// The JSON Schemas (draft 7) of pipeline and connection files, for editors. The same components give the same text, in
/// whatever order they come.
/// </summary>
public static class JsonSchemaWriter
{
    private const string IdPattern = "^[a-z][a-z0-9_-]{0,62}$";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema of pipeline files.</summary>
    /// <param name="components">What stages can name.</param>
    /// <param name="project">The names of a project, for its own pipelines; null for any.</param>
    public static string Pipeline(IEnumerable<ComponentSchema> components, ProjectNames? project = null)
    {
        var sorted = Sorted(components);
        var schema = new JsonObject
        {
            ["$schema"] = "http://json-schema.org/draft-07/schema#",
            ["title"] = "A pipeline of Etl.Framework",
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["required"] = new JsonArray("apiVersion", "pipeline", "stages"),
            ["properties"] = new JsonObject
            {
                ["apiVersion"] = new JsonObject { ["const"] = PipelineReader.ApiVersion, ["description"] = "The version of the format." },
                ["pipeline"] = Id("The pipeline's id: it names it in reports and in the state of its targets."),
                ["description"] = Words("For people."),
                ["owner"] = Words("Whom to ask."),
                ["params"] = Params(),
                ["stages"] = new JsonObject
                {
                    ["type"] = "array",
                    ["minItems"] = 1,
                    ["description"] = "What is read, changed and written. A stage names its inputs with from.",
                    ["items"] = Stage(sorted),
                },
                ["policies"] = Described(OptionSchema.Of(OptionSet.For(typeof(Policies))), "What to do about failures and refused rows."),
                ["tests"] = TestSchema.Tests(),
            },
        };
        if (project is not null)
        {
            new ProjectSchema(project, sorted).AddTo(schema);
        }

        return Text(schema);
    }

    /// <summary>The schema of <c>connections.yaml</c> and <c>connections.ENV.yaml</c>.</summary>
    public static string Connections(IEnumerable<ComponentSchema> components)
    {
        var types = Sorted(components).Where(c => c.Kind == "connection").ToList();
        var variants = types.Select(c =>
        {
            var schema = c.Options is null
                ? new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = new JsonObject() }
                : OptionSchema.Of(c.Options);
            schema["properties"]!.AsObject().Insert(0, "type", new JsonObject { ["const"] = c.Name, ["description"] = c.Summary });
            var condition = new JsonObject { ["properties"] = new JsonObject { ["type"] = new JsonObject { ["const"] = c.Name } }, ["required"] = new JsonArray("type") };
            return (JsonNode?)new JsonObject { ["if"] = condition, ["then"] = schema };
        }).ToArray();
        return Text(new JsonObject
        {
            ["$schema"] = "http://json-schema.org/draft-07/schema#",
            ["title"] = "Connections of an Etl.Framework project",
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["properties"] = new JsonObject
            {
                ["connections"] = new JsonObject
                {
                    ["type"] = "object",
                    ["additionalProperties"] = new JsonObject
                    {
                        ["type"] = "object",
                        ["required"] = new JsonArray("type"),
                        ["properties"] = new JsonObject { ["type"] = Names(types) },
                        ["allOf"] = new JsonArray(variants),
                    },
                },
            },
        });
    }

    private static JsonObject Stage(IReadOnlyList<ComponentSchema> components)
    {
        var properties = new JsonObject { ["id"] = Id("The stage's id, unique in the pipeline."), ["description"] = Words("For people.") };
        var conditions = new JsonArray();
        foreach (var kind in new[] { "extract", "transform", "load" })
        {
            var ofKind = components.Where(c => c.Kind == kind).ToList();
            properties[kind] = Names(ofKind);
            foreach (var sameName in ofKind.GroupBy(c => c.Name))
            {
                conditions.Add(Condition(kind, sameName.Key, [.. sameName]));
            }
        }

        properties["from"] = new JsonObject
        {
            ["description"] = "The stage, or the stages in order, whose rows this one reads.",
            ["anyOf"] = new JsonArray(
                new JsonObject { ["type"] = "string", ["pattern"] = IdPattern },
                new JsonObject { ["type"] = "array", ["minItems"] = 1, ["uniqueItems"] = true, ["items"] = new JsonObject { ["type"] = "string", ["pattern"] = IdPattern } }),
        };
        properties["connection"] = Words("The name of a connection in connections.yaml.");
        properties["contract"] = Words("The file of the data contract, relative to this file.");
        properties["with"] = new JsonObject { ["type"] = "object", ["description"] = "The component's options." };

        var stage = new JsonObject
        {
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["required"] = new JsonArray("id"),
            ["properties"] = properties,
            ["oneOf"] = new JsonArray(Requires("extract"), Requires("transform", "from"), Requires("load", "from")),
        };
        if (conditions.Count > 0)
        {
            stage["allOf"] = conditions;
        }

        return stage;
    }

    private static JsonObject Condition(string kind, string name, IReadOnlyList<ComponentSchema> components)
    {
        var variants = components
            .Select(c => c.Options is null ? new JsonObject { ["type"] = "object", ["additionalProperties"] = false } : OptionSchema.Of(c.Options))
            .DistinctBy(s => s.ToJsonString()).ToList();
        var then = new JsonObject
        {
            ["properties"] = new JsonObject { ["with"] = variants.Count == 1 ? variants[0] : new JsonObject { ["anyOf"] = new JsonArray([.. variants]) } },
        };
        if (components.All(c => c.Options?.Options.Any(o => o.Required) == true))
        {
            then["required"] = new JsonArray("with");
        }

        return new JsonObject
        {
            ["if"] = new JsonObject { ["properties"] = new JsonObject { [kind] = new JsonObject { ["const"] = name } }, ["required"] = new JsonArray(kind) },
            ["then"] = then,
        };
    }

    private static JsonObject Names(IEnumerable<ComponentSchema> components) => new()
    {
        ["anyOf"] = new JsonArray([.. components.GroupBy(c => c.Name).Select(g => (JsonNode?)new JsonObject
        {
            ["const"] = g.Key,
            ["description"] = string.Join("\n", g.Select(c => c.Summary).Distinct()),
        })]),
    };

    private static JsonObject Params() => new()
    {
        ["type"] = "object",
        ["description"] = "Values that a run can be given: $name in SQL, {{ params.name }} in texts.",
        ["additionalProperties"] = new JsonObject
        {
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["required"] = new JsonArray("type"),
            ["properties"] = new JsonObject
            {
                ["type"] = new JsonObject { ["enum"] = new JsonArray("string", "bool", "integer", "decimal", "date", "timestamp") },
                ["default"] = new JsonObject { ["type"] = new JsonArray("string", "number", "boolean"), ["description"] = "The value when the run gives none; without it, the run must." },
                ["description"] = Words("For people."),
            },
        },
    };

    private static JsonObject Requires(params string[] keys) => new() { ["required"] = new JsonArray([.. keys.Select(k => (JsonNode?)k)]) };

    private static JsonObject Id(string description) => new() { ["type"] = "string", ["pattern"] = IdPattern, ["description"] = description };

    private static JsonObject Words(string description) => new() { ["type"] = "string", ["description"] = description };

    private static JsonObject Described(JsonObject schema, string description)
    {
        schema["description"] = description;
        return schema;
    }

    private static List<ComponentSchema> Sorted(IEnumerable<ComponentSchema> components) =>
        [.. components.OrderBy(c => c.Kind, StringComparer.Ordinal).ThenBy(c => c.Name, StringComparer.Ordinal).ThenBy(c => c.Summary, StringComparer.Ordinal)];

    private static string Text(JsonObject schema) => schema.ToJsonString(Indented) + "\n";
}
