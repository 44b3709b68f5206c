using Apache.Arrow;
using Etl.Contracts;
using Etl.Runtime.Compilation.Lineage;

namespace Etl.Runtime.Documentation;

/// <summary>A table, file or query: its columns, what the contract says of them, and who writes and reads it.</summary>
internal sealed class DatasetPage(DocumentedDataset dataset, PageContext context)
{
    private readonly string _page = context.Names.PageOf(dataset);

    public string Write()
    {
        var contracts = context.Dictionary.ContractsOf(dataset).ToList();
        var page = new MarkdownPage()
            .Heading(1, Markdown.Text(dataset.Name));
        foreach (var (about, text) in contracts.SelectMany(c => c.Notes.Descriptions))
        {
            page.Paragraph($"{(about.Length == 0 ? "" : $"**{char.ToUpperInvariant(about[0])}{about[1..]}:** ")}{Markdown.Text(text)}");
        }

        page.Facts(
            ("Kind", KindOf(dataset, context)),
            ("Contract", string.Join("<br>", contracts.Select(Contract))),
            ("Domain", string.Join(", ", contracts.Select(c => c.Notes.Domain).OfType<string>().Select(Markdown.Text).Distinct())),
            ("Written by", string.Join("<br>", dataset.Writers.Select(w => $"{context.Link(_page, w.Pipeline)}, {Markdown.Text(w.Load.Load.Id)}: {PageContext.ModeOf(w.Load.Load.Plan)}, {Markdown.Text(IndexPage.Short(w.Load.Load.Plan.Guarantee))}"))),
            ("Read by", string.Join("<br>", dataset.Readers.Select(r => $"{context.Link(_page, r.Pipeline)}, {Markdown.Text(r.Extract.Id)}: {(r.Extract.Extractor.Capabilities.Incremental ? "what is new" : "everything, each time")}"))),
            ("Dictionary", Markdown.Link("all pipelines and data sets", PageNames.Relative(_page, PageNames.Index))));
        if (new ProjectChart(context).Around(dataset) is { } chart)
        {
            page.Chart(chart);
        }

        if (dataset.Query is { } query)
        {
            page.Heading(2, "Query").Paragraph(Markdown.Block("sql", query));
        }

        page.Heading(2, "Columns")
            .Table(["Column", "Type", "", "Description", "Classification", "Comes from", "Goes to"], [.. Columns(contracts).Select(c => Row(c, contracts))]);
        var decisions = Decisions().ToList();
        if (decisions.Count > 0)
        {
            page.Paragraph("Columns that decide which rows there are:").List(decisions);
        }

        var rules = contracts.SelectMany(c => c.Notes.Quality).Concat(Columns(contracts).SelectMany(f => Notes(f.Name, contracts).SelectMany(n => n.Quality).Select(q => $"{Markdown.Code(f.Name)}: {q}"))).Distinct().ToList();
        if (rules.Count > 0)
        {
            page.Heading(2, "Quality").List(rules);
        }

        return page.ToString();
    }

    /// <summary>Table, files or query, and the type of the connection that they are on.</summary>
    public static string KindOf(DocumentedDataset dataset, PageContext context)
    {
        var stage = dataset.Writers.Select(w => w.Load.Load.Stage).Concat(dataset.Readers.Select(r => r.Extract.Stage)).First();
        var what = dataset.Query is not null ? "query" : stage.With["table"] is not null ? "table" : stage.Component;
        return dataset.Dataset.Connection is { } name && context.Dictionary.Project.Connections.TryGetValue(name, out var connection) ? $"{Markdown.Text(what)} on {Markdown.Text(connection.Type)}" : Markdown.Text(what);
    }

    private string Contract(DocumentedContract contract) =>
        $"{Markdown.Text(contract.Notes.Name ?? contract.Id)} {Markdown.Text(contract.Contract?.Version ?? "")}{(contract.Notes.Status is { } status ? $", {Markdown.Text(status)}" : "")}: {context.File(_page, contract.File)}";

    // As they are written, then as the contract has them, then as they are read: of each name the first.
    private List<Field> Columns(IReadOnlyList<DocumentedContract> contracts) =>
    [
        .. dataset.Writers.SelectMany(w => w.Load.Columns.Select(c => w.Load.Load.Schema.Require(c.Column)))
            .Concat(contracts.SelectMany(c => c.Contract?.Columns.Select(column => column.Field) ?? []))
            .Concat(dataset.Readers.SelectMany(r => r.Extract.Schema.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn)))
            .DistinctBy(f => f.Name, StringComparer.OrdinalIgnoreCase),
    ];

    private static IEnumerable<ColumnNotes> Notes(string column, IReadOnlyList<DocumentedContract> contracts) => contracts.Select(c => c.Notes.Columns.GetValueOrDefault(column)).OfType<ColumnNotes>();

    private IReadOnlyList<string> Row(Field field, IReadOnlyList<DocumentedContract> contracts)
    {
        var notes = Notes(field.Name, contracts).ToList();
        var isKey = dataset.Writers.Any(w => w.Load.Load.Plan.Key.Contains(field.Name, StringComparer.OrdinalIgnoreCase)) || contracts.Any(c => c.Contract?.PrimaryKey.Contains(field.Name, StringComparer.OrdinalIgnoreCase) == true);
        return
        [
            Markdown.Code(field.Name),
            PageContext.TypeOf(field.DataType),
            PageContext.Trait(field.IsNullable, isKey),
            Markdown.Text(notes.Select(n => n.Description).FirstOrDefault(d => d.Length > 0) ?? ""),
            Markdown.Text(notes.Select(n => n.Classification).OfType<string>().FirstOrDefault() ?? ""),
            string.Join("<br>", dataset.Writers.Select(w => Upstream(w.Pipeline, w.Load, field.Name)).Where(t => t.Length > 0).Distinct()),
            string.Join("<br>", Downstream(field.Name)),
        ];
    }

    private string Upstream(DocumentedPipeline pipeline, LoadLineage load, string column) =>
        load.Columns.FirstOrDefault(c => string.Equals(c.Column, column, StringComparison.OrdinalIgnoreCase)) is not { } lineage ? ""
        : lineage.Opaque ? $"not known, in {context.Link(_page, pipeline)}"
        : PageContext.Origins(lineage, s => context.Link(_page, context.Dictionary.Of(pipeline.Compiled.Node(s) is Compilation.ExtractNode extract ? extract.Stage : load.Load.Stage, pipeline)), s => pipeline.Compiled.Rows.Schemas[s].Names.Count(n => n != RowSchema.OpColumn));

    // By what is written: the columns that get its value, and those that it decides about.
    private IEnumerable<string> Downstream(string column)
    {
        var targets = dataset.Readers.SelectMany(r => r.Pipeline.Lineage.Downstream(column, r.Extract.Id).Where(d => d.Column is not null).Select(d => (Target: context.Dictionary.Of(d.Load.Load.Stage, r.Pipeline), d.Column, d.Influence)));
        foreach (var target in targets.GroupBy(t => t.Target).OrderBy(t => t.Key.Name, StringComparer.Ordinal))
        {
            var given = Names(target.Where(t => t.Influence <= Influence.Aggregation));
            var decided = Names(target.Where(t => t.Influence > Influence.Aggregation)).Except(given).ToList();
            yield return $"{context.Link(_page, target.Key)} {string.Join("; ", ((string[])[Markdown.Codes(given), decided.Count == 0 ? "" : $"decides {Markdown.Codes(decided)}"]).Where(p => p.Length > 0))}";
        }

        static List<string> Names(IEnumerable<(DocumentedDataset, ColumnLineage? Column, Influence)> columns) => [.. columns.Select(c => c.Column!.Column).Distinct()];
    }

    // What decides about rows bears on each column of a target: it is told once for each.
    private IEnumerable<string> Decisions()
    {
        var reads = dataset.Readers.SelectMany(r => r.Pipeline.Lineage.Loads.Select(l => (
            Target: context.Dictionary.Of(l.Load.Stage, r.Pipeline), Edges: l.Rows.Where(e => e.From.Stage == r.Extract.Id).ToList(), Width: r.Extract.Schema.Names.Count(n => n != RowSchema.OpColumn))));
        return reads.Where(r => r.Edges.Count > 0).OrderBy(r => r.Target.Name, StringComparer.Ordinal)
            .Select(r => $"of {context.Link(_page, r.Target)}: {string.Join("; ", r.Edges.GroupBy(e => e.Influence).OrderBy(k => k.Key).Select(k => $"*{LineageText.Word(k.Key).Replace('_', ' ')}* {Columns([.. k.Select(e => e.From.Column)], r.Width)}"))}").Distinct();

        static string Columns(IReadOnlyList<string> columns, int width) => columns.Count > 3 && columns.Count == width ? "all columns" : Markdown.Codes(columns);
    }
}
