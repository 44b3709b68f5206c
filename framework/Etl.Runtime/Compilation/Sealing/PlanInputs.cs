using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;
using Etl.Runtime.Plugins;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Compilation.Sealing;

/// <summary>What a plan was made from. Never the value of a secret: not as a hash either, which a short one could be guessed from.</summary>
public sealed record PlanInputs
{
    // The compiler itself, among the plugins.
    private static readonly System.Reflection.Assembly Engine = typeof(PlanInputs).Assembly;

    /// <summary>Files that were read, by path relative to the project, with <c>sha256:</c> of their bytes.</summary>
    public required SortedDictionary<string, string> Files { get; init; }

    /// <summary>The compiler and the plugins that were used, by name, with <c>sha256:</c> over all files of each.</summary>
    public required SortedDictionary<string, string> Plugins { get; init; }

    /// <summary>The value of each parameter, as <c>--param</c> takes it; null for one that holds a secret.</summary>
    public required SortedDictionary<string, string?> Parameters { get; init; }

    /// <summary><c>--date</c>; null where none was given.</summary>
    public DateOnly? Date { get; init; }

    /// <summary>Where each connection leads, which may come from variables.</summary>
    public required SortedDictionary<string, string> Connections { get; init; }

    /// <summary><c>sha256:</c> over the options of each stage that has variables in them, secrets masked.</summary>
    public required SortedDictionary<string, string> Variables { get; init; }

    /// <summary>Of a compiled pipeline.</summary>
    internal static PlanInputs Of(CompiledPipeline pipeline, PluginCatalog plugins, DateOnly? date, Redactor redactor)
    {
        var project = pipeline.Project;
        var used = pipeline.Nodes.Select(n => n switch { ExtractNode e => (object)e.Extractor, TransformNode t => t.Transformer, LoadNode l => l.Loader, _ => null })
            .Concat(pipeline.Connections.Values).OfType<object>().Select(c => c.GetType().Assembly.GetName().Name!)
            .Concat(pipeline.Nodes.OfType<SegmentNode>().SelectMany(n => n.Segment.Stages).Select(s => plugins.Find(ComponentKind.Transformer, s.Component)?.Plugin).OfType<string>());
        return new PlanInputs
        {
            Files = FilesOf(project, [Path.GetFullPath(pipeline.Definition.File), .. pipeline.Definition.Stages.Select(s => s.Contract).OfType<string>()]),
            Plugins = PluginsOf(plugins, [Engine.GetName().Name!, .. used]),
            Parameters = ParametersOf(pipeline, redactor),
            Date = date,
            Connections = ConnectionsOf(pipeline),
            Variables = VariablesOf(pipeline, redactor),
        };
    }

    /// <summary>The value of each parameter; null for a secret.</summary>
    internal static SortedDictionary<string, string?> ParametersOf(CompiledPipeline pipeline, Redactor redactor) =>
        Sorted(pipeline.Definition.Params.Keys.Select(name => KeyValuePair.Create(name, ParameterOf(pipeline, name, redactor))));

    /// <summary>Where each connection leads.</summary>
    internal static SortedDictionary<string, string> ConnectionsOf(CompiledPipeline pipeline) => Sorted(pipeline.Connections.Select(c => KeyValuePair.Create(c.Key, c.Value.Display)));

    /// <summary>A hash over the options of each stage that has variables in them.</summary>
    internal static SortedDictionary<string, string> VariablesOf(CompiledPipeline pipeline, Redactor redactor) =>
        Sorted(pipeline.Definition.Stages.Where(s => HasVariable(s.With)).Select(s => KeyValuePair.Create(s.Id, Hash(Encoding.UTF8.GetBytes(redactor.Redact(Values(s.With)))))));

    /// <summary>The files of a project that every compilation reads, where they are there, and more.</summary>
    internal static SortedDictionary<string, string> FilesOf(Project project, IEnumerable<string> more)
    {
        string[] shared = ["etl.yaml", "connections.yaml", PluginLock.FileName, .. project.Environment == Project.DefaultEnvironment ? [] : (string[])[$"connections.{project.Environment}.yaml"]];
        return Sorted(shared.Concat(more).Select(f => Path.GetFullPath(f, project.Folder)).Where(File.Exists).Distinct(StringComparer.Ordinal)
            .Select(f => KeyValuePair.Create(NameOf(project, f), Hash(File.ReadAllBytes(f)))));
    }

    /// <summary>Plugins by name; those that are not there are left out.</summary>
    internal static SortedDictionary<string, string> PluginsOf(PluginCatalog plugins, IEnumerable<string> names)
    {
        var folders = plugins.Folders.ToDictionary(f => Path.GetFileName(f), StringComparer.Ordinal);
        return Sorted(names.Distinct().Where(n => n == Engine.GetName().Name || folders.ContainsKey(n))
            .Select(n => KeyValuePair.Create(n, n == Engine.GetName().Name ? Hash(File.ReadAllBytes(Engine.Location)) : FolderHash(folders[n]))));
    }

    /// <summary>A file as the plan names it.</summary>
    internal static string NameOf(Project project, string file) => Path.GetRelativePath(project.Folder, Path.GetFullPath(file)).Replace(Path.DirectorySeparatorChar, '/');

    private static string? ParameterOf(CompiledPipeline pipeline, string name, Redactor redactor)
    {
        var text = pipeline.Definition.Parameters[name] switch
        {
            bool yes => yes ? "true" : "false",
            DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture),
            var value => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };
        return redactor.Redact(text) == text ? text : null;
    }

    // A template is part of the file, and what it gives may differ from run to run by its purpose, as run.id does.
    private static bool HasVariable(YamlNode node) => node switch
    {
        YamlMap map => map.Entries.Any(e => HasVariable(e.Value)),
        YamlList list => list.Items.Any(HasVariable),
        YamlScalar scalar => scalar.Substituted == Substitution.Reference,
        _ => false,
    };

    private static string Values(YamlNode node) => node switch
    {
        YamlMap map => string.Concat(map.Entries.Select(e => $"{e.Key}:{{{Values(e.Value)}}}")),
        YamlList list => string.Concat(list.Items.Select(i => $"[{Values(i)}]")),
        YamlScalar { Substituted: Substitution.Reference } scalar => scalar.Value,
        YamlScalar scalar => scalar.Written,
        _ => "",
    };

    private static string FolderHash(string folder) => Hash(Encoding.UTF8.GetBytes(string.Concat(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(f => (Name: Path.GetRelativePath(folder, f).Replace(Path.DirectorySeparatorChar, '/'), File: f)).OrderBy(f => f.Name, StringComparer.Ordinal)
        .Select(f => $"{f.Name}\n{Hash(File.ReadAllBytes(f.File))}\n"))));

    internal static string Hash(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static SortedDictionary<string, T> Sorted<T>(IEnumerable<KeyValuePair<string, T>> entries) => new(entries.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);
}
