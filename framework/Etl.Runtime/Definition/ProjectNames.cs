using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>A name that a person may write in a pipeline, and a sentence about it.</summary>
public sealed record ProjectName(string Name, string Description);

/// <summary>What an editor can offer in the pipelines of one folder, beside the components: the project's connections, its contracts, the parameters of its pipelines.</summary>
/// <param name="Connections">With their types.</param>
/// <param name="Contracts">Files, as a pipeline in the folder would name them.</param>
/// <param name="Parameters">Names that pipelines declare, with what they say of them.</param>
public sealed record ProjectNames(
    IReadOnlyList<(string Name, string Type)> Connections, IReadOnlyList<ProjectName> Contracts, IReadOnlyList<ProjectName> Parameters)
{
    /// <summary>Those of the pipelines in a folder. What is broken is left out: its own command tells what is wrong with it.</summary>
    public static ProjectNames Of(Project project, string folder)
    {
        var contracts = new List<ProjectName>();
        var parameters = new SortedDictionary<string, ProjectName>(StringComparer.Ordinal);
        foreach (var file in Files(project.Folder))
        {
            if (YamlReader.ReadFile(file, "file", new DiagnosticBag()) is not { } root)
            {
                continue;
            }

            if (root["kind"] is YamlScalar { Value: "DataContract" } && ContractReader.Read(file, new DiagnosticBag()) is { } contract)
            {
                contracts.Add(new ProjectName(Path.GetRelativePath(folder, file).Replace('\\', '/'), Describe(contract)));
            }
            else if (root["pipeline"] is YamlScalar && root["params"] is YamlMap declared)
            {
                foreach (var (name, param) in ParamReader.Read(declared, new DiagnosticBag()))
                {
                    parameters.TryAdd(name, new ProjectName(name, $"{param.Type.ToString().ToLowerInvariant()}, as in {Path.GetFileName(file)}.{(declared[name] is YamlMap map && map["description"] is YamlScalar text ? $" {text.Value}" : "")}"));
                }
            }
        }

        return new ProjectNames([.. project.Connections.Values.Select(c => (c.Name, c.Type)).OrderBy(c => c.Name, StringComparer.Ordinal)], contracts, [.. parameters.Values]);
    }

    private static string Describe(Etl.Contracts.DataContract contract) => $"{contract.Name} ({contract.Id}, version {contract.Version}): {string.Join(", ", contract.Schema.Names)}.";

    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(folder, "*.y*ml", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 6 })
        .Where(f => !Path.GetRelativePath(folder, f).Split(Path.DirectorySeparatorChar).Any(p => p[0] == '.' || p == "node_modules")).Order(StringComparer.Ordinal);
}
