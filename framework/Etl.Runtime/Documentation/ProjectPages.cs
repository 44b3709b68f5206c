namespace Etl.Runtime.Documentation;

/// <summary>The pages of a project. The same project gives the same pages, on whatever day and machine.</summary>
internal static class ProjectPages
{
    /// <summary>By their paths in <paramref name="folder"/>, in order.</summary>
    public static SortedDictionary<string, string> Of(DataDictionary dictionary, string folder)
    {
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
