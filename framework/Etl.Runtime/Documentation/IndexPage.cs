namespace Etl.Runtime.Documentation;

/// <summary>The page that leads to all others.</summary>
internal static class IndexPage
{
    public static string Write(PageContext context)
    {
        var dictionary = context.Dictionary;
        var page = new MarkdownPage()
            .Heading(1, "Data dictionary")
            .Paragraph($"{Count(dictionary.Pipelines.Count, "pipeline")}, {Count(dictionary.Datasets.Count, "data set")}, {Count(dictionary.Contracts.Count, "contract")}.");
        if (new ProjectChart(context).Whole() is { } chart)
        {
            page.Chart(chart);
        }
        else
        {
            page.Paragraph("A chart of the whole would be too large to be drawn; each page shows what is around it.");
        }

        return page
            .Heading(2, "Pipelines")
            .Table(["Pipeline", "Description", "Owner", "Reads", "Writes", "Guarantee"], [.. dictionary.Pipelines.Select(p => Row(p, context))])
            .Heading(2, "Data sets")
            .Table(["Data set", "Kind", "Contract", "Written by", "Read by"], [.. dictionary.Datasets.Select(d => Row(d, context))])
            .Heading(2, "Contracts")
            .Paragraph(dictionary.Contracts.Count == 0 ? "No stage names a contract." : "")
            .Table(["Contract", "Version", "Status", "Description", "Data sets", "Offered by", "Used by", "File"], [.. dictionary.Contracts.Select(c => Row(c, context))])
            .ToString();
    }

    private static IReadOnlyList<string> Row(DocumentedPipeline pipeline, PageContext context) =>
    [
        context.Link(PageNames.Index, pipeline),
        Markdown.Text(pipeline.Definition.Description ?? ""),
        Markdown.Text(pipeline.Definition.Owner ?? ""),
        Links(pipeline.Extracts.Select(e => context.Dictionary.Of(e.Stage, pipeline)), context),
        Links(pipeline.Lineage.Loads.Select(l => context.Dictionary.Of(l.Load.Stage, pipeline)), context),
        string.Join("<br>", pipeline.Lineage.Loads.Select(l => Markdown.Text(Short(l.Load.Plan.Guarantee))).Distinct()),
    ];

    private static IReadOnlyList<string> Row(DocumentedDataset dataset, PageContext context) =>
    [
        context.Link(PageNames.Index, dataset),
        DatasetPage.KindOf(dataset, context),
        string.Join("<br>", context.Dictionary.ContractsOf(dataset).Select(c => Markdown.Text(c.Id))),
        Links(dataset.Writers.Select(w => w.Pipeline), context),
        Links(dataset.Readers.Select(r => r.Pipeline), context),
    ];

    private static IReadOnlyList<string> Row(DocumentedContract contract, PageContext context) =>
    [
        Markdown.Text(contract.Id),
        Markdown.Text(contract.Contract?.Version ?? ""),
        Markdown.Text(contract.Notes.Status ?? ""),
        Markdown.Text(contract.Notes.Descriptions.Select(d => d.Text).FirstOrDefault() ?? ""),
        Links(contract.Datasets, context),
        Links(contract.Datasets.SelectMany(d => d.Writers).Where(w => w.Load.Load.Stage.Contract == contract.File).Select(w => w.Pipeline), context),
        Links(contract.Datasets.SelectMany(d => d.Readers).Where(r => r.Extract.Stage.Contract == contract.File).Select(r => r.Pipeline), context),
        context.File(PageNames.Index, contract.File),
    ];

    private static string Links(IEnumerable<DocumentedPipeline> pipelines, PageContext context) =>
        string.Join("<br>", pipelines.Distinct().Select(p => context.Link(PageNames.Index, p)));

    private static string Links(IEnumerable<DocumentedDataset> datasets, PageContext context) =>
        string.Join("<br>", datasets.Distinct().Select(d => context.Link(PageNames.Index, d)));

    /// <summary>The promise, without its reason.</summary>
    public static string Short(string guarantee) => guarantee.AsSpan().IndexOfAny(":;,.") is > 0 and var end ? guarantee[..end] : guarantee;

    private static string Count(int count, string what) => FormattableString.Invariant($"{count} {what}{(count == 1 ? "" : "s")}");
}
