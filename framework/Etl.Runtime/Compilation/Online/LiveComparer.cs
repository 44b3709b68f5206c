using Etl.Contracts;

namespace Etl.Runtime.Compilation.Online;

/// <summary>Asks each source and each target of a pipeline what is there now. Reads no row, changes nothing.</summary>
public static class LiveComparer
{
    /// <summary>All ends, also when one of them cannot be asked.</summary>
    /// <param name="pipeline">As it is written.</param>
    /// <param name="run">As a run would have it, with columns that sources have gained; that is what targets must take.</param>
    /// <param name="refused">Why a run would not take a gained column along, by extract.</param>
    /// <param name="cancel">Ends it.</param>
    public static async Task<LiveComparison> CompareAsync(CompiledPipeline pipeline, CompiledPipeline run, IReadOnlyDictionary<string, EtlException> refused, CancellationToken cancel)
    {
        var ends = new List<LiveEnd>();
        foreach (var node in pipeline.Nodes)
        {
            var end = node switch
            {
                ExtractNode extract => await AskedAsync(End(extract.Stage, true), e => SourceAsync(e, extract, refused.GetValueOrDefault(extract.Id), cancel), cancel),
                LoadNode load => await AskedAsync(End(load.Stage, false), e => TargetAsync(e, (LoadNode)run.Node(load.Id), cancel), cancel),
                _ => null,
            };
            if (end is not null)
            {
                ends.Add(end);
            }
        }

        return new LiveComparison(ends);

        LiveEnd End(Definition.StageDefinition stage, bool isSource) =>
            new(stage.Id, isSource, stage.Connection is null ? stage.Component : $"{stage.Component} on {stage.Connection} ({pipeline.Connections[stage.Connection].Display})");
    }

    private static async Task<LiveEnd> AskedAsync(LiveEnd end, Func<LiveEnd, ValueTask<LiveEnd>> ask, CancellationToken cancel)
    {
        try
        {
            return await ask(end);
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            // Drivers have exceptions of their own, and the other ends are still worth asking.
            return end with { Unreachable = e is EtlException known ? (known.Code, known.Message) : (null, $"{e.GetType().Name}: {e.Message}") };
        }
    }

    private static async ValueTask<LiveEnd> SourceAsync(LiveEnd end, ExtractNode node, EtlException? refused, CancellationToken cancel)
    {
        if (node.Extractor is not ILiveSchema live || node.Contract is not { } contract)
        {
            return end with { NotCompared = node.Contract is null ? "it has no contract" : $"'{node.Stage.Component}' does not tell what is there" };
        }

        var table = await live.DescribeLiveAsync(cancel);
        return table switch
        {
            null => end with { Drifts = [new Drift("ETL3140", DriftFate.Fails, null, "there is nothing of that name")] },
            { Columns.Count: 0 } => end with { NotCompared = "its columns have no names" },
            _ => end with { Drifts = [.. SourceDrift.Of(live, table, contract, node.Schema), .. refused is null ? [] : (Drift[])[new("ETL3140", DriftFate.Fails, null, $"{refused.Message} ({refused.Code})")]] },
        };
    }

    private static async ValueTask<LiveEnd> TargetAsync(LiveEnd end, LoadNode node, CancellationToken cancel)
    {
        if (node.Loader is not ILiveTarget live)
        {
            return end with { NotCompared = $"'{node.Stage.Component}' does not tell what is there" };
        }

        var fit = await live.FitAsync(node.Schema, cancel);
        return end with
        {
            Statements = fit.Statements,
            Drifts = fit.Misfit is { } misfit ? [new Drift("ETL3142", DriftFate.Fails, null, $"{misfit.Message} ({misfit.Code})")] : [],
        };
    }
}
