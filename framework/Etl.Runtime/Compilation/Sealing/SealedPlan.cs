using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Etl.Contracts;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;

namespace Etl.Runtime.Compilation.Sealing;

/// <summary>
/// A plan as a document, version 2, with what it was made from and a seal over both: so that what was reviewed is what runs. The seal is a hash
/// and no signature: it tells a document that was edited or cut off, and not who wrote it.
/// </summary>
public sealed class SealedPlan
{
    private const int Version = 2;
    private const string SealMember = "seal";
    private const string Again = "Make it again: etl plan PIPELINE --json FILE.";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Document _document;

    private SealedPlan(string path, Document document) => (Path, _document) = (path, document);

    // In the order of the file. Nodes are as PlanJson writes them.
    private sealed record Document(int Version, string Pipeline, string File, string Environment, string Hash, PlanInputs Inputs, JsonArray Nodes, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonObject? Live = null, string Seal = "");

    /// <summary>Where it was read from.</summary>
    public string Path { get; }

    /// <summary>The pipeline's file, relative to its project.</summary>
    public string File => _document.File;

    /// <summary>The environment that it is for.</summary>
    public string Environment => _document.Environment;

    /// <summary>The compiled pipeline's hash.</summary>
    public string Hash => _document.Hash;

    /// <summary>What it was made from.</summary>
    public PlanInputs Inputs => _document.Inputs;

    /// <summary>The compiled nodes, in order.</summary>
    internal JsonArray Nodes => _document.Nodes;

    /// <summary>The document of a compiled pipeline, with what it was compared with, if it was: that is for who reviews it, and no input.</summary>
    public static string Write(CompiledPipeline pipeline, PluginCatalog plugins, DateOnly? date, Redactor redactor, JsonObject? live = null)
    {
        var document = new Document(
            Version, pipeline.Definition.Id, PlanInputs.NameOf(pipeline.Project, pipeline.Definition.File), pipeline.Project.Environment, pipeline.Hash,
            PlanInputs.Of(pipeline, plugins, date, redactor), NodesOf(pipeline), live);
        var json = Redacted(JsonSerializer.SerializeToNode(document, Json), redactor)!.AsObject();
        json[SealMember] = SealOf(json);
        return json.ToJsonString(Json);
    }

    /// <summary>A document that was written before. ETL3130: it is none; ETL3131: of another version; ETL3132: it is not as it was written.</summary>
    public static SealedPlan Read(string path)
    {
        var json = Parse(path);
        if (json["version"] is not JsonValue number || !number.TryGetValue<int>(out var version) || json["pipeline"] is null)
        {
            throw NoPlan($"'{path}' is no plan", null);
        }

        if (version != Version)
        {
            throw new EtlException("ETL3131", FormattableString.Invariant($"'{path}' is a plan of version {version}, and this program runs plans of version {Version}"), Again);
        }

        try
        {
            return json[SealMember] is JsonValue seal && seal.TryGetValue<string>(out var text) && text == SealOf(json) && json.Deserialize<Document>(Json) is { } document && IsWhole(document)
                ? new SealedPlan(path, document)
                : throw Damaged(path, null);
        }
        catch (JsonException e)
        {
            throw Damaged(path, e);
        }
    }

    /// <summary>The parameters of a run of it: those that the run is given, and for the others the plan's, but not secrets, which it does not hold.</summary>
    public IReadOnlyDictionary<string, string> ParametersUnder(IReadOnlyDictionary<string, string> given) =>
        Inputs.Parameters.Where(p => p.Value is not null && !given.ContainsKey(p.Key)).Select(p => KeyValuePair.Create(p.Key, p.Value!)).Concat(given).ToDictionary(StringComparer.Ordinal);

    /// <summary>The nodes as a document has them; what differs from run to run by its purpose stands for itself.</summary>
    internal static JsonArray NodesOf(CompiledPipeline pipeline)
    {
        var run = (string)pipeline.Definition.Parameters["run_id"];
        return Mapped(new JsonArray([.. PlanJson.Nodes(pipeline)]), text => text.Replace(run, "{{ run.id }}", StringComparison.Ordinal))!.AsArray();
    }

    /// <summary>The same with secrets taken out of every text.</summary>
    internal static JsonNode? Redacted(JsonNode? node, Redactor redactor) => Mapped(node, redactor.Redact);

    /// <summary>One text for one content, however it is laid out.</summary>
    internal static string Canonical(JsonNode? node) => node switch
    {
        JsonObject map => $"{{{string.Join(',', map.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{JsonSerializer.Serialize(m.Key)}:{Canonical(m.Value)}"))}}}",
        JsonArray list => $"[{string.Join(',', list.Select(Canonical))}]",
        null => "null",
        _ => node.ToJsonString(),
    };

    // What the types do not say. A seal can be made by anybody.
    private static bool IsWhole(Document document) =>
        document.Nodes.All(n => n is JsonObject && n["id"] is JsonValue id && id.TryGetValue<string>(out _)) && document.Nodes.Select(n => n!["id"]!.GetValue<string>()).Distinct().Count() == document.Nodes.Count
        && new[] { document.Inputs.Files, document.Inputs.Plugins, document.Inputs.Connections, document.Inputs.Variables }.All(m => !m.ContainsValue(null!));

    private static string SealOf(JsonObject json) =>
        PlanInputs.Hash(Encoding.UTF8.GetBytes($"etl-plan-seal/{Version}\n{Canonical(new JsonObject(json.Where(m => m.Key != SealMember).Select(m => KeyValuePair.Create(m.Key, m.Value?.DeepClone()))))}"));

    private static JsonNode? Mapped(JsonNode? node, Func<string, string> map) => node switch
    {
        JsonObject o => new JsonObject(o.Select(m => KeyValuePair.Create(m.Key, Mapped(m.Value, map)))),
        JsonArray a => new JsonArray([.. a.Select(i => Mapped(i, map))]),
        JsonValue v when v.TryGetValue<string>(out var text) => JsonValue.Create(map(text)),
        _ => node?.DeepClone(),
    };

    private static JsonObject Parse(string path)
    {
        try
        {
            using var stream = System.IO.File.OpenRead(path);
            return JsonNode.Parse(stream, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject ?? throw NoPlan($"'{path}' is no plan", null);
        }
        catch (JsonException e)
        {
            throw NoPlan($"'{path}' is no plan: it is not JSON", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NoPlan(e is FileNotFoundException or DirectoryNotFoundException ? $"there is no plan '{path}'" : $"the plan '{path}' cannot be read: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static EtlException NoPlan(string what, Exception? inner) => new("ETL3130", what, "etl plan PIPELINE --json FILE writes one.", inner);

    private static EtlException Damaged(string path, Exception? inner) =>
        new("ETL3132", $"the plan '{path}' is not as it was written: its seal does not fit", $"It was edited, merged or cut off. {Again}", inner);
}
