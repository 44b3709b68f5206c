using System.Text.Json;
using Etl.Contracts;

namespace Etl.Runtime.Plugins;

/// <summary>
/// <c>NAME.deps.json</c> beside a plugin's assembly, before the host reads it: it takes what the SDK writes for granted, and where that is missing the whole process is
/// aborted, without an exception.
/// </summary>
internal static class PluginDependencies
{
    /// <summary>ETL5026: the file is there and not what a build writes.</summary>
    public static void Require(string plugin, string assemblyPath)
    {
        var path = Path.ChangeExtension(assemblyPath, ".deps.json");
        if (!File.Exists(path))
        {
            return;
        }

        string? fault;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            fault = FaultOf(json.RootElement);
        }
        catch (JsonException e)
        {
            fault = $"it is not JSON: {e.Message.TrimEnd('.')}";
        }

        if (fault is not null)
        {
            throw new EtlException("ETL5026", $"plugin '{plugin}' cannot be loaded with its {Path.GetFileName(path)}: {fault}", "Publish the plugin with `dotnet publish` and copy the whole folder; without the file, it is loaded by the DLLs beside it.");
        }
    }

    // What hostpolicy's deps_format.cpp reads without asking whether it is there.
    private static string? FaultOf(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            return "it is no object";
        }

        if (!root.TryGetProperty("runtimeTarget", out var target) || (target.ValueKind != JsonValueKind.String && !IsText(target, "name")))
        {
            return "runtimeTarget has no name";
        }

        if (!IsObject(root, "targets", out var targets) || !IsObject(root, "libraries", out var libraries))
        {
            return "targets or libraries is no object";
        }

        foreach (var library in libraries.EnumerateObject().Where(l => !IsText(l.Value, "type") || !IsText(l.Value, "sha512") || !l.Value.TryGetProperty("serviceable", out var serviceable) || serviceable.ValueKind is not (JsonValueKind.True or JsonValueKind.False)))
        {
            return $"libraries has '{library.Name}' without type, serviceable or sha512";
        }

        return targets.EnumerateObject().SelectMany(t => t.Value.ValueKind == JsonValueKind.Object ? t.Value.EnumerateObject().Select(FaultOfPackage) : []).FirstOrDefault(f => f is not null);
    }

    private static string? FaultOfPackage(JsonProperty package)
    {
        if (package.Value.ValueKind != JsonValueKind.Object)
        {
            return $"targets has '{package.Name}', which is no object";
        }

        foreach (var kind in package.Value.EnumerateObject().Where(p => p.Name is "runtime" or "native" or "resources" or "runtimeTargets"))
        {
            if (kind.Value.ValueKind != JsonValueKind.Object)
            {
                return $"{kind.Name} of '{package.Name}' is no object";
            }

            foreach (var file in kind.Value.EnumerateObject())
            {
                if (file.Value.ValueKind != JsonValueKind.Object || file.Value.EnumerateObject().Any(p => p.Value.ValueKind != JsonValueKind.String)
                    || (kind.Name == "runtimeTargets" && (!IsText(file.Value, "rid") || !IsText(file.Value, "assetType"))))
                {
                    return $"{kind.Name} of '{package.Name}' has '{file.Name}' without what belongs to it";
                }
            }
        }

        return null;
    }

    private static bool IsObject(JsonElement parent, string name, out JsonElement value) => parent.TryGetProperty(name, out value) && value.ValueKind == JsonValueKind.Object;

    private static bool IsText(JsonElement parent, string name) => parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String;
}
