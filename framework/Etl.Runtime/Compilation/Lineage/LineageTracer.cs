using System.Globalization;
using Etl.Contracts;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation.Lineage;

/// <summary>Follows the columns of a compiled pipeline from its extracts to its loads, node by node in the plan's order.</summary>
internal sealed class LineageTracer(CompiledPipeline pipeline)
{
    private readonly Dictionary<string, int> _order = pipeline.Definition.Stages.Select((s, i) => (s.Id, i)).ToDictionary(s => s.Id, s => s.i);
    private readonly Dictionary<string, Relation> _relations = [];
    private readonly Dictionary<string, Relation> _stages = [];

    public static PipelineLineage Trace(CompiledPipeline pipeline) => new LineageTracer(pipeline).Follow();

    /// <summary>What is known of the columns that leave each node.</summary>
    public static IReadOnlyDictionary<string, Relation> Relations(CompiledPipeline pipeline)
    {
        var tracer = new LineageTracer(pipeline);
        tracer.Follow();
        return tracer._relations;
    }

    private PipelineLineage Follow()
    {
        var loads = new List<LoadLineage>();
        foreach (var node in pipeline.Nodes)
        {
            if (node is LoadNode load)
            {
                loads.Add(Target(load));
            }
            else
            {
                _relations[node.Id] = node switch
                {
                    ExtractNode extract => Source(extract),
                    SegmentNode segment => Segment(segment),
                    _ => _stages[node.Id] = Code((TransformNode)node),
                };
            }
        }

        return new PipelineLineage(pipeline, loads) { StageColumns = Columns };
    }

    // Where a query is not followed as a whole, nothing is known of the stages within.
    private IReadOnlyList<ColumnLineage> Columns(string stage) =>
        _stages.GetValueOrDefault(stage) is { } relation && pipeline.Rows.Schemas.TryGetValue(stage, out var schema) ? Columns(relation, schema) : [];

    private IReadOnlyList<ColumnLineage> Columns(Relation relation, RowSchema schema) =>
    [
        .. schema.Names.Where(n => n != RowSchema.OpColumn).Select(n => (Name: n, Flow: relation.Find(n) ?? Flow.Constant(n)))
            .Select(c => new ColumnLineage(c.Name, Ordered(c.Flow.Edges), InOrder(c.Flow.Stages), c.Flow.Opaque, c.Flow.Formula)),
    ];

    // Where it is read from tells a source's column from that of another, not what the stage is called.
    private static Relation Source(ExtractNode extract)
    {
        var (stage, with) = (extract.Stage, extract.Stage.With);
        var place = $"{stage.Component} {stage.Connection}\n{PlanHash.Text(with.Without("columns", "incremental"))}";
        return new Relation(
            [.. extract.Schema.Names.Select(n => ((string?)n, Column(n)))],
            Flow.Constant($"{place}\n{(with["incremental"] is { } incremental ? PlanHash.Text(incremental) : "")}"));

        // The mark of a deletion is made by the extract; no column of the source holds it.
        Flow Column(string name)
        {
            var formula = $"{place}\n{name.ToLowerInvariant()}";
            return name == RowSchema.OpColumn ? Flow.Constant(formula) : Flow.Source(new SourceColumn(extract.Id, name), Flow.Hash(formula));
        }
    }

    private Relation Segment(SegmentNode node)
    {
        var segment = node.Segment;
        var inputs = new Dictionary<string, Relation>(StringComparer.OrdinalIgnoreCase);
        foreach (var (input, id) in segment.Inputs.Zip(node.Inputs))
        {
            inputs[input.Relation] = Looked(_relations[id], input.Lookup);
        }

        var stages = segment.Stages.ToDictionary(s => s.Id, s => (IReadOnlyList<string>)[.. pipeline.Rows.Schemas.TryGetValue(s.Id, out var known) ? known.Names : []]);
        try
        {
            // Another default is another computation; the values that each run has of its own are not.
            var parameters = pipeline.Definition.Params.ToDictionary(p => p.Key, p => string.Create(CultureInfo.InvariantCulture, $"{p.Value.Type} {p.Value.Default}"));
            var queries = new LineageQueries(inputs, stages, parameters);
            var result = queries.Of(SqlSyntax.Parse(segment.Sql)!, null, null);
            foreach (var (stage, relation) in queries.Followed)
            {
                _stages[stage] = relation;
            }

            return result.Find(Sql.Segment.VerdictColumn) is { } verdict ? result with { Rows = Flow.Of([result.Rows, Decides(verdict)], "verdict") } : result;
        }
        catch (OpaqueSqlException)
        {
            return Relation.Opaque(segment.Output.Names, inputs.Values, segment.Sql, node.Id);
        }
    }

    // A verdict is a CASE over the conditions of rules: what decides the verdict decides whether the row passes.
    private static Flow Decides(Flow verdict) =>
        verdict with { Edges = [.. verdict.As(Influence.Filter).Edges.Select(e => e.Influence == Influence.Conditional ? e with { Influence = Influence.Filter } : e)] };

    // Of several rows that match, the least by all columns is taken.
    private static Relation Looked(Relation second, LookupInput? lookup)
    {
        if (lookup is not { OnSeveral: SeveralMatches.First })
        {
            return second;
        }

        var all = second.Columns.Select(c => c.Flow.As(Influence.Sort)).ToList();
        return second with { Columns = [.. second.Columns.Select(c => (c.Name, Flow.Of([c.Flow, .. all], "first")))] };
    }

    // A transformer in code can make any column of any other.
    private Relation Code(TransformNode node) => Relation.Opaque(
        node.Schema.Names, [_relations[node.Inputs[0]]], $"{node.Stage.Component}\n{PlanHash.Text(node.Stage.With)}", node.Id);

    // The key of an upsert decides which rows become one.
    private LoadLineage Target(LoadNode load)
    {
        var input = _relations[load.Inputs[0]];
        var key = load.Plan.Key.Select(k => input.Find(k)?.As(Influence.GroupBy)).OfType<Flow>().SelectMany(f => f.Edges);
        return new LoadLineage(
            load,
            Columns(input, load.Schema),
            Ordered(input.Rows.Edges.Union(key)),
            input.Rows.Formula);
    }

    private IReadOnlyList<LineageEdge> Ordered(IEnumerable<LineageEdge> edges) =>
        [.. edges.OrderBy(e => At(e.From.Stage)).ThenBy(e => pipeline.Rows.Schemas[e.From.Stage].Index(e.From.Column)).ThenBy(e => e.Influence)];

    private IReadOnlyList<string> InOrder(IEnumerable<string> stages) => [.. stages.OrderBy(At)];

    private int At(string stage) => _order.GetValueOrDefault(stage, -1);
}
