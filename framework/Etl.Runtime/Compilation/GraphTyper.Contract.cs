using Etl.Contracts;
using Etl.Runtime.Sql;

namespace Etl.Runtime.Compilation;

/// <summary>The rules of contracts on the edges that they speak of.</summary>
internal sealed partial class GraphTyper
{
    // Rows of the source have its name once they are checked; before, one that nobody can write.
    private void AddSourceRules(ResolvedStage stage, RowSchema source)
    {
        if (ChecksOf(stage, source) is not { } checks)
        {
            return;
        }

        var read = stage.Id + ContractChecks.Node + "/source";
        _binder.Declare(read, source);
        var segment = new OpenSegment(new SegmentBuilder(_parameterTypes, [new SegmentInput(read, source)]), [stage.Id]);
        Check(stage, segment, checks);
        _schemas[stage.Id] = segment.Builder.Schema;
        _open[stage.Id] = segment;
    }

    private (string Node, RowSchema Schema)? AddTargetRules(ResolvedStage stage, string input)
    {
        if (ChecksOf(stage, _schemas[input]) is not { } checks)
        {
            return null;
        }

        var segment = Continue(input, checks.Step) ?? Start(input);
        Check(stage, segment, checks);
        var node = Finish(segment, segment.Builder.LastStage.CountedAs);
        _nodes.Add(node);
        return (node.Id, node.Schema);
    }

    private ContractChecks? ChecksOf(ResolvedStage stage, RowSchema rows)
    {
        if (stage.File is not { } file)
        {
            return null;
        }

        var (checks, notes) = new ContractTyper(file, rows, stage.Component is IExtractor, _binder, _parameters, _bag).Type();
        _notes[stage.Id] = notes;
        return checks.Any ? checks : null;
    }

    private void Check(ResolvedStage stage, OpenSegment segment, ContractChecks checks)
    {
        var before = segment.Builder.Schema;
        segment.Builder.AddContract(stage.Id, checks);
        Bind(stage, segment, [.. before.Keys], f => !IsRefusedWhenNull(checks.Step, f, before) && Nullable(before, f));
    }
}
