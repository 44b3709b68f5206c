using System.Text;
using Etl.Runtime.Definition;
using Etl.Runtime.Diagnostics;

namespace Etl.Runtime.Tests.Definition;

/// <summary>A folder of files for one test, and what the reading of them tells, without the folder's name.</summary>
internal sealed class Workspace : IDisposable
{
    public static readonly RunContext Run = new(
        "20260131-120000-abcd", new DateOnly(2026, 1, 31), new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), new Dictionary<string, string>());

    public Workspace() => Folder = Directory.CreateTempSubdirectory("etl-test-").FullName;

    public string Folder { get; }

    public DiagnosticBag Bag { get; } = new();

    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>All diagnostics as a person reads them.</summary>
    public string Told => string.Join("\n", Bag.Sorted.Select(d => d.ToString())).Replace(Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
        .Replace(Folder, "FOLDER", StringComparison.Ordinal);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public Project Project(string? environment = null) => ProjectReader.Read(Folder, environment, Bag, Variables.GetValueOrDefault);

    public PipelineDefinition? Pipeline(string text, RunContext? run = null)
    {
        var file = Write("p.yaml", text);
        return PipelineReader.Read(file, Project(), run ?? Run, Bag);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
