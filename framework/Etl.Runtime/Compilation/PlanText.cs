using System.Globalization;
using System.Text;
using Etl.DuckDb;
using Etl.Contracts;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>A plan as a reviewer reads it. The same pipeline gives the same text.</summary>
public static class PlanText
{
    /// <summary>Ends in a line feed.</summary>
    public static string Render(CompiledPipeline pipeline)
    {
        var text = new StringBuilder();
        text.Append("pipeline ").Append(pipeline.Definition.Id).Append("  (").Append(pipeline.Project.Environment).Append(")\n");
        text.Append("plan     ").Append(pipeline.Hash).Append('\n');
        foreach (var node in pipeline.Nodes)
        {
            text.Append('\n');
            switch (node)
            {
                case ExtractNode extract: Write(text, extract, pipeline); break;
                case SegmentNode segment: Write(text, segment); break;
                case TransformNode transform:
                    text.Append("transform ").Append(node.Id).Append("  ").Append(transform.Stage.Component).Append(" (code), from ").AppendJoin(", ", node.Inputs).Append('\n');
                    Columns(text, node.Schema);
                    break;
                case LoadNode load: Write(text, load, pipeline); break;
            }
        }

        return text.ToString();
    }

    private static void Write(StringBuilder text, ExtractNode node, CompiledPipeline pipeline)
    {
        var can = node.Extractor.Capabilities;
        text.Append("extract ").Append(node.Id).Append("  ").Append(node.Stage.Component).Append(" on ").Append(Place(node.Stage.Connection, pipeline)).Append('\n');
        text.Append("  reads     ").Append(can.Incremental ? "what is new since the target's checkpoint" : "everything, each time").Append('\n');
        text.Append("  promise   ").Append(can.Guarantee).Append('\n');
        if (node.Contract is not null)
        {
            text.Append("  contract  ").Append(node.Contract.Id).Append(' ').Append(node.Contract.Version).Append('\n');
        }

        Notes(text, node.Id, pipeline);
        Columns(text, node.Schema);
    }

    // Rules of a contract that a person may think are checked.
    private static void Notes(StringBuilder text, string stage, CompiledPipeline pipeline)
    {
        foreach (var note in pipeline.Rows.Notes.GetValueOrDefault(stage, []))
        {
            text.Append("  not run   ").Append(note.Name).Append(": ").Append(note.Why).Append('\n');
        }
    }

    private static void Write(StringBuilder text, SegmentNode node)
    {
        var segment = node.Segment;
        text.Append("query ").Append(node.Id).Append("  ").AppendJoin(" + ", segment.Stages.Select(s => $"{s.Id} ({s.Component}{(s.Contract is null ? "" : " " + s.Contract)})")).Append(", from ").AppendJoin(", ", node.Inputs).Append('\n');
        text.Append("  runs      ").Append(segment.Blocking ? "as a whole: it sees all rows before it yields any, and spills to disk" : "as a stream").Append('\n');
        foreach (var verdict in segment.Verdicts)
        {
            text.Append("  stops     ").Append(verdict.Stage).Append('.').Append(verdict.Rule).Append(": ").Append(verdict.Reason).Append(" -> ").Append(verdict.Fate switch { Fate.DeadLetter => "dead letter", Fate.Excluded => "excluded", _ => "deduplicated" }).Append('\n');
        }

        foreach (var warning in segment.Warnings)
        {
            text.Append("  watches   ").Append(warning.Stage).Append('.').Append(warning.Rule).Append(warning.Limit is null ? "" : $": {warning.Limit}").Append(warning.Fails ? " -> fails the run" : " -> warns").Append('\n');
        }

        foreach (var rule in segment.TableRules)
        {
            text.Append("  requires  ").Append(rule.Stage).Append('.').Append(rule.Rule.Rule).Append(": ").Append(rule.Rule.Expect.Text).Append(rule.Rule.Action == RefusalAction.Fail ? " -> fails the run" : " -> warns").Append('\n');
        }

        Columns(text, node.Schema);
        text.Append("  sql\n");
        foreach (var line in segment.Sql.Split('\n'))
        {
            text.Append("    ").Append(line).Append('\n');
        }
    }

    private static void Write(StringBuilder text, LoadNode node, CompiledPipeline pipeline)
    {
        text.Append("load ").Append(node.Id).Append("  ").Append(node.Stage.Component).Append(" into ").Append(node.Plan.Target).Append(" on ").Append(Place(node.Stage.Connection, pipeline)).Append(", from ").AppendJoin(", ", node.Inputs).Append('\n');
        text.Append("  mode      ").Append(node.Plan.Mode.ToString().ToLowerInvariant());
        if (node.Plan.Key.Count > 0)
        {
            text.Append(" by (").AppendJoin(", ", node.Plan.Key).Append(')');
        }

        text.Append("\n  promise   ").Append(node.Plan.Guarantee).Append('\n');
        Notes(text, node.Id, pipeline);
        Conversions(text, pipeline.Conversions.GetValueOrDefault(node.Id, []));
        foreach (var statement in node.Plan.Statements)
        {
            text.Append("  issues\n");
            foreach (var line in statement.Split('\n'))
            {
                text.Append("    ").Append(line).Append('\n');
            }
        }
    }

    // What stays as it is needs no line of its own.
    private static void Conversions(StringBuilder text, IReadOnlyList<ConversionEntry> conversions)
    {
        var exact = conversions.Count(c => c.Verdict == ConversionVerdict.Exact);
        if (exact > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"  stores    {exact} of {conversions.Count} columns exactly\n");
        }

        foreach (var c in conversions.Where(c => c.Verdict != ConversionVerdict.Exact))
        {
            text.Append("  stores    ").Append(c.Column).Append(", ").Append(c.Type).Append(", as ").Append(c.StoredAs).Append(": ").Append(c.Verdict.ToString().ToLowerInvariant())
                .Append(c.Note is null ? "" : $", {c.Note}").Append(c.Accepted ? ", accepted" : "").Append('\n');
        }
    }

    private static string Place(string? connection, CompiledPipeline pipeline) =>
        connection is null ? "no connection" : $"{connection} ({pipeline.Connections[connection].Display})";

    private static void Columns(StringBuilder text, RowSchema schema)
    {
        var width = schema.Names.Select(n => n.Length).DefaultIfEmpty().Max();
        foreach (var field in schema.Arrow.FieldsList)
        {
            text.Append("  column    ").Append(field.Name.PadRight(width)).Append("  ").Append(DuckType.Of(field.DataType).ToString().ToLowerInvariant()).Append(field.IsNullable ? "" : " not null")
                .Append(schema.Key.Contains(field.Name) ? "  key" : "").Append('\n');
        }
    }
}
