using Etl.Contracts;

namespace Etl.Runtime.Documentation;

/// <summary>The pages of a project. The same project gives the same pages, on whatever day and machine.</summary>
internal static class ProjectPages
{
    /// <summary>By their paths in <paramref name="folder"/>, in order. ETL6041: two pipelines are called the same.</summary>
    public static SortedDictionary<string, string> Of(DataDictionary dictionary, string folder)
    {
        foreach (var same in dictionary.Pipelines.GroupBy(p => p.Id).Where(g => g.Skip(1).Any()))
        {
            var files = same.Select(p => Path.GetRelativePath(dictionary.Project.Folder, p.Definition.File).Replace('\\', '/')).Order(StringComparer.Ordinal);
            throw new EtlException("ETL6041", $"several pipelines are called '{same.Key}': {string.Join(", ", files)}", "Each has a page under its id, and its checkpoints too: give each an id of its own.");
        }

        var context = new PageContext(dictionary, new PageNames(dictionary), folder);
        var pages = new SortedDictionary<string, string>(StringComparer.Ordinal) { [PageNames.Index] = IndexPage.Write(context) };
        foreach (var pipeline in dictionary.Pipelines)
        {
            pages.Add(context.Names.PageOf(pipeline), new PipelinePage(pipeline, context).Write());
        }

        foreach (var dataset in dictionary.Datasets)
        {
            pages.Add(context.Names.PageOf(dataset), new DatasetPage(dataset, context).Write());
        }

        return pages;
    }
}
