using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Compilation.Lineage;
using Etl.Runtime.Definition;
using Etl.Runtime.Options;

namespace Etl.Runtime.Documentation;

/// <summary>What a pipeline is for, what it writes and where that comes from, what its stages do, and what becomes of rows that do not pass.</summary>
internal sealed class PipelinePage(DocumentedPipeline pipeline, PageContext context)
{
    private readonly string _page = context.Names.PageOf(pipeline);

    public string Write()
    {
        var definition = pipeline.Definition;
        var page = new MarkdownPage()
            .Heading(1, Markdown.Text(pipeline.Id))
            .Paragraph(Markdown.Text(definition.Description ?? ""))
            .Facts(
                ("Owner", Markdown.Text(definition.Owner ?? "")),
                ("File", context.File(_page, definition.File)),
                ("Reads", Datasets(pipeline.Extracts.Select(e => e.Stage))),
                ("Writes", Datasets(pipeline.Lineage.Loads.Select(l => l.Load.Stage))),
                ("Dictionary", Markdown.Link("all pipelines and data sets", PageNames.Relative(_page, PageNames.Index))))
            .Chart(StageChart.Draw(pipeline, context));
        if (definition.Params.Count > 0)
        {
            page.Heading(2, "Parameters").Table(["Parameter", "Type", "Default", "Description"], [.. definition.Params.Values.Select(Row)]);
        }

        page.Heading(2, "Targets");
        foreach (var load in pipeline.Lineage.Loads)
        {
            Target(page, load);
        }

        page.Heading(2, "Stages");
        foreach (var stage in definition.Stages.Where(s => s.Kind != StageKind.Load))
        {
            Stage(page, stage);
        }

        page.Heading(2, "Rows that are refused").Paragraph(Letters());
        if (pipeline.Tests.Count > 0)
        {
            page.Heading(2, "Tests").List(pipeline.Tests.Select(Markdown.Text));
        }

        return page.ToString();
    }

    private string Datasets(IEnumerable<StageDefinition> stages) =>
        string.Join("<br>", stages.Select(s => context.Dictionary.Of(s, pipeline)).Distinct().Select(d => context.Link(_page, d)));

    private static IReadOnlyList<string> Row(ParamDefinition parameter) =>
    [
        Markdown.Code(parameter.Name),
        OptionText.SnakeCase(parameter.Type.ToString()),
        parameter.Default is null ? "required" : Markdown.Code(OptionText.Of(parameter.Default) ?? ""),
        Markdown.Text(parameter.Description ?? ""),
    ];

    private void Target(MarkdownPage page, LoadLineage lineage)
    {
        var (load, plan) = (lineage.Load, lineage.Load.Plan);
        var conversions = pipeline.Compiled.Conversions.GetValueOrDefault(load.Id, []).ToDictionary(c => c.Column, StringComparer.OrdinalIgnoreCase);
        page.Heading(3, $"{load.Id} → {context.Link(_page, context.Dictionary.Of(load.Stage, pipeline))}")
            .Paragraph(Markdown.Text(load.Stage.Description ?? ""))
            .Facts(
                ("Mode", PageContext.ModeOf(plan)),
                ("Guarantee", Markdown.Text(plan.Guarantee)),
                ("Contract", load.Stage.Contract is { } contract ? context.File(_page, contract) : ""),
                ("Rows", Rows(lineage)))
            .Table(
                ["Column", "Type", "", "Comes from", "Made in", "Stored as"],
                [.. lineage.Columns.Select(c => Row(c, load.Schema, conversions.GetValueOrDefault(c.Column)))]);
    }

    // What decides which rows there are bears on each column: it is told once.
    private string Rows(LoadLineage lineage) => string.Join("; ", lineage.Rows.GroupBy(e => e.Influence).OrderBy(k => k.Key)
        .Select(k => $"*{LineageText.Word(k.Key).Replace('_', ' ')}* {PageContext.Sources(k, Markdown.Text, Width)}"));

    private IReadOnlyList<string> Row(ColumnLineage column, RowSchema schema, ConversionEntry? stored)
    {
        var field = schema.Require(column.Column);
        var change = stored is null or { Verdict: ConversionVerdict.Exact } ? "" : string.Create(
            CultureInfo.InvariantCulture, $"{Markdown.Code(stored.StoredAs)}: {(stored.Verdict == ConversionVerdict.Lossy ? "**lossy**" : "widening")}{(stored.Note is null ? "" : $", {Markdown.Text(stored.Note)}")}{(stored.Accepted ? ", accepted" : "")}");
        return [Markdown.Code(field.Name), PageContext.TypeOf(field.DataType), PageContext.Trait(field.IsNullable, schema.Key.Contains(field.Name)), Origins(column), string.Join(", ", column.ComputedBy.Select(Markdown.Text)), change];
    }

    private string Origins(ColumnLineage column) => column.Opaque ? "not known: it may be made of all that goes in"
        : PageContext.Origins(column, Markdown.Text, Width) is { Length: > 0 } origins ? origins : "*no column of a source*";

    // The columns that an extract has, without the mark of a deletion.
    private int Width(string stage) => pipeline.Compiled.Rows.Schemas[stage].Names.Count(n => n != RowSchema.OpColumn);

    private void Stage(MarkdownPage page, StageDefinition stage)
    {
        page.Heading(3, $"{stage.Id}: {(stage.Kind == StageKind.Extract ? "extract " : "")}{Markdown.Text(stage.Component)}")
            .Paragraph(Markdown.Text(stage.Description ?? ""))
            .Paragraph(string.Join(" ", ((string[])[Markdown.Text(pipeline.Summaries.GetValueOrDefault(stage.Id, "")), From(stage)]).Where(t => t.Length > 0)));
        if (stage.With.Entries.Count > 0)
        {
            page.Paragraph(Markdown.Block("yaml", YamlText.Block(stage.With)));
        }

        page.Table(["Rule", "Broken when", "What follows"], [.. Rules(stage.Id)]);
        var schema = pipeline.Compiled.Rows.Schemas[stage.Id];
        var lineage = pipeline.Lineage.ColumnsOf(stage.Id).ToDictionary(c => c.Column, StringComparer.OrdinalIgnoreCase);
        var columns = schema.Arrow.FieldsList.Where(f => f.Name != RowSchema.OpColumn).ToList();
        page.Folded(
            FormattableString.Invariant($"{columns.Count} column{(columns.Count == 1 ? "" : "s")}"),
            ["Column", "Type", "", "Comes from", "Made in"],
            [.. columns.Select(f => (IReadOnlyList<string>)
            [
                Markdown.Code(f.Name), PageContext.TypeOf(f.DataType), PageContext.Trait(f.IsNullable, schema.Key.Contains(f.Name)),
                stage.Kind == StageKind.Extract ? "" : lineage.GetValueOrDefault(f.Name) is { } known ? Origins(known) : "not known: it may be made of all that goes in",
                lineage.GetValueOrDefault(f.Name) is { } made ? string.Join(", ", made.ComputedBy.Select(Markdown.Text)) : "",
            ])]);
    }

    private string From(StageDefinition stage) => stage.Kind == StageKind.Transform
        ? $"From {string.Join(", ", stage.From.Select(f => Markdown.Text(f.Stage)))}."
        : $"From {context.Link(_page, context.Dictionary.Of(stage, pipeline))}: {Markdown.Text(((ExtractNode)pipeline.Compiled.Node(stage.Id)).Extractor.Capabilities.Guarantee)}.";

    private IEnumerable<IReadOnlyList<string>> Rules(string stage)
    {
        foreach (var segment in pipeline.Compiled.Nodes.OfType<SegmentNode>().Select(n => n.Segment))
        {
            foreach (var verdict in segment.Verdicts.Where(v => v.Stage == stage))
            {
                yield return [Markdown.Code(verdict.Rule), Markdown.Text(verdict.Reason), verdict.Fate switch { Sql.Fate.DeadLetter => "the row is refused, and kept as a dead letter", Sql.Fate.Excluded => "the row is left out", _ => "the other row stands for both" }];
            }

            foreach (var warning in segment.Warnings.Where(w => w.Stage == stage))
            {
                yield return [Markdown.Code(warning.Rule), "", warning.Fails ? "the run publishes nothing" : "the row passes, and is counted"];
            }

            foreach (var rule in segment.TableRules.Where(r => r.Stage == stage).Select(r => r.Rule))
            {
                yield return
                [
                    Markdown.Code(rule.Rule), $"not: {Markdown.Code(rule.Expect.Text)}, of all rows{(rule.MinRows > 0 ? FormattableString.Invariant($" if they are {rule.MinRows} or more") : "")}",
                    rule.Action == RefusalAction.Fail ? "the run publishes nothing" : "the run warns",
                ];
            }
        }
    }

    private string Letters()
    {
        var policy = pipeline.Definition.Policies.DeadLetters ?? context.Dictionary.Project.Settings.DeadLetters;
        var place = policy is null ? "They are kept in the project's state folder" : policy.Connection is null
            ? $"They are kept in {Markdown.Code(policy.Path)} of the project's state folder" : $"They are kept in {Markdown.Code($"{policy.Connection}:{policy.Path}")}";
        var limits = ((string?[])
        [
            policy?.MaxRatio is { } ratio ? string.Create(CultureInfo.InvariantCulture, $"a share of {ratio:0.######}") : null,
            policy?.MaxRows is { } rows ? string.Create(CultureInfo.InvariantCulture, $"{rows} rows") : null,
        ]).OfType<string>().ToList();
        return $"{place}, {(policy?.Keep is { } keep ? $"and files without an open row for {OptionText.Of(keep)}" : "for as long as nobody removes them")}."
            + (limits.Count == 0 ? "" : $" A run that refuses more than {string.Join(" or ", limits)} publishes nothing.");
    }
}
