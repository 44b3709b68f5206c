using Etl.Runtime.Diagnostics;
using Etl.Runtime.Options;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>Finds the project of a pipeline and reads its settings and connections.</summary>
public static class ProjectReader
{
    private const string SettingsFile = "etl.yaml";
    private const string ConnectionsFile = "connections.yaml";

    /// <summary>
    /// The project that a pipeline (or a folder) belongs to: the nearest folder above with <c>etl.yaml</c>; without one, a project of
    /// defaults in the pipeline's folder. What the bag was told of is left out or has its default, so that a pipeline's own problems can
    /// be told as well.
    /// </summary>
    /// <param name="path">A pipeline file or a folder.</param>
    /// <param name="environment"><c>--env</c>; null for none.</param>
    /// <param name="bag">Receives what is wrong.</param>
    /// <param name="variables">Instead of the process's environment, for tests.</param>
    public static Project Read(string path, string? environment, DiagnosticBag bag, Func<string, string?>? variables = null)
    {
        var folder = FolderOf(path);
        var values = EnvironmentVariables.Read(folder, bag, variables);
        var interpolation = new Interpolation(values, folder, templates: null, bag);
        var settings = Settings(Path.Combine(folder, SettingsFile), interpolation, bag);
        var connections = Connections(folder, environment, values, bag);
        return new Project(folder, settings ?? new ProjectSettings(), connections, environment ?? Project.DefaultEnvironment) { Variables = values };
    }

    /// <summary>The folder of the project that a pipeline or a folder belongs to, absolute.</summary>
    public static string FolderOf(string path)
    {
        var full = Path.GetFullPath(path);
        var start = Directory.Exists(full) ? full : Path.GetDirectoryName(full)!;
        for (var folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, SettingsFile)))
            {
                return folder;
            }
        }

        return start;
    }

    private static ProjectSettings? Settings(string file, Interpolation interpolation, DiagnosticBag bag)
    {
        if (!File.Exists(file))
        {
            return new ProjectSettings();
        }

        // etl.yaml may be empty: it marks the folder.
        var problems = new DiagnosticBag();
        var root = YamlReader.ReadFile(file, "project", problems);
        if (root is null)
        {
            var isEmpty = problems.Sorted is [{ Code: "ETL1001" }];
            foreach (var problem in isEmpty ? [] : problems.Sorted)
            {
                bag.Add(problem);
            }

            return isEmpty ? new ProjectSettings() : null;
        }

        return OptionBinder.Bind<ProjectSettings>(interpolation.Apply(root), SourceSpan.Start(file), bag);
    }

    private static OrderedDictionary<string, ConnectionDefinition> Connections(string folder, string? environment, EnvironmentVariables variables, DiagnosticBag bag)
    {
        var raw = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);
        Lay(Path.Combine(folder, ConnectionsFile), raw, bag);
        if (environment is not null)
        {
            var file = Path.Combine(folder, $"connections.{environment}.yaml");
            if (environment.AsSpan().IndexOfAny('/', '\\') < 0 && File.Exists(file))
            {
                Lay(file, raw, bag);
            }
            else
            {
                bag.AddError(SourceSpan.Start(Path.Combine(folder, ConnectionsFile)), "ETL1041", $"there is no environment '{environment}'", Environments(folder, environment));
            }
        }

        // Made last: of a connection that the environment replaces, nothing is read.
        var connections = new OrderedDictionary<string, ConnectionDefinition>(StringComparer.Ordinal);
        foreach (var (name, entry) in raw)
        {
            if (Connection(entry, folder, variables, bag) is { } connection)
            {
                connections.Add(name, connection);
            }
        }

        return connections;
    }

    private static void Lay(string file, OrderedDictionary<string, YamlEntry> connections, DiagnosticBag bag)
    {
        if (!File.Exists(file) || YamlReader.ReadFile(file, "list of connections", bag) is not { } root)
        {
            return;
        }

        var block = new MapFields(root, "", bag).Only("connections");
        foreach (var entry in block.Map("connections")?.Entries ?? [])
        {
            connections[entry.Key] = entry;
        }
    }

    private static ConnectionDefinition? Connection(YamlEntry entry, string folder, EnvironmentVariables variables, DiagnosticBag bag)
    {
        if (entry.Value is not YamlMap map)
        {
            bag.AddError(entry.Value.Span, "ETL2002", $"'connections.{entry.Key}' must be a mapping, and this is {entry.Value.Kind}", $"Write {entry.Key}: {{ type: postgres, ... }}.");
            return null;
        }

        var fields = new MapFields(map, $"connections.{entry.Key}", bag);
        if (fields.RequiredText("type", "It names the kind of system; `etl plugins list` shows them.", entry.KeySpan) is not { } type)
        {
            return null;
        }

        var problems = new DiagnosticBag();
        var with = new Interpolation(variables, folder, templates: null, problems).Apply(map.Without("type"));
        return new ConnectionDefinition(entry.Key, type, with, entry.KeySpan) { TypeSpan = fields.SpanOf("type"), Problems = problems.Sorted };
    }

    private static string Environments(string folder, string wanted)
    {
        const string prefix = "connections.";
        string[] names =
        [
            .. Directory.EnumerateFiles(folder, "connections.*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)[prefix.Length..]).Order(StringComparer.Ordinal),
        ];
        return names.Length == 0
            ? $"No file connections.NAME.yaml is in {folder}."
            : $"{Suggest.Sentence(wanted, names)}Environments are: {string.Join(", ", names)}.";
    }
}
