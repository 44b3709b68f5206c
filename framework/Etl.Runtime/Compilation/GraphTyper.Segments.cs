using Etl.Contracts;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>Neighbouring relational stages as one query, which is open until something else reads from it.</summary>
internal sealed partial class GraphTyper
{
    // A query that can still grow: its last stage's node is made when something else reads from it.
    private sealed record OpenSegment(SegmentBuilder Builder, List<string> InputNodes)
    {
        public string SelectList { get; set; } = "*";

        public bool MayHaveMisfits { get; set; }
    }

    private OpenSegment? Continue(string input, RelationalStep step)
    {
        if (_readers[input] > 1 || !_open.TryGetValue(input, out var segment) || !segment.Builder.Accepts(step))
        {
            return null;
        }

        _open.Remove(input);
        return segment;
    }

    private OpenSegment Start(string input)
    {
        var node = NodeOf(input);
        _binder.Declare(input, _schemas[input]);
        return new OpenSegment(new SegmentBuilder(_parameterTypes, [new SegmentInput(input, _schemas[input])]), [node]);
    }

    // The first half of a stage whose refused rows must keep the columns that they came with.
    private OpenSegment Seal(OpenSegment segment, string node, string relation)
    {
        _nodes.Add(Finish(segment, node));
        var schema = segment.Builder.Schema;
        _binder.Declare(relation, schema);
        return new OpenSegment(new SegmentBuilder(_parameterTypes, [new SegmentInput(relation, schema)]), [node]) { MayHaveMisfits = true };
    }

    private string NodeOf(string stage)
    {
        if (_open.Remove(stage, out var segment))
        {
            var last = segment.Builder.LastStage;
            AddNode(stage, Finish(segment, last.Id == stage ? last.CountedAs : stage));
        }

        return _nodeOf[stage];
    }

    private SegmentNode Finish(OpenSegment segment, string id)
    {
        foreach (var misfit in segment.MayHaveMisfits ? _binder.MisfitsOf(segment.Builder.VisibleQuery()) : [])
        {
            if (segment.Builder.Text.OriginOf(misfit.Position) is var (stage, option, offset) && _stages.TryGetValue(stage, out var resolved))
            {
                resolved.Report(new EtlException("ETL3015", misfit.What, misfit.Hint) { OptionPath = option, OptionOffset = offset }, _bag);
            }
        }

        return new(id, [.. segment.InputNodes], segment.Builder.Build(segment.SelectList));
    }

    private void AddNode(string stage, PlanNode node)
    {
        _nodes.Add(node);
        _nodeOf[stage] = node.Id;
    }
}
