using System.Text.Json.Nodes;
using Etl.Runtime.Options;

namespace Etl.Runtime.Definition;

/// <summary>Puts the names of a project into the schema of pipelines.</summary>
/// <param name="names">Of the project.</param>
/// <param name="components">All, for what each connection can be used by.</param>
internal sealed class ProjectSchema(ProjectNames names, IReadOnlyList<ComponentSchema> components)
{
    /// <summary>Fills in what stands in a whole schema for any name.</summary>
    public void AddTo(JsonObject schema)
    {
        var properties = schema["properties"]!;
        var stage = properties["stages"]!["items"]!.AsObject();
        stage["properties"]!["connection"] = Connection(names.Connections, "The name of a connection in connections.yaml.");
        stage["properties"]!["contract"] = new JsonObject
        {
            ["description"] = "The file of the data contract, relative to this file.",
            // A pipeline in another folder names them in another way.
            ["anyOf"] = new JsonArray([.. names.Contracts.Select(Const), new JsonObject { ["type"] = "string" }]),
        };
        foreach (var condition in Conditions())
        {
            stage["allOf"]!.AsArray().Add(condition);
        }

        properties["params"]!["properties"] = Known(() => properties["params"]!["additionalProperties"]!.DeepClone().AsObject());
        var tested = properties["tests"]!["items"]!["properties"]!;
        foreach (var run in (JsonNode[])[tested, tested["then"]!["properties"]!])
        {
            run["params"]!["properties"] = Known(() => run["params"]!["additionalProperties"]!.DeepClone().AsObject());
        }

        var letters = properties["policies"]!["properties"]!["dead_letters"]!["properties"]!["connection"]!;
        properties["policies"]!["properties"]!["dead_letters"]!["properties"]!["connection"] = Connection(
            [.. names.Connections.Where(c => components.Any(t => t is { Kind: "connection", IsStore: true } && t.Name == c.Type))], letters["description"]!.GetValue<string>());
    }

    // Which connections a component takes, and which options it has with one of them, where that depends on its type.
    private IEnumerable<JsonObject> Conditions()
    {
        foreach (var sameName in components.Where(c => c.Kind is "extract" or "load" && c.ConnectionTypes is not null).GroupBy(c => (c.Kind, c.Name)))
        {
            var (kind, name) = sameName.Key;
            var fitting = names.Connections.Where(c => sameName.Any(s => s.ConnectionTypes!.Contains(c.Type))).ToList();
            yield return new JsonObject
            {
                ["if"] = If(kind, name),
                ["then"] = new JsonObject { ["required"] = new JsonArray("connection"), ["properties"] = new JsonObject { ["connection"] = Connection(fitting, "A connection that it can use.") } },
            };
            foreach (var component in sameName.Count() > 1 ? sameName.Where(c => c.Options is not null) : [])
            {
                var own = fitting.Where(c => component.ConnectionTypes!.Contains(c.Type)).Select(c => (JsonNode?)c.Name).ToArray();
                if (own.Length > 0)
                {
                    var condition = If(kind, name);
                    condition["properties"]!["connection"] = new JsonObject { ["enum"] = new JsonArray(own) };
                    condition["required"]!.AsArray().Add("connection");
                    yield return new JsonObject { ["if"] = condition, ["then"] = new JsonObject { ["properties"] = new JsonObject { ["with"] = OptionSchema.Of(component.Options!) } } };
                }
            }
        }
    }

    private static JsonObject If(string kind, string name) =>
        new() { ["properties"] = new JsonObject { [kind] = new JsonObject { ["const"] = name } }, ["required"] = new JsonArray(kind) };

    private static JsonObject Connection(IReadOnlyList<(string Name, string Type)> connections, string description) => connections.Count == 0
        ? new JsonObject { ["type"] = "string", ["description"] = description }
        : new JsonObject { ["description"] = description, ["anyOf"] = new JsonArray([.. connections.Select(c => Const(new ProjectName(c.Name, $"A connection of type {c.Type}.")))]) };

    private JsonObject Known(Func<JsonObject> schema)
    {
        var known = new JsonObject();
        foreach (var parameter in names.Parameters)
        {
            known[parameter.Name] = schema();
            known[parameter.Name]!["description"] = parameter.Description;
        }

        return known;
    }

    private static JsonNode Const(ProjectName name) => new JsonObject { ["const"] = name.Name, ["description"] = name.Description };
}
