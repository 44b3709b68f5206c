using Etl.Contracts;
using Etl.Runtime.Compilation;
using Etl.Runtime.Telemetry;

namespace Etl.Runtime.Execution;

/// <summary>
/// One reading of the sources, staged in all targets that stand at the same position. Nothing is visible afterwards; that is the
/// <see cref="Publisher"/>'s part.
/// </summary>
internal sealed class Round(RoundPlan plan, RunSettings settings, RunResources resources) : IAsyncDisposable
{
    private const int SplitsAtATime = 2;

    private readonly Dictionary<string, IExtraction> _extractions = [];
    private readonly Dictionary<(string Node, int Input), BatchChannel> _channels = [];
    private readonly Dictionary<string, ExtractTask> _readers = [];

    /// <summary>The nodes that these loads need.</summary>
    public IReadOnlyList<PlanNode> Nodes { get; } = Needed(plan.Pipeline, plan.Loads);

    /// <summary>Where a source will have been consumed to, by its extract stage.</summary>
    public SourcePosition Reached(string stage) => _extractions[stage].Reached;

    /// <summary>What the extractions warn of.</summary>
    public IEnumerable<string> Warnings => _extractions.SelectMany(e => e.Value.Warnings.Select(w => $"{e.Key}: {w}"));

    /// <summary>What was read, by extract stage.</summary>
    public IReadOnlyDictionary<string, ExtractTask> Readers => _readers;

    /// <summary>Takes the snapshots; false when there is nothing to read and nothing to replace.</summary>
    public async Task<bool> OpenAsync(CancellationToken cancel)
    {
        foreach (var node in Nodes.OfType<ExtractNode>())
        {
            // The loads of a round stand at one position, so any of their checkpoints tells it.
            var from = settings.FullRefresh ? null : plan.Loads[0].Session.Checkpoint?.Sources.GetValueOrDefault(node.Id);
            var request = new ExtractRequest(node.Contract, node.Schema, from, resources.BatchRows, SplitsAtATime, resources.Parameters)
            {
                Once = plan.Loads.Any(l => l.Node.Plan.Mode is LoadMode.Append or LoadMode.Changes),
                Time = settings.Time,
            };
            var extraction = await InStage(node.Id, "open", () => node.Extractor.OpenAsync(request, cancel).AsTask());
            _extractions.Add(node.Id, extraction);
            foreach (var warning in extraction.Warnings)
            {
                resources.Log.ForStage(node.Id).Warn("{warning}", ("warning", warning));
            }
            settings.FailPoints.Hit("source.opened");
        }

        return plan.MakesEmptyEpoch()
            || _extractions.Values.Any(e => e.Splits.Count > 0)
            || settings.FullRefresh
            // A source that is read whole and has no rows any more is news for a target that it replaces.
            || plan.Loads.Any(l => l.Node.Plan.Mode == LoadMode.Replace);
    }

    /// <summary>Reads, transforms and stages everything.</summary>
    public async Task ReadAsync(CancellationToken cancel)
    {
        foreach (var node in Nodes)
        {
            for (var i = 0; i < node.Inputs.Count; i++)
            {
                _channels.Add((node.Id, i), new BatchChannel(Capacity(node)));
            }
        }

        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var tasks = Nodes.Select(node => InStage(node.Id, Kind(node), async () =>
        {
            using var span = EtlTelemetry.StartStage(node.Id, Kind(node));
            try
            {
                var counts = Counts(node);
                var began = counts.Clock.Begin(node is ExtractNode ? Math.Min(SplitsAtATime, _extractions[node.Id].Splits.Count) : 1);
                await Start(node, failed.Token);
                counts.AddElapsed(counts.Clock.End(began));
                EtlTelemetry.StageTook(resources.Tags(node.Id), counts.Elapsed.TotalSeconds);
                return true;
            }
            catch (Exception e)
            {
                EtlTelemetry.Fail(span, (e as EtlException)?.Code ?? e.GetType().Name);
                await failed.CancelAsync();
                throw;
            }
        })).ToList();
        try
        {
            await TaskGroup.WhenAll(tasks);
        }
        finally
        {
            foreach (var channel in _channels.Values)
            {
                channel.Drain();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var extraction in _extractions.Values)
        {
            await extraction.DisposeAsync();
        }
    }

    private Task Start(PlanNode node, CancellationToken cancel)
    {
        var outlet = new Outlet([.. Nodes.SelectMany(n => n.Inputs.Select((input, i) => (n.Id, i, input))).Where(x => x.input == node.Id).Select(x => _channels[(x.Id, x.i)])], Counts(node).Clock);
        switch (node)
        {
            case ExtractNode extract:
                var reader = new ExtractTask(extract, _extractions[node.Id], outlet, SplitsAtATime, resources);
                lock (_readers)
                {
                    _readers.Add(node.Id, reader);
                }

                return reader.RunAsync(cancel);
            case SegmentNode segment:
                var inputs = Enumerable.Range(0, segment.Inputs.Count).Select(i => _channels[(node.Id, i)]).ToList();
                return new SegmentTask(segment, inputs, new VerdictRouter(segment, outlet, resources), resources).RunAsync(cancel);
            case TransformNode transform:
                return new TransformTask(transform, plan.Pipeline.Node(node.Inputs[0]).Schema, _channels[(node.Id, 0)], outlet, resources).RunAsync(cancel);
            case LoadNode load:
                return new LoadTask(load, plan.Loads.First(l => l.Node.Id == load.Id).Session, _channels[(node.Id, 0)], resources).RunAsync(cancel);
            default:
                throw new InvalidOperationException($"{node.GetType()} cannot run");
        }
    }

    // A query's time is told of its last stage.
    private StageCounts Counts(PlanNode node) => resources.Counts.Of(node is SegmentNode segment ? segment.Segment.Stages[^1].CountedAs : node.Id);

    private static string Kind(PlanNode node) => node switch { ExtractNode => "extract", LoadNode => "load", SegmentNode => "query", _ => "transform" };

    // A query with two inputs reads one before the other. If both come from one source, the one that waits must not hold the source up.
    private long Capacity(PlanNode node)
    {
        var sources = node.Inputs.Select(i => plan.Pipeline.SourcesOf(plan.Pipeline.Node(i)).Select(s => s.Id).ToHashSet()).ToList();
        var shared = sources.Count > 1 && sources.SelectMany(s => s).GroupBy(s => s).Any(g => g.Count() > 1);
        return shared ? long.MaxValue / 2 : resources.ChannelMemory;
    }

    private async Task<T> InStage<T>(string stage, string what, Func<Task<T>> work)
    {
        try
        {
            return await settings.Activity.DoAsync(stage, what, () => Task.Run(work));
        }
        catch (Exception e) when (e is not OperationCanceledException && !e.Data.Contains(StageOf))
        {
            e.Data[StageOf] = stage;
            throw;
        }
    }

    /// <summary>The key in an exception's data that names the stage in which it was thrown.</summary>
    public const string StageOf = "etl.stage";

    private static List<PlanNode> Needed(CompiledPipeline pipeline, IReadOnlyList<LoadHold> loads)
    {
        var needed = new HashSet<string>();
        void Add(string id)
        {
            if (needed.Add(id))
            {
                foreach (var input in pipeline.Node(id).Inputs)
                {
                    Add(input);
                }
            }
        }

        foreach (var load in loads)
        {
            Add(load.Node.Id);
        }

        return [.. pipeline.Nodes.Where(n => needed.Contains(n.Id))];
    }
}
