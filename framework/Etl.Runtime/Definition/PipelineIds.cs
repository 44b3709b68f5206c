using Etl.Runtime.Diagnostics;
using Etl.Runtime.Yaml;

namespace Etl.Runtime.Definition;

/// <summary>What pipelines of a project are called. Checkpoints stand in the targets under it, so of two of one id each would go on where the other stopped.</summary>
public static class PipelineIds
{
    /// <summary>ETL6041 for each of these files whose pipeline has the id of another's in its project. A file that cannot be read is passed over: whoever compiles it tells why.</summary>
    public static void RequireUnique(IEnumerable<string> files, DiagnosticBag bag)
    {
        var pipelines = files.DistinctBy(Path.GetFullPath).Order(StringComparer.Ordinal).Select(f => (File: f, Id: IdOf(f)));
        foreach (var same in pipelines.Where(p => p.Id is not null).GroupBy(p => (Project: ProjectReader.FolderOf(p.File), Id: p.Id!.Value)))
        {
            var first = Path.GetRelativePath(same.Key.Project, Path.GetFullPath(same.First().File)).Replace('\\', '/');
            foreach (var (_, id) in same.Skip(1))
            {
                bag.AddError(id!.Span, "ETL6041", $"the pipeline in '{first}' is called '{same.Key.Id}' too", "Checkpoints stand in the targets under a pipeline's id: give each an id of its own.");
            }
        }
    }

    private static YamlScalar? IdOf(string file) => File.Exists(file) ? YamlReader.ReadFile(file, "pipeline", new DiagnosticBag())?["pipeline"] as YamlScalar : null;
}
